// Many rows as one parameter, so that a statement takes a whole batch: a JSON array of objects, which every engine unpacks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vedfolnir::sql {

/// For our own ids, numbers and base64url: texts are not escaped, so they may hold neither quotes nor backslashes.
class Batch {
public:
    void next_row() {
        text_ += text_.empty() ? "[{" : "},{";
        first_ = true;
    }
    void add(std::string_view column, std::int64_t number) {
        name(column);
        text_ += std::to_string(number);
    }
    void add(std::string_view column, std::string_view text) {
        name(column);
        text_ += '"';
        text_ += text;
        text_ += '"';
    }
    /// `json`: a value as it stands in JSON, which holds whatever a text may.
    void add_json(std::string_view column, std::string_view json) {
        name(column);
        text_ += json;
    }
    [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
    [[nodiscard]] std::string json() const { return text_.empty() ? "[]" : text_ + "}]"; }

private:
    void name(std::string_view column) {
        text_ += first_ ? "\"" : ",\"";
        text_ += column;
        text_ += "\":";
        first_ = false;
    }

    std::string text_;
    bool first_ = true;
};

}  // namespace vedfolnir::sql
