// What a copy of a record keeps of it.
#pragma once

#include "vedfolnir/types.hpp"

#include <functional>
#include <optional>
#include <string>

namespace vedfolnir::runtime {

/// Other sealed bytes for the same key. Empty: the record is not worth a copy. Thread safety: none; each caller has its own.
using Abridge = std::function<std::optional<std::string>(const StoreKey& key, std::string record)>;

}  // namespace vedfolnir::runtime
