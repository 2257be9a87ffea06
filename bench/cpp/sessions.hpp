// Sessions to measure with, made the way an application makes them.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/request.hpp"
#include "vedfolnir/session_manager.hpp"
#include "vedfolnir/types.hpp"

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vedfolnir::bench {

/// Options of the environment (REDIS_URL, VEDFOLNIR_STATE_DIR) with a key of their own. Throws std::runtime_error.
[[nodiscard]] ManagerOptions options();

/// The value, or std::runtime_error with the error's detail.
template <class T>
[[nodiscard]] T value_of(Result<T> result);

[[noreturn]] void fail(const Error& error);

template <class T>
T value_of(Result<T> result) {
    if (!result) fail(result.error());
    return std::move(*result);
}

/// A request as a browser with this cookie value sends it, among two cookies of others.
[[nodiscard]] RequestContext request_with(const ManagerOptions& options,
                                          const std::string& cookie_value);

/// The texts among the 11 fields that bench/applications.py stores, too; the last one is a counter.
[[nodiscard]] std::span<const std::pair<std::string_view, std::string_view>> sample_fields();

/// A signed-in session with the fields; its cookie value.
[[nodiscard]] std::string sign_in(const SessionManager& manager, const std::string& user);
/// An anonymous one.
[[nodiscard]] std::string make_anonymous(const SessionManager& manager);

/// Where the record of this cookie value stands.
[[nodiscard]] StoreKey key_of(const std::string& cookie_value);

}  // namespace vedfolnir::bench
