// Strict reading of the JSON of heads, proofs and archives.
#pragma once

#include "audit/tree.hpp"
#include "vedfolnir/result.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::audit {

/// Reads fields one by one and remembers the first that is missing or of another kind.
class JsonFields {
public:
    explicit JsonFields(const boost::json::object& object) : object_(object) {}

    [[nodiscard]] std::string_view text(std::string_view name);
    [[nodiscard]] std::int64_t integer(std::string_view name);
    [[nodiscard]] std::uint64_t natural(std::string_view name);
    [[nodiscard]] Hash hash(std::string_view name);
    [[nodiscard]] std::vector<Hash> hashes(std::string_view name);
    void bytes(std::string_view name, std::span<std::uint8_t> out);  ///< From base64url.
    [[nodiscard]] const boost::json::object& object(std::string_view name);
    void fail(std::string_view name);

    [[nodiscard]] bool good() const noexcept { return wrong_.empty(); }
    /// bad_value, naming the field. Only if not good.
    [[nodiscard]] Error error() const;

private:
    const boost::json::object& object_;
    std::string wrong_;
};

/// Errors: bad_value unless `text` is one JSON object whose "format" is `format`.
[[nodiscard]] Result<boost::json::object> parse_format(std::string_view text,
                                                       std::string_view format);

}  // namespace vedfolnir::audit
