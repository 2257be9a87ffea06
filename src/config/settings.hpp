// Settings: what the arguments, environment, files and framework say, as options, with the origin of every value.
#pragma once

#include "config/catalogue.hpp"
#include "config/text.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::config {

/// Where a value came from, strongest first.
enum class Source : std::uint8_t { argument, environment, file, framework, preset, built_in };

[[nodiscard]] std::string_view to_string(Source source) noexcept;

/// One known variable as it stands. Safe to print: a secret's value is masked, a URL's password too.
struct Setting {
    std::string name;
    std::string value;
    Source source = Source::built_in;
    bool secret = false;
    std::string note;  ///< Why it takes no effect, or what else to know; empty: nothing.
    Group group = Group::product;
};

/// Reads a whole file. Errors: bad_options with the system's words.
using FileReader = std::function<Result<std::string>(const std::string& path)>;

/// Reads from disk; refuses more than 1 MiB.
[[nodiscard]] Result<std::string> read_file(const std::string& path);

struct Input {
    /// Explicit arguments. `redis_url` and `REDIS_URL` are the same; `state_dir` finds VEDFOLNIR_STATE_DIR and
    /// `cookie_name` SESSION_COOKIE_NAME. An unknown argument is an error.
    TextMap arguments;
    TextMap environment;
    /// Text of a TOML file. Unset: VEDFOLNIR_CONFIG is read if the environment names one.
    std::optional<std::string> file;
    std::string file_name;  ///< For messages only.
    /// Settings of the framework as text (Flask's `app.config`); set: the product runs under Flask.
    /// A value equal to Flask's own default counts as not set.
    std::optional<TextMap> framework;
    FileReader read_file = config::read_file;
};

/// How the error begins that a missing key ring is. What opens nothing sealed may do without one.
inline constexpr std::string_view no_key_error = "VEDFOLNIR_KEY is not set";

/// A file that a variable names and that holds a secret.
struct SecretPath {
    std::string variable;
    std::string path;
};

struct Settings {
    ManagerOptions options;
    std::vector<Setting> values;  ///< Every known variable, in the order of the reference.
    std::vector<std::string> warnings;
    std::vector<std::string>
        errors;  ///< Not empty: a manager must not be opened with these options.
    std::vector<std::string>
        deviations;           ///< From OWASP ASVS 5.0 and NIST SP 800-63B-4; permitted, but named.
    std::string environment;  ///< development, testing, staging or production.
    std::vector<SecretPath> secret_paths;  ///< For a look at their permissions.
    std::optional<Seconds>
        permanent_lifetime;  ///< PERMANENT_SESSION_LIFETIME where set: shapes the cookie only.

    /// The setting of that name; every known name without `*` has one.
    [[nodiscard]] const Setting* find(std::string_view name) const noexcept;
};

/// Reads everything and reports all errors at once, so that one run names all that has to be changed.
[[nodiscard]] Settings resolve(const Input& input);

/// As `resolve`, for callers that start. Errors: bad_options, with one message per line in the detail.
[[nodiscard]] Result<Settings> read(const Input& input);

}  // namespace vedfolnir::config
