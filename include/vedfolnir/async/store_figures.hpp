// An optional interface beside the store contract: the server's own figures.
#pragma once

#include "vedfolnir/async/store.hpp"
#include "vedfolnir/store_info.hpp"

namespace vedfolnir::async {

/// Thread safety: called from the runtime's executor only.
class StoreFigures {
public:
    virtual ~StoreFigures() = default;

    /// What the server permits to know; a missing permission is an empty field, not an Error.
    /// Errors: store_unavailable, deadline_exceeded.
    [[nodiscard]] virtual Task<StoreInfo> info(Deadline deadline) = 0;
};

}  // namespace vedfolnir::async
