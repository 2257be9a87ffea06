// One topic of ManagerOptions each: from the said values to options, errors, warnings and notes. Private to config.
#pragma once

#include "config/layers.hpp"
#include "config/settings.hpp"

#include <map>
#include <span>
#include <string>
#include <string_view>

namespace vedfolnir::config {

/// What the topics share while settings are resolved.
struct Resolving {
    const Input& input;
    Layers& layers;
    Report& report;
    Settings& settings;
    /// Values as they ended up where that differs from what was said under the name.
    std::map<std::string, Said, std::less<>> effective;

    void show(std::string_view name, std::string text, Source source, std::string note) {
        effective.insert_or_assign(std::string(name),
                                   Said{std::move(text), source, std::move(note)});
    }
};

/// The value of a limit that several variables name: the one said in the strongest place, among equals the first. Others
/// that differ are warned of. `what` names the limit.
[[nodiscard]] Seconds one_limit(Resolving& to, std::span<const std::string_view> names,
                                Seconds built_in, std::string_view what);

void apply_environment(Resolving& to);
void apply_keys(Resolving& to);
void apply_redis(Resolving& to);
void apply_database(Resolving& to);
void apply_audit(Resolving& to);
void apply_cookie(Resolving& to);
void apply_lifetimes(Resolving& to);
void apply_identity(Resolving& to);
void apply_bounds(Resolving& to);
void apply_jobs(Resolving& to);
void apply_monitoring(Resolving& to);
/// Warnings for switches that ask for less security than the product gives.
void warn_of_ignored_switches(Resolving& to);
/// A warning that names what is set for Flask-Session, which this product replaces.
void warn_of_flask_session(Resolving& to);
/// What deviates from OWASP ASVS 5.0 and NIST SP 800-63B-4, each with the source.
[[nodiscard]] std::vector<std::string> deviations(const ManagerOptions& options);

}  // namespace vedfolnir::config
