// The single checks. Each gives one finding, or none where it does not apply. Private to ops.
#pragma once

#include "ops/doctor.hpp"

#include <optional>

namespace vedfolnir::ops {

using Judged = std::optional<Finding>;

// checks_configuration.cpp
[[nodiscard]] Judged check_configuration(const Facts& facts);
[[nodiscard]] Judged check_keys(const Facts& facts);
[[nodiscard]] Judged check_sample(const Facts& facts);
[[nodiscard]] Judged check_trail_key(const Facts& facts);
[[nodiscard]] Judged check_secret_files(const Facts& facts);
[[nodiscard]] Judged check_database(const Facts& facts);
[[nodiscard]] Judged check_database_file(const Facts& facts);
[[nodiscard]] Judged check_fallback(const Facts& facts);
[[nodiscard]] Judged check_journal(const Facts& facts);
[[nodiscard]] Judged check_audit(const Facts& facts);
[[nodiscard]] Judged check_state_dir(const Facts& facts);

// checks_redis.cpp
[[nodiscard]] Judged check_connection(const Facts& facts);
[[nodiscard]] Judged check_functions(const Facts& facts);
[[nodiscard]] Judged check_record(const Facts& facts);
[[nodiscard]] Judged check_open(const Facts& facts);
[[nodiscard]] Judged check_encryption(const Facts& facts);
[[nodiscard]] Judged check_permissions(const Facts& facts);
[[nodiscard]] Judged check_eviction(const Facts& facts);
[[nodiscard]] Judged check_persistence(const Facts& facts);
[[nodiscard]] Judged check_clock(const Facts& facts);

// checks_slowness.cpp
[[nodiscard]] Judged check_version(const Facts& facts);
[[nodiscard]] Judged check_exposure(const Facts& facts);
[[nodiscard]] Judged check_replicas(const Facts& facts);
[[nodiscard]] Judged check_memory(const Facts& facts);
[[nodiscard]] Judged check_clients(const Facts& facts);
[[nodiscard]] Judged check_round_trip(const Facts& facts);
[[nodiscard]] Judged check_slow_commands(const Facts& facts);
[[nodiscard]] Judged check_copies(const Facts& facts);
[[nodiscard]] Judged check_session_size(const Facts& facts);
[[nodiscard]] Judged check_database_wait(const Facts& facts);

// checks_cookie.cpp
[[nodiscard]] Judged check_page(const Facts& facts);
[[nodiscard]] Judged check_secure_over_http(const Facts& facts);
[[nodiscard]] Judged check_not_secure_over_https(const Facts& facts);
[[nodiscard]] Judged check_same_site(const Facts& facts);
[[nodiscard]] Judged check_proxy_scheme(const Facts& facts);
[[nodiscard]] Judged check_flask_clash(const Facts& facts);
[[nodiscard]] Judged check_cookie_value(const Facts& facts);

}  // namespace vedfolnir::ops
