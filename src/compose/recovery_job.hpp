// Background work: what Redis lost in a restart, a failover or by a backup comes back from the copies in SQL.
#pragma once

#include "audit/personal.hpp"
#include "jobs/job.hpp"
#include "sql/database.hpp"
#include "vedfolnir/options.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace vedfolnir::compose {

/// `vedfolnir recover` beside the requests, whenever Redis began another life (restart, failover, backup): it may have lost changes that
/// were copied. `options` must outlive the job.
[[nodiscard]] jobs::Job recovery_job(boost::asio::any_io_executor executor,
                                     const ManagerOptions& options,
                                     std::shared_ptr<sql::Database> database,
                                     audit::SharedSealer sealer);

}  // namespace vedfolnir::compose
