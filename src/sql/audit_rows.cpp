#include "sql/audit_rows.hpp"

#include "model/hex.hpp"
#include "sql/failure.hpp"
#include "sql/rows.hpp"

#include <charconv>
#include <string_view>

namespace vedfolnir::sql {
namespace {

/// Reads one row's columns; what it meets that is not the one spelling of a writer is remembered.
class Columns {
public:
    explicit Columns(const Row& row) : row_(row) {}

    std::int64_t integer(std::size_t column) {
        const auto& text = row_.cell(column);
        std::int64_t value = 0;
        if (!text || std::to_string(parse(*text, value)) != *text) good = false;
        return value;
    }
    std::uint64_t natural(std::size_t column) {
        const auto value = integer(column);
        if (value < 0) good = false;
        return static_cast<std::uint64_t>(value);
    }
    template <std::size_t N>
    std::array<std::uint8_t, N> bytes(std::size_t column) {
        std::array<std::uint8_t, N> out{};
        if (!row_.cell(column) || !model::hex_decode(*row_.cell(column), out)) good = false;
        return out;
    }
    std::optional<std::array<std::uint8_t, 16>> optional_id(std::size_t column) {
        if (!row_.cell(column)) return std::nullopt;
        return bytes<16>(column);
    }

    bool good = true;

private:
    static std::int64_t parse(std::string_view text, std::int64_t& value) {
        std::from_chars(text.data(), text.data() + text.size(), value);
        return value;
    }
    const Row& row_;
};

}  // namespace

audit::StoredEntry read_stored(const Row& row) {
    Columns columns(row);
    audit::StoredEntry stored;
    auto& entry = stored.entry;
    entry.position = {columns.natural(0), columns.natural(1), columns.natural(2)};
    entry.at_ms = columns.integer(3);
    entry.type = row.text(4);
    if (const auto handle = columns.optional_id(5)) entry.handle = Handle{*handle};
    entry.operation = columns.optional_id(6);
    entry.operation_part = columns.natural(7);
    entry.subject.bytes = columns.bytes<16>(8);
    stored.personal = row.text(9);
    stored.leaf = columns.bytes<32>(10);
    stored.readable = columns.good;
    return stored;
}

const EventOpener::Key& EventOpener::key_of(const audit::SubjectKeyId& id) {
    const auto found = known_.find(id);
    if (found != known_.end()) return found->second;
    Key key;
    const auto rows = db_.query("audit_subject_key_by_id", 2, {{"key_id", hex(id)}});
    key.erased = rows.empty();
    if (!key.erased)
        key.key = sealer_.open_key(id, read_tag(rows.front(), 0), rows.front().text(1));
    return known_.emplace(id, std::move(key)).first->second;
}

async::AuditEvent EventOpener::open(const Row& row) {
    const auto stored = read_stored(row);
    if (!stored.readable) {
        throw Failure(Errc::internal, "the audit trail holds a row that nobody wrote (id " +
                                          row.text(0) +
                                          "); vedfolnir audit verify says what is wrong");
    }
    return open(stored);
}

async::AuditEvent EventOpener::open(const audit::StoredEntry& stored) {
    const auto& entry = stored.entry;
    async::AuditEvent event;
    event.id = entry.position.id;
    event.at = moment(entry.at_ms);
    event.type = entry.type;
    event.handle = entry.handle;
    event.operation = entry.operation;
    const auto id = audit::key_of(stored.personal);
    const Key* key = id ? &key_of(*id) : nullptr;
    if (key != nullptr && key->key) {
        if (auto personal = audit::open(*key->key, entry.position, stored.personal)) {
            event.user_id = std::move(personal->user_id);
            event.actor = std::move(personal->actor);
            event.detail = std::move(personal->detail);
            return event;
        }
    }
    const auto* why = key != nullptr && key->erased ? "erased" : "unreadable";
    event.detail =
        std::string(R"({")") + why + R"(":true,"subject":")" + hex(entry.subject.bytes) + R"("})";
    return event;
}

}  // namespace vedfolnir::sql
