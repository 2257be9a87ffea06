// One meaning of "archive", tested on each of them. A new archive adds a file with a factory and
// one INSTANTIATE_TEST_SUITE_P. A header, because only the executables of archives contain these
// cases.
#pragma once

#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "vedfolnir/async/archive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace vedfolnir::conformance {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// An archive that holds nothing yet. What it stands on lives as long as this.
struct FreshArchive {
    virtual ~FreshArchive() = default;
    [[nodiscard]] virtual async::Archive& archive() = 0;
};

struct ArchiveCase {
    std::string name;
    std::function<std::unique_ptr<FreshArchive>()> make;
};

inline void PrintTo(const ArchiveCase& archive, std::ostream* out) { *out << archive.name; }

template <std::size_t size = 16>
std::array<std::uint8_t, size> bytes_of(std::uint8_t first, std::uint8_t rest) {
    std::array<std::uint8_t, size> bytes{};
    bytes.fill(rest);
    bytes[0] = first;
    return bytes;
}

class ArchiveSuite : public ::testing::TestWithParam<ArchiveCase> {
protected:
    static constexpr std::uint8_t shard = 0x2a;
    const TimePoint start{Millis{1'767'225'600'000}};  // 2026-01-01

    ArchiveSuite() : fresh_(GetParam().make()) {}

    [[nodiscard]] async::Archive& archive() { return fresh_->archive(); }

    template <class T>
    Result<T> run(async::Task<T> task) {
        return runtime::run_sync(runtime_, std::move(task), soon());
    }
    /// The value; fails the test and answers a default where there is an Error.
    template <class T>
    T ok(async::Task<T> task) {
        auto result = run(std::move(task));
        if (result) return std::move(*result);
        ADD_FAILURE() << result.error().public_message << ' ' << result.error().detail;
        return T{};
    }
    static Deadline soon() { return deadline_in(10s); }

    static Handle handle(std::uint8_t number) { return Handle{bytes_of(number, 0x11)}; }
    static StoreKey key(std::uint8_t number, std::uint8_t in_shard = shard) {
        return StoreKey{in_shard, bytes_of(number, 0x22)};
    }
    static UserTag tag(std::uint8_t number = 1) { return UserTag{bytes_of(shard, number)}; }
    static OperationId operation(std::uint8_t number) { return bytes_of(number, 0x33); }

    async::AuditEvent event(const std::string& type, std::uint8_t op = 0,
                            Millis after = 0ms) const {
        async::AuditEvent made;
        made.at = start + after;
        made.type = type;
        made.actor = "user";
        made.detail = R"({"why":"test"})";
        if (op != 0) made.operation = operation(op);
        return made;
    }

    async::LoginOrder login(std::uint8_t number, const std::string& user = "alice",
                            std::uint8_t op = 0, Millis after = 0ms) const {
        async::LoginOrder order;
        order.row.handle = handle(number);
        order.row.key = key(number);
        order.row.user_id = user;
        order.row.user = tag(user == "alice" ? 1 : 2);
        order.row.created = start + after;
        order.row.authenticated = start + after;
        order.row.absolute_expiry = start + after + 24h;
        order.row.idle_limit = Seconds{7200};
        order.row.device = "Firefox on Linux";
        order.row.place = "192.0.2.7";
        order.row.platform = "mastodon";
        order.event = event("session.created", op, after);
        return order;
    }
    void logged_in(std::uint8_t number, const std::string& user = "alice", Millis after = 0ms) {
        ok(archive().begin_login(login(number, user, 0, after), soon()));
        EXPECT_TRUE(ok(archive().confirm_login(handle(number), key(number), {}, soon())));
    }

    async::EndRequest ending(std::uint8_t op = 0, Millis after = 1min) const {
        async::EndRequest request;
        request.reason = EndReason::logout;
        request.event = event("session.ended", op, after);
        return request;
    }
    async::EndRequest end_key(std::uint8_t number, std::uint8_t op = 0) const {
        auto request = ending(op);
        request.key = key(number);
        return request;
    }
    async::EndRequest end_user(const std::string& user, std::uint8_t op = 0) const {
        auto request = ending(op);
        request.user_id = user;
        request.user = tag(user == "alice" ? 1 : 2);
        request.reason = EndReason::ended_by_operator;
        return request;
    }

    std::vector<async::SessionRow> live(const std::string& user = {}, Millis after = 2min) {
        async::SessionQuery query;
        query.user_id = user;
        query.now = start + after;
        return ok(archive().sessions(query, soon()));
    }
    async::SessionRow row(std::uint8_t number) {
        async::SessionQuery query;
        query.handle = handle(number);
        query.only_live = false;
        query.now = start;
        const auto rows = ok(archive().sessions(query, soon()));
        EXPECT_THAT(rows, SizeIs(1));
        return rows.empty() ? async::SessionRow{} : rows.front();
    }
    std::vector<std::string> types(async::AuditQuery query = {}) {
        std::vector<std::string> found;
        for (const auto& entry : ok(archive().audit(std::move(query), soon())))
            found.push_back(entry.type);
        return found;
    }
    std::vector<async::Revocation> revocations(std::uint64_t after = 0,
                                               std::uint8_t in_shard = shard) {
        return ok(archive().revocations(in_shard, after, 1000, soon()));
    }
    static std::vector<std::uint64_t> sequences_of(
        const std::vector<async::Revocation>& revocations) {
        std::vector<std::uint64_t> sequences;
        for (const auto& revocation : revocations) sequences.push_back(revocation.sequence);
        return sequences;
    }

private:
    runtime::Runtime runtime_;
    std::unique_ptr<FreshArchive> fresh_;
};

inline void expect_same(const async::EndOrder& left, const async::EndOrder& right) {
    EXPECT_EQ(left.shard, right.shard);
    EXPECT_EQ(left.keys, right.keys);
    EXPECT_EQ(left.user, right.user);
    EXPECT_EQ(left.whole_user, right.whole_user);
    EXPECT_EQ(left.keep, right.keep);
    EXPECT_EQ(left.epoch, right.epoch);
    EXPECT_EQ(left.previous_sequence, right.previous_sequence);
    EXPECT_EQ(left.sequence, right.sequence);
}

