// The background jobs of one process, wired to its stores.
#pragma once

#include "audit/personal.hpp"
#include "runtime/background.hpp"
#include "runtime/counters.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>

namespace vedfolnir::compose {

struct Background {
    std::shared_ptr<runtime::Background> work;
    std::function<void()> end_threads;
};

/// Connects and starts nothing. `counters` must outlive it. Errors: bad_options.
[[nodiscard]] Result<Background> make_background(boost::asio::any_io_executor executor,
                                                 const ManagerOptions& options,
                                                 audit::SharedSealer sealer,
                                                 runtime::AtomicCounters& counters);

}  // namespace vedfolnir::compose
