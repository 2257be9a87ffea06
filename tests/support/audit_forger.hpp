// What somebody does to the audit trail who may write everything but signatures. Header-only: one function.
#pragma once

#include "audit/entry.hpp"
#include "audit/tree.hpp"
#include "model/hex.hpp"
#include "sql/audit_trail.hpp"
#include "support/archive_client.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace vedfolnir::test {

/// Makes hashes and tree fit the first `total` rows as they stand now.
inline void make_hashes_fit(ArchiveClient& client, std::uint64_t total) {
    const auto done = client.write<bool>([total](sql::Connection& db) {
        audit::Frontier tree;
        for (auto& row : sql::list_stored(db, 0, total, static_cast<std::uint32_t>(total))) {
            row.entry.commitment = audit::commitment_to(row.personal);
            const auto leaf = audit::leaf_hash(audit::canonical_bytes(row.entry));
            tree.append(leaf);
            db.statement(fmt::format("UPDATE audit_events SET leaf_hash = '{}' WHERE id = {}",
                                     model::hex_encode(leaf), row.entry.position.id));
        }
        db.statement(fmt::format("UPDATE audit_trail SET size = {}, frontier = '{}'", tree.size(),
                                 tree.text()));
        return true;
    });
    ASSERT_TRUE(done) << done.error().detail;
}

}  // namespace vedfolnir::test
