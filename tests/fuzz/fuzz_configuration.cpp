// Any text as settings: an env file, a TOML file, a key ring, the environment, arguments or a framework's configuration
// (the first byte says which). Never a crash, and no text for a person repeats a secret: `$` becomes one.
// ids: S9 S88 S91 V11
#include "config/dotenv.hpp"
#include "config/keys.hpp"
#include "config/settings.hpp"
#include "config/toml_file.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace vedfolnir;

constexpr std::string_view secret = "98765432109876543210987654321";

void require(bool holds) {
    if (!holds) std::abort();
}

void require_silent(std::string_view text) { require(text.find(secret) == std::string_view::npos); }

std::string with_secrets(std::string_view text) {
    std::string out;
    for (const char c : text) c == '$' ? out += secret : out += c;
    return out;
}

/// Files named by settings: one that holds a secret, and none else.
Result<std::string> read_file(const std::string& path) {
    if (path.size() % 2 == 0) return Error{Errc::bad_options, "cannot read it"};
    return std::string(secret) + "\n";
}

/// A value in double quotes, as `parse_dotenv` reads it back.
std::string quoted(std::string_view value) {
    std::string out = "\"";
    for (const char c : value) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

void check_dotenv(std::string_view text) {
    const auto values = config::parse_dotenv(with_secrets(text));
    if (!values) {
        require_silent(values.error().detail);
        return;
    }
    std::string written;
    for (const auto& [name, value] : *values) written += name + "=" + quoted(value) + "\n";
    const auto again = config::parse_dotenv(written);
    require(again && *again == *values);
}

/// Names may show, so the secret stands where a value does or where nothing is valid.
void check_toml(std::string_view text) {
    const auto values = config::parse_toml(with_secrets(text));
    if (values) return;
    const std::string& why = values.error().detail;
    if (why.starts_with("the configuration file, line ")) require_silent(why);
}

void check_ring(std::string_view text) {
    const auto report = config::parse_key_ring(with_secrets(text), read_file);
    if (!report) {
        require_silent(report.error().detail);
        return;
    }
    require(!report->keys.keys.empty());
    for (const auto& key : report->keys.keys) require(key.id > 0);
    for (const auto& weakness : report->weaknesses) require_silent(weakness);
}

/// `NAME=value` lines. Only the value of a secret can hold one.
config::TextMap lines(std::string_view text) {
    config::TextMap out;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) continue;
        const auto name = line.substr(0, equals);
        const auto* known = config::find_known(config::upper(name));
        const auto value = line.substr(equals + 1);
        out.insert_or_assign(std::string(name), known != nullptr && known->secret
                                                    ? with_secrets(value)
                                                    : std::string(value));
    }
    return out;
}

void check_options(const ManagerOptions& options) {
    require(!options.cookie.name.empty() && options.cookie.path.starts_with('/'));
    require(options.cookie.same_site != SameSite::none || options.cookie.secure);
    require(!options.cookie.partitioned || options.cookie.same_site == SameSite::none);
    require(options.lifetimes.idle.count() > 0);
    require(options.lifetimes.idle <= options.lifetimes.absolute);
    require(options.redis.port > 0 && !options.redis.prefix.empty());
    require(options.development || !options.keys.keys.empty());
    require(options.development || !options.plain_records);
}

void check_settings(const config::Input& input) {
    const config::Settings settings = config::resolve(input);
    require(config::read(input).has_value() == settings.errors.empty());
    for (const auto& known : config::catalogue()) {
        require(known.name.ends_with('*') || settings.find(known.name) != nullptr);
    }
    for (const auto& setting : settings.values) {
        require_silent(setting.value);
        require_silent(setting.note);
    }
    for (const auto* texts : {&settings.errors, &settings.warnings, &settings.deviations}) {
        for (const auto& text : *texts) require_silent(text);
    }
    if (settings.errors.empty()) check_options(settings.options);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
    if (text.find(secret) != text.npos) return 0;
    config::Input input;
    input.read_file = read_file;
    switch (data[0]) {
    case 'd':
        check_dotenv(text);
        return 0;
    case 't':
        check_toml(text);
        input.file = std::string(text);
        break;
    case 'k':
        check_ring(text);
        return 0;
    case 'a':
        input.arguments = lines(text);
        break;
    case 'f':
        input.framework = lines(text);
        break;
    default:
        input.environment = lines(text);
    }
    check_settings(input);
    return 0;
}
