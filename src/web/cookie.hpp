// Finds our cookie in a Cookie header. Strict: whatever could be read in two ways is no cookie (C12).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vedfolnir::web {

/// Longer headers are not searched.
inline constexpr std::size_t cookie_header_max = 64 * 1024;

enum class CookieState : std::uint8_t {
    absent,
    found,
    ambiguous  ///< Somebody else's cookie may stand where ours is expected: treat as unauthenticated, and count it.
};

struct CookieLookup {
    CookieState state = CookieState::absent;
    std::string_view value;  ///< Borrowed from the header; empty unless `found`.

    friend bool operator==(const CookieLookup&, const CookieLookup&) = default;
};

/// Looks for the one cookie called `name` (not empty) in the bytes of a Cookie header. One pass, no allocation.
///
/// - Parts end at each `;`, inside quotes too. Space and tab around a part, a name and a value do not count;
///   nothing else is white space. `,` separates nothing.
/// - Names match byte by byte. One pair of double quotes around a value is taken off; no escape is decoded, and
///   what remains is returned as it is, empty or not ASCII or 10 kB long: the reader of ids judges it.
/// - Ambiguous: two cookies of our name, equal values included; our name without `=`; a nameless cookie whose value
///   begins with our name (`=session=evil`); with a `__Host-` or `__Secure-` name, any of these in other letter
///   case, because browsers compare such prefixes without case; a control byte other than tab anywhere, which no
///   browser sends; a header longer than `cookie_header_max`.
[[nodiscard]] CookieLookup find_cookie(std::string_view header, std::string_view name) noexcept;

}  // namespace vedfolnir::web
