// Many sessions ended by one transaction, on each engine: what it writes, and that a repetition ends nothing twice.
#include "sql/mass_ending.hpp"
#include "support/archive_client.hpp"
#include "support/audit_sealer.hpp"
#include "support/sql_server.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace vedfolnir::test {
namespace {

constexpr std::uint32_t users = 12;
constexpr std::uint32_t each = 3;

class MassEnding : public testing::TestWithParam<SqlEngine> {
protected:
    MassEnding() {
        where_ = fresh_database(GetParam(), folder_.file("sessions.db"));
        client_ = std::make_unique<ArchiveClient>(where_);
        ending_ = std::make_unique<sql::SqlMassEnding>(client_->shared_database(), audit_sealer());
        for (std::uint32_t user = 0; user < users; ++user) {
            for (std::uint32_t i = 0; i < each; ++i) log_in(user, i);
        }
    }
    static Deadline soon() { return deadline_in(patience); }
    template <class T>
    T run(async::Task<T> task) {
        auto result = client_->run(std::move(task));
        EXPECT_TRUE(result) << result.error().detail;
        return result ? std::move(*result) : T{};
    }

    /// Users share shards by fours; the session's number is also its age in minutes.
    static UserTag tag(std::uint32_t user) {
        UserTag tag;
        tag.bytes.fill(static_cast<std::uint8_t>(user));
        tag.bytes[0] = static_cast<std::uint8_t>(0xf0 + user % 4);
        return tag;
    }
    void log_in(std::uint32_t user, std::uint32_t number) {
        auto order =
            ArchiveClient::login_order(user * each + number, "user " + std::to_string(user));
        order.row.user = tag(user);
        order.row.key.shard = tag(user).shard();
        order.row.place = user % 2 == 0 ? "192.0.2.7" : "2001:db8::1";
        order.row.authenticated = ArchiveClient::start() - std::chrono::minutes(number);
        order.row.created = order.row.authenticated;
        run(client_->archive().begin_login(std::move(order), soon()));
    }
    async::EndReceipt end(const EndScope& scope, std::uint8_t operation = 1) {
        auto event = ArchiveClient::event("sessions.ended");
        event.operation.emplace();
        event.operation->fill(operation);
        const TimePoint until = event.at + std::chrono::hours(24);
        return run(ending_->end_scope(scope, EndReason::security, std::move(event), until, soon()));
    }
    std::uint64_t count(const EndScope& scope) {
        return run(ending_->count(scope, ArchiveClient::start(), soon())).sessions;
    }
    std::size_t open_sessions() {
        const auto rows = client_->sessions();
        return static_cast<std::size_t>(
            std::ranges::count_if(rows, [](const auto& row) { return !row.ended; }));
    }
    std::size_t events(const std::string& type) {
        const auto all = client_->audit();
        return static_cast<std::size_t>(std::ranges::count(all, type, &async::AuditEvent::type));
    }

