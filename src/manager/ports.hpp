// What the manager stands on: the stores behind their contracts, and a way to say what went wrong.
#pragma once

#include "crypto/key_ring.hpp"
#include "crypto/random.hpp"
#include "runtime/abridge.hpp"
#include "runtime/background.hpp"
#include "runtime/counters.hpp"
#include "runtime/near_cache.hpp"
#include "vedfolnir/async/archive.hpp"
#include "vedfolnir/async/journal.hpp"
#include "vedfolnir/async/mass_ending.hpp"
#include "vedfolnir/async/recovery.hpp"
#include "vedfolnir/async/store.hpp"
#include "vedfolnir/async/store_figures.hpp"
#include "vedfolnir/options.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <string_view>

namespace vedfolnir::manager {

struct Ports {
    std::shared_ptr<async::SessionStore> store;
    std::shared_ptr<async::Archive> archive;
    std::shared_ptr<async::StoreFigures> figures{};  ///< Empty: the store has none.
    /// In front of `store`; null: none.
    std::shared_ptr<runtime::NearCache> near{};
    /// Null: nothing is written down while SQL is away.
    std::shared_ptr<async::Journal> journal{};
    /// Ends the threads of the stores; empty: they have none. Called once the loop has stopped, before it goes: nobody
    /// may post to a loop that is being destroyed.
    std::function<void()> end_threads{};
    /// Work beside the requests; null: none.
    std::shared_ptr<runtime::Background> background{};
    /// Where `store` can stand on the database; null: it cannot.
    std::shared_ptr<async::Recovery> recovery{};
    std::shared_ptr<async::MassEnding> mass_ending{};  ///< Null: the archive has none.
    /// What the archive keeps of a new login's record beside its row; empty: nothing. See runtime::Abridge.
    runtime::Abridge copy{};
};

/// Receives errors that no caller waits for; for the operator's log. Called on the runtime's thread.
using Report = std::function<void(std::string_view what, const Error& error)>;

/// Everything that outlives the runtime of one process. The references must outlive the Core.
struct CoreSettings {
    const ManagerOptions& options;
    const crypto::KeyRing& ring;
    crypto::RandomSource& random;
    runtime::AtomicCounters& counters;
    boost::asio::any_io_executor executor;
    Report report;
};

}  // namespace vedfolnir::manager
