// Writes Set-Cookie header values, and checks cookie options before anything is written with them.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::web {

/// Limits of RFC 6265bis: what browsers keep.
inline constexpr std::size_t cookie_name_and_value_max = 4096;
inline constexpr std::size_t cookie_attribute_max = 1024;
inline constexpr Seconds cookie_lifetime_max{400 * 86400};

/// Whether browsers would accept cookies made with `options`, and nothing in them can end an attribute (V11).
/// Errors: bad_options; the message begins with the field, for example `cookie.path`.
[[nodiscard]] Result<void> validate(const CookieOptions& options);

/// The header's value. `options` passed `validate`; `value` is an id as `SessionId::cookie_value()` spells it.
/// Max-Age is written only if the options ask for it, and never beyond `max_age_cap` (what is left of the session).
[[nodiscard]] std::string set_cookie(const CookieOptions& options, std::string_view value,
                                     std::optional<Seconds> max_age_cap);

/// Removes the cookie that `set_cookie` made: empty value, an end in the past, otherwise the same attributes.
[[nodiscard]] std::string clear_cookie(const CookieOptions& options);

}  // namespace vedfolnir::web
