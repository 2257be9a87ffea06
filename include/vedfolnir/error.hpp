// Error codes and the error value that every fallible operation returns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vedfolnir {

/// What went wrong, as a caller can act on it. One sentence per value in `describe()`.
enum class Errc : std::uint8_t {
    store_unavailable =
        1,  ///< The store could not say: unreachable, refusing, or too slow. Never means "no session".
    deadline_exceeded,   ///< The operation's time ran out; its outcome is unknown.
    audit_unavailable,   ///< SQL could not commit what must be durable before the answer.
    bad_options,         ///< A setting is missing, contradictory or unsafe; the message names it.
    bad_value,           ///< A session value cannot be stored; the message names its key path.
    too_large,           ///< The session would exceed its size limit; both sizes are named.
    read_only,           ///< The session was already committed, or is read-only in this request.
    conflict,            ///< Concurrent changes kept winning until the deadline.
    denied,              ///< The operation is not allowed (identity conflict, wrong owner).
    random_unavailable,  ///< The kernel's random source failed; nothing was created.
    key_unavailable,     ///< No usable key in the key ring.
    not_installed,  ///< The function library is missing in Redis and may not be installed by this user.
    unsupported,  ///< A feature this build or this version does not offer.
    internal      ///< A broken invariant; please report it.
};

/// How much of a store does not work, as far as its error tells: what somebody else has to take over meanwhile.
enum class Outage : std::uint8_t {
    none,    ///< Nothing but this call.
    growth,  ///< It stores nothing new or changed; reads, touches and endings work (out of memory).
    writes,  ///< It takes no change at all; reads work (snapshots failing, replicas missing, read-only).
    all  ///< It answers nothing: unreachable, silent, busy, loading.
};

/// One plain sentence for `code`, safe to show to anybody.
[[nodiscard]] std::string_view describe(Errc code) noexcept;

/// An error for two audiences: `public_message` may leave the process, `detail` is for operators' logs only.
struct Error {
    Errc code = Errc::internal;
    std::string public_message;
    std::string detail;
    Outage outage = Outage::none;  ///< Set by stores.

    Error() = default;
    Error(Errc code_, std::string detail_)
        : code(code_), public_message(describe(code_)), detail(std::move(detail_)) {}
    Error(Errc code_, std::string public_message_, std::string detail_)
        : code(code_), public_message(std::move(public_message_)), detail(std::move(detail_)) {}
};

}  // namespace vedfolnir
