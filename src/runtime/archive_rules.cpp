#include "runtime/archive_rules.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <type_traits>
#include <variant>

namespace vedfolnir::runtime {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";
constexpr std::size_t type_max = 64;

/// Length of the well-formed UTF-8 character at the start of `text` (Unicode 15, table 3-7), or 0.
std::size_t character_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    std::size_t length = 0;
    unsigned low = 0x80;
    unsigned high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
        length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        length = 3;
        if (lead == 0xe0) low = 0xa0;   // shorter spellings exist
        if (lead == 0xed) high = 0x9f;  // surrogates
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
    }
    if (length == 0 || text.size() < length || byte(1) < low || byte(1) > high) return 0;
    for (std::size_t at = 2; at < length; ++at) {
        if (byte(at) < 0x80 || byte(at) > 0xbf) return 0;
    }
    return length;
}

bool is_clean(std::string_view text) noexcept {
    while (!text.empty()) {
        const auto length = character_length(text);
        if (length == 0 || text.front() == '\0') return false;
        text.remove_prefix(length);
    }
    return true;
}

Result<void> check_user_id(std::string_view user_id) {
    if (user_id.size() > user_id_max) {
        return Error{Errc::bad_value, "a user id of " + std::to_string(user_id.size()) +
                                          " bytes; at most " + std::to_string(user_id_max) +
                                          " can be stored"};
    }
    if (!is_clean(user_id))
        return Error{Errc::bad_value, "a user id that is not UTF-8, or contains NUL"};
    return {};
}

Result<void> check_type(std::string_view type) {
    const bool known = std::all_of(type.begin(), type.end(), [](char character) {
        return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9') ||
               character == '_' || character == '.';
    });
    if (type.empty() || type.size() > type_max || !known) {
        return Error{Errc::bad_value,
                     "an event type is 1 to 64 of a-z, 0-9, '_' and '.'; this is " +
                         clean_text(type, type_max)};
    }
    return {};
}

void clean_row(async::SessionRow& row) {
    row.device = clean_text(row.device, 256);
    row.place = clean_text(row.place, 128);
    row.platform = clean_text(row.platform, platform_max);
    row.end_reason = clean_text(row.end_reason, 64);
}

}  // namespace

