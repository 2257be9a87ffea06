// The stand-in for the hot store, as blocking SQL: snapshots, and what was written while the hot store was away.
#pragma once

#include "sql/audit_writer.hpp"
#include "sql/connection.hpp"
#include "sql/record_table.hpp"
#include "vedfolnir/async/fallback.hpp"
#include "vedfolnir/async/restore.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::sql {

// Each runs inside the caller's transaction and throws Failure. See async::FallbackStore and async::SnapshotSink for what
// they mean; empty: unknown here. `now` is the database's clock.

[[nodiscard]] async::FallbackRecord fallback_load(Connection& db, const StoreKey& key,
                                                  TimePoint now);
[[nodiscard]] std::optional<async::SaveReply> fallback_save(Connection& db,
                                                            std::uint64_t expected_generation,
                                                            RecordWrite write);
[[nodiscard]] std::optional<async::TouchStatus> fallback_touch(Connection& db, RecordWrite write);
/// `note.ahead` is not used; `life` says how long the hot store may have to be told.
[[nodiscard]] bool fallback_erase(Connection& db, const RecordWrite& note, Millis life);
[[nodiscard]] async::EndReply fallback_end(Connection& db, const async::EndOrder& order,
                                           Millis life, TimePoint now);
[[nodiscard]] std::vector<async::IndexEntry> fallback_list(Connection& db, const UserTag& user,
                                                           TimePoint now);

[[nodiscard]] std::vector<async::AheadRow> list_ahead(Connection& db,
                                                      const std::optional<StoreKey>& after,
                                                      std::uint32_t limit, TimePoint now);
[[nodiscard]] std::uint32_t settle_rows(Connection& db, const std::vector<async::Settled>& told,
                                        TimePoint now);

[[nodiscard]] FallbackState fallback_state(Connection& db);
[[nodiscard]] FallbackState set_fallback_mode(Connection& db, const Auditor& auditor,
                                              FallbackMode mode, const std::string& actor);

/// Of a login that is being confirmed: its session is open, under this key.
void put_first_copy(Connection& db, const async::Snapshot& copy, TimePoint now);
[[nodiscard]] std::uint32_t put_snapshots(Connection& db,
                                          const std::vector<async::Snapshot>& snapshots,
                                          TimePoint now);

}  // namespace vedfolnir::sql
