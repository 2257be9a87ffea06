// Secrets as text: decoded, judged, and the key ring file.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::config {

/// What makes a fresh key, for messages.
inline constexpr std::string_view make_key_hint = "make one with: vedfolnir keys generate";

/// Hexadecimal digits (64 or more) or base64 (either alphabet, with or without padding) to raw bytes.
/// Errors: bad_options; the text is never repeated.
[[nodiscard]] Result<std::string> decode_secret(std::string_view text);

/// Raw bytes as standard base64.
[[nodiscard]] std::string encode_secret(std::string_view raw);

/// Why this secret must not protect anything: short, low in variety, a pattern, text, or a placeholder that people
/// copy from examples. Empty when nothing speaks against it. `text` is the secret as it was written.
[[nodiscard]] std::optional<std::string> secret_weakness(std::string_view text,
                                                         std::string_view raw);

/// One secret of a ring with what speaks against it.
struct RingReport {
    KeyOptions keys;
    std::vector<std::string> weaknesses;  ///< One sentence each, naming the key's id.
};

/// Reads a TOML ring:
///   write = 2                      # id of the write key; without it the first
///   index_secret = "base64"        # or index_secret_file
///   [[keys]]
///   id = 2
///   secret = "base64"              # or secret_file = "/run/secrets/key2"
/// The write key comes first in the result; the others keep the file's order. Errors: bad_options.
[[nodiscard]] Result<RingReport> parse_key_ring(
    std::string_view text, const std::function<Result<std::string>(const std::string&)>& read_file);

}  // namespace vedfolnir::config
