// Signs heads of the audit trail, and copies them to where its database does not reach.
#pragma once

#include "audit/head.hpp"
#include "crypto/signature.hpp"
#include "runtime/blocking_pool.hpp"
#include "sql/database.hpp"
#include "vedfolnir/async/upkeep.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace vedfolnir::compose {

/// Files are read and written on a thread of its own, which starts on first use. One executor; must outlive its tasks.
class AuditSigner {
public:
    AuditSigner(std::shared_ptr<sql::Database> database, Millis step_timeout)
        : database_(std::move(database)), step_timeout_(step_timeout) {}

    /// The key that stands in the file now; empty if there is none. Errors: key_unavailable.
    [[nodiscard]] async::Task<std::optional<crypto::SigningKey>> key(std::string path);
    /// Signs what no head covers yet; how many heads it made. Errors: audit_unavailable, denied (the ticket).
    [[nodiscard]] async::Task<std::size_t> sign(crypto::SigningKey key,
                                                std::optional<async::Ticket> ticket);
    /// Appends to the file what it does not hold yet; how many heads that were. Errors: audit_unavailable, bad_value (it
    /// holds something else), conflict (it holds another head).
    [[nodiscard]] async::Task<std::size_t> copy(std::string path);

private:
    [[nodiscard]] Deadline step() const { return deadline_in(step_timeout_); }
    [[nodiscard]] runtime::BlockingPool& files();
    /// The number of the last head there; 0: none.
    [[nodiscard]] async::Task<std::uint64_t> last_copied(std::string path);

    std::shared_ptr<sql::Database> database_;
    Millis step_timeout_;
    std::unique_ptr<runtime::BlockingPool> files_;
};

}  // namespace vedfolnir::compose
