// Copies of changed records in SQL.
#pragma once

#include "jobs/cleanup.hpp"
#include "jobs/job.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace vedfolnir::jobs {

/// What is kept of a record: other sealed bytes for the same key. Empty: it does not open, and is not worth a copy.
using Abridge = std::function<std::optional<std::string>(const StoreKey& key, std::string record)>;

/// Records that changed are copied and then taken off the hot store's list, unless they changed again meanwhile.
[[nodiscard]] Job snapshots(Stores stores, Abridge abridge, const JobOptions& options);

}  // namespace vedfolnir::jobs
