// The table of known variables. `config show`, validation and docs/reference/configuration.md all come from it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace vedfolnir::config {

enum class Kind : std::uint8_t {
    text,
    boolean,
    integer,
    fraction,  ///< A number between `min` and `max` percent, written as 0.8.
    choice,    ///< One word of `choices`, in any case.
    names,     ///< Comma-separated.
    path,
    url  ///< May hold a password, which is masked when shown.
};

enum class Group : std::uint8_t {
    product,
    keys,
    redis,
    database,
    cookie,
    lifetimes,
    choice,
    identity,
    bounds,
    cleanup,
    sync,
    security,
    monitoring,
    features,
    foreign
};

/// One known variable. A name ending in `*` stands for all names with that beginning.
struct Known {
    std::string_view name{};
    Kind kind = Kind::text;
    Group group = Group::product;
    std::string_view fallback{};  ///< The built-in value as text; empty: none.
    std::string_view about{};     ///< What it does, for the reference.
    std::string_view unused{};    ///< Set: why this version does not act on it.
    std::int64_t min = 0;         ///< Bounds of an integer, both included.
    std::int64_t max = 0;
    std::string_view choices{};  ///< Words separated by `|`.
    bool secret = false;         ///< Never shown.
    bool from_file = false;      ///< `NAME_FILE` names a file that holds the value.
};

/// All known variables, in the order of the reference.
[[nodiscard]] std::span<const Known> catalogue();

/// The entry for a name (exact, or through a `*` entry); empty if unknown.
[[nodiscard]] const Known* find_known(std::string_view name);

/// Names that begin like ours but belong to others (a desktop's SESSION_MANAGER, Kubernetes' service links).
[[nodiscard]] bool is_foreign(std::string_view name) noexcept;

[[nodiscard]] std::string_view title(Group group) noexcept;

}  // namespace vedfolnir::config
