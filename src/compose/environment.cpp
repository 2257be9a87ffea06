#include "compose/environment.hpp"

#include "compose/operator_log.hpp"
#include "config/dotenv.hpp"
#include "vedfolnir/environment.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

namespace vedfolnir {
namespace compose {

config::TextMap process_environment() {
    config::TextMap out;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals == std::string_view::npos) continue;
        out.insert_or_assign(std::string(text.substr(0, equals)),
                             std::string(text.substr(equals + 1)));
    }
    return out;
}

Result<config::Settings> settings_of(const Sources& sources) {
    config::Input input;
    input.arguments = sources.arguments;
    input.environment = process_environment();
    input.framework = sources.framework;
    if (!sources.env_file.empty()) {
        auto text = config::read_file(sources.env_file);
        if (!text) return std::move(text).error();
        auto values = config::parse_dotenv(*text);
        if (!values)
            return Error{Errc::bad_options,
                         fmt::format("{}: {}", sources.env_file, values.error().detail)};
        input.environment.merge(std::move(*values));
    }
    if (!sources.config_file.empty()) {
        auto text = config::read_file(sources.config_file);
        if (!text) return std::move(text).error();
        input.file = std::move(*text);
        input.file_name = sources.config_file;
    }
    return config::resolve(input);
}

}  // namespace compose

Result<ManagerOptions> options_from_environment() {
    auto settings = compose::settings_of({});
    if (!settings) return std::move(settings).error();
    for (const auto& warning : settings->warnings) compose::log_line(warning);
    if (!settings->errors.empty()) {
        return Error{Errc::bad_options, fmt::format("{}", fmt::join(settings->errors, "\n"))};
    }
    return std::move(settings->options);
}

Result<SessionManager> open_from_environment() {
    auto options = options_from_environment();
    if (!options) return std::move(options).error();
    return SessionManager::open(std::move(*options));
}

}  // namespace vedfolnir
