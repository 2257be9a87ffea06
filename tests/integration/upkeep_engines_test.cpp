// What background work asks of SQL, on each engine: batches by a few statements, fences, and one lease.
#include "model/record.hpp"
#include "sql/fallback_table.hpp"
#include "sql/survey.hpp"
#include "sql/upkeep.hpp"
#include "support/archive_client.hpp"
#include "support/audit_sealer.hpp"
#include "support/sql_server.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace vedfolnir::test {
namespace {

using async::FallbackRecord;
using Knows = FallbackRecord::Knows;

constexpr Millis ttl{600'000};
constexpr std::uint32_t many = 300;

class UpkeepEngines : public testing::TestWithParam<SqlEngine> {
protected:
    UpkeepEngines() {
        client_ = std::make_unique<ArchiveClient>(where_);
        fallback_ = sql::make_fallback(client_->shared_database(), audit_sealer());
        upkeep_ = std::make_unique<sql::SqlUpkeep>(client_->shared_database(), audit_sealer());
    }
    static Deadline soon() { return deadline_in(patience); }
    template <class T>
    T run(async::Task<T> task) {
        auto result = client_->run(std::move(task));
        EXPECT_TRUE(result) << result.error().detail;
        return result ? std::move(*result) : T{};
    }
    [[nodiscard]] TimePoint now() const { return client_->database().now(); }

    /// The record of session `number` as the hot store would hold it. `generation` is also its clock and content.
    [[nodiscard]] async::Snapshot snapshot(std::uint32_t number, std::uint64_t generation,
                                           UserTag user = ArchiveClient::tag()) const {
        model::RecordHeader header;
        header.handle = ArchiveClient::handle(number);
        header.user = user;
        header.absolute_expiry = now() + std::chrono::hours(24);
        header.generation = generation;
        header.clock = model::next_clock(0, now()) + generation;
        return {ArchiveClient::key(number),
                model::pack_header(header) + "sealed " + std::to_string(generation), ttl};
    }
    std::uint32_t put(std::uint32_t first, std::uint32_t count, std::uint64_t generation) {
        std::vector<async::Snapshot> batch;
        for (std::uint32_t i = 0; i < count; ++i) batch.push_back(snapshot(first + i, generation));
        return run(fallback_->put_snapshots(std::move(batch), soon()));
    }
    FallbackRecord load(std::uint32_t number) {
        return run(fallback_->load(ArchiveClient::key(number), soon()));
    }
    std::string body(std::uint32_t number) {
        const auto found = load(number);
        return found.knows == Knows::found ? found.bytes.substr(model::offset::body) : "";
    }
    [[nodiscard]] async::Snapshot visitor(std::uint32_t number, std::uint64_t generation) const {
        return snapshot(number, generation, UserTag{});
    }
    /// A visitor came while the hot store was away.
    void write_ahead(std::uint32_t number) {
        const auto written = visitor(number, 1);
        ASSERT_EQ(run(fallback_->create(written.key, written.record, ttl, soon())),
                  async::CreateStatus::created);
    }
    std::vector<async::AheadRow> ahead() { return run(fallback_->ahead({}, many, soon())); }
    static async::AheadRow row_of(const std::vector<async::AheadRow>& rows, std::uint32_t number) {
        const auto found =
            std::ranges::find(rows, ArchiveClient::key(number), &async::AheadRow::key);
        EXPECT_NE(found, rows.end());
        return found == rows.end() ? async::AheadRow{} : *found;
    }
    template <class Work>
    std::uint64_t statements(Work work) const {
        const auto before = client_->statements();
        work();
        return client_->statements() - before;
    }
    static async::Gone gone(std::uint32_t number) {
        return {ArchiveClient::key(number), ArchiveClient::handle(number), {}};
    }

    const TemporaryFolder folder_;
    const std::string where_ = fresh_database(GetParam(), folder_.file("sessions.db"));
    std::unique_ptr<ArchiveClient> client_;
    std::shared_ptr<sql::SqlFallback> fallback_;
    std::unique_ptr<sql::SqlUpkeep> upkeep_;
};

INSTANTIATE_TEST_SUITE_P(Engines, UpkeepEngines,
                         testing::Values(SqlEngine::sqlite, SqlEngine::postgresql,
                                         SqlEngine::mysql),
                         [](const auto& tested) { return engine_name(tested.param); });

// ids: S35 S36
TEST_P(UpkeepEngines, batch_of_snapshots_takes_a_few_statements_and_keeps_the_newest_of_each) {
    ASSERT_EQ(put(0, many, 1), many);
    const auto before = client_->statements();
    // Half of them are known already.
    EXPECT_EQ(put(many / 2, many, 2), many);
    EXPECT_LT(client_->statements() - before, 10U);
    EXPECT_EQ(body(0), "sealed 1");
    EXPECT_EQ(body(many / 2), "sealed 2");
    EXPECT_EQ(body(many + many / 2 - 1), "sealed 2");
    EXPECT_EQ(put(many / 2, 1, 1), 0U);
    EXPECT_EQ(body(many / 2), "sealed 2");

    std::vector<async::Snapshot> twice{snapshot(5, 4), snapshot(5, 3)};
    EXPECT_EQ(run(fallback_->put_snapshots(std::move(twice), soon())), 1U);
    EXPECT_EQ(body(5), "sealed 4");
}

/// Where several write at once; SQLite has one writer.
class UpkeepOnServers : public UpkeepEngines {};

INSTANTIATE_TEST_SUITE_P(Engines, UpkeepOnServers,
                         testing::Values(SqlEngine::postgresql, SqlEngine::mysql),
                         [](const auto& tested) { return engine_name(tested.param); });

// ids: S35 S36
TEST_P(UpkeepOnServers, batch_of_snapshots_bears_logins_that_store_their_first_copies_meanwhile) {
    constexpr std::uint32_t rounds = 15;
    constexpr std::uint32_t batch = 200;
    // Several workers, each with as many writers as the engine allows.
    std::vector<std::unique_ptr<ArchiveClient>> workers;
    for (int i = 0; i < 3; ++i) workers.push_back(std::make_unique<ArchiveClient>(where_));
    for (const auto& worker : workers) EXPECT_TRUE(worker->sessions().empty());  // it is open
    for (std::uint32_t round = 0; round < rounds; ++round) {
        const auto first = round * batch;
        std::atomic<std::uint32_t> next{first};
        std::vector<std::future<void>> logins;
        for (int i = 0; i < 12; ++i) {
            auto& worker = *workers[static_cast<std::size_t>(i) % workers.size()];
            logins.push_back(std::async(std::launch::async, [&] {
                for (auto number = next++; number < first + batch; number = next++) {
                    const auto stored =
                        worker.write<bool>([copy = snapshot(number, 1), time = now()](auto& db) {
                            sql::put_first_copy(db, copy, time);
                            return true;
                        });
                    EXPECT_TRUE(stored) << stored.error().detail;
                }
            }));
        }
        put(first, batch, 2);
        logins.clear();
        for (auto number = first; number < first + batch; ++number)
            ASSERT_EQ(body(number), "sealed 2") << number;
    }
}

// ids: S37 S36 S74
TEST_P(UpkeepEngines, way_back_takes_as_many_statements_for_many_rows_as_for_few) {
    struct Cost {
        std::uint64_t listing = 0;
        std::uint64_t settling = 0;
    };
    const std::array bodies{"sealed 1", "sealed 2", ""};
    // A third stays, a third gives way to what the hot store holds, a third goes.
    const auto cost = [&](std::uint32_t first, std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) write_ahead(first + i);
        std::vector<async::AheadRow> rows;
        Cost took;
        took.listing = statements([&] { rows = ahead(); });
        EXPECT_EQ(rows.size(), count);
        std::vector<async::Settled> told;
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::string newer = i % 3 == 1 ? visitor(first + i, 2).record : "";
            told.push_back({row_of(rows, first + i), i % 3 != 2, newer});
        }
        took.settling = statements([&] { EXPECT_EQ(run(fallback_->settle(told, soon())), count); });
        EXPECT_TRUE(ahead().empty());
        for (std::uint32_t i = 0; i < count; ++i) EXPECT_EQ(body(first + i), bodies.at(i % 3));
        return took;
    };
    cost(0, 3);  // connects
    const Cost few = cost(10, 3);
    const Cost many_rows = cost(1000, 90);
    EXPECT_EQ(few.listing, many_rows.listing);
    EXPECT_EQ(few.settling, many_rows.settling);
}