inline void expect_same(const async::EndReceipt& left, const async::EndReceipt& right) {
    EXPECT_EQ(left.sessions, right.sessions);
    EXPECT_EQ(left.keys, right.keys);
    ASSERT_EQ(left.orders.size(), right.orders.size());
    for (std::size_t i = 0; i < left.orders.size(); ++i)
        expect_same(left.orders[i], right.orders[i]);
}

// ids: S15 S24 S102
TEST_P(ArchiveSuite, login_writes_its_row_and_one_event) {
    const auto grant = ok(archive().begin_login(login(1, "alice", 1), soon()));
    EXPECT_EQ(grant.epoch, 0U);
    EXPECT_FALSE(grant.end_replaced.has_value());

    const auto stored = row(1);
    EXPECT_EQ(stored.key, key(1));
    EXPECT_EQ(stored.user_id, "alice");
    EXPECT_EQ(stored.user, tag());
    EXPECT_EQ(stored.created, start);
    EXPECT_EQ(stored.authenticated, start);
    EXPECT_EQ(stored.absolute_expiry, start + 24h);
    EXPECT_EQ(stored.idle_limit, Seconds{7200});
    EXPECT_EQ(stored.device, "Firefox on Linux");
    EXPECT_EQ(stored.place, "192.0.2.7");
    EXPECT_EQ(stored.platform, "mastodon");
    EXPECT_FALSE(stored.ended.has_value());
    EXPECT_FALSE(stored.confirmed);

    const auto trail = ok(archive().audit({}, soon()));
    ASSERT_THAT(trail, SizeIs(1));
    EXPECT_EQ(trail[0].type, "session.created");
    EXPECT_EQ(trail[0].at, start);
    EXPECT_EQ(trail[0].handle, handle(1));
    EXPECT_EQ(trail[0].user_id, "alice");
    EXPECT_EQ(trail[0].actor, "user");
    EXPECT_EQ(trail[0].detail, R"({"why":"test"})");
    EXPECT_EQ(trail[0].operation, operation(1));
    EXPECT_GT(trail[0].id, 0U);
}

// ids: S15
TEST_P(ArchiveSuite, unconfirmed_login_stops_counting_after_a_minute) {
    ok(archive().begin_login(login(1), soon()));
    EXPECT_THAT(live("alice", 59s), SizeIs(1));
    EXPECT_THAT(live("alice", 61s), IsEmpty());
    EXPECT_TRUE(ok(archive().confirm_login(handle(1), key(1), {}, soon())));
    EXPECT_THAT(live("alice", 61s), SizeIs(1));
    EXPECT_TRUE(row(1).confirmed);
}

// ids: S15
TEST_P(ArchiveSuite, confirming_what_is_absent_or_ended_answers_false) {
    EXPECT_FALSE(ok(archive().confirm_login(handle(9), key(9), {}, soon())));
    logged_in(1);
    ok(archive().end(end_key(1), soon()));
    EXPECT_FALSE(ok(archive().confirm_login(handle(1), key(1), {}, soon())));
}

// ids: S16 R9
TEST_P(ArchiveSuite, repeated_login_stands_once_and_answers_the_same) {
    logged_in(8);
    ok(archive().end(end_user("alice"), soon()));
    const auto first = ok(archive().begin_login(login(1, "alice", 1), soon()));
    const auto again = ok(archive().begin_login(login(1, "alice", 1), soon()));
    EXPECT_EQ(first.epoch, 1U);
    EXPECT_EQ(again.epoch, first.epoch);
    async::AuditQuery created;
    created.type = "session.created";
    created.handle = handle(1);
    EXPECT_THAT(types(created), SizeIs(1));
}

// ids: R9
TEST_P(ArchiveSuite, repeated_login_of_an_ended_session_is_denied) {
    ok(archive().begin_login(login(1, "alice", 1), soon()));
    ok(archive().end(end_key(1), soon()));
    const auto again = run(archive().begin_login(login(1, "alice", 1), soon()));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::denied);
}

// ids: R3
TEST_P(ArchiveSuite, handle_or_key_that_is_taken_is_a_conflict) {
    logged_in(1);
    auto same_handle = login(2);
    same_handle.row.handle = handle(1);
    auto same_key = login(3);
    same_key.row.key = key(1);
    for (const auto& order : {same_handle, same_key}) {
        const auto refused = run(archive().begin_login(order, soon()));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::conflict);
    }
    EXPECT_THAT(live(), SizeIs(1));
    EXPECT_THAT(types(), SizeIs(1));
}

// ids: S15 R3 R5
TEST_P(ArchiveSuite, reauthentication_keeps_the_handle_and_revokes_the_old_key) {
    logged_in(1);
    auto order = login(2, "alice", 2, 5min);
    order.row.handle = handle(1);
    order.replaced = async::Replaced{key(1), handle(1), true};
    order.event.type = "session.reauthenticated";
    const auto grant = ok(archive().begin_login(order, soon()));

    ASSERT_TRUE(grant.end_replaced.has_value());
    EXPECT_EQ(grant.end_replaced->shard, shard);
    EXPECT_THAT(grant.end_replaced->keys, ElementsAre(key(1)));
    EXPECT_EQ(grant.end_replaced->user, tag());
    EXPECT_FALSE(grant.end_replaced->whole_user);
    EXPECT_EQ(grant.end_replaced->previous_sequence, 0U);
    EXPECT_EQ(grant.end_replaced->sequence, 1U);

    const auto stored = row(1);
    EXPECT_EQ(stored.key, key(2));
    EXPECT_EQ(stored.authenticated, start + 5min);
    EXPECT_FALSE(stored.ended.has_value());
    EXPECT_FALSE(stored.confirmed);
    EXPECT_THAT(live("alice", 5min), SizeIs(1));
    EXPECT_THAT(types(), ElementsAre("session.reauthenticated", "session.created"));
    ASSERT_THAT(revocations(), SizeIs(1));
    EXPECT_EQ(revocations()[0].key, key(1));
    EXPECT_EQ(ok(archive().end(end_key(1), soon())).sessions, 0U);
    EXPECT_EQ(ok(archive().end(end_key(2), soon())).sessions, 1U);
}

// ids: R9
TEST_P(ArchiveSuite, repeated_reauthentication_answers_the_same) {
    logged_in(1);
    auto order = login(2, "alice", 2);
    order.row.handle = handle(1);
    order.replaced = async::Replaced{key(1), handle(1), true};
    const auto first = ok(archive().begin_login(order, soon()));
    const auto again = ok(archive().begin_login(order, soon()));
    ASSERT_TRUE(first.end_replaced && again.end_replaced);
    expect_same(*first.end_replaced, *again.end_replaced);
    EXPECT_THAT(revocations(), SizeIs(1));
}

