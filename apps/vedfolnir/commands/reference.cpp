#include "commands/reference.hpp"

#include "config/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace vedfolnir::cli {
namespace {

using config::Known;

constexpr std::string_view head = R"(# Configuration

Written by `vedfolnir config reference --markdown` from the table in `src/config/catalogue.cpp`; do not edit by hand.

Every value is looked for in this order, and the first place that has it wins:

1. an explicit argument (`Vedfolnir(app, redis_url=…)`)
2. the environment
3. the configuration file (`--config`, `VEDFOLNIR_CONFIG`): TOML, where `[redis] url = "…"` means `REDIS_URL` and
   `[session.cookie] name = "…"` means `SESSION_COOKIE_NAME`
4. the framework's own settings (Flask's `app.config`), where they differ from the framework's defaults
5. the preset of `VEDFOLNIR_ENV`: `development` and `testing` set `SESSION_COOKIE_SECURE=false`, unless another explicit
   setting needs a Secure cookie
6. the built-in value

Rules for all of them:

- A trailing comment (`7200  # 2 hours`) is no part of the value; an empty value means "not set", except that an empty
  `SESSION_COOKIE_MAX_AGE` asks for a browser-session cookie. A secret with ` #` in it has to stand in quotes.
- Switches are true/false, 1/0, yes/no or on/off. Numbers are whole, within the stated bounds.
- `NAME_FILE` names a file that holds the value (where the table says so). The value and its file together are an error.
- `REDIS_URL` and a single variable that says something else at the same place are an error that names both.
- Two names of one limit with different values are a warning that names the winner.
- An unknown `SESSION_*`, `REDIS_*` or `VEDFOLNIR_*` name is a warning with the nearest known name.

The idle limit is the first set of `REDIS_SESSION_TIMEOUT`, `SESSION_TIMEOUT`, `AUTH_SESSION_LIFETIME`,
`SESSION_IDLE_TIMEOUT_SECONDS`; the absolute limit the first of `SESSION_ABSOLUTE_TIMEOUT_SECONDS`,
`SESSION_LIFETIME_SECONDS`. Presets change neither.

A start is refused without a key (`VEDFOLNIR_KEY`, `VEDFOLNIR_KEY_FILE` or `VEDFOLNIR_KEYS_FILE`) outside
`VEDFOLNIR_ENV=development`, and with one that is short, repetitive, text or a placeholder. `vedfolnir keys generate`
makes one. A passphrase is not accepted. A key ring is a TOML file:

```toml
write = 2                               # the key that seals; the others still open
index_secret_file = "/run/secrets/index"  # names users; keep it when keys rotate

[[keys]]
id = 2
secret_file = "/run/secrets/key-2"

[[keys]]
id = 1
secret_file = "/run/secrets/key-1"
```

`vedfolnir config show` prints each value with its source, `vedfolnir config validate` all errors at once.
)";

std::string form(const Known& known) {
    switch (known.kind) {
    case config::Kind::boolean:
        return "switch";
    case config::Kind::integer:
        return fmt::format("{} to {}", known.min, known.max);
    case config::Kind::fraction:
        return fmt::format("{} to {}", static_cast<double>(known.min) / 100,
                           static_cast<double>(known.max) / 100);
    case config::Kind::choice: {
        std::string words(known.choices);
        for (auto at = words.find('|'); at != std::string::npos; at = words.find('|', at))
            words.replace(at, 1, ", ");
        return words;
    }
    case config::Kind::names:
        return "names, comma-separated";
    case config::Kind::path:
        return "file or folder";
    case config::Kind::url:
        return "URL";
    case config::Kind::text:
        return known.secret ? "secret" : "text";
    }
    return "";
}

std::string row(const Known& known) {
    const auto fallback =
        known.fallback.empty() ? std::string() : fmt::format("`{}`", known.fallback);
    std::string about(known.about);
    if (known.from_file) about += fmt::format(" Also `{}_FILE`.", known.name);
    if (!known.unused.empty()) about += fmt::format(" **No effect:** {}.", known.unused);
    return fmt::format("| `{}` | {} | {} | {} |\n", known.name, form(known), fallback, about);
}

}  // namespace

std::string configuration_reference() {
    std::string page(head);
    std::optional<config::Group> group;
    for (const auto& known : config::catalogue()) {
        if (known.group != group) {
            group = known.group;
            page += fmt::format(
                "\n## {}\n\n| Name | Form | Built in | What it does |\n|---|---|---|---|\n",
                config::title(*group));
        }
        page += row(known);
    }
    while (page.ends_with('\n')) page.pop_back();
    return page;
}

}  // namespace vedfolnir::cli
