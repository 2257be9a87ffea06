#include "journal/format.hpp"

#include "model/bytes.hpp"

#include <boost/crc.hpp>

#include <algorithm>
#include <cstring>

namespace vedfolnir::journal {
namespace {

constexpr std::string_view magic = "VEDFJRNL";
constexpr char version = 1;
/// More do not fit into the largest file that may be configured.
constexpr std::uint64_t records_max = 100'000'000;

using Crc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;

/// Over the file's id, the number, the time and the body: a record of another file, or out of its place, does not fit.
std::uint32_t checksum(const FileId& id, std::string_view counted) {
    Crc32c crc;
    crc.process_bytes(id.data(), id.size());
    crc.process_bytes(counted.data(), counted.size());
    return crc.checksum();
}

/// The record at the beginning of `bytes`, whatever its number; empty if there is none.
std::optional<Record> read_record(const FileId& id, std::string_view bytes) {
    if (bytes.size() < frame_size) return std::nullopt;
    const auto length = model::get_be<std::uint32_t>(bytes, 0);
    if (length == 0 || length > body_max || bytes.size() - frame_size < length) return std::nullopt;
    // Length and checksum stand before what is counted.
    if (model::get_be<std::uint32_t>(bytes, 4) != checksum(id, bytes.substr(8, 16 + length)))
        return std::nullopt;
    Record record;
    record.number = model::get_be<std::uint64_t>(bytes, 8);
    record.at_ms = static_cast<std::int64_t>(model::get_be<std::uint64_t>(bytes, 16));
    record.body = bytes.substr(frame_size, length);
    return record;
}

/// Whether a whole record with a later number stands anywhere in `bytes`.
bool holds_later_record(const FileId& id, std::string_view bytes, std::uint64_t number) {
    while (bytes.size() > frame_size) {
        bytes.remove_prefix(1);
        // The number first: a checksum at each offset would take long.
        const auto found = bytes.size() < frame_size ? 0 : model::get_be<std::uint64_t>(bytes, 8);
        if (found > number && found - number < records_max && read_record(id, bytes)) return true;
    }
    return false;
}

}  // namespace

std::string file_header(const FileId& id) {
    std::string bytes(magic);
    bytes.push_back(version);
    bytes.append(7, '\0');
    bytes.append(reinterpret_cast<const char*>(id.data()), id.size());
    return bytes;
}

std::optional<FileId> read_header(std::string_view bytes) {
    if (bytes.size() < header_size || !bytes.starts_with(magic) || bytes[magic.size()] != version)
        return std::nullopt;
    FileId id{};
    std::memcpy(id.data(), bytes.data() + header_size - id.size(), id.size());
    return id;
}

std::string frame(const FileId& id, const Record& record) {
    std::string counted;
    model::append_be(counted, record.number);
    model::append_be(counted, static_cast<std::uint64_t>(record.at_ms));
    counted += record.body;
    std::string bytes;
    model::append_be(bytes, static_cast<std::uint32_t>(record.body.size()));
    model::append_be(bytes, checksum(id, counted));
    return bytes + counted;
}

Scan scan(const FileId& id, std::string_view bytes, std::uint64_t number) {
    Scan result;
    while (result.good < bytes.size()) {
        auto record = read_record(id, bytes.substr(result.good));
        if (!record || record->number != number) break;
        result.good += frame_size + record->body.size();
        result.records.push_back(std::move(*record));
        ++number;
    }
    if (result.good == bytes.size()) return result;
    const bool later = holds_later_record(id, bytes.substr(result.good), number);
    result.tail = later ? Tail::damaged : Tail::torn;
    return result;
}

}  // namespace vedfolnir::journal
