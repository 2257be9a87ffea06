// The suite on the composition: nobody may tell it from the hot store alone.
#include "cache/cached.hpp"
#include "conformance/store_suite.hpp"
#include "redis/redis_store.hpp"
#include "resilient/resilient.hpp"
#include "sql/sql.hpp"
#include "support/archive_client.hpp"
#include "support/audit_sealer.hpp"
#include "support/between.hpp"
#include "support/redis_server.hpp"
#include "support/temporary_folder.hpp"

namespace vedfolnir::test {
namespace {

RedisServer& server() {
    static RedisServer instance;
    return instance;
}

/// While the hot store is away, what the database never heard of is unknown, which is an Error. The suite's records all begin
/// there, so that for it unknown means absent.
class KnownOnly final : public async::SessionStore {
public:
    explicit KnownOnly(std::shared_ptr<async::SessionStore> inner) : inner_(std::move(inner)) {}

    async::Task<async::CreateStatus> create(StoreKey key, std::string record, Millis ttl,
                                            Deadline deadline) override {
        return inner_->create(key, std::move(record), ttl, deadline);
    }
    async::Task<std::optional<std::string>> load(StoreKey key, Deadline deadline) override {
        auto answer = co_await inner_->load(key, deadline);
        if (is_unknown(answer)) co_return std::optional<std::string>();
        co_return answer;
    }
    async::Task<async::SaveReply> save(StoreKey key, std::uint64_t expected, std::string record,
                                       Millis ttl, Deadline deadline) override {
        auto answer = co_await inner_->save(key, expected, std::move(record), ttl, deadline);
        if (is_unknown(answer)) co_return async::SaveReply{async::SaveStatus::gone, {}};
        co_return answer;
    }
    async::Task<async::TouchStatus> touch(StoreKey key, Millis ttl, Deadline deadline) override {
        auto answer = co_await inner_->touch(key, ttl, deadline);
        if (is_unknown(answer)) co_return async::TouchStatus::gone;
        co_return answer;
    }
    async::Task<bool> erase(StoreKey key, std::string note, Millis note_ttl,
                            Deadline deadline) override {
        return inner_->erase(key, std::move(note), note_ttl, deadline);
    }
    async::Task<async::EndReply> end(async::EndOrder order, Deadline deadline) override {
        return inner_->end(std::move(order), deadline);
    }
    async::Task<std::vector<async::IndexEntry>> list_user(UserTag user,
                                                          Deadline deadline) override {
        return inner_->list_user(user, deadline);
    }
    async::Task<async::AppliedEpoch> epoch_of(UserTag user, Deadline deadline) override {
        return inner_->epoch_of(user, deadline);
    }
    async::Task<std::vector<bool>> epochs_told(Deadline deadline) override {
        return inner_->epochs_told(deadline);
    }
    async::Task<bool> tell_epochs(std::vector<async::EpochPage> pages, Deadline deadline) override {
        return inner_->tell_epochs(std::move(pages), deadline);
    }
    async::Task<bool> doubt_epochs(std::uint8_t shard, Deadline deadline) override {
        return inner_->doubt_epochs(shard, deadline);
    }
    async::Task<std::vector<std::uint64_t>> marks(Deadline deadline) override {
        return inner_->marks(deadline);
    }
    async::Task<bool> attest(Deadline deadline) override { return inner_->attest(deadline); }
    async::Task<std::vector<bool>> lost_nothing(Deadline deadline) override {
        return inner_->lost_nothing(deadline);
    }
    async::Task<bool> same_server(Deadline deadline) override {
        return inner_->same_server(deadline);
    }
    async::Task<TimePoint> now(Deadline deadline) override { return inner_->now(deadline); }
    [[nodiscard]] std::uint64_t connection_number() const noexcept override {
        return inner_->connection_number();
    }

private:
    template <class T>
    static bool is_unknown(const Result<T>& answer) {
        return !answer && answer.error().code == Errc::store_unavailable;
    }
    std::shared_ptr<async::SessionStore> inner_;
};

enum class Hot : std::uint8_t { well, cached, away };

/// Resilient(RedisStore, database), and the near cache in front of it where asked for.
class ResilientUnderTest final : public StoreUnderTest {
public:
    explicit ResilientUnderTest(Hot hot_store) {
        server().admin({"FLUSHALL"});
        RedisOptions redis;
        redis.unix_socket = server().socket_path();
        redis.request_timeout = Millis{5000};
        SqlOptions sql;
        sql.url = "sqlite:///" + folder_.file("sessions.db");
        sql.statement_timeout = Millis{10'000};
        database_ = sql::make_database(sql, {}).value();
        const auto hot = redis::make_store(runtime().executor(), redis, nullptr);
        FallbackOptions options;
        options.hot_timeout = Millis{5000};  // the suite is not about deadlines
        const auto resilient = resilient::Resilient::make(
            runtime().executor(),
            {hot, hot, hot, sql::make_fallback(database_, test::audit_sealer()),
             sql::make_archive(database_, test::audit_sealer())},
            {options, Lifetimes{}, {}, {}}, nullptr);
        store_ = resilient;
        if (hot_store == Hot::away) {
            const auto limit = deadline_in(Millis{10'000});
            EXPECT_TRUE(runtime::run_sync(
                runtime(), resilient->set_mode(FallbackMode::on, "operator:test", limit), limit));
            store_ = std::make_shared<KnownOnly>(resilient);
        }
        if (hot_store == Hot::cached) {
            store_ = cache::Cached::make(resilient, resilient, cache::StripeTable::private_table(),
                                         NearCacheOptions{.share_between_workers = false}, nullptr);
        }
    }
    ~ResilientUnderTest() override {
        stop();
        database_->close();
    }
    async::SessionStore& store() override { return *store_; }
    void let_time_pass() override { pause(); }

private:
    TemporaryFolder folder_;
    std::shared_ptr<sql::Database> database_;
    std::shared_ptr<async::SessionStore> store_;
};

StoreFactory factory(std::string name, Hot hot_store,
                     std::map<std::string, std::string> excused = {}) {
    return {std::move(name),
            [hot_store] { return std::make_unique<ResilientUnderTest>(hot_store); },
            std::move(excused)};
}

/// What the archive does in the database, before a store is asked.
std::map<std::string, std::string> done_by_the_archive() {
    const std::string epoch = "the archive raises epochs, in the transaction of the ending";
    const std::string mark = "marks are Redis'; it learns from them what it missed";
    return {{"create_refuses_a_stale_epoch", epoch},
            {"save_under_a_stale_epoch_is_gone_and_deletes", epoch},
            {"end_of_a_whole_user_removes_all_and_raises_the_epoch", epoch},
            {"late_end_of_a_whole_user_spares_logins_that_came_after_it", epoch},
            {"end_of_a_whole_user_keeps_the_one_named", epoch},
            {"mark_rises_step_by_step", mark},
            {"mark_with_a_gap_still_deletes_and_replay_closes_it", mark},
            {"mark_is_left_alone_by_an_ending_without_a_sequence", mark},
            {"end_with_a_note_leaves_it_in_place_of_each_record", mark},
            {"erase_without_a_record_leaves_nothing",
             "Redis may hold a record that is to go: what was erased is noted down"}};
}

INSTANTIATE_TEST_SUITE_P(Resilient, StoreSuite,
                         testing::Values(factory("redis_and_sqlite", Hot::well),
                                         factory("near_cache_on_both", Hot::cached),
                                         factory("redis_away", Hot::away, done_by_the_archive())),
                         store_name);

/// One record waits in the database for a hot store that is well, and is not told of it (`leads_back`).
class SomethingAhead : public testing::Test {
protected:
    SomethingAhead() {
        server().admin({"FLUSHALL"});
        RedisOptions redis;
        redis.unix_socket = server().socket_path();
        SqlOptions sql;
        sql.url = "sqlite:///" + folder_.file("sessions.db");
        database_ = sql::make_database(sql, {}).value();
        kept_ = sql::make_fallback(database_, test::audit_sealer());
        EXPECT_TRUE(run(kept_->create(ahead, record(), Millis{60'000}, soon())));
        const auto hot = redis::make_store(runtime_.executor(), redis, nullptr);
        hot_ = std::make_shared<WatchedStore>(hot);
        archive_ = sql::make_archive(database_, test::audit_sealer());
        FallbackOptions options;
        options.hot_timeout = Millis{5000};
        options.leads_back = false;
        store_ = resilient::Resilient::make(runtime_.executor(), {hot_, hot, hot, kept_, archive_},
                                            {options, Lifetimes{}, {}, {}}, &counters_);
        EXPECT_TRUE(run(store_->status(soon())));
        EXPECT_TRUE(run(store_->create(other, record(), Millis{60'000}, soon())));
        EXPECT_EQ(counters_.fallback_writes, 0U);
    }
    ~SomethingAhead() override {
        store_.reset();
        database_->close();
    }

    static std::string record() {
        model::RecordHeader header;
        header.handle.bytes.back() = 7;
        header.generation = 1;
        return model::pack_header(header) + "sealed";
    }
    static Deadline soon() { return deadline_in(Millis{10'000}); }
    template <class T>
    Result<T> run(async::Task<T> task) {
        return runtime::run_sync(runtime_, std::move(task), soon());
    }

    /// Another process, over a connection of its own, which hears of its host what `heard` says.
    std::shared_ptr<resilient::Resilient> process(FallbackOptions options,
                                                  std::function<bool()> heard) {
        RedisOptions redis;
        redis.unix_socket = server().socket_path();
        const auto hot = redis::make_store(runtime_.executor(), redis, nullptr);
        options.hot_timeout = Millis{5000};
        const resilient::Parts parts{hot, hot, hot, kept_, archive_, {}, std::move(heard)};
        return resilient::Resilient::make(runtime_.executor(), parts,
                                          {options, Lifetimes{}, {}, {}}, nullptr);
    }
    StoreKey log_in() {
        const auto login = ArchiveClient::login_order(1);
        model::RecordHeader header = header_of(login);
        header.generation = 1;
        EXPECT_TRUE(run(archive_->begin_login(login, soon())));
        EXPECT_TRUE(run(store_->create(login.row.key, model::pack_header(header) + "sealed",
                                       Millis{60'000}, soon())));
        return login.row.key;
    }
    static model::RecordHeader header_of(const async::LoginOrder& login) {
        model::RecordHeader header;
        header.handle = login.row.handle;
        header.user = login.row.user;
        header.absolute_expiry =
            std::chrono::floor<Millis>(std::chrono::system_clock::now()) + std::chrono::hours(24);
        return header;
    }
    /// Of who logged in; Redis hears nothing of it.
    void end_in_archive_only() {
        async::EndRequest request;
        request.handle = ArchiveClient::login_order(1).row.handle;
        request.event = ArchiveClient::event("session.ended");
        EXPECT_TRUE(run(archive_->end(std::move(request), soon())));
    }
    void settle_what_is_ahead() {
        std::vector<async::Settled> told;
        for (auto& row : run(kept_->ahead(std::nullopt, 10, soon())).value())
            told.push_back({std::move(row), false, {}});
        ASSERT_TRUE(run(kept_->settle(std::move(told), soon())));
        ASSERT_EQ(run(store_->status(soon()))->state.ahead, 0U);
    }
    void lose_sql_with_nothing_ahead() {
        ASSERT_NO_FATAL_FAILURE(settle_what_is_ahead());
        database_->close();
    }

    static constexpr StoreKey ahead{.shard = 1, .digest = {1}};
    static constexpr StoreKey other{.shard = 1, .digest = {2}};
    runtime::Runtime runtime_;
    runtime::AtomicCounters counters_;
    TemporaryFolder folder_;
    std::shared_ptr<sql::Database> database_;
    std::shared_ptr<async::FallbackStore> kept_;
    std::shared_ptr<WatchedStore> hot_;
    bool nothing_ahead_ = false;
    std::shared_ptr<async::Archive> archive_;
    std::shared_ptr<resilient::Resilient> store_;
};

// ids: S36 S81
TEST_F(SomethingAhead, erasing_another_record_leaves_nothing_more_to_be_told) {
    EXPECT_TRUE(run(store_->erase(other, {}, Millis{0}, soon())).value());
    EXPECT_EQ(counters_.fallback_writes, 0U);
    EXPECT_EQ(run(kept_->ahead(std::nullopt, 10, soon())).value().size(), 1U);
}

// ids: S36 S81 I1
TEST_F(SomethingAhead, erasing_that_record_erases_it_in_both) {
    EXPECT_TRUE(run(store_->erase(ahead, {}, Millis{0}, soon())).value());
    EXPECT_EQ(counters_.fallback_writes, 1U);
    EXPECT_EQ(run(store_->load(ahead, soon())).value(), std::nullopt);
}

// ids: I1 F20 R3
TEST_F(SomethingAhead, ending_that_is_to_be_held_makes_every_process_ask_the_database) {
    async::EndOrder order;
    order.shard = other.shard;
    order.keys = {other};
    order.previous_sequence = 1;
    order.sequence = 2;
    async::EndOrder held = order;
    const auto applied = run(store_->end(std::move(order), soon()));
    EXPECT_TRUE(applied->gap);
    EXPECT_FALSE(applied->held);
    EXPECT_EQ(run(kept_->state(soon()))->held, 0U);
    held.hold = true;
    EXPECT_TRUE(run(store_->end(std::move(held), soon()))->held);
    EXPECT_EQ(run(kept_->state(soon()))->held, 1U);
}

// ids: I1 F20 S81
TEST_F(SomethingAhead, read_that_was_answered_before_an_ending_was_told_does_not_show_the_session) {
    const auto key = log_in();
    // Another process ends it while it cannot reach Redis, and goes on.
    end_in_archive_only();
    hot_->meanwhile = [this]() -> async::Task<bool> {
        // It reaches Redis again: nothing is ahead of it any more, which this process sees.
        auto rows = co_await kept_->ahead(std::nullopt, 10, soon());
        if (!rows) co_return rows.error();
        std::vector<async::Settled> told;
        for (auto& row : *rows) told.push_back({std::move(row), false, {}});
        const auto settled = co_await kept_->settle(std::move(told), soon());
        if (!settled) co_return settled.error();
        const auto status = co_await store_->status(soon());
        if (!status) co_return status.error();
        nothing_ahead_ = status->state.ahead == 0;
        co_return true;
    };
    EXPECT_EQ(run(store_->load(key, soon())).value(), std::nullopt);
    EXPECT_TRUE(nothing_ahead_);
}

/// Remembers after how many comparisons the hot store was trusted.
class FirstTrust final : public async::ChangeListener {
public:
    FirstTrust(const std::atomic<int>& comparisons, std::weak_ptr<async::ChangeFeed> feed)
        : comparisons_(comparisons), feed_(std::move(feed)) {}

    void changed(const StoreKey& /*key*/) override {}
    void changed_all() override {
        const auto feed = feed_.lock();
        if (trusted == 0 && feed && feed->tells()) trusted = comparisons_.load();
    }
    std::atomic<int> trusted{0};

private:
    const std::atomic<int>& comparisons_;
    std::weak_ptr<async::ChangeFeed> feed_;
};

// ids: I1 F20 R3
TEST_F(SomethingAhead, ending_that_is_announced_during_a_comparison_is_not_part_of_it) {
    std::atomic<bool> announced{false};
    const auto store = process({}, [&] { return announced.exchange(false); });
    std::atomic<int> comparisons{0};
    const auto trust = std::make_shared<FirstTrust>(comparisons, store);
    store->listen(trust);
    store->on_return([&](Deadline deadline) -> async::Task<bool> {
        // Reads may come back before changes do, each with a comparison.
        if (++comparisons > 2) co_return true;
        // SQL was read. Another process ends a session that Redis does not hear of, and says so on this host.
        async::EndOrder order;
        order.shard = other.shard;
        order.keys = {other};
        order.sequence = static_cast<std::uint64_t>(comparisons);
        const auto held = co_await kept_->end(std::move(order), Millis{60'000}, deadline);
        announced = true;
        const auto heard = co_await store->load(other, deadline);
        co_return held.has_value() && !heard.has_value();
    });
    ASSERT_TRUE(run(store->set_mode(FallbackMode::on, "operator:test", soon())));
    ASSERT_TRUE(run(store->set_mode(FallbackMode::automatic, "operator:test", soon())));
    EXPECT_TRUE(eventually([&] { return store->tells(); }, std::chrono::seconds(30)));
    EXPECT_GE(trust->trusted, 3);
    runtime_.stop();
}

// ids: F17 F18 S36
TEST_F(SomethingAhead, change_that_sql_certainly_did_not_take_leaves_nothing_ahead) {
    ASSERT_NO_FATAL_FAILURE(lose_sql_with_nothing_ahead());

    hot_->outage = Outage::writes;
    hot_->before = [this](std::string_view call) { hot_->unreachable = call == "save"; };
    EXPECT_FALSE(run(store_->save(other, 1, record(), Millis{60'000}, soon())));
    const auto read = run(store_->load(other, soon()));
    ASSERT_TRUE(read) << read.error().detail;
    EXPECT_EQ(*read, record());
}

// ids: I1 R3 F17
TEST_F(SomethingAhead, ending_that_only_the_archive_took_is_asked_for_before_its_session_is_shown) {
    ASSERT_NO_FATAL_FAILURE(lose_sql_with_nothing_ahead());

    hot_->outage = Outage::all;
    hot_->before = [this](std::string_view call) { hot_->unreachable = call == "end"; };
    async::EndOrder order;
    order.shard = other.shard;
    order.keys = {other};
    order.sequence = 1;
    EXPECT_FALSE(run(store_->end(std::move(order), soon())));
    EXPECT_FALSE(run(store_->load(other, soon()))) << "nobody can say";
}

// ids: I1 R3 F17
TEST_F(SomethingAhead, ending_that_only_the_archive_took_is_asked_for_elsewhere_until_it_is_told) {
    const auto key = log_in();
    ASSERT_NO_FATAL_FAILURE(settle_what_is_ahead());
    FallbackOptions options;
    options.leads_back = false;
    std::atomic<bool> announced{false};
    const auto other_process = process(options, [&] { return announced.exchange(false); });
    ASSERT_TRUE(*run(other_process->load(key, soon())));

    // Neither Redis nor the count of what is held hears of it, only this host.
    end_in_archive_only();
    announced = true;
    EXPECT_EQ(run(other_process->load(key, soon())).value(), std::nullopt);
    ASSERT_EQ(run(other_process->status(soon()))->state.ahead, 0U);
    EXPECT_EQ(run(other_process->load(key, soon())).value(), std::nullopt);
    runtime_.stop();
}

// ids: I1 R3 F20
TEST_F(SomethingAhead, look_at_the_state_during_a_comparison_does_not_end_the_doubt) {
    const auto key = log_in();
    ASSERT_NO_FATAL_FAILURE(settle_what_is_ahead());
    const auto leader = process({}, {});
    std::atomic<bool> compared{false};
    std::atomic<bool> shown{false};
    leader->on_return([&](Deadline deadline) -> async::Task<bool> {
        if (compared) co_return true;
        // Redis was told nothing yet.
        const auto status = co_await leader->status(deadline);
        if (!status) co_return status.error();
        const auto seen = co_await leader->load(key, deadline);
        shown = seen && seen->has_value();
        compared = true;
        co_return true;
    });
    ASSERT_TRUE(*run(leader->load(key, soon())));
    end_in_archive_only();
    async::EndOrder held;
    held.shard = key.shard;
    held.keys = {key};
    held.sequence = 1;
    ASSERT_TRUE(run(kept_->end(std::move(held), Millis{60'000}, soon())));
    ASSERT_TRUE(run(leader->status(soon())));
    EXPECT_TRUE(eventually([&] { return compared.load(); }));
    EXPECT_FALSE(shown);
    runtime_.stop();
}

// ids: I1 R3 F17
TEST_F(SomethingAhead, what_a_slow_hot_store_shows_in_the_end_does_not_count_while_sql_cannot_say) {
    FallbackOptions options;
    options.hot_timeout = Millis{20};
    options.leads_back = false;
    RedisOptions redis;
    redis.unix_socket = server().socket_path();
    const auto hot = redis::make_store(runtime_.executor(), redis, nullptr);
    const auto store =
        resilient::Resilient::make(runtime_.executor(), {hot_, hot, hot, kept_, archive_},
                                   {options, Lifetimes{}, {}, {}}, nullptr);
    ASSERT_EQ(run(store->status(soon()))->state.ahead, 1U);
    database_->close();

    hot_->outage = Outage::all;
    int loads = 0;
    hot_->before = [&](std::string_view call) {
        if (call != "load") return;
        hot_->unreachable = ++loads == 1;
        const auto late = std::chrono::steady_clock::now() + options.hot_timeout;
        while (hot_->unreachable && std::chrono::steady_clock::now() < late)
            std::this_thread::yield();
    };
    EXPECT_FALSE(run(store->load(other, soon()))) << "it may have ended: SQL would know";
    runtime_.stop();
    EXPECT_EQ(loads, 2);
}

// ids: F01 R6 S36
TEST_F(SomethingAhead, save_over_a_record_that_could_not_be_compared_goes_to_the_database) {
    const auto login = ArchiveClient::login_order(1);
    model::RecordHeader header = header_of(login);
    const auto sealed = [&](std::uint64_t generation, std::uint8_t operation) {
        header.generation = generation;
        header.operation.fill(operation);
        return model::pack_header(header) + "sealed";
    };
    const StoreKey key = login.row.key;
    ASSERT_TRUE(run(archive_->begin_login(login, soon())));
    ASSERT_TRUE(run(store_->create(key, sealed(1, 1), Millis{60'000}, soon())));
    // A copy of the next generation, from before this Redis went back to an earlier one.
    ASSERT_TRUE(run(kept_->create(key, sealed(2, 2), Millis{60'000}, soon())));
    std::vector<async::Settled> copied;
    for (auto& row : run(kept_->ahead(std::nullopt, 10, soon())).value())
        copied.push_back({std::move(row), true, {}});
    ASSERT_TRUE(run(kept_->settle(std::move(copied), soon())));
    for (const char* field : {"incarnation", "copies", "began"})
        server().admin({"HSET", "vedfolnir:session:{00}:compared", field, "another life"});
    server().admin({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    hot_->connection = 2;  // as the store behind it counts, too

    hot_->outage = Outage::all;
    hot_->before = [this](std::string_view call) { hot_->unreachable = call == "load"; };
    const auto saved = run(store_->save(key, 1, sealed(2, 3), Millis{60'000}, soon()));
    ASSERT_TRUE(saved) << saved.error().detail;
    EXPECT_EQ(saved->status, async::SaveStatus::conflict);
    EXPECT_EQ(saved->current, sealed(2, 2));
}

// ids: S36 S81
TEST_F(SomethingAhead,
       ending_another_session_that_sql_does_not_know_leaves_nothing_more_to_be_told) {
    async::EndOrder order;
    order.shard = other.shard;
    order.keys = {other};
    EXPECT_EQ(run(store_->end(order, soon())).value().removed, 1U);
    EXPECT_EQ(counters_.fallback_writes, 0U);
    EXPECT_EQ(run(kept_->ahead(std::nullopt, 10, soon())).value().size(), 1U);
}

}  // namespace
}  // namespace vedfolnir::test
