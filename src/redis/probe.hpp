// What an operator asks about Redis: does it work for sessions, install the functions, which permissions are needed.
#pragma once

#include "redis/failure.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::redis {

enum class ProbeStep : std::uint8_t {
    resolve,
    connect,
    tls,
    auth,
    ping,
    functions,
    write,
    read,
    erase
};

[[nodiscard]] std::string_view to_string(ProbeStep step) noexcept;

struct ProbeResult {
    ProbeStep step = ProbeStep::resolve;
    bool passed = false;
    std::optional<FailureKind> failure;  ///< Empty when passed, or when not reached.
    std::string message;                 ///< What is wrong and what to do, or what was found.
    std::string detail;                  ///< The server's own words.
};

struct ProbeReport {
    std::vector<ProbeResult> steps;  ///< In order; those after the first failure are absent.
    std::string server_product;      ///< "Redis" or "Valkey".
    std::string server_version;
    std::string role;
    std::uint32_t library_version = 0;

    [[nodiscard]] bool passed() const noexcept { return !steps.empty() && steps.back().passed; }
};

/// Tries all that sessions need, step by step, and stops at the first failure. Writes one record of its own under the
/// prefix, reads it and removes it. Blocks, at most a few connect and request timeouts.
[[nodiscard]] ProbeReport probe(const RedisOptions& options);

struct InstallReport {
    std::uint32_t previous_version = 0;  ///< 0: there was none.
    std::uint32_t version = 0;
    std::string server_product;  ///< "Redis" or "Valkey".
    std::string server_version;
};

/// FUNCTION LOAD REPLACE. The user of `options` must be permitted to. Blocks.
/// Errors: store_unavailable with the reason in `detail`, not_installed where the user may not.
[[nodiscard]] Result<InstallReport> install(const RedisOptions& options);

/// The least that the runtime user needs, as one line for `ACL SETUSER` or an ACL file: no EVAL, KEYS, CONFIG, SCRIPT,
/// FUNCTION or FLUSH. The password is a placeholder.
[[nodiscard]] std::string acl_rules(std::string_view prefix);

}  // namespace vedfolnir::redis
