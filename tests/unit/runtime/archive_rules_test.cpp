#include "runtime/archive_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vedfolnir::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

async::SessionRow session(std::uint8_t number, std::uint8_t shard) {
    async::SessionRow row;
    row.handle.bytes[0] = number;
    row.key = StoreKey{shard, {number}};
    row.user.bytes[0] = 0x2a;
    return row;
}

async::EndRequest of_user() {
    async::EndRequest request;
    request.user_id = "alice";
    request.user.bytes[0] = 0x2a;
    return request;
}

// ids: S4
TEST(ArchiveRules, clean_text_keeps_utf8_and_marks_the_rest) {
    const std::string fox = "d\xc3\xb6 \xe2\x82\xac \xf0\x9f\xa6\x8a";
    EXPECT_EQ(clean_text(fox, 100), fox);
    EXPECT_EQ(clean_text(std::string("a\0b", 3), 100), "a\xef\xbf\xbd"
                                                       "b");
    // Overlong spelling, surrogate, beyond U+10FFFF, lone continuation, cut short at the end.
    for (const std::string_view bad : {"\xc0", "\xed\xa0", "\xf5", "\x80", "\xe2\x82"}) {
        const auto clean = clean_text(bad, 100);
        EXPECT_TRUE(clean.starts_with("\xef\xbf\xbd"));
        EXPECT_EQ(clean.find(bad), std::string::npos);
    }
    EXPECT_EQ(clean_text("\xed\x9f\xbf\xee\x80\x80", 100), "\xed\x9f\xbf\xee\x80\x80");
}

// ids: S4
TEST(ArchiveRules, clean_text_never_cuts_inside_a_character) {
    EXPECT_EQ(clean_text("ab\xe2\x82\xac", 4), "ab");
    EXPECT_EQ(clean_text("ab\xe2\x82\xac", 5), "ab\xe2\x82\xac");
    EXPECT_EQ(clean_text("\xff", 2), "");
}

// ids: S102
TEST(ArchiveRules, type_range_holds_what_the_filter_names) {
    const auto inside = [](std::string_view filter, const std::string& type) {
        const auto range = type_range(filter);
        return type >= range.low && type <= range.high;
    };
    EXPECT_TRUE(inside("session.*", "session.created"));
    EXPECT_FALSE(inside("session.*", "sessions.created"));
    EXPECT_FALSE(inside("session.*", "session"));
    EXPECT_TRUE(inside("session.created", "session.created"));
    EXPECT_FALSE(inside("session.created", "session.created_twice"));
    EXPECT_TRUE(inside("", "cookie.ambiguous"));
}

// ids: R9
TEST(ArchiveRules, events_need_a_plain_type_and_a_bounded_detail) {
    async::AuditEvent event;
    for (const auto* type : {"", "Session.created", "session created", "session/created"}) {
        event.type = type;
        EXPECT_FALSE(prepare(event)) << type;
    }
    event.type = "session.created";
    event.detail.clear();
    EXPECT_TRUE(prepare(event));
    EXPECT_EQ(event.detail, "{}");
    event.detail = std::string(event_detail_max + 1, 'x');
    const auto refused = prepare(event);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::bad_value);
}

// ids: R3
TEST(ArchiveRules, whole_user_takes_one_sequence_and_carries_the_epoch) {
    auto orders = plan_end(of_user(), {session(1, 0x2a), session(2, 0x2a)});
    ASSERT_THAT(orders, SizeIs(1));
    EXPECT_EQ(sequences_needed(orders[0]), 1U);
    orders[0].epoch = 4;
    assign_sequences(orders[0], 10);
    EXPECT_EQ(orders[0].previous_sequence, 9U);
    const auto revocations = revocations_of(orders[0]);
    ASSERT_THAT(revocations, SizeIs(1));
    EXPECT_EQ(revocations[0].sequence, 10U);
    EXPECT_EQ(revocations[0].epoch, 4U);
    EXPECT_FALSE(revocations[0].key.has_value());
}

// ids: R3
TEST(ArchiveRules, whole_user_without_a_row_is_ended_all_the_same) {
    // A record may stand in the hot store whose row was lost, or never written.
    auto request = of_user();
    auto orders = plan_end(request, {});
    ASSERT_THAT(orders, SizeIs(1));
    EXPECT_TRUE(orders[0].whole_user);
    EXPECT_EQ(sequences_needed(orders[0]), 1U);
    EXPECT_THAT(events_of(request, {}), SizeIs(1));
    request.keep = session(9, 0x2a).key;
    orders = plan_end(request, {});
    ASSERT_THAT(orders, SizeIs(1));
    EXPECT_TRUE(orders[0].whole_user);
    EXPECT_EQ(sequences_needed(orders[0]), 0U);

    async::EndRequest one;
    one.key = session(1, 0x2a).key;
    EXPECT_THAT(plan_end(one, {}), IsEmpty());
    EXPECT_THAT(events_of(one, {}), IsEmpty());
}

// ids: R3
TEST(ArchiveRules, sessions_outside_the_users_shard_are_revoked_by_key_there) {
    auto orders = plan_end(of_user(), {session(1, 0x2a), session(2, 0x07)});
    ASSERT_THAT(orders, SizeIs(2));
    EXPECT_EQ(orders[0].shard, 0x07);
    EXPECT_FALSE(orders[0].whole_user);
    assign_sequences(orders[0], 1);
    EXPECT_EQ(revocations_of(orders[0]).at(0).key, session(2, 0x07).key);
    EXPECT_EQ(orders[1].shard, 0x2a);
    EXPECT_TRUE(orders[1].whole_user);
}

// ids: R3
TEST(ArchiveRules, all_but_one_revokes_key_by_key_in_sequence_order) {
    auto request = of_user();
    request.keep = session(9, 0x2a).key;
    auto orders = plan_end(request, {session(1, 0x2a), session(2, 0x2a)});
    ASSERT_THAT(orders, SizeIs(1));
    EXPECT_EQ(sequences_needed(orders[0]), 2U);
    assign_sequences(orders[0], 7);
    EXPECT_EQ(orders[0].previous_sequence, 5U);
    std::vector<std::uint64_t> sequences;
    for (const auto& revocation : revocations_of(orders[0])) {
        EXPECT_TRUE(revocation.key.has_value());
        sequences.push_back(revocation.sequence);
    }
    EXPECT_THAT(sequences, ElementsAre(6, 7));
    EXPECT_THAT(events_of(request, {}), IsEmpty());
    EXPECT_THAT(events_of(request, {session(1, 0x2a), session(2, 0x2a)}), SizeIs(2));
}

// ids: S15
TEST(ArchiveRules, live_ends_at_the_absolute_end_and_without_confirmation_after_a_minute) {
    const TimePoint start{Millis{1'767'225'600'000}};
    async::SessionRow row;
    row.absolute_expiry = start + std::chrono::hours(1);
    EXPECT_TRUE(is_live(row, start, start + unconfirmed_grace - Millis{1}));
    EXPECT_FALSE(is_live(row, start, start + unconfirmed_grace));
    row.confirmed = true;
    EXPECT_TRUE(is_live(row, start, row.absolute_expiry - Millis{1}));
    EXPECT_FALSE(is_live(row, start, row.absolute_expiry));
    row.ended = start;
    EXPECT_FALSE(is_live(row, start, start));
}

}  // namespace
}  // namespace vedfolnir::runtime
