#include "audit/archive.hpp"

#include "audit/json_fields.hpp"
#include "model/hex.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <array>

namespace vedfolnir::audit {
namespace {

namespace json = boost::json;

constexpr std::string_view format = "vedfolnir-audit-archive-1";
constexpr std::string_view head_format = "vedfolnir-audit-head-1";

template <std::size_t N>
json::value hex_or_null(const std::optional<std::array<std::uint8_t, N>>& bytes) {
    if (!bytes) return nullptr;
    return json::string(model::hex_encode(*bytes));
}

/// Null, or 16 bytes of hexadecimal.
std::optional<std::array<std::uint8_t, 16>> id_of(JsonFields& fields, const json::object& object,
                                                  std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value != nullptr && value->is_null()) return std::nullopt;
    std::array<std::uint8_t, 16> bytes{};
    if (!model::hex_decode(fields.text(name), bytes)) fields.fail(name);
    return bytes;
}

StoredEntry entry_of(const json::object& object) {
    JsonFields fields(object);
    StoredEntry stored;
    auto& entry = stored.entry;
    entry.position = {fields.natural("id"), fields.natural("partition"), fields.natural("index")};
    entry.at_ms = fields.integer("at_ms");
    entry.type = fields.text("type");
    if (const auto handle = id_of(fields, object, "handle")) entry.handle = Handle{*handle};
    entry.operation = id_of(fields, object, "operation");
    entry.operation_part = fields.natural("part");
    if (!model::hex_decode(fields.text("subject"), entry.subject.bytes)) fields.fail("subject");
    stored.personal = fields.text("personal");
    stored.leaf = fields.hash("leaf");
    stored.readable = fields.good();
    return stored;
}

Result<ArchiveLine> header_of(const json::object& object) {
    JsonFields fields(object);
    ArchiveHeader header;
    header.partition = fields.natural("partition");
    header.first_id = fields.natural("first_id");
    header.size = fields.natural("size");
    header.frontier = fields.text("frontier");
    if (!fields.good()) return fields.error();
    return ArchiveLine(std::move(header));
}

}  // namespace

std::string archive_text(const ArchiveHeader& header) {
    return json::serialize(json::object{{"format", format},
                                        {"partition", header.partition},
                                        {"first_id", header.first_id},
                                        {"size", header.size},
                                        {"frontier", header.frontier}});
}

std::string archive_text(const StoredEntry& stored) {
    const auto& entry = stored.entry;
    std::optional<std::array<std::uint8_t, 16>> handle;
    if (entry.handle) handle = entry.handle->bytes;
    return json::serialize(json::object{
        {"id", entry.position.id},
        {"partition", entry.position.partition},
        {"index", entry.position.index},
        {"at_ms", entry.at_ms},
        {"type", entry.type},
        {"handle", hex_or_null(handle)},
        {"operation", hex_or_null(entry.operation)},
        {"part", entry.operation_part},
        {"subject", model::hex_encode(entry.subject.bytes)},
        {"personal", stored.personal},
        {"leaf", model::hex_encode(stored.leaf)},
    });
}

Result<ArchiveLine> parse_archive_line(std::string_view line) {
    std::array<unsigned char, 4096> buffer;
    json::monotonic_resource memory(buffer.data(), buffer.size());
    boost::system::error_code failed;
    const auto value = json::parse(line, failed, &memory);
    if (failed || !value.is_object())
        return Error{Errc::bad_value, "this is not a JSON object: the file is cut or damaged"};
    const auto& object = value.get_object();
    const auto* kind = object.if_contains("format");
    if (kind == nullptr) return ArchiveLine(entry_of(object));
    if (kind->is_string() && kind->get_string() == format) return header_of(object);
    if (kind->is_string() && kind->get_string() == head_format) {
        auto head = parse_head(line);
        if (!head) return std::move(head).error();
        return ArchiveLine(std::move(*head));
    }
    return Error{Errc::bad_value, "a line of an archive of a version that is unknown here"};
}

}  // namespace vedfolnir::audit
