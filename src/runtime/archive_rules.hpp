// What every archive decides alike, whatever keeps its rows: bounds of texts, who is live, what an
// ending revokes.
#pragma once

#include "vedfolnir/async/archive.hpp"
#include "vedfolnir/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::runtime {

/// A login that the hot store never acknowledged stops counting as live after this time.
inline constexpr Millis unconfirmed_grace{60'000};
/// Why a session ended that was over before its login reached the archive.
inline constexpr std::string_view ended_unrecorded = "unrecorded";
inline constexpr std::uint32_t archive_page_max = 1000;
inline constexpr std::size_t user_id_max = 512;  ///< Bytes.
inline constexpr std::size_t platform_max = 255;
inline constexpr std::size_t event_detail_max = 16 * 1024;

/// `text` as valid UTF-8 without NUL, at most `bytes_max` long. What is neither becomes U+FFFD:
/// databases refuse it or cut the text short without a word.
[[nodiscard]] std::string clean_text(std::string_view text, std::size_t bytes_max);

/// Brings free texts into shape and checks what names somebody or something.
/// Errors: bad_value (a user id or event type that no row may carry).
[[nodiscard]] Result<void> prepare(async::AuditEvent& event);
[[nodiscard]] Result<void> prepare(async::LoginOrder& order);
[[nodiscard]] Result<void> prepare(async::EndRequest& request);
[[nodiscard]] Result<void> prepare(async::PlatformChange& change);
[[nodiscard]] Result<void> prepare(async::Deferred& entry);
/// Also bounds the page.
[[nodiscard]] Result<void> prepare(async::SessionQuery& query);
[[nodiscard]] Result<void> prepare(async::AuditQuery& query);

/// Not ended, not past its absolute end, and acknowledged by the hot store or begun less than a
/// minute ago.
[[nodiscard]] bool is_live(const async::SessionRow& row, TimePoint begun, TimePoint now) noexcept;

/// An inclusive range of event types; both ends are bounds of byte-wise comparison.
struct TypeRange {
    std::string low;
    std::string high;
};
/// The range of an exact type, of a prefix ("session.*"), or of all types (empty).
[[nodiscard]] TypeRange type_range(std::string_view type);

/// The orders that end `rows` (all matched by `request`), one per shard; sequences and epoch are
/// not taken yet.
[[nodiscard]] std::vector<async::EndOrder> plan_end(const async::EndRequest& request,
                                                    const std::vector<async::SessionRow>& rows);

/// How many sequences of its shard an order takes: one for a whole user, else one for each key.
[[nodiscard]] std::uint64_t sequences_needed(const async::EndOrder& order) noexcept;

/// Writes `last` (the highest of the sequences taken) into the order.
void assign_sequences(async::EndOrder& order, std::uint64_t last) noexcept;

/// The revocations that stand for an order whose sequences are assigned.
[[nodiscard]] std::vector<async::Revocation> revocations_of(const async::EndOrder& order);

/// A re-authentication: the replaced session's row lives on under the new key, instead of ending.
[[nodiscard]] bool keeps_row(const async::LoginOrder& order) noexcept;

/// The order that removes the key of `request`, of which this archive knows no session.
[[nodiscard]] async::EndOrder unknown_key_order(const async::EndRequest& request);

/// The order that removes what a login replaced. `revoked` is the key that the row held.
[[nodiscard]] async::EndOrder replacement_order(const async::Replaced& replaced,
                                                const StoreKey& revoked, UserTag owner);

/// The audit events of an ending: one for a whole user, rows or not, else one for each row.
[[nodiscard]] std::vector<async::AuditEvent> events_of(const async::EndRequest& request,
                                                       const std::vector<async::SessionRow>& rows);

/// The event of a session whose time was up; time, handle and user are the row's.
[[nodiscard]] async::AuditEvent expired_event();

/// The event of a session that another user's login ended.
[[nodiscard]] async::AuditEvent replaced_event(const async::AuditEvent& login,
                                               const async::SessionRow& replaced);

}  // namespace vedfolnir::runtime
