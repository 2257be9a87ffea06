#include "sql/record_fields.hpp"

#include "model/base64url.hpp"
#include "model/bytes.hpp"
#include "model/record.hpp"
#include "sql/failure.hpp"
#include "sql/rows.hpp"

#include <algorithm>
#include <span>

namespace vedfolnir::sql {

Fields::Fields(std::string_view record)
    : generation(model::get_be<std::uint64_t>(record, model::offset::generation)),
      epoch(model::get_be<std::uint64_t>(record, model::offset::epoch)),
      clock(model::get_be<std::uint64_t>(record, model::offset::clock)),
      absolute_expiry(moment(model::get_be<std::int64_t>(record, model::offset::absolute_expiry))),
      operation(record.substr(model::offset::operation, sizeof(OperationId))) {
    std::ranges::copy(model::as_bytes(record.substr(model::offset::handle, handle.bytes.size())),
                      handle.bytes.begin());
    std::ranges::copy(model::as_bytes(record.substr(model::offset::user_tag, user.bytes.size())),
                      user.bytes.begin());
}

Millis Fields::capped(Millis ttl, TimePoint now) const {
    return absolute_expiry == TimePoint{} ? ttl : std::min(ttl, Millis(absolute_expiry - now));
}

bool Fields::same_operation(const Fields& other) const {
    return operation == other.operation &&
           operation.find_first_not_of('\0') != std::string_view::npos;
}

bool is_note(std::string_view bytes) {
    return bytes.size() > model::offset::flags &&
           (static_cast<std::uint8_t>(bytes[model::offset::flags]) & model::flag_note) != 0;
}

namespace {

bool is_record(std::string_view bytes) {
    return bytes.size() >= model::offset::body && !is_note(bytes) &&
           static_cast<std::uint8_t>(bytes[model::offset::format]) == model::record_format;
}

}  // namespace

void expect(bool condition, const char* broken) {
    if (!condition) throw Failure(Errc::internal, std::string("store: ") + broken);
}

void expect_record(std::string_view bytes, const char* name) {
    if (is_record(bytes)) return;
    throw Failure(Errc::internal, std::string("store: ") + name + " has " +
                                      std::to_string(bytes.size()) +
                                      " bytes or is not a record of format 1");
}

std::string encoded(std::string_view bytes) {
    return model::base64url_encode(model::as_bytes(bytes));
}

std::string decoded(const std::string& text) {
    std::string bytes(text.size() * 3 / 4, '\0');
    const std::span<std::uint8_t> out(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
    expect(model::base64url_decode(text, out), "a row that is not base64url");
    return bytes;
}

std::string stamped(std::string record, TimePoint now) {
    model::put_be(record, model::offset::last_seen, millis(now));
    return record;
}

}  // namespace vedfolnir::sql