// ids: R3
TEST_P(ArchiveSuite, reauthentication_of_an_ended_session_is_denied) {
    logged_in(1);
    ok(archive().end(end_key(1), soon()));
    auto order = login(2);
    order.row.handle = handle(1);
    order.replaced = async::Replaced{key(1), handle(1), true};
    const auto refused = run(archive().begin_login(order, soon()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::denied);
    EXPECT_TRUE(row(1).ended.has_value());
    EXPECT_THAT(live(), IsEmpty());
}

// ids: R3
TEST_P(ArchiveSuite, reauthentication_across_a_concurrent_one_revokes_both_keys) {
    logged_in(1);
    auto other_tab = login(2);
    other_tab.row.handle = handle(1);
    other_tab.replaced = async::Replaced{key(1), handle(1), true};
    ok(archive().begin_login(other_tab, soon()));
    auto order = login(3);
    order.row.handle = handle(1);
    order.replaced = async::Replaced{key(1), handle(1), true};
    const auto grant = ok(archive().begin_login(order, soon()));
    ASSERT_TRUE(grant.end_replaced.has_value());
    EXPECT_THAT(grant.end_replaced->keys, ElementsAre(key(2), key(1)));
    EXPECT_EQ(grant.end_replaced->previous_sequence, 1U);
    EXPECT_EQ(grant.end_replaced->sequence, 3U);
    EXPECT_EQ(row(1).key, key(3));
    // Whose record arrives in the hot store now is told that it has no row any more.
    EXPECT_FALSE(ok(archive().confirm_login(handle(1), key(2), {}, soon())));
    EXPECT_FALSE(row(1).confirmed);
    EXPECT_TRUE(ok(archive().confirm_login(handle(1), key(3), {}, soon())));
}

// ids: R3
TEST_P(ArchiveSuite, login_over_another_users_session_ends_it) {
    logged_in(1, "bob");
    auto order = login(2, "alice", 2, 1min);
    order.replaced = async::Replaced{key(1), handle(1), false};
    const auto grant = ok(archive().begin_login(order, soon()));
    ASSERT_TRUE(grant.end_replaced.has_value());
    EXPECT_EQ(grant.end_replaced->user, tag(2));
    EXPECT_EQ(grant.end_replaced->sequence, 1U);
    EXPECT_EQ(row(1).ended, start + 1min);
    EXPECT_EQ(row(1).end_reason, "replaced");
    EXPECT_THAT(live("bob"), IsEmpty());
    EXPECT_THAT(types(), ElementsAre("session.created", "session.ended", "session.created"));

    const auto again = ok(archive().begin_login(order, soon()));
    ASSERT_TRUE(again.end_replaced.has_value());
    expect_same(*grant.end_replaced, *again.end_replaced);
}

// ids: R3
TEST_P(ArchiveSuite, login_over_a_session_unknown_here_revokes_its_key) {
    auto order = login(2);
    order.replaced = async::Replaced{key(7), handle(7), false};
    const auto grant = ok(archive().begin_login(order, soon()));
    ASSERT_TRUE(grant.end_replaced.has_value());
    EXPECT_THAT(grant.end_replaced->keys, ElementsAre(key(7)));
    EXPECT_EQ(grant.end_replaced->sequence, 1U);
    EXPECT_EQ(revocations().at(0).key, key(7));
}

// ids: S15 R3 R5
TEST_P(ArchiveSuite, end_by_key_closes_the_row_and_takes_a_sequence) {
    logged_in(1);
    const auto receipt = ok(archive().end(end_key(1, 1), soon()));
    EXPECT_EQ(receipt.sessions, 1U);
    EXPECT_THAT(receipt.keys, ElementsAre(key(1)));
    ASSERT_THAT(receipt.orders, SizeIs(1));
    EXPECT_EQ(receipt.orders[0].shard, shard);
    EXPECT_THAT(receipt.orders[0].keys, ElementsAre(key(1)));
    EXPECT_EQ(receipt.orders[0].user, tag());
    EXPECT_FALSE(receipt.orders[0].whole_user);
    EXPECT_EQ(receipt.orders[0].epoch, 0U);
    EXPECT_EQ(receipt.orders[0].previous_sequence, 0U);
    EXPECT_EQ(receipt.orders[0].sequence, 1U);

    EXPECT_EQ(row(1).ended, start + 1min);
    EXPECT_EQ(row(1).end_reason, "logout");
    EXPECT_THAT(live(), IsEmpty());
    async::AuditQuery query;
    query.type = "session.ended";
    const auto trail = ok(archive().audit(query, soon()));
    ASSERT_THAT(trail, SizeIs(1));
    EXPECT_EQ(trail[0].handle, handle(1));
    EXPECT_EQ(trail[0].user_id, "alice");
}

// ids: R3
TEST_P(ArchiveSuite, end_by_handle_ends_only_that_session) {
    logged_in(1);
    logged_in(2);
    auto request = ending();
    request.handle = handle(2);
    EXPECT_EQ(ok(archive().end(request, soon())).sessions, 1U);
    ASSERT_THAT(live("alice"), SizeIs(1));
    EXPECT_EQ(live("alice")[0].handle, handle(1));
}

// ids: R3 R9
TEST_P(ArchiveSuite, ending_twice_ends_nothing_and_takes_no_sequence) {
    logged_in(1);
    ok(archive().end(end_key(1, 1), soon()));
    auto by_handle = ending(3);
    by_handle.handle = handle(1);
    for (const auto& request : {end_key(1, 2), by_handle, end_key(9, 4)}) {
        const auto receipt = ok(archive().end(request, soon()));
        EXPECT_EQ(receipt.sessions, 0U);
        EXPECT_THAT(receipt.orders, IsEmpty());
        EXPECT_THAT(receipt.keys, IsEmpty());
    }
    EXPECT_EQ(row(1).ended, start + 1min);
    EXPECT_EQ(ok(archive().sequences(soon())).at(shard), 1U);
    EXPECT_THAT(types(), ElementsAre("session.ended", "session.created"));
}

// ids: R13 S67
TEST_P(ArchiveSuite, trying_to_write_writes_nothing) {
    logged_in(1);
    const auto events = types();
    EXPECT_TRUE(ok(archive().try_write(soon())));
    EXPECT_EQ(types(), events);
    EXPECT_EQ(ok(archive().sequences(soon())).at(shard), 0U);
}

// ids: R3
TEST_P(ArchiveSuite, session_past_its_absolute_end_is_not_ended_again) {
    logged_in(1);
    auto request = end_key(1);
    request.event.at = start + 24h;
    EXPECT_EQ(ok(archive().end(request, soon())).sessions, 0U);
}

// ids: R3 R5
TEST_P(ArchiveSuite, end_of_a_user_raises_the_epoch_once) {
    logged_in(1);
    logged_in(2);
    logged_in(3, "bob");
    const auto receipt = ok(archive().end(end_user("alice", 1), soon()));
    EXPECT_EQ(receipt.sessions, 2U);
    EXPECT_THAT(receipt.keys, ElementsAre(key(1), key(2)));
    ASSERT_THAT(receipt.orders, SizeIs(1));
    EXPECT_TRUE(receipt.orders[0].whole_user);
    EXPECT_EQ(receipt.orders[0].user, tag());
    EXPECT_EQ(receipt.orders[0].epoch, 1U);
    EXPECT_FALSE(receipt.orders[0].keep.has_value());
    EXPECT_EQ(receipt.orders[0].previous_sequence, 0U);
    EXPECT_EQ(receipt.orders[0].sequence, 1U);

    const auto replay = revocations();
    ASSERT_THAT(replay, SizeIs(1));
    EXPECT_FALSE(replay[0].key.has_value());
    EXPECT_EQ(replay[0].user, tag());
    EXPECT_EQ(replay[0].epoch, 1U);
    const auto epochs = ok(archive().epochs(start, 10, soon()));
    ASSERT_THAT(epochs, SizeIs(1));
    EXPECT_EQ(epochs[0].user, tag());
    EXPECT_EQ(epochs[0].epoch, 1U);
    EXPECT_EQ(epochs[0].raised, start + 1min);
    EXPECT_EQ(ok(archive().epoch_of(tag(), soon())), 1U);
    EXPECT_EQ(ok(archive().epoch_of(tag(2), soon())), 0U);
    EXPECT_THAT(ok(archive().epochs(start + 2min, 10, soon())), IsEmpty());

    EXPECT_THAT(live("alice"), IsEmpty());
    EXPECT_THAT(live("bob"), SizeIs(1));
    async::AuditQuery ended;
    ended.type = "session.ended";
    const auto trail = ok(archive().audit(ended, soon()));
    ASSERT_THAT(trail, SizeIs(1));
    EXPECT_FALSE(trail[0].handle.has_value());
    EXPECT_EQ(trail[0].user_id, "alice");
    EXPECT_EQ(ok(archive().begin_login(login(4), soon())).epoch, 1U);
}

// ids: R2
TEST_P(ArchiveSuite, epochs_are_listed_newest_first_and_at_most_as_many_as_asked) {
    auto later = end_user("alice");
    later.event.at = start + 2min;
    ok(archive().end(end_user("bob"), soon()));
    ok(archive().end(later, soon()));
    const auto all = ok(archive().epochs(start, 10, soon()));
    ASSERT_THAT(all, SizeIs(2));
    EXPECT_EQ(all[0].user, tag(1));
    EXPECT_EQ(all[1].user, tag(2));
    const auto newest = ok(archive().epochs(start, 1, soon()));
    ASSERT_THAT(newest, SizeIs(1));
    EXPECT_EQ(newest[0].user, tag(1));
}

// ids: R2 I2
TEST_P(ArchiveSuite, epochs_of_all_users_are_read_page_by_page_from_any_shard_on) {
    std::vector<UserTag> users;
    for (const std::uint8_t in_shard : std::to_array<std::uint8_t>({0, 0x29, 0x2a, 0x2b, 0xff})) {
        for (const std::uint8_t number : std::to_array<std::uint8_t>({0, 0xff})) {
            async::EndRequest request = ending();
            request.user_id = "user " + std::to_string(users.size());
            request.user = UserTag{bytes_of(in_shard, number)};
            users.push_back(request.user);
            ok(archive().end(request, soon()));
        }
    }
    const auto from = [&](std::uint8_t in_shard, std::optional<UserTag> after,
                          std::uint32_t limit) {
        std::vector<UserTag> found;
        for (const auto& epoch : ok(archive().epochs_from(in_shard, after, limit, soon()))) {
            EXPECT_EQ(epoch.epoch, 1U);
            EXPECT_EQ(epoch.raised, start + 1min);
            found.push_back(epoch.user);
        }
        return found;
    };
    using testing::ElementsAreArray;
    EXPECT_THAT(from(0, {}, 100), ElementsAreArray(users));
    EXPECT_THAT(from(0x2a, {}, 3), ElementsAre(users[4], users[5], users[6]));
    EXPECT_THAT(from(0x2a, users[4], 2), ElementsAre(users[5], users[6]));
    EXPECT_THAT(from(0x2c, {}, 1), ElementsAre(users[8]));
    EXPECT_THAT(from(0xff, users[9], 1), IsEmpty());
}

// ids: R3 R5
TEST_P(ArchiveSuite, end_of_a_user_without_a_row_raises_the_epoch_all_the_same) {
    const auto receipt = ok(archive().end(end_user("alice", 1), soon()));
    EXPECT_EQ(receipt.sessions, 0U);
    EXPECT_THAT(receipt.keys, IsEmpty());
    ASSERT_THAT(receipt.orders, SizeIs(1));
    EXPECT_TRUE(receipt.orders[0].whole_user);
    EXPECT_EQ(receipt.orders[0].epoch, 1U);
    EXPECT_EQ(receipt.orders[0].sequence, 1U);
    EXPECT_THAT(types(), ElementsAre("session.ended"));
    expect_same(ok(archive().end(end_user("alice", 1), soon())), receipt);
    EXPECT_EQ(ok(archive().end(end_user("alice", 2), soon())).orders.at(0).epoch, 2U);
    EXPECT_EQ(ok(archive().begin_login(login(1), soon())).epoch, 2U);
    EXPECT_THAT(sequences_of(revocations()), ElementsAre(1, 2));
}

// ids: R3 R5
TEST_P(ArchiveSuite, end_of_a_user_but_one_reaches_the_hot_store_without_a_row) {
    logged_in(2);
    auto request = end_user("alice", 1);
    request.keep = key(2);
    const auto receipt = ok(archive().end(request, soon()));
    EXPECT_EQ(receipt.sessions, 0U);
    ASSERT_THAT(receipt.orders, SizeIs(1));
    EXPECT_TRUE(receipt.orders[0].whole_user);
    EXPECT_EQ(receipt.orders[0].keep, key(2));
    EXPECT_EQ(receipt.orders[0].sequence, 0U);
    EXPECT_THAT(revocations(), IsEmpty());
    EXPECT_THAT(types(), ElementsAre("session.created"));
}

// ids: R3 R5
TEST_P(ArchiveSuite, end_of_a_user_but_one_raises_no_epoch) {
    logged_in(1);
    logged_in(2);
    logged_in(3);
    auto request = end_user("alice", 1);
    request.keep = key(2);
    const auto receipt = ok(archive().end(request, soon()));
    EXPECT_EQ(receipt.sessions, 2U);
    EXPECT_THAT(receipt.keys, ElementsAre(key(1), key(3)));
    ASSERT_THAT(receipt.orders, SizeIs(1));
    EXPECT_TRUE(receipt.orders[0].whole_user);
    EXPECT_EQ(receipt.orders[0].keep, key(2));
    EXPECT_EQ(receipt.orders[0].epoch, 0U);
    EXPECT_EQ(receipt.orders[0].previous_sequence, 0U);
    EXPECT_EQ(receipt.orders[0].sequence, 2U);
    const auto replay = revocations();
    ASSERT_THAT(replay, SizeIs(2));
    EXPECT_EQ(replay[0].key, key(1));
    EXPECT_EQ(replay[1].key, key(3));
    EXPECT_THAT(ok(archive().epochs(TimePoint{}, 10, soon())), IsEmpty());
    ASSERT_THAT(live("alice"), SizeIs(1));
    EXPECT_EQ(live("alice")[0].handle, handle(2));
    async::AuditQuery ended;
    ended.type = "session.ended";
    EXPECT_THAT(types(ended), SizeIs(2));
}

// ids: R3
TEST_P(ArchiveSuite, end_of_a_user_includes_logins_that_were_never_confirmed) {
    ok(archive().begin_login(login(1), soon()));
    auto request = end_user("alice");
    request.event.at = start + 1h;
    EXPECT_EQ(ok(archive().end(request, soon())).sessions, 1U);
}

// ids: R9
TEST_P(ArchiveSuite, repeated_endings_write_once_and_answer_the_same) {
    logged_in(1);
    logged_in(2);
    logged_in(3);
    logged_in(4, "bob");
    auto others = end_user("alice", 2);
    others.keep = key(3);
    for (const auto& request : {end_key(1, 1), others, end_user("bob", 3)}) {
        const auto first = ok(archive().end(request, soon()));
        const auto sequences = ok(archive().sequences(soon()));
        const auto trail = types();
        expect_same(ok(archive().end(request, soon())), first);
        EXPECT_GT(first.sessions, 0U);
        EXPECT_EQ(ok(archive().sequences(soon())), sequences);
        EXPECT_EQ(types(), trail);
    }
    EXPECT_THAT(ok(archive().epochs(TimePoint{}, 10, soon())), SizeIs(1));
}

// ids: R5
TEST_P(ArchiveSuite, sequences_have_no_gap_and_are_told_apart_by_shard) {
    for (std::uint8_t number = 1; number <= 9; ++number) logged_in(number);
    auto elsewhere = login(20);
    elsewhere.row.key = key(20, 0x07);
    elsewhere.row.user = UserTag{bytes_of(0x07, 1)};
    elsewhere.row.user_id = "carol";
    ok(archive().begin_login(elsewhere, soon()));
    std::uint64_t previous = 0;
    for (std::uint8_t number = 1; number <= 9; ++number) {
        const auto receipt = ok(archive().end(end_key(number), soon()));
        ASSERT_THAT(receipt.orders, SizeIs(1));
        EXPECT_EQ(receipt.orders[0].previous_sequence, previous);
        EXPECT_EQ(receipt.orders[0].sequence, previous + 1);
        previous = receipt.orders[0].sequence;
    }
    auto request = ending();
    request.handle = handle(20);
    EXPECT_EQ(ok(archive().end(request, soon())).orders.at(0).sequence, 1U);

    const auto sequences = ok(archive().sequences(soon()));
    ASSERT_THAT(sequences, SizeIs(256));
    EXPECT_EQ(sequences[shard], 9U);
    EXPECT_EQ(sequences[0x07], 1U);
    EXPECT_EQ(sequences[0xff], 0U);
    EXPECT_THAT(sequences_of(revocations(6)), ElementsAre(7, 8, 9));
    EXPECT_THAT(sequences_of(ok(archive().revocations(shard, 2, 3, soon()))), ElementsAre(3, 4, 5));
    EXPECT_THAT(revocations(9), IsEmpty());
}

// ids: R1 R5
TEST_P(ArchiveSuite, sequences_behind_the_marks_are_raised_once_with_an_event) {
    logged_in(1);
    ASSERT_EQ(ok(archive().end(end_key(1), soon())).sessions, 1U);
    std::vector<std::uint64_t> marks(256, 0);
    marks[shard] = 7;
    marks[3] = 2;
    EXPECT_EQ(ok(archive().raise_sequences(marks, event("sql.older_than_marks"), soon())), 2U);
    EXPECT_EQ(ok(archive().raise_sequences(marks, event("sql.older_than_marks"), soon())), 0U);

    const auto sequences = ok(archive().sequences(soon()));
    EXPECT_EQ(sequences[shard], 7U);
    EXPECT_EQ(sequences[3], 2U);
    EXPECT_EQ(sequences[0], 0U);
    async::AuditQuery query;
    query.type = "sql.*";
    EXPECT_THAT(types(query), SizeIs(1));
    // The next ending takes a number beyond them, and both are found in order.
    logged_in(2);
    const auto next = ok(archive().end(end_key(2), soon()));
    ASSERT_THAT(next.orders, SizeIs(1));
    EXPECT_EQ(next.orders[0].previous_sequence, 7U);
    EXPECT_EQ(next.orders[0].sequence, 8U);
    const auto after = ok(archive().revocations(shard, 1, 10, soon()));
    ASSERT_THAT(after, SizeIs(1));
    EXPECT_EQ(after[0].sequence, 8U);
    EXPECT_THAT(ok(archive().revocations(shard, 0, 10, soon())), SizeIs(2));
}

// ids: R3 R5 C08
TEST_P(ArchiveSuite, ending_of_a_session_unknown_here_revokes_its_key_where_the_owner_is_named) {
    auto request = ending(9);
    request.key = key(5);
    ASSERT_THAT(ok(archive().end(request, soon())).orders, IsEmpty()) << "nobody's, so nothing";

    request = ending(10);
    request.key = key(5);
    request.user = tag();
    request.event.handle = handle(5);
    request.event.user_id = "alice";
    const auto ended = ok(archive().end(request, soon()));
    EXPECT_EQ(ended.sessions, 0U);
    ASSERT_THAT(ended.orders, SizeIs(1));
    EXPECT_THAT(ended.orders[0].keys, ElementsAre(key(5)));
    EXPECT_EQ(ended.orders[0].user, tag());
    EXPECT_EQ(ended.orders[0].sequence, 1U);
    const auto repeated = ok(archive().end(request, soon()));
    ASSERT_THAT(repeated.orders, SizeIs(1));
    EXPECT_EQ(repeated.orders[0].sequence, 1U);
    request.event.operation = operation(11);
    EXPECT_THAT(ok(archive().end(request, soon())).orders, IsEmpty()) << "it is revoked already";
    async::AuditQuery query;
    query.handle = handle(5);
    EXPECT_THAT(ok(archive().audit(query, soon())), SizeIs(1));
}

// ids: R3 R5
TEST_P(ArchiveSuite, epochs_go_beyond_those_that_the_hot_store_has_seen) {
    auto order = login(1);
    order.epoch_floor = 4;
    EXPECT_EQ(ok(archive().begin_login(order, soon())).epoch, 4U);
    EXPECT_EQ(ok(archive().epoch_of(tag(), soon())), 4U);
    auto request = ending();
    request.user_id = "alice";
    request.user = tag();
    request.epoch_floor = 9;
    EXPECT_EQ(ok(archive().end(request, soon())).orders.at(0).epoch, 10U);
    request.epoch_floor = 0;
    EXPECT_EQ(ok(archive().end(request, soon())).orders.at(0).epoch, 11U);
}

// ids: S16 R3 R9
TEST_P(ArchiveSuite, replayed_entries_are_written_once_and_in_order) {
    auto first = login(1, "alice", 1);
    first.granted_epoch = 0;
    auto second = login(2, "bob", 2, 1s);
    async::PlatformChange change{handle(1), "pixelfed", event("session.platform_switched", 3, 2s)};
    const std::vector<async::Deferred> entries{first,
                                               async::LoginConfirmed{handle(1), key(1), tag()},
                                               second, change, event("record.unreadable", 4, 3s)};
    const auto written = ok(archive().replay(entries, soon()));
    EXPECT_EQ(written.written, 4U);
    EXPECT_THAT(written.orders, IsEmpty());
    const auto repeated = ok(archive().replay(entries, soon()));
    EXPECT_EQ(repeated.written, 0U);
    EXPECT_EQ(repeated.repeated, 4U);
    EXPECT_THAT(types(), ElementsAre("record.unreadable", "session.platform_switched",
                                     "session.created", "session.created"));
    EXPECT_TRUE(row(1).confirmed);
    EXPECT_FALSE(row(2).confirmed);
    EXPECT_EQ(row(1).platform, "pixelfed");
}

// ids: R3 R9 C08
TEST_P(ArchiveSuite, replayed_ending_wins_over_a_login_that_arrives_after_it) {
    auto ended = end_key(1, 7);
    ended.user = tag();
    ended.event.handle = handle(1);
    ended.event.user_id = "alice";
    ended.late = true;
    ASSERT_THAT(ok(archive().replay({ended}, soon())).orders, SizeIs(1));
    const auto replayed = ok(archive().replay({login(1, "alice", 1)}, soon()));
    ASSERT_THAT(replayed.orders, SizeIs(1));
    EXPECT_THAT(replayed.orders[0].keys, ElementsAre(key(1)));
    EXPECT_THAT(replayed.keys, ElementsAre(key(1)));
    EXPECT_TRUE(row(1).ended.has_value());
    EXPECT_EQ(row(1).end_reason, "unrecorded");
    EXPECT_THAT(types(), ElementsAre("session.created", "session.ended"));
    EXPECT_THAT(revocations(), SizeIs(1));
}

// ids: R3 R9 C09
TEST_P(ArchiveSuite, replayed_end_of_a_user_spares_logins_of_the_epoch_it_gave) {
    logged_in(1);
    auto ended = end_user("alice", 7);
    ended.late = true;
    ended.granted_epoch = 1;
    auto after = login(2, "alice", 2, 2min);
    after.granted_epoch = 1;
    const auto replayed = ok(archive().replay({after, ended}, soon()));
    ASSERT_THAT(replayed.orders, SizeIs(1));
    EXPECT_EQ(replayed.orders[0].epoch, 1U);
    EXPECT_TRUE(row(1).ended.has_value());
    EXPECT_FALSE(row(2).ended.has_value());
    EXPECT_EQ(ok(archive().epoch_of(tag(), soon())), 1U);
    // One below the epoch is over, whenever it arrives.
    auto before = login(3, "alice", 3);
    before.granted_epoch = 0;
    EXPECT_THAT(ok(archive().replay({before}, soon())).orders, SizeIs(1));
    EXPECT_TRUE(row(3).ended.has_value());
}

// ids: R3 R9 I4 C09
TEST_P(ArchiveSuite, ends_of_a_user_are_replayed_in_whatever_order_two_journals_come) {
    logged_in(1);
    auto earlier = end_user("alice", 7);
    earlier.late = true;
    earlier.granted_epoch = 4;
    auto later = end_user("alice", 8);
    later.late = true;
    later.granted_epoch = 5;
    auto between = login(2, "alice", 2);
    between.granted_epoch = 4;
    auto after = login(3, "alice", 3);
    after.granted_epoch = 5;
    ok(archive().replay({later, after}, soon()));
    ok(archive().replay({earlier, between}, soon()));
    EXPECT_EQ(ok(archive().epoch_of(tag(), soon())), 5U);
    EXPECT_TRUE(row(1).ended.has_value());
    EXPECT_TRUE(row(2).ended.has_value());
    EXPECT_FALSE(row(3).ended.has_value());
    async::AuditQuery ended;
    ended.type = "session.ended";
    EXPECT_THAT(types(ended), SizeIs(2));
}

// ids: R3 R9
TEST_P(ArchiveSuite, confirmation_of_an_ended_session_asks_for_its_record_to_go) {
    logged_in(1);
    ok(archive().end(end_key(1, 7), soon()));
    const auto replayed =
        ok(archive().replay({async::LoginConfirmed{handle(1), key(1), tag()}}, soon()));
    ASSERT_THAT(replayed.orders, SizeIs(1));
    EXPECT_EQ(replayed.orders[0].sequence, 0U);
    EXPECT_THAT(replayed.orders[0].keys, ElementsAre(key(1)));
}

// ids: R3 R9
TEST_P(ArchiveSuite, replay_with_an_entry_that_cannot_be_written_writes_nothing) {
    auto bad = event("NOT A TYPE", 5);
    EXPECT_FALSE(run(archive().replay({login(1, "alice", 1), bad}, soon())));
    EXPECT_THAT(types(), IsEmpty());
}

// ids: S45 S41
TEST_P(ArchiveSuite, expired_sessions_are_closed_once_with_an_event_each) {
    for (std::uint8_t number = 1; number <= 4; ++number)
        logged_in(number, "alice", Millis{1000 * number});
    logged_in(5, "bob", 1h);
    ok(archive().end(end_key(1), soon()));

    EXPECT_EQ(ok(archive().close_expired(start + 24h, 100, soon())), 0U);
    EXPECT_EQ(ok(archive().close_expired(start + 24h + 4s, 2, soon())), 2U);
    EXPECT_EQ(row(4).ended, std::nullopt);
    EXPECT_EQ(ok(archive().close_expired(start + 24h + 4s, 2, soon())), 1U);
    EXPECT_EQ(ok(archive().close_expired(start + 24h + 4s, 2, soon())), 0U);

    EXPECT_EQ(row(1).end_reason, "logout");
    EXPECT_EQ(row(3).end_reason, "expired");
    EXPECT_EQ(row(3).ended, start + 24h + 3s);
    EXPECT_EQ(row(5).ended, std::nullopt);
    async::AuditQuery query;
    query.type = "session.ended";
    const auto trail = ok(archive().audit(query, soon()));
    ASSERT_THAT(trail, SizeIs(4));
    EXPECT_EQ(trail[0].handle, handle(4));
    EXPECT_EQ(trail[0].at, start + 24h + 4s);
    EXPECT_EQ(trail[0].user_id, "alice");
    EXPECT_EQ(trail[0].actor, "system");
    EXPECT_EQ(trail[0].detail, R"({"reason":"expired"})");
    // Nothing had to be revoked: their records died by their own stored times.
    EXPECT_THAT(revocations(1), IsEmpty());
}

// ids: E2 S24
TEST_P(ArchiveSuite, platform_change_updates_the_row_and_writes_one_event) {
    logged_in(1);
    EXPECT_TRUE(ok(archive().record_change(handle(1), "pixelfed",
                                           event("session.platform_switched", 5), soon())));
    EXPECT_TRUE(ok(archive().record_change(handle(1), "pixelfed",
                                           event("session.platform_switched", 5), soon())));
    EXPECT_EQ(row(1).platform, "pixelfed");
    async::AuditQuery query;
    query.type = "session.platform_switched";
    const auto trail = ok(archive().audit(query, soon()));
    ASSERT_THAT(trail, SizeIs(1));
    EXPECT_EQ(trail[0].handle, handle(1));
    EXPECT_EQ(trail[0].user_id, "alice");
}

// ids: R3
TEST_P(ArchiveSuite, change_of_an_ended_or_unknown_session_writes_nothing) {
    logged_in(1);
    ok(archive().end(end_key(1), soon()));
    const auto before = types();
    for (const auto number : {1, 9}) {
        EXPECT_FALSE(
            ok(archive().record_change(handle(static_cast<std::uint8_t>(number)), "pixelfed",
                                       event("session.platform_switched", 5), soon())));
    }
    EXPECT_EQ(row(1).platform, "mastodon");
    EXPECT_EQ(types(), before);
}

// ids: S16 R9
TEST_P(ArchiveSuite, appended_events_stand_once_for_each_operation) {
    const std::vector<async::AuditEvent> events{
        event("record.unreadable", 1), event("cookie.ambiguous"), event("identity.conflict", 2)};
    EXPECT_EQ(ok(archive().append(events, soon())), 3U);
    EXPECT_EQ(ok(archive().append({events[0], events[2]}, soon())), 2U);
    EXPECT_EQ(ok(archive().append({}, soon())), 0U);
    EXPECT_THAT(types(), ElementsAre("identity.conflict", "cookie.ambiguous", "record.unreadable"));
}

// ids: S102
TEST_P(ArchiveSuite, audit_is_found_by_user_handle_type_and_time) {
    logged_in(1);
    logged_in(2, "bob", 10min);
    ok(archive().end(end_key(1), soon()));
    ok(archive().append({event("cookie.ambiguous", 0, 20min)}, soon()));

    EXPECT_THAT(types(), ElementsAre("cookie.ambiguous", "session.ended", "session.created",
                                     "session.created"));
    async::AuditQuery by_user;
    by_user.user_id = "alice";
    EXPECT_THAT(types(by_user), ElementsAre("session.ended", "session.created"));
    async::AuditQuery by_handle;
    by_handle.handle = handle(2);
    EXPECT_THAT(types(by_handle), ElementsAre("session.created"));
    by_handle.user_id = "alice";
    EXPECT_THAT(types(by_handle), IsEmpty());
    async::AuditQuery by_type;
    by_type.type = "session.created";
    EXPECT_THAT(types(by_type), SizeIs(2));
    by_type.type = "session.*";
    EXPECT_THAT(types(by_type), SizeIs(3));
    by_type.type = "session.create";
    EXPECT_THAT(types(by_type), IsEmpty());
    async::AuditQuery by_time;
    by_time.since = start + 10min;
    EXPECT_THAT(types(by_time), ElementsAre("cookie.ambiguous", "session.created"));
    by_time.until = start + 20min;
    EXPECT_THAT(types(by_time), ElementsAre("session.created"));
    by_time.since.reset();
    EXPECT_THAT(types(by_time), SizeIs(3));
    async::AuditQuery all_at_once = by_user;
    all_at_once.type = "session.*";
    all_at_once.since = start + 30s;
    EXPECT_THAT(types(all_at_once), ElementsAre("session.ended"));
}

// ids: S101 S102
TEST_P(ArchiveSuite, audit_is_found_by_a_member_of_its_detail) {
    auto traced = event("test.traced");
    traced.detail = R"({"client":"127.0.0.1","trace":"0af7"})";
    auto other = event("test.other");
    other.detail = R"({"trace":"0af8"})";
    ok(archive().append({traced, other}, soon()));
    async::AuditQuery query;
    query.detail_member = R"("trace":"0af7")";
    EXPECT_THAT(types(query), ElementsAre("test.traced"));
    query.type = "test.other";
    EXPECT_THAT(types(query), IsEmpty());
    query.type.clear();
    query.handle = handle(9);
    EXPECT_THAT(types(query), IsEmpty());
}

// ids: S102
TEST_P(ArchiveSuite, audit_pages_from_newest_to_oldest) {
    for (int i = 0; i < 5; ++i)
        ok(archive().append({event("test.number_" + std::to_string(i))}, soon()));
    async::AuditQuery query;
    query.limit = 2;
    std::vector<std::string> seen;
    for (;;) {
        const auto page = ok(archive().audit(query, soon()));
        if (page.empty()) break;
        for (const auto& entry : page) seen.push_back(entry.type);
        query.before_id = page.back().id;
    }
    EXPECT_THAT(seen, ElementsAre("test.number_4", "test.number_3", "test.number_2",
                                  "test.number_1", "test.number_0"));
}

// ids: S102
TEST_P(ArchiveSuite, sessions_page_from_newest_to_oldest) {
    for (std::uint8_t number = 1; number <= 5; ++number)
        logged_in(number, "alice", Millis{1000 * (number / 2)});
    for (const bool only_live : {true, false}) {
        for (const std::string user : {"alice", ""}) {
            async::SessionQuery query;
            query.user_id = user;
            query.only_live = only_live;
            query.now = start;
            query.limit = 2;
            std::vector<Handle> seen;
            for (;;) {
                const auto page = ok(archive().sessions(query, soon()));
                if (page.empty()) break;
                for (const auto& session : page) seen.push_back(session.handle);
                query.after = page.back().handle;
            }
            EXPECT_THAT(seen, ElementsAre(handle(4), handle(5), handle(2), handle(3), handle(1)));
        }
    }
    async::SessionQuery after_nothing;
    after_nothing.only_live = false;
    after_nothing.after = handle(99);
    EXPECT_THAT(ok(archive().sessions(after_nothing, soon())), IsEmpty());
}

// ids: S102 S44
TEST_P(ArchiveSuite, session_is_found_by_the_key_it_holds_now) {
    logged_in(1);
    logged_in(2);
    async::SessionQuery query;
    query.now = start;
    query.key = key(2);
    const auto found = ok(archive().sessions(query, soon()));
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].handle, handle(2));
    query.user_id = "bob";
    EXPECT_THAT(ok(archive().sessions(query, soon())), IsEmpty());
    query.user_id.clear();
    query.handle = handle(1);
    EXPECT_THAT(ok(archive().sessions(query, soon())), IsEmpty());
    query.handle.reset();
    query.key = key(9);
    EXPECT_THAT(ok(archive().sessions(query, soon())), IsEmpty());
}