    const TemporaryFolder folder_;
    std::string where_;
    std::unique_ptr<ArchiveClient> client_;
    std::unique_ptr<sql::SqlMassEnding> ending_;
};

INSTANTIATE_TEST_SUITE_P(Engines, MassEnding,
                         testing::Values(SqlEngine::sqlite, SqlEngine::postgresql,
                                         SqlEngine::mysql),
                         [](const auto& tested) { return engine_name(tested.param); });

// ids: S106
TEST_P(MassEnding, takes_its_time_however_little_a_request_may_take) {
    ArchiveClient hurried(where_, Millis{1});
    sql::SqlMassEnding ending(hurried.shared_database(), audit_sealer());
    auto event = ArchiveClient::event("sessions.ended");
    event.operation.emplace();
    const TimePoint until = event.at + std::chrono::hours(24);
    const auto receipt =
        hurried.run(ending.end_scope({}, EndReason::security, std::move(event), until, soon()));
    ASSERT_TRUE(receipt) << receipt.error().detail;
    EXPECT_EQ(receipt->sessions, users * each);
    EXPECT_EQ(open_sessions(), 0U);
}

// ids: S106 V29
TEST_P(MassEnding, of_all_raises_every_users_epoch_in_sequences_without_a_gap) {
    EXPECT_EQ(count({}), users * each);
    const auto before = client_->statements();
    const auto receipt = end({});
    // Six for each shard and a handful: not for each session.
    EXPECT_LT(client_->statements() - before, 40U);
    EXPECT_EQ(receipt.sessions, users * each);
    ASSERT_EQ(receipt.orders.size(), users);
    std::map<std::uint8_t, std::uint64_t> last;
    for (const async::EndOrder& order : receipt.orders) {
        EXPECT_TRUE(order.whole_user);
        EXPECT_EQ(order.epoch, 1U);
        EXPECT_EQ(order.previous_sequence, last[order.shard]);
        EXPECT_EQ(order.sequence, order.previous_sequence + 1);
        last[order.shard] = order.sequence;
    }
    EXPECT_EQ(last.size(), 4U);
    const auto sequences = run(client_->archive().sequences(soon()));
    for (const auto& [shard, sequence] : last) EXPECT_EQ(sequences.at(shard), sequence);
    EXPECT_EQ(open_sessions(), 0U);
    EXPECT_EQ(events("session.ended"), users * each);
    EXPECT_EQ(events("sessions.ended"), 1U);
    EXPECT_EQ(count({}), 0U);
}

// ids: S106 R9
TEST_P(MassEnding, repeated_with_its_operation_answers_the_same_and_ends_nothing_twice) {
    const auto first = end({});
    log_in(users, 0);
    const auto again = end({});
    EXPECT_EQ(again.sessions, first.sessions);
    EXPECT_EQ(again.orders.size(), first.orders.size());
    EXPECT_EQ(open_sessions(), 1U);
    EXPECT_EQ(end({}, 2).sessions, 1U);
    EXPECT_EQ(events("sessions.ended"), 2U);
}

// ids: S106
TEST_P(MassEnding, of_a_place_or_an_age_ends_single_sessions_and_no_epoch) {
    EndScope scope;
    scope.place = "2001:db8::1";
    scope.begun_before = ArchiveClient::start() - std::chrono::minutes(1);
    EXPECT_EQ(count(scope), users / 2);
    const auto receipt = end(scope);
    EXPECT_EQ(receipt.sessions, users / 2);
    ASSERT_EQ(receipt.orders.size(), users / 2);
    for (const async::EndOrder& order : receipt.orders) {
        EXPECT_FALSE(order.whole_user);
        EXPECT_EQ(order.epoch, 0U);
        ASSERT_EQ(order.keys.size(), 1U);
        EXPECT_EQ(order.keys.front().shard, order.shard);
    }
    EXPECT_EQ(open_sessions(), users * each - users / 2);
    EXPECT_EQ(run(client_->archive().epoch_of(tag(1), soon())), 0U);
}

// ids: S106
TEST_P(MassEnding, is_announced_until_it_is_written_and_taken_over_by_one) {
    async::Emergency emergency;
    emergency.operation.fill(1);
    emergency.scope.place = "2001:db8::1";
    emergency.scope.begun_before = ArchiveClient::start();
    emergency.reason = EndReason::ended_by_operator;
    emergency.actor = "operator Ö";
    emergency.announced = emergency.taken = ArchiveClient::start();
    async::Emergency of_all;
    of_all.operation.fill(2);
    of_all.announced = of_all.taken = ArchiveClient::start() + Millis{1};
    EXPECT_TRUE(run(ending_->announce(emergency, soon())));
    EXPECT_TRUE(run(ending_->announce(of_all, soon())));

    auto found = run(ending_->announced(soon()));
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].operation, emergency.operation);
    EXPECT_EQ(found[0].scope.user_id, "");
    EXPECT_EQ(found[0].scope.place, emergency.scope.place);
    EXPECT_EQ(found[0].scope.begun_before, emergency.scope.begun_before);
    EXPECT_EQ(found[0].reason, emergency.reason);
    EXPECT_EQ(found[0].actor, emergency.actor);
    EXPECT_EQ(found[0].announced, emergency.announced);
    EXPECT_EQ(found[0].taken, emergency.taken);
    EXPECT_EQ(found[1].scope.begun_before, std::nullopt);
    EXPECT_EQ(open_sessions(), users * each);

    const TimePoint later = emergency.taken + std::chrono::minutes(2);
    EXPECT_TRUE(run(ending_->take(found[0], later, soon())));
    EXPECT_FALSE(run(ending_->take(found[0], later, soon())));
    EXPECT_EQ(run(ending_->announced(soon()))[0].taken, later);

    EXPECT_GT(end(emergency.scope, 1).sessions, 0U);
    found = run(ending_->announced(soon()));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].operation, of_all.operation);
    end({}, 2);
    EXPECT_TRUE(run(ending_->announced(soon())).empty());
}

// ids: S106
TEST_P(MassEnding, is_not_announced_where_nobody_would_see_it) {
    async::Emergency emergency;
    emergency.scope.user_id = "nobody";
    emergency.taken = ArchiveClient::start();
    for (std::size_t i = 0; i < async::announced_max; ++i) {
        emergency.operation = {static_cast<std::uint8_t>(i)};
        // The later ones first, and always two at a time.
        emergency.announced = ArchiveClient::start() - Millis(i / 2);
        ASSERT_TRUE(run(ending_->announce(emergency, soon())));
    }
    const auto found = run(ending_->announced(soon()));
    ASSERT_EQ(found.size(), async::announced_max);
    EXPECT_TRUE(std::ranges::is_sorted(found, {}, [](const async::Emergency& one) {
        return std::pair(one.announced, one.operation);
    }));
    emergency.operation = {1, 1};
    const auto refused = client_->run(ending_->announce(emergency, soon()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    EXPECT_NE(refused.error().detail.find("emergencies"), std::string::npos);

    auto event = ArchiveClient::event("sessions.ended");
    event.operation = found[0].operation;
    const TimePoint until = event.at + std::chrono::hours(24);
    run(ending_->end_scope(found[0].scope, EndReason::security, std::move(event), until, soon()));
    EXPECT_TRUE(run(ending_->announce(emergency, soon())));
}

}  // namespace
}  // namespace vedfolnir::test
