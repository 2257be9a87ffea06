// The database as the stand-in for the hot store: what it says of a record, what it takes, and what it owes afterwards.
#include "model/bytes.hpp"
#include "model/record.hpp"
#include "support/archive_client.hpp"
#include "support/audit_sealer.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

namespace vedfolnir::test {
namespace {

using async::FallbackRecord;
using async::SaveStatus;
using Knows = async::FallbackRecord::Knows;
using Kind = async::AheadRow::Kind;

constexpr Millis ttl{600'000};
constexpr Millis life{86'400'000};

struct Sample {
    StoreKey key;
    model::RecordHeader header;
    std::string body = "sealed";

    [[nodiscard]] std::string bytes() const { return model::pack_header(header) + body; }
    [[nodiscard]] Sample next(std::string text) const {
        Sample sample = *this;
        ++sample.header.generation;
        sample.header.clock += 65'536;
        sample.header.operation.fill(static_cast<std::uint8_t>(sample.header.generation + 100));
        sample.body = std::move(text);
        return sample;
    }
};

class SqlFallbackTest : public testing::Test {
protected:
    SqlFallbackTest() {
        SqlOptions options;
        options.url = "sqlite:///" + folder_.file("sessions.db");
        options.statement_timeout = patience;
        sql::DatabaseSettings settings;
        settings.clock = [this] { return now(); };
        settings.counters = &counters_;
        database_ = sql::make_database(options, {}, settings).value();
        archive_ = sql::make_archive(database_, audit_sealer());
        fallback_ = sql::make_fallback(database_, audit_sealer());
    }
    ~SqlFallbackTest() override { runtime_.stop(); }

    static Deadline soon() { return deadline_in(patience); }
    template <class T>
    T run(async::Task<T> task) {
        auto result = runtime::run_sync(runtime_, std::move(task), soon());
        if (!result) {
            ADD_FAILURE() << result.error().detail;
            return T{};
        }
        return std::move(*result);
    }
    template <class T>
    Result<T> attempt(async::Task<T> task) {
        return runtime::run_sync(runtime_, std::move(task), soon());
    }

    [[nodiscard]] TimePoint now() const { return TimePoint(Millis(now_.load())); }

    /// The record of a session that SQL knows, as the hot store would hold it.
    Sample login(std::uint32_t number) {
        run(archive_->begin_login(ArchiveClient::login_order(number), soon()));
        Sample sample;
        sample.key = ArchiveClient::key(number);
        sample.header.handle = ArchiveClient::handle(number);
        sample.header.user = ArchiveClient::tag();
        sample.header.created = sample.header.last_seen = now();
        sample.header.absolute_expiry = now() + std::chrono::hours(24);
        sample.header.clock = model::next_clock(0, now());
        return sample;
    }
    Sample anonymous(std::uint8_t number) {
        Sample sample;
        sample.key.digest.fill(number);
        sample.header.handle.bytes.fill(number);
        sample.header.last_seen = now();
        sample.header.absolute_expiry = now() + std::chrono::hours(24);
        sample.header.clock = model::next_clock(0, now());
        return sample;
    }
    async::EndReceipt log_out(std::uint32_t number) {
        async::EndRequest request;
        request.handle = ArchiveClient::handle(number);
        request.event = ArchiveClient::event("session.ended");
        return run(archive_->end(std::move(request), soon()));
    }

    std::uint32_t put(const Sample& sample, Millis time = ttl) {
        async::Snapshot snapshot{sample.key, sample.bytes(), time};
        std::vector<async::Snapshot> snapshots;
        snapshots.push_back(std::move(snapshot));
        return run(fallback_->put_snapshots(std::move(snapshots), soon()));
    }
    FallbackRecord load(const Sample& sample) { return run(fallback_->load(sample.key, soon())); }
    Knows knows(const Sample& sample) { return load(sample).knows; }
    Result<async::SaveReply> save(const Sample& sample, std::uint64_t expected) {
        return attempt(fallback_->save(sample.key, expected, sample.bytes(), ttl, soon()));
    }
    SaveStatus saved(const Sample& sample, std::uint64_t expected) {
        const auto reply = save(sample, expected);
        EXPECT_TRUE(reply) << reply.error().detail;
        return reply ? reply->status : SaveStatus::gone;
    }
    std::vector<async::AheadRow> ahead() { return run(fallback_->ahead({}, 100, soon())); }
    static std::string body_of(const std::string& record) {
        return record.size() < model::offset::body ? "" : record.substr(model::offset::body);
    }

    TemporaryFolder folder_;
    std::atomic<std::int64_t> now_{ArchiveClient::start().time_since_epoch().count()};
    runtime::AtomicCounters counters_;
    runtime::Runtime runtime_;
    std::shared_ptr<sql::Database> database_;
    std::shared_ptr<async::Archive> archive_;
    std::shared_ptr<sql::SqlFallback> fallback_;
};

// ids: S35 S36
TEST_F(SqlFallbackTest, a_snapshot_is_found_and_owes_nothing) {
    const Sample sample = login(1);
    EXPECT_EQ(knows(sample), Knows::unknown);
    EXPECT_EQ(put(sample), 1U);
    const auto found = load(sample);
    EXPECT_EQ(found.knows, Knows::found);
    EXPECT_EQ(found.bytes, sample.bytes());
    EXPECT_EQ(found.ttl, ttl);
    EXPECT_FALSE(found.ahead);
    EXPECT_TRUE(ahead().empty());
}

// ids: R6 S35
TEST_F(SqlFallbackTest, an_older_snapshot_replaces_nothing) {
    const Sample first = login(1);
    const Sample second = first.next("second");
    EXPECT_EQ(put(second), 1U);
    EXPECT_EQ(put(first), 0U);
    EXPECT_EQ(load(first).bytes, second.bytes());
    Sample same = second;
    same.header.last_seen += Millis{1000};
    EXPECT_EQ(put(same), 1U) << "activity alone is news, too";
}

// ids: S35 E5
TEST_F(SqlFallbackTest, a_snapshot_of_an_anonymous_record_is_refused) {
    const Sample sample = anonymous(1);
    std::vector<async::Snapshot> snapshots;
    snapshots.push_back({sample.key, sample.bytes(), ttl});
    EXPECT_FALSE(attempt(fallback_->put_snapshots(std::move(snapshots), soon())));
}

// ids: S36 C08 R1
TEST_F(SqlFallbackTest, what_ended_in_SQL_is_over_and_takes_no_snapshot) {
    const Sample sample = login(1);
    ASSERT_EQ(put(sample), 1U);
    log_out(1);
    EXPECT_EQ(knows(sample), Knows::ended);
    EXPECT_EQ(saved(sample.next("late"), 1), SaveStatus::gone);
    EXPECT_EQ(run(fallback_->touch(sample.key, ttl, soon())), async::TouchStatus::gone);
    EXPECT_EQ(put(sample.next("later")), 0U);
    EXPECT_EQ(knows(sample), Knows::ended);
}

// ids: S36 C09
TEST_F(SqlFallbackTest, an_ended_user_is_over_by_the_epoch) {
    const Sample sample = login(1);
    ASSERT_EQ(put(sample), 1U);
    async::EndRequest request;
    request.user_id = "alice";
    request.user = ArchiveClient::tag();
    request.event = ArchiveClient::event("session.ended");
    run(archive_->end(std::move(request), soon()));
    EXPECT_EQ(knows(sample), Knows::ended);
    EXPECT_EQ(saved(sample.next("late"), 1), SaveStatus::gone);
}

// ids: S8 S36
TEST_F(SqlFallbackTest, an_idle_snapshot_is_unknown_and_past_its_absolute_end_it_is_over) {
    const Sample sample = login(1);
    ASSERT_EQ(put(sample), 1U);
    now_ += ttl.count();
    EXPECT_EQ(knows(sample), Knows::unknown) << "the hot store may have seen activity since";
    EXPECT_EQ(saved(sample.next("the caller loaded it"), 1), SaveStatus::saved);
    now_ += ttl.count();
    EXPECT_EQ(knows(sample), Knows::ended) << "activity of an outage was seen here";
}

// ids: S37 S35
TEST_F(SqlFallbackTest, a_record_begins_by_a_login_and_by_a_save_over_one_connection) {
    const Sample begun = login(1);
    EXPECT_EQ(run(fallback_->create(begun.key, begun.bytes(), ttl, soon())),
              async::CreateStatus::created);
    const Sample loaded = login(2);
    EXPECT_EQ(saved(loaded.next("of the hot store"), 1), SaveStatus::saved);
    EXPECT_EQ(load(loaded).bytes, loaded.next("of the hot store").bytes());
}

// ids: S37 S22
TEST_F(SqlFallbackTest, saves_compare_generations_as_the_hot_store_does) {
    const Sample first = login(1);
    ASSERT_EQ(put(first), 1U);
    const Sample second = first.next("second");
    EXPECT_EQ(saved(second, 1), SaveStatus::saved);
    EXPECT_EQ(saved(second, 1), SaveStatus::saved) << "the same operation again";
    const auto conflict = save(first.next("other").next("loser"), 1);
    ASSERT_TRUE(conflict);
    EXPECT_EQ(conflict->status, SaveStatus::conflict);
    EXPECT_EQ(body_of(conflict->current), "second");
    EXPECT_TRUE(load(first).ahead);
    EXPECT_EQ(put(second.next("a snapshot made before the outage")), 0U)
        << "what was written here is reconciled, not overwritten";
}

// ids: S37 R6
TEST_F(SqlFallbackTest, a_save_over_an_older_snapshot_loses_nothing_newer) {
    const Sample snapshot = login(1);
    ASSERT_EQ(put(snapshot), 1U);
    // The hot store went on to generation 3 before it went away; the request loaded that.
    const Sample loaded = snapshot.next("second").next("third");
    EXPECT_EQ(saved(loaded.next("fourth"), loaded.header.generation), SaveStatus::saved);
    EXPECT_EQ(body_of(load(snapshot).bytes), "fourth");
    EXPECT_EQ(saved(snapshot.next("second again"), 1), SaveStatus::conflict);
}

// ids: S37
TEST_F(SqlFallbackTest, a_save_without_a_snapshot_needs_an_open_session) {
    const Sample known = login(1);
    EXPECT_EQ(saved(known.next("second"), 1), SaveStatus::saved);
    EXPECT_EQ(body_of(load(known).bytes), "second");

    const auto unknown = save(anonymous(1).next("second"), 1);
    ASSERT_FALSE(unknown) << "an anonymous session that is not kept here is never overwritten";
    EXPECT_EQ(unknown.error().code, Errc::store_unavailable);
    Sample stranger = known;
    stranger.key.digest.fill(9);
    EXPECT_FALSE(save(stranger.next("second"), 1));
}

// ids: S37 S14
TEST_F(SqlFallbackTest, an_anonymous_session_can_begin_here) {
    const Sample sample = anonymous(1);
    EXPECT_EQ(run(fallback_->create(sample.key, sample.bytes(), ttl, soon())),
              async::CreateStatus::created);
    EXPECT_EQ(run(fallback_->create(sample.key, sample.bytes(), ttl, soon())),
              async::CreateStatus::exists);
    EXPECT_EQ(saved(sample.next("second"), 1), SaveStatus::saved);
    const auto rows = ahead();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows.front().kind, Kind::record);
    EXPECT_EQ(body_of(rows.front().bytes), "second");
}

// ids: S23 S37
TEST_F(SqlFallbackTest, a_touch_is_remembered) {
    const Sample sample = login(1);
    EXPECT_FALSE(attempt(fallback_->touch(sample.key, ttl, soon()))) << "not kept here";
    ASSERT_EQ(put(sample), 1U);
    now_ += 1000;
    EXPECT_EQ(run(fallback_->touch(sample.key, ttl, soon())), async::TouchStatus::touched);
    const auto rows = ahead();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(model::get_be<std::int64_t>(rows.front().bytes, model::offset::last_seen), now_);
}

// ids: V06 S37
TEST_F(SqlFallbackTest, an_erasure_is_owed_even_of_what_is_not_kept_here) {
    const Sample sample = anonymous(1);
    const std::string note = model::pack_note({.until = now() + Millis{10'000}});
    EXPECT_FALSE(run(fallback_->erase(sample.key, note, Millis{10'000}, life, soon())));
    EXPECT_EQ(load(sample).bytes, note);
    EXPECT_EQ(saved(sample.next("late"), 1), SaveStatus::moved);
    now_ += 10'000;
    EXPECT_EQ(knows(sample), Knows::ended);
    EXPECT_EQ(saved(sample.next("late"), 1), SaveStatus::gone);
    const auto rows = ahead();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows.front().kind, Kind::erased);
    // New sessions remove what has expired, but not what the hot store must still be told.
    const Sample other = anonymous(2);
    run(fallback_->create(other.key, other.bytes(), ttl, soon()));
    EXPECT_EQ(ahead().size(), 2U);
}

// ids: S36 C08
TEST_F(SqlFallbackTest, an_ending_removes_the_record_and_is_announced) {
    const Sample sample = login(1);
    ASSERT_EQ(put(sample), 1U);
    const auto held = run(fallback_->state(soon())).held;
    auto receipt = log_out(1);
    ASSERT_EQ(receipt.orders.size(), 1U);
    const auto reply = run(fallback_->end(receipt.orders.front(), life, soon()));
    EXPECT_TRUE(reply.held);
    EXPECT_EQ(reply.removed, 1U);
    EXPECT_TRUE(ahead().empty()) << "the marks tell the hot store";
    EXPECT_EQ(run(fallback_->state(soon())).held, held + 1);

    async::EndOrder unknown_to_sql;
    const Sample visitor = anonymous(3);
    unknown_to_sql.shard = visitor.key.shard;
    unknown_to_sql.keys = {visitor.key};
    EXPECT_EQ(run(fallback_->end(unknown_to_sql, life, soon())).removed, 0U);
    EXPECT_EQ(knows(visitor), Knows::ended);
    ASSERT_EQ(ahead().size(), 1U) << "nothing else would tell the hot store";
    EXPECT_EQ(ahead().front().kind, Kind::erased);
}

// ids: S37 R9
TEST_F(SqlFallbackTest, what_was_told_is_settled_once_and_what_changed_meanwhile_stays) {
    const Sample first = login(1);
    const Sample second = login(2);
    const Sample third = login(3);
    for (const Sample& sample : {first, second, third})
        ASSERT_EQ(saved(sample.next("second"), 1), SaveStatus::saved);
    auto rows = ahead();
    ASSERT_EQ(rows.size(), 3U);
    ASSERT_EQ(saved(second.next("second").next("third"), 2), SaveStatus::saved);
    const Sample newer = third.next("second").next("in the hot store");
    std::vector<async::Settled> told{
        {rows[0], true, {}}, {rows[1], true, {}}, {rows[2], true, newer.bytes()}};
    EXPECT_EQ(run(fallback_->settle(told, soon())), 2U);
    EXPECT_EQ(run(fallback_->settle(told, soon())), 0U);
    rows = ahead();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows.front().key, second.key);
    EXPECT_EQ(load(third).bytes, newer.bytes());
    EXPECT_EQ(run(fallback_->ahead(rows.front().key, 100, soon())).size(), 0U);
}

// ids: S36 C08
TEST_F(SqlFallbackTest, a_session_that_ended_after_its_change_is_not_told) {
    const Sample sample = login(1);
    ASSERT_EQ(saved(sample.next("second"), 1), SaveStatus::saved);
    log_out(1);
    const auto rows = ahead();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows.front().kind, Kind::over);
    std::vector<async::Settled> told;
    told.push_back({rows.front(), false, {}});
    EXPECT_EQ(run(fallback_->settle(told, soon())), 1U);
    EXPECT_TRUE(ahead().empty());
}

// ids: S37 S31
TEST_F(SqlFallbackTest, the_mode_is_audited_and_the_poll_is_not_counted) {
    EXPECT_EQ(run(fallback_->state(soon())).mode, FallbackMode::automatic);
    const auto state = run(fallback_->set_mode(FallbackMode::on, "operator:ann", soon()));
    EXPECT_EQ(state.mode, FallbackMode::on);
    EXPECT_EQ(state.actor, "operator:ann");
    const auto before = counters_.sql_statements.load();
    EXPECT_EQ(run(fallback_->state(soon())).mode, FallbackMode::on);
    EXPECT_EQ(counters_.sql_statements.load(), before);
    async::AuditQuery query;
    query.type = "fallback.mode";
    const auto events = run(archive_->audit(query, soon()));
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events.front().actor, "operator:ann");
    EXPECT_EQ(events.front().detail, R"({"from":"auto","to":"on"})");
}

}  // namespace
}  // namespace vedfolnir::test
