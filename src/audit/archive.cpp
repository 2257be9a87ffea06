#include "audit/archive.hpp"

#include "audit/json_fields.hpp"
#include "model/bytes.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace vedfolnir::audit {
namespace {

namespace json = boost::json;

constexpr std::string_view format = "vedfolnir-audit-archive-1";
constexpr std::size_t personal_at = 2;
constexpr std::size_t leaf_at = 6;

}  // namespace

std::string archive_text(const ArchiveHeader& header) {
    return json::serialize(json::object{{"format", format},
                                        {"partition", header.partition},
                                        {"first_id", header.first_id},
                                        {"size", header.size},
                                        {"frontier", header.frontier},
                                        {"head", json::parse(head_text(header.head))}});
}

Result<ArchiveHeader> parse_archive_header(std::string_view line) {
    const auto object = parse_format(line, format);
    if (!object) return object.error();
    JsonFields fields(*object);
    ArchiveHeader header;
    header.partition = fields.natural("partition");
    header.first_id = fields.natural("first_id");
    header.size = fields.natural("size");
    header.frontier = fields.text("frontier");
    const auto& head = fields.object("head");
    if (!fields.good()) return fields.error();
    auto parsed = parse_head(json::serialize(head));
    if (!parsed) return std::move(parsed).error();
    header.head = std::move(*parsed);
    return header;
}

ArchiveFrame parse_archive_frame(std::string_view text) {
    ArchiveFrame frame;
    frame.canonical = model::get_be<std::uint16_t>(text, 0);
    frame.personal = model::get_be<std::uint32_t>(text, personal_at);
    std::ranges::copy(text.substr(leaf_at, frame.leaf.size()), frame.leaf.begin());
    return frame;
}

std::string archive_bytes(const StoredEntry& stored) {
    const auto canonical = canonical_bytes(stored.entry);
    std::string out;
    out.reserve(ArchiveFrame::bytes + canonical.size() + stored.personal.size());
    model::append_be(out, static_cast<std::uint16_t>(canonical.size()));
    model::append_be(out, static_cast<std::uint32_t>(stored.personal.size()));
    out.append(reinterpret_cast<const char*>(stored.leaf.data()), stored.leaf.size());
    return out.append(canonical).append(stored.personal);
}

}  // namespace vedfolnir::audit
