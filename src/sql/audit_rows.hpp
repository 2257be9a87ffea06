// Entries of the audit trail as they are read: opened for operators, or as found for verification.
#pragma once

#include "audit/personal.hpp"
#include "audit/verifier.hpp"
#include "sql/connection.hpp"
#include "vedfolnir/async/archive.hpp"

#include <map>
#include <optional>

namespace vedfolnir::sql {

/// Columns of the queries that answer entries.
inline constexpr std::size_t event_columns = 11;

/// Opens what entries say of persons. An entry whose subject was erased has no user id and no actor, and the detail
/// {"erased":true,"subject":"…"}; one that does not open for another reason says {"unreadable":true,…} there.
class EventOpener {
public:
    /// Borrows both.
    EventOpener(Connection& db, const audit::Sealer& sealer) : db_(db), sealer_(sealer) {}
    /// Throws Failure (internal) when a column does not hold what the schema promises.
    [[nodiscard]] async::AuditEvent open(const Row& row);
    [[nodiscard]] async::AuditEvent open(const audit::StoredEntry& stored);

private:
    struct Key {
        bool erased = false;
        std::optional<audit::SubjectKey> key;
    };
    [[nodiscard]] const Key& key_of(const audit::SubjectKeyId& id);

    Connection& db_;
    const audit::Sealer& sealer_;
    std::map<audit::SubjectKeyId, Key> known_;
};

/// As found: a column that no writer would have written makes it unreadable, not a Failure.
[[nodiscard]] audit::StoredEntry read_stored(const Row& row);

}  // namespace vedfolnir::sql
