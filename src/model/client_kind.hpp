// What a browser says of itself, and where it comes from, in words that are few and lead to nobody. Pure.
#pragma once

#include <string>
#include <string_view>

namespace vedfolnir::model {

/// `Firefox on Linux`, `Safari on iOS`, `Program`, `Bot`; `unknown` for an empty text. Of what a User-Agent claims; for
/// statistics, never for a decision.
[[nodiscard]] std::string device_kind(std::string_view user_agent);

/// The first 16 bits of an IPv4 address, the first 32 of an IPv6 one, with or without a port: `192.0.0.0/16`, `2001:db8::/32`.
/// What is no address (a country, say) stays as it is; `unknown` for an empty text, and for one with something in it that
/// looks like an address (two colons, or a dot between digits).
[[nodiscard]] std::string network_of(std::string_view place);

}  // namespace vedfolnir::model