// ids: S37 R9
TEST_P(UpkeepEngines, row_that_changed_since_it_was_listed_stays_ahead) {
    for (std::uint32_t i = 0; i < 4; ++i) write_ahead(i);
    const auto rows = ahead();
    ASSERT_EQ(rows.size(), 4U);
    const auto change = [&](std::uint32_t number) {
        const auto changed = visitor(number, 2);
        const auto reply = run(fallback_->save(changed.key, 1, changed.record, ttl, soon()));
        EXPECT_EQ(reply.status, async::SaveStatus::saved);
    };
    change(1);
    change(3);
    const std::vector<async::Settled> told{{row_of(rows, 3), false, {}},
                                           {row_of(rows, 2), false, {}},
                                           {row_of(rows, 1), true, visitor(1, 9).record},
                                           {row_of(rows, 0), true, {}}};
    EXPECT_EQ(run(fallback_->settle(told, soon())), 2U);
    EXPECT_EQ(ahead().size(), 2U);
    EXPECT_EQ(body(1), "sealed 2");
    EXPECT_EQ(body(3), "sealed 2");
    EXPECT_EQ(run(fallback_->settle(told, soon())), 0U);
}

// ids: S36 C08 C09
TEST_P(UpkeepEngines, what_ended_meanwhile_is_over_by_its_row_and_by_its_users_epoch) {
    const auto store = [&](std::uint32_t number) {
        ASSERT_TRUE(client_->login(number));
        const auto written = snapshot(number, 2);
        const auto reply = run(fallback_->save(written.key, 1, written.record, ttl, soon()));
        ASSERT_EQ(reply.status, async::SaveStatus::saved);
    };
    const auto over = [&](std::uint32_t number) {
        return row_of(ahead(), number).kind == async::AheadRow::Kind::over;
    };
    for (std::uint32_t i = 0; i < 3; ++i) store(i);
    EXPECT_FALSE(over(1));
    ASSERT_TRUE(client_->end(1));
    EXPECT_FALSE(over(0));
    EXPECT_TRUE(over(1));
    EXPECT_EQ(row_of(ahead(), 0).sequence, 1U);

    std::size_t listed = 0;
    const auto list = [&] {
        return statements(
            [&] { listed = run(fallback_->list_user(ArchiveClient::tag(), soon())).size(); });
    };
    const auto of_two = list();
    EXPECT_EQ(listed, 2U);
    for (std::uint32_t i = 10; i < 30; ++i) store(i);
    EXPECT_EQ(list(), of_two);
    EXPECT_EQ(listed, 22U);

    async::EndRequest everything;
    everything.user_id = "alice";
    everything.user = ArchiveClient::tag();
    everything.event = ArchiveClient::event("session.ended");
    ASSERT_TRUE(client_->run(client_->archive().end(std::move(everything), soon())));
    EXPECT_TRUE(over(0));
    EXPECT_TRUE(over(2));
}