std::string clean_text(std::string_view text, std::size_t bytes_max) {
    std::string clean;
    clean.reserve(std::min(text.size(), bytes_max));
    while (!text.empty()) {
        const auto length = text.front() == '\0' ? 0 : character_length(text);
        const auto next = length > 0 ? text.substr(0, length) : replacement;
        if (clean.size() + next.size() > bytes_max) break;
        clean += next;
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return clean;
}

Result<void> prepare(async::AuditEvent& event) {
    if (auto checked = check_type(event.type); !checked) return checked;
    if (auto checked = check_user_id(event.user_id); !checked) return checked;
    if (event.detail.size() > event_detail_max) {
        return Error{Errc::bad_value, "the detail of an event of " + event.type + " has " +
                                          std::to_string(event.detail.size()) + " bytes; at most " +
                                          std::to_string(event_detail_max) + " can be stored"};
    }
    event.actor = clean_text(event.actor, 255);
    event.detail = event.detail.empty() ? "{}" : clean_text(event.detail, 3 * event_detail_max);
    return {};
}

Result<void> prepare(async::LoginOrder& order) {
    if (order.row.user_id.empty() || order.row.user.anonymous()) {
        return Error{Errc::bad_value, "a login without a user id"};
    }
    if (auto checked = check_user_id(order.row.user_id); !checked) return checked;
    clean_row(order.row);
    if (!order.event.handle) order.event.handle = order.row.handle;
    if (order.event.user_id.empty()) order.event.user_id = order.row.user_id;
    return prepare(order.event);
}

Result<void> prepare(async::EndRequest& request) {
    const int targets = int{request.key.has_value()} + int{request.handle.has_value()} +
                        int{!request.user_id.empty()};
    if (targets != 1)
        return Error{Errc::internal, "an ending names exactly one key, handle or user"};
    if (!request.user_id.empty() && request.event.user_id.empty())
        request.event.user_id = request.user_id;
    return prepare(request.event);
}

Result<void> prepare(async::PlatformChange& change) {
    change.platform = clean_text(change.platform, platform_max);
    return prepare(change.event);
}

Result<void> prepare(async::Deferred& entry) {
    return std::visit(
        [](auto& known) -> Result<void> {
            if constexpr (std::is_same_v<std::decay_t<decltype(known)>, async::LoginConfirmed>)
                return {};
            else
                return prepare(known);
        },
        entry);
}

Result<void> prepare(async::SessionQuery& query) {
    query.limit = std::min(query.limit, archive_page_max);
    return check_user_id(query.user_id);
}

Result<void> prepare(async::AuditQuery& query) {
    query.limit = std::min(query.limit, archive_page_max);
    query.type = clean_text(query.type, type_max);
    return check_user_id(query.user_id);
}

bool is_live(const async::SessionRow& row, TimePoint begun, TimePoint now) noexcept {
    return !row.ended && row.absolute_expiry > now &&
           (row.confirmed || begun + unconfirmed_grace > now);
}

TypeRange type_range(std::string_view type) {
    // '~' sorts after every character that a type may contain.
    if (type.empty()) return {"", "~"};
    if (type.ends_with(".*")) {
        type.remove_suffix(1);
        return {std::string(type), std::string(type) + "~"};
    }
    return {std::string(type), std::string(type)};
}

std::vector<async::EndOrder> plan_end(const async::EndRequest& request,
                                      const std::vector<async::SessionRow>& rows) {
    const bool whole_user = !request.user_id.empty();
    std::map<std::uint8_t, async::EndOrder> by_shard;
    for (const auto& row : rows) {
        auto& order = by_shard[row.key.shard];
        order.shard = row.key.shard;
        order.user = row.user;
        order.keys.push_back(row.key);
    }
    if (whole_user) {
        // Also without a row: the hot store may hold what SQL lost or never confirmed. The user's
        // index and epoch live in the shard of the tag, and so do all sessions of an unchanged
        // index secret.
        auto& order = by_shard[request.user.shard()];
        order.shard = request.user.shard();
        order.user = request.user;
        order.whole_user = true;
        order.keep = request.keep;
    }
    std::vector<async::EndOrder> orders;
    orders.reserve(by_shard.size());
    for (auto& [shard, order] : by_shard) orders.push_back(std::move(order));
    return orders;
}

std::uint64_t sequences_needed(const async::EndOrder& order) noexcept {
    return order.whole_user && !order.keep ? 1 : order.keys.size();
}

void assign_sequences(async::EndOrder& order, std::uint64_t last) noexcept {
    order.sequence = last;
    order.previous_sequence = last - sequences_needed(order);
}

std::vector<async::Revocation> revocations_of(const async::EndOrder& order) {
    std::vector<async::Revocation> revocations;
    async::Revocation revocation;
    revocation.shard = order.shard;
    revocation.user = order.user;
    revocation.sequence = order.previous_sequence;
    if (order.whole_user && !order.keep) {
        ++revocation.sequence;
        revocation.epoch = order.epoch;
        revocations.push_back(revocation);
        return revocations;
    }
    for (const auto& key : order.keys) {
        ++revocation.sequence;
        revocation.key = key;
        revocations.push_back(revocation);
    }
    return revocations;
}

bool keeps_row(const async::LoginOrder& order) noexcept {
    return order.replaced && order.replaced->same_user &&
           order.replaced->handle == order.row.handle;
}

async::EndOrder unknown_key_order(const async::EndRequest& request) {
    async::EndOrder order;
    order.shard = request.key->shard;
    // A key outside its user's shard: the secret that names users was changed since.
    if (request.user.shard() == order.shard) order.user = request.user;
    order.keys.push_back(*request.key);
    return order;
}

async::EndOrder replacement_order(const async::Replaced& replaced, const StoreKey& revoked,
                                  UserTag owner) {
    async::EndOrder order;
    order.shard = revoked.shard;
    order.user = owner;
    order.keys.push_back(revoked);
    // Another rotation may have moved the row since the caller loaded it; then both keys go.
    if (replaced.key != revoked && replaced.key.shard == revoked.shard)
        order.keys.push_back(replaced.key);
    return order;
}

std::vector<async::AuditEvent> events_of(const async::EndRequest& request,
                                         const std::vector<async::SessionRow>& rows) {
    if (!request.user_id.empty() && !request.keep) return {request.event};
    std::vector<async::AuditEvent> events;
    for (const auto& row : rows) {
        auto& event = events.emplace_back(request.event);
        event.handle = row.handle;
        event.user_id = row.user_id;
    }
    return events;
}

async::AuditEvent expired_event() {
    async::AuditEvent event;
    event.type = "session.ended";
    event.actor = "system";
    event.detail = R"({"reason":"expired"})";
    return event;
}

async::AuditEvent replaced_event(const async::AuditEvent& login,
                                 const async::SessionRow& replaced) {
    async::AuditEvent event;
    event.at = login.at;
    event.type = "session.ended";
    event.handle = replaced.handle;
    event.user_id = replaced.user_id;
    event.actor = login.actor;
    event.detail = R"({"reason":"replaced"})";
    return event;
}

}  // namespace vedfolnir::runtime
