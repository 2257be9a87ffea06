// The text of Redis' INFO, read. No I/O.
#pragma once

#include "vedfolnir/store_info.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::redis {

/// The value of `name:` in the text of INFO; empty if it is not there.
[[nodiscard]] std::optional<std::string_view> info_field(std::string_view info,
                                                         std::string_view name);

struct Product {
    std::string_view name;     ///< "Redis" or "Valkey".
    std::string_view version;  ///< Part of the text it was read from.
};

/// Which server wrote this text; empty where its section `server` is not there. Valkey's `redis_version` is that of the
/// Redis it is compatible with.
[[nodiscard]] std::optional<Product> read_product(std::string_view info);

/// The figures of INFO's sections server, clients, memory, stats and persistence, as far as they are in `info`.
[[nodiscard]] StoreInfo read_server_info(std::string_view info);

}  // namespace vedfolnir::redis
