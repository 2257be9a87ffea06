// Entry of the SQL layer: what composition needs to know.
#pragma once

#include "audit/personal.hpp"
#include "sql/database.hpp"
#include "vedfolnir/async/archive.hpp"
#include "vedfolnir/async/store.hpp"

#include <memory>

namespace vedfolnir::sql {

/// Seals what the audit trail says of persons. Must be of the same key ring in every process.
using SharedSealer = std::shared_ptr<const audit::Sealer>;

/// Both may share one database. They open nothing before the first call.
[[nodiscard]] std::shared_ptr<async::Archive> make_archive(std::shared_ptr<Database> database,
                                                           SharedSealer sealer);
[[nodiscard]] std::shared_ptr<async::SessionStore> make_store(std::shared_ptr<Database> database);

/// An archive on a database of its own. Errors: bad_options (the URL).
[[nodiscard]] Result<std::shared_ptr<async::Archive>> make_archive(
    const SqlOptions& options, const std::string& state_dir, SharedSealer sealer,
    runtime::AtomicCounters* counters);

}  // namespace vedfolnir::sql
