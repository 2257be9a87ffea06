#include "config/settings.hpp"

#include "config/apply.hpp"
#include "config/redis_url.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace vedfolnir::config {
namespace {

constexpr std::size_t file_size_max = 1024 * 1024;
constexpr std::string_view mask = "********";

// The one place where a value becomes printable.
std::string printable(const Known& known, const std::string& text) {
    if (text.empty()) return text;
    if (known.secret) return std::string(mask);
    return known.kind == Kind::url ? masked_url(text) : text;
}

Setting setting_of(const Known& known, std::string_view name, const Resolving& from) {
    Setting out{.name = std::string(name),
                .value = printable(known, std::string(known.fallback)),
                .source = Source::built_in,
                .secret = known.secret,
                .note = {},
                .group = known.group};
    const Said* said = from.layers.said(name);
    if (said != nullptr) {
        out.value = printable(known, said->text);
        out.source = said->source;
    } else if (const auto* empty = from.layers.said_or_empty(name);
               empty != nullptr && known.fallback.empty()) {
        out.value.clear();
        out.source = empty->source;
    }
    out.note = from.layers.note(name);
    if (const auto shown = from.effective.find(name); shown != from.effective.end()) {
        out.value = printable(known, shown->second.text);
        out.source = shown->second.source;
        if (!shown->second.note.empty()) out.note = shown->second.note;
    }
    if (!known.unused.empty()) out.note = known.unused;
    return out;
}

void list_settings(const Resolving& from, std::vector<Setting>& values) {
    for (const auto& known : catalogue()) {
        if (!known.name.ends_with('*')) {
            values.push_back(setting_of(known, known.name, from));
            continue;
        }
        for (const auto& [name, said] : from.layers.all()) {
            const auto* entry = find_known(name);
            if (entry == &known && !said.text.empty())
                values.push_back(setting_of(known, name, from));
        }
    }
}

}  // namespace

std::string_view to_string(Source source) noexcept {
    switch (source) {
    case Source::argument:
        return "argument";
    case Source::environment:
        return "environment";
    case Source::file:
        return "file";
    case Source::framework:
        return "framework";
    case Source::preset:
        return "preset";
    case Source::built_in:
        return "default";
    }
    return "";
}

Result<std::string> read_file(const std::string& path) {
    const auto failed = [&] {
        return Error{Errc::bad_options,
                     fmt::format("cannot read {}: {}", path, std::strerror(errno))};
    };
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                               &std::fclose);
    if (!file) return failed();
    std::string text(file_size_max + 1, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    if (std::ferror(file.get()) != 0) return failed();
    if (text.size() > file_size_max) {
        return Error{Errc::bad_options,
                     fmt::format("{} is larger than {} bytes", path, file_size_max)};
    }
    return text;
}

const Setting* Settings::find(std::string_view name) const noexcept {
    for (const auto& value : values) {
        if (value.name == name) return &value;
    }
    return nullptr;
}

Settings resolve(const Input& input) {
    Settings settings;
    Report report;
    Layers layers(input, report);
    Resolving to{input, layers, report, settings, {}};
    apply_environment(to);
    apply_keys(to);
    apply_redis(to);
    apply_database(to);
    apply_audit(to);
    apply_lifetimes(to);  // before the cookie: its Max-Age is capped at the absolute limit
    apply_cookie(to);
    apply_identity(to);
    apply_bounds(to);
    apply_jobs(to);
    apply_monitoring(to);
    warn_of_ignored_switches(to);
    warn_of_flask_session(to);
    list_settings(to, settings.values);
    settings.secret_paths = layers.secret_paths();
    for (const auto* name :
         {"VEDFOLNIR_KEYS_FILE", "VEDFOLNIR_AUDIT_KEY_FILE", "REDIS_SSL_KEYFILE"}) {
        if (const auto path = layers.text(name)) settings.secret_paths.push_back({name, *path});
    }
    settings.deviations = deviations(settings.options);
    settings.errors = std::move(report.errors);
    settings.warnings = std::move(report.warnings);
    return settings;
}

Result<Settings> read(const Input& input) {
    auto settings = resolve(input);
    if (settings.errors.empty()) return settings;
    return Error{Errc::bad_options, fmt::format("{}", fmt::join(settings.errors, "\n"))};
}

}  // namespace vedfolnir::config