// ids: S36 C08 C09
TEST_P(UpkeepEngines, snapshots_of_what_ended_are_left_out_of_a_batch) {
    for (std::uint32_t i = 0; i < 3; ++i) ASSERT_TRUE(client_->login(i));
    ASSERT_EQ(put(0, 2, 1), 2U);
    ASSERT_TRUE(client_->end(1));
    ASSERT_TRUE(client_->end(2));
    EXPECT_EQ(put(0, 3, 2), 1U);
    EXPECT_EQ(body(0), "sealed 2");
    EXPECT_EQ(load(1).knows, Knows::ended);
    EXPECT_EQ(load(2).knows, Knows::ended);

    async::EndRequest everything;
    everything.user_id = "alice";
    everything.user = ArchiveClient::tag();
    everything.event = ArchiveClient::event("session.ended");
    ASSERT_TRUE(client_->run(client_->archive().end(std::move(everything), soon())));
    EXPECT_EQ(put(0, 10, 3), 0U);
}

// ids: R1 R5 C08 S37
TEST_P(UpkeepEngines,
       copies_of_a_restored_database_are_dropped_where_the_hot_store_applied_more_endings) {
    for (std::uint32_t i = 0; i < 2; ++i) ASSERT_TRUE(client_->login(i));
    ASSERT_EQ(put(0, 2, 1), 2U);
    std::vector<std::uint64_t> marks(256, 0);
    const auto raise = [&] {
        return run(client_->archive().raise_sequences(
            marks, ArchiveClient::event("sql.older_than_marks"), soon()));
    };
    marks[ArchiveClient::key(0).shard + 1] = 7;
    EXPECT_EQ(raise(), 1U);
    EXPECT_EQ(body(0), "sealed 1") << "another shard lost endings";
    marks[ArchiveClient::key(0).shard] = 7;
    EXPECT_EQ(raise(), 1U);
    EXPECT_EQ(load(0).knows, Knows::unknown);
    EXPECT_EQ(load(1).knows, Knows::unknown);
    ASSERT_EQ(put(0, 2, 2), 2U) << "what lives is copied again";
    EXPECT_EQ(raise(), 0U);
    EXPECT_EQ(body(0), "sealed 2");
}

