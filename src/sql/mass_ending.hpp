// Ending many sessions in one transaction of set-based statements.
#pragma once

#include "sql/database.hpp"
#include "vedfolnir/async/mass_ending.hpp"

#include <memory>

namespace vedfolnir::sql {

class SqlMassEnding final : public async::MassEnding {
public:
    explicit SqlMassEnding(std::shared_ptr<Database> database) : database_(std::move(database)) {}

    [[nodiscard]] async::Task<ScopeCount> count(EndScope scope, TimePoint now,
                                                Deadline deadline) override;
    [[nodiscard]] async::Task<async::EndReceipt> end_scope(EndScope scope, EndReason reason,
                                                           async::AuditEvent event, TimePoint until,
                                                           Deadline deadline) override;

private:
    std::shared_ptr<Database> database_;
};

}  // namespace vedfolnir::sql
