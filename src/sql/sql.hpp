// Entry of the SQL layer: what composition needs to know.
#pragma once

#include "audit/personal.hpp"
#include "sql/database.hpp"
#include "sql/sql_fallback.hpp"
#include "vedfolnir/async/archive.hpp"
#include "vedfolnir/async/store.hpp"

#include <memory>

namespace vedfolnir::sql {

using audit::SharedSealer;

/// Both may share one database. They open nothing before the first call.
[[nodiscard]] std::shared_ptr<async::Archive> make_archive(std::shared_ptr<Database> database,
                                                           SharedSealer sealer);
[[nodiscard]] std::shared_ptr<async::SessionStore> make_store(std::shared_ptr<Database> database);

/// The stand-in for a hot store, and the sink of its snapshots.
[[nodiscard]] std::shared_ptr<SqlFallback> make_fallback(std::shared_ptr<Database> database,
                                                         SharedSealer sealer);

/// An archive on a database of its own. Errors: bad_options (the URL).
[[nodiscard]] Result<std::shared_ptr<async::Archive>> make_archive(
    const SqlOptions& options, const std::string& state_dir, SharedSealer sealer,
    runtime::AtomicCounters* counters);

}  // namespace vedfolnir::sql