// ids: S26 S65
TEST_P(UpkeepEngines, rows_whose_record_is_gone_are_closed_with_an_event_unless_a_copy_lives) {
    std::vector<async::Gone> batch;
    for (std::uint32_t i = 0; i < 20; ++i) {
        ASSERT_TRUE(client_->login(i));
        batch.push_back(gone(i));
    }
    batch.push_back(gone(99));
    ASSERT_EQ(put(3, 1, 1), 1U);
    ASSERT_TRUE(client_->end(4));
    const auto until = ArchiveClient::start() + std::chrono::hours(1);
    const auto closed = run(upkeep_->close_gone({"cleanup", 1}, batch, until, soon()));
    EXPECT_EQ(closed.closed, 18U);
    ASSERT_EQ(closed.gone.size(), 20U);
    for (const async::Gone& each : closed.gone) {
        EXPECT_NE(each.handle, ArchiveClient::handle(3));
        EXPECT_EQ(each.user.anonymous(), each.handle == ArchiveClient::handle(99));
    }
    std::size_t expired = 0;
    for (const auto& event : client_->audit()) {
        if (event.type != "session.ended" || event.actor != "system") continue;
        ++expired;
        EXPECT_EQ(event.at, until);
    }
    EXPECT_EQ(expired, 18U);
    EXPECT_EQ(run(upkeep_->close_gone({"cleanup", 1}, batch, until, soon())).closed, 0U);
}

// ids: S68 S74
TEST_P(UpkeepEngines, rows_without_a_record_are_asked_for_and_closed_by_as_many_statements_as_one) {
    sql::SqlSurvey survey(client_->shared_database());
    const auto until = ArchiveClient::start() + std::chrono::hours(1);
    const auto cost = [&](std::uint32_t first, std::uint32_t count) {
        std::vector<async::Gone> rows;
        std::vector<StoreKey> keys;
        for (std::uint32_t i = first; i < first + count; ++i) {
            EXPECT_TRUE(client_->login(i));
            rows.push_back(gone(i));
            keys.push_back(ArchiveClient::key(i));
        }
        return statements([&] {
            EXPECT_TRUE(run(survey.alive(keys, soon())).empty());
            EXPECT_EQ(run(upkeep_->close_gone({"fsck", 0}, rows, until, soon())).closed, count);
        });
    };
    cost(0, 1);  // connects
    const auto of_one = cost(1, 1);
    EXPECT_EQ(cost(10, 60), of_one);
}

// ids: S25 F19
TEST_P(UpkeepEngines, lower_fence_can_do_nothing_and_runs_add_up) {
    JobStatus row;
    row.job = "cleanup";
    row.fence = 5;
    row.holder = "first";
    row.outcome = "done";
    row.removed = row.removed_last = 7;
    row.runs = 1;
    ASSERT_TRUE(run(upkeep_->note_run(row, soon())));
    ASSERT_TRUE(run(upkeep_->note_run(row, soon())));
    row.fence = 4;
    const auto refused = client_->run(upkeep_->note_run(row, soon()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::denied);
    const auto jobs = run(upkeep_->jobs(soon()));
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs.front().removed, 14U);
    EXPECT_EQ(jobs.front().runs, 2U);
    EXPECT_EQ(jobs.front().fence, 5U);
}

