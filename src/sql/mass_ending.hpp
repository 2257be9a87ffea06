// Ending many sessions in one transaction of set-based statements.
#pragma once

#include "audit/personal.hpp"
#include "sql/database.hpp"
#include "vedfolnir/async/mass_ending.hpp"

#include <memory>

namespace vedfolnir::sql {

class SqlMassEnding final : public async::MassEnding {
public:
    SqlMassEnding(std::shared_ptr<Database> database, audit::SharedSealer sealer)
        : database_(std::move(database)), sealer_(std::move(sealer)) {}

    [[nodiscard]] async::Task<ScopeCount> count(EndScope scope, TimePoint now,
                                                Deadline deadline) override;
    [[nodiscard]] async::Task<bool> announce(async::Emergency emergency,
                                             Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::Emergency>> announced(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> take(async::Emergency seen, TimePoint now,
                                         Deadline deadline) override;
    [[nodiscard]] async::Task<async::EndReceipt> end_scope(EndScope scope, EndReason reason,
                                                           async::AuditEvent event, TimePoint until,
                                                           Deadline deadline) override;

private:
    std::shared_ptr<Database> database_;
    audit::SharedSealer sealer_;
};

}  // namespace vedfolnir::sql
