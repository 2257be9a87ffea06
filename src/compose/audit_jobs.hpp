// Background work on the audit trail's proof: signed heads, their copy, archives.
#pragma once

#include "audit/personal.hpp"
#include "compose/audit_archiver.hpp"
#include "jobs/job.hpp"
#include "sql/database.hpp"
#include "vedfolnir/options.hpp"

#include <memory>

namespace vedfolnir::compose {

/// Signs what is new and copies it. Where there is no key it does nothing; one that is made later is used from then on.
[[nodiscard]] jobs::Job audit_heads(std::shared_ptr<sql::Database> database,
                                    const ManagerOptions& options);

/// Archives months that are over. Fails where no head covers one.
[[nodiscard]] jobs::Job audit_archive(std::shared_ptr<AuditArchiver> archiver,
                                      const ManagerOptions& options);

}  // namespace vedfolnir::compose