// ids: S25
TEST_P(UpkeepEngines, lease_is_a_row_where_there_is_no_redis) {
    const auto take = [&](const std::string& holder) {
        return run(upkeep_->take(holder, Millis{60'000}, 0, soon()));
    };
    const auto first = take("first");
    EXPECT_TRUE(first.held);
    EXPECT_FALSE(take("second").held);
    EXPECT_EQ(take("second").holder, "first");
    EXPECT_EQ(take("first").fence, first.fence);
    EXPECT_TRUE(run(upkeep_->give_up("first", soon())));
    const auto second = take("second");
    EXPECT_TRUE(second.held);
    EXPECT_GT(second.fence, first.fence);
}

// ids: S36 S104
TEST_P(UpkeepEngines, copies_come_by_key_with_what_the_database_knows_of_them) {
    using Known = sql::Copy::Knows;
    for (std::uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(client_->login(i));
    ASSERT_EQ(put(0, 4, 1), 4U);
    auto short_lived = snapshot(4, 1);
    short_lived.ttl = Millis{1};
    std::vector<async::Snapshot> batch{short_lived};
    ASSERT_EQ(run(fallback_->put_snapshots(std::move(batch), soon())), 1U);
    const TimePoint made = now();
    ASSERT_TRUE(client_->end(2));
    sql::SqlSurvey survey(client_->shared_database());
    EXPECT_EQ(run(survey.count(soon())), 5U);
    ASSERT_TRUE(eventually([&] { return now() > made + Millis{1}; }));

    const auto first = run(survey.copies({}, 3, soon()));
    ASSERT_EQ(first.size(), 3U);
    auto rest = run(survey.copies(first.back().key.text(), 3, soon()));
    ASSERT_EQ(rest.size(), 2U);
    rest.insert(rest.end(), first.begin(), first.end());
    for (const sql::Copy& copy : rest) {
        const bool ended = copy.key == ArchiveClient::key(2);
        const bool expired = copy.key == ArchiveClient::key(4);
        EXPECT_EQ(copy.knows, ended ? Known::ended : expired ? Known::expired : Known::alive);
        EXPECT_EQ(copy.sequence, 1U);
        EXPECT_EQ(copy.bytes.empty(), ended || expired);
    }

    const std::vector<StoreKey> keys{ArchiveClient::key(1), ArchiveClient::key(2),
                                     ArchiveClient::key(99)};
    const TimePoint ended = ArchiveClient::start();
    EXPECT_EQ(run(survey.ended(keys, ended, soon())), std::vector{ArchiveClient::key(2)});
    EXPECT_TRUE(run(survey.ended(keys, ended - Millis{1}, soon())).empty());
    const std::vector<StoreKey> asked{ArchiveClient::key(4), ArchiveClient::key(1),
                                      ArchiveClient::key(99)};
    EXPECT_EQ(run(survey.alive(asked, soon())), std::vector{ArchiveClient::key(1)});
    EXPECT_TRUE(run(survey.remove(ArchiveClient::key(1), soon())));
    EXPECT_FALSE(run(survey.remove(ArchiveClient::key(1), soon())));
}

// ids: S27 S26 R4 S28
TEST_P(UpkeepEngines, retention_removes_so_many_rows_at_a_time_and_no_younger_ones) {
    for (std::uint32_t i = 0; i < 5; ++i) {
        ASSERT_TRUE(client_->login(i));
        ASSERT_TRUE(client_->end(i));
    }
    ASSERT_TRUE(client_->login(9));
    const auto purge = [&](async::Retained rows, TimePoint before) {
        return run(upkeep_->purge({"retention", 1}, rows, before, 3, soon()));
    };
    const TimePoint old = ArchiveClient::start() - std::chrono::hours(1);
    const TimePoint later = now() + std::chrono::hours(1000);
    for (const auto rows :
         {async::Retained::sessions, async::Retained::audit, async::Retained::revocations})
        EXPECT_EQ(purge(rows, old), 0U);
    EXPECT_EQ(purge(async::Retained::sessions, later), 3U);
    EXPECT_EQ(purge(async::Retained::sessions, later), 2U);
    EXPECT_EQ(purge(async::Retained::sessions, later), 0U) << "an open row stays";
    EXPECT_EQ(purge(async::Retained::revocations, later), 3U);
    EXPECT_EQ(purge(async::Retained::revocations, later), 2U);
    const auto events = client_->audit().size();
    EXPECT_EQ(purge(async::Retained::audit, later), 0U) << "the open partition stays";
    EXPECT_EQ(client_->audit().size(), events);
}

/// Only MariaDB counts at once what it read; for SQLite see test_query_plans.py.
class UpkeepOnMariaDb : public UpkeepEngines {};

INSTANTIATE_TEST_SUITE_P(Engine, UpkeepOnMariaDb, testing::Values(SqlEngine::mysql),
                         [](const auto& tested) { return engine_name(tested.param); });

// ids: S35 S74
TEST_P(UpkeepOnMariaDb, batch_reads_as_many_rows_as_it_has_whatever_the_table_holds) {
    // The database counts its rows when it finds time; a plan by counts of an empty table must do as well.
    SqlServer::shared(GetParam()).shell()->run("SET GLOBAL innodb_stats_auto_recalc = OFF");
    for (std::uint32_t first = 0; first < 6 * many; first += many)
        ASSERT_EQ(put(first, many, 1), many);
    const auto shell = SqlServer::shared(GetParam()).shell();
    const auto rows_read = [&] {
        std::uint64_t sum = 0;
        for (const auto& row : shell->run("SHOW GLOBAL STATUS LIKE 'Handler_read%'"))
            sum += std::stoull(row.at(1));
        return sum;
    };
    const auto before = rows_read();
    ASSERT_EQ(put(0, 10, 2), 10U);
    EXPECT_LT(rows_read() - before, std::uint64_t{many});
}

}  // namespace
}  // namespace vedfolnir::test
