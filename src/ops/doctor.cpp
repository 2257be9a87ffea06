#include "ops/doctor.hpp"

#include "ops/checks.hpp"

#include <algorithm>

namespace vedfolnir::ops {
namespace {

using Check = Judged (*)(const Facts&);

constexpr Check checks[] = {
    check_configuration,
    check_keys,
    check_secret_files,
    check_connection,
    check_functions,
    check_record,
    check_open,
    check_encryption,
    check_permissions,
    check_eviction,
    check_persistence,
    check_clock,
    check_version,
    check_exposure,
    check_replicas,
    check_memory,
    check_clients,
    check_slow_commands,
    check_copies,
    check_round_trip,
    check_database,
    check_database_wait,
    check_database_file,
    check_session_size,
    check_fallback,
    check_sample,
    check_trail_key,
    check_journal,
    check_audit,
    check_state_dir,
    check_page,
    check_secure_over_http,
    check_not_secure_over_https,
    check_same_site,
    check_proxy_scheme,
    check_flask_clash,
    check_cookie_value,
};

int urgency(Status status) noexcept {
    switch (status) {
    case Status::fail:
        return 0;
    case Status::warn:
        return 1;
    case Status::unknown:
        return 2;
    case Status::ok:
        return 3;
    }
    return 3;
}

}  // namespace

std::string_view to_string(Status status) noexcept {
    switch (status) {
    case Status::ok:
        return "ok";
    case Status::warn:
        return "warn";
    case Status::fail:
        return "fail";
    case Status::unknown:
        return "unknown";
    }
    return "unknown";
}

std::vector<Finding> examine(const Facts& facts) {
    std::vector<Finding> findings;
    for (const auto check : checks) {
        if (auto finding = check(facts)) findings.push_back(std::move(*finding));
    }
    std::ranges::stable_sort(findings, {}, [](const Finding& one) { return urgency(one.status); });
    return findings;
}

}  // namespace vedfolnir::ops