// ids: S102
TEST_P(ArchiveSuite, ended_sessions_are_listed_on_demand_only) {
    logged_in(1);
    logged_in(2);
    ok(archive().end(end_key(1), soon()));
    EXPECT_THAT(live(), SizeIs(1));
    EXPECT_THAT(live("alice", 25h), IsEmpty());
    async::SessionQuery query;
    query.only_live = false;
    EXPECT_THAT(ok(archive().sessions(query, soon())), SizeIs(2));
    query.only_live = true;
    query.now = start;
    query.handle = handle(1);
    EXPECT_THAT(ok(archive().sessions(query, soon())), IsEmpty());
}

// ids: S4
TEST_P(ArchiveSuite, texts_are_kept_whole_or_marked) {
    const std::string name = "d\xc3\xb6rte'; DROP TABLE sessions; -- \xf0\x9f\xa6\x8a";
    auto order = login(1, name);
    order.row.device = std::string("a\0b\xff", 4) + "c";
    order.row.platform = std::string(300, 'x');
    order.event.detail = R"({"text":"quote ' and \" and :colon"})";
    ok(archive().begin_login(order, soon()));
    EXPECT_EQ(row(1).user_id, name);
    EXPECT_EQ(row(1).device, "a\xef\xbf\xbd"
                             "b\xef\xbf\xbd"
                             "c");
    EXPECT_EQ(row(1).platform, std::string(255, 'x'));
    async::AuditQuery query;
    query.user_id = name;
    const auto trail = ok(archive().audit(query, soon()));
    ASSERT_THAT(trail, SizeIs(1));
    EXPECT_EQ(trail[0].detail, order.event.detail);
}

// ids: S4
TEST_P(ArchiveSuite, user_ids_that_no_database_keeps_are_refused) {
    for (const auto& name : {std::string("a\0b", 3), std::string("\xc0\xaf"),
                             std::string("\xed\xa0\x80"), std::string(513, 'x'), std::string()}) {
        const auto refused = run(archive().begin_login(login(1, name), soon()));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::bad_value);
    }
    async::AuditQuery query;
    query.user_id = std::string("a\0b", 3);
    EXPECT_FALSE(run(archive().audit(query, soon())));
    EXPECT_THAT(types(), IsEmpty());
}

// ids: S4
TEST_P(ArchiveSuite, ending_names_exactly_one_target) {
    auto two = end_key(1);
    two.handle = handle(1);
    for (const auto& request : {ending(), two}) {
        const auto refused = run(archive().end(request, soon()));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::internal);
    }
}

// ids: S4
TEST_P(ArchiveSuite, expired_deadline_writes_nothing) {
    const auto past = std::chrono::steady_clock::now() - 1ms;
    const auto refused = run(archive().begin_login(login(1), past));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    EXPECT_THAT(types(), IsEmpty());
}

}  // namespace vedfolnir::conformance
