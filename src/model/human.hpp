// The human form of values: JSON with Flask's type tags, for inspection and export. Never read back as a session.
#pragma once

#include "model/payload.hpp"
#include "vedfolnir/options.hpp"

#include <string>

namespace vedfolnir::model {

/// Whether a key's value must not be shown: its name speaks of a secret.
[[nodiscard]] bool is_secret_key(std::string_view key);

/// A JSON object of the application's keys. Values of secret keys, at any depth, are masked when `mask` is set.
[[nodiscard]] std::string to_json(const Entries& entries, const SizeLimits& limits, bool mask);

}  // namespace vedfolnir::model
