#include "conformance/store_suite.hpp"

#include "model/bytes.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>

namespace vedfolnir::test {
using async::CreateStatus;
using async::EndOrder;
using async::SaveStatus;
using async::TouchStatus;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

// Each executable of this folder instantiates the suites it wants.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreSuite);

namespace {

std::mt19937_64& random_bits() {
    static std::mt19937_64 engine(std::random_device{}());
    return engine;
}

template <class Bytes>
void fill(Bytes& bytes) {
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_bits()());
}

std::vector<Handle> handles(const std::vector<async::IndexEntry>& entries) {
    std::vector<Handle> all;
    for (const auto& entry : entries) all.push_back(entry.handle);
    return all;
}

std::string rotation_note(TimePoint until) { return model::pack_note({.until = until}); }

}  // namespace

std::string body_of(const std::optional<std::string>& record) {
    return record && record->size() > model::offset::body ? record->substr(model::offset::body)
                                                          : "";
}

TimePoint last_seen_of(const std::optional<std::string>& record) {
    return TimePoint(Millis(model::get_be<std::int64_t>(record.value(), model::offset::last_seen)));
}

Sample Sample::next(std::string new_body) const {
    Sample sample = *this;
    ++sample.header.generation;
    fill(sample.header.operation);
    sample.body = std::move(new_body);
    return sample;
}

Sample StoreSuite::anonymous() {
    Sample sample;
    sample.key.shard = static_cast<std::uint8_t>(random_bits()());
    fill(sample.key.digest);
    fill(sample.header.handle.bytes);
    fill(sample.header.operation);
    sample.header.created = now();
    sample.header.absolute_expiry = now() + std::chrono::hours(24);
    return sample;
}

UserTag StoreSuite::some_user() {
    UserTag user;
    fill(user.bytes);
    return user;
}

Sample StoreSuite::of_user(const UserTag& user) {
    Sample sample = anonymous();
    sample.key.shard = user.shard();
    sample.header.user = user;
    return sample;
}

bool StoreSuite::eventually(const std::function<bool()>& condition) {
    const auto end = soon();
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        subject_->let_time_pass();
    }
    return true;
}

EndOrder StoreSuite::ending(const std::vector<Sample>& samples) {
    EndOrder order;
    order.shard = samples.front().key.shard;
    order.user = samples.front().header.user;
    for (const Sample& sample : samples) order.keys.push_back(sample.key);
    return order;
}

// ids: S14 S77
TEST_P(StoreSuite, create_then_load_returns_the_bytes) {
    const Sample sample = anonymous();
    EXPECT_EQ(create(sample), CreateStatus::created);
    EXPECT_EQ(load(sample), sample.bytes());
}

// ids: S14 V17
TEST_P(StoreSuite, create_never_overwrites) {
    const Sample first = anonymous();
    Sample second = first.next("someone else's");
    ASSERT_EQ(create(first), CreateStatus::created);
    EXPECT_EQ(create(second), CreateStatus::exists);
    EXPECT_EQ(create(first), CreateStatus::exists) << "a repeating random source repeats all ids";
    EXPECT_EQ(load(first), first.bytes());
}

TEST_P(StoreSuite, create_does_not_replace_a_note) {
    const Sample sample = anonymous();
    ASSERT_EQ(create(sample), CreateStatus::created);
    ASSERT_TRUE(erase(sample, rotation_note(now()), minute));
    EXPECT_EQ(create(sample), CreateStatus::exists);
}

// ids: V18
TEST_P(StoreSuite, create_refuses_a_stale_epoch) {
    const UserTag user = some_user();
    EndOrder order;
    order.shard = user.shard();
    order.user = user;
    order.whole_user = true;
    order.epoch = 7;
    static_cast<void>(end(order));

    Sample sample = of_user(user);
    sample.header.epoch = 6;
    EXPECT_EQ(create(sample), CreateStatus::stale_epoch);
    EXPECT_FALSE(load(sample).has_value());
    EXPECT_THAT(list(user), IsEmpty());
    sample.header.epoch = 7;
    EXPECT_EQ(create(sample), CreateStatus::created);
}

TEST_P(StoreSuite, load_of_nothing_is_empty_and_no_error) {
    EXPECT_FALSE(load(anonymous()).has_value());
}

// ids: C31 S22
TEST_P(StoreSuite, save_replaces_at_the_expected_generation) {
    const Sample first = anonymous();
    ASSERT_EQ(create(first), CreateStatus::created);
    const Sample second = first.next("second");
    EXPECT_EQ(save(second, 1).status, SaveStatus::saved);
    EXPECT_EQ(body_of(load(first)), "second");
}

// ids: S23
TEST_P(StoreSuite, save_stamps_last_seen_with_the_clock_of_the_store) {
    const Sample first = anonymous();
    ASSERT_EQ(create(first), CreateStatus::created);
    const TimePoint before = now();
    ASSERT_EQ(save(first.next("second"), 1).status, SaveStatus::saved);
    // A process keeps the store's clock to within a round trip.
    EXPECT_GE(last_seen_of(load(first)), before - Millis{50});
    EXPECT_LE(last_seen_of(load(first)), now() + Millis{50});
}

// ids: V03 V04 S22
TEST_P(StoreSuite, save_conflict_returns_what_stands_there) {
    const Sample first = anonymous();
    ASSERT_EQ(create(first), CreateStatus::created);
    ASSERT_EQ(save(first.next("winner"), 1).status, SaveStatus::saved);
    const auto reply = save(first.next("loser"), 1);
    EXPECT_EQ(reply.status, SaveStatus::conflict);
    EXPECT_EQ(reply.current, load(first));
    EXPECT_EQ(body_of(load(first)), "winner");
}

// ids: S22
TEST_P(StoreSuite, save_of_an_applied_operation_is_saved_once) {
    const Sample first = anonymous();
    const Sample second = first.next("once");
    ASSERT_EQ(create(first), CreateStatus::created);
    ASSERT_EQ(save(second, 1).status, SaveStatus::saved);
    EXPECT_EQ(save(second, 1).status, SaveStatus::saved)
        << "the reply was lost; the caller asks again";
    ASSERT_EQ(save(second.next("third"), 2).status, SaveStatus::saved);
    EXPECT_EQ(body_of(load(first)), "third");
}

TEST_P(StoreSuite, save_without_an_operation_is_never_taken_for_a_repetition) {
    Sample first = anonymous();
    first.header.operation = {};
    ASSERT_EQ(create(first), CreateStatus::created);
    Sample second = first.next("second");
    second.header.operation = {};
    EXPECT_EQ(save(second, 1).status, SaveStatus::saved);
    EXPECT_EQ(body_of(load(first)), "second");
}

// ids: V03 V16 C08
TEST_P(StoreSuite, save_never_creates) {
    const Sample sample = anonymous();
    EXPECT_EQ(save(sample.next("late"), 1).status, SaveStatus::gone);
    EXPECT_FALSE(load(sample).has_value());

    const UserTag user = some_user();
    const Sample ended = of_user(user);
    ASSERT_EQ(create(ended), CreateStatus::created);
    static_cast<void>(end(ending({ended})));
    EXPECT_EQ(save(ended.next("late"), 1).status, SaveStatus::gone);
    EXPECT_FALSE(load(ended).has_value());
    EXPECT_THAT(list(user), IsEmpty());
}

// ids: V06
TEST_P(StoreSuite, save_where_a_note_stands_is_moved) {
    const Sample sample = anonymous();
    const std::string note = rotation_note(now());
    ASSERT_EQ(create(sample), CreateStatus::created);
    ASSERT_TRUE(erase(sample, note, minute));
    const auto reply = save(sample.next("late"), 1);
    EXPECT_EQ(reply.status, SaveStatus::moved);
    EXPECT_EQ(reply.current, note);
    EXPECT_EQ(load(sample), note);
}

// ids: C08
TEST_P(StoreSuite, save_under_a_stale_epoch_is_gone_and_deletes) {
    const UserTag user = some_user();
    const Sample stranded = of_user(user);
    ASSERT_EQ(create(stranded), CreateStatus::created);
    EndOrder order;
    order.shard = user.shard();
    order.user = user;
    order.epoch = 1;  // raised without deleting, as if the record had come back
    static_cast<void>(end(order));
    EXPECT_THAT(list(user), IsEmpty());
    EXPECT_EQ(save(stranded.next("late"), 1).status, SaveStatus::gone);
    EXPECT_FALSE(load(stranded).has_value());
}

TEST_P(StoreSuite, save_may_change_neither_owner_nor_handle) {
    const Sample first = of_user(some_user());
    ASSERT_EQ(create(first), CreateStatus::created);
    Sample other = first.next("other handle");
    other.header.handle.bytes[0] ^= 1;
    EXPECT_FALSE(attempt(store().save(other.key, 1, other.bytes(), minute, soon())));
    EXPECT_EQ(load(first), first.bytes());
}

TEST_P(StoreSuite, save_refuses_a_generation_that_stands_still) {
    const Sample first = anonymous();
    ASSERT_EQ(create(first), CreateStatus::created);
    EXPECT_FALSE(attempt(store().save(first.key, 1, first.bytes(), minute, soon())));
}

// ids: V02
TEST_P(StoreSuite, bytes_that_are_no_record_are_refused_by_name) {
    const Sample sample = anonymous();
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{119}}) {
        const std::string cut = sample.bytes().substr(0, length);
        const auto created = attempt(store().create(sample.key, cut, minute, soon()));
        ASSERT_FALSE(created) << length;
        EXPECT_NE(created.error().detail.find(std::to_string(length)), std::string::npos)
            << created.error().detail;
        EXPECT_FALSE(attempt(store().save(sample.key, 1, cut, minute, soon()))) << length;
    }
    EXPECT_FALSE(load(sample).has_value());
}

// ids: S23 V16
TEST_P(StoreSuite, touch_never_creates) {
    const Sample sample = anonymous();
    EXPECT_EQ(touch(sample), TouchStatus::gone);
    EXPECT_FALSE(load(sample).has_value());
}

// ids: S23
TEST_P(StoreSuite, touch_moves_last_seen_and_nothing_else) {
    const Sample sample = anonymous();
    ASSERT_EQ(create(sample), CreateStatus::created);
    const TimePoint before = now();
    ASSERT_EQ(touch(sample), TouchStatus::touched);
    auto stored = load(sample);
    EXPECT_GE(last_seen_of(stored), before - Millis{50});
    model::put_be(*stored, model::offset::last_seen,
                  sample.header.last_seen.time_since_epoch().count());
    EXPECT_EQ(stored, sample.bytes());
}

TEST_P(StoreSuite, touch_ignores_the_generation) {
    const Sample sample = anonymous();
    ASSERT_EQ(create(sample), CreateStatus::created);
    ASSERT_EQ(save(sample.next("second"), 1).status, SaveStatus::saved);
    EXPECT_EQ(touch(sample), TouchStatus::touched);
    EXPECT_EQ(save(sample.next("again").next("third"), 2).status, SaveStatus::saved);
}

TEST_P(StoreSuite, touch_leaves_a_note_alone) {
    const Sample sample = anonymous();
    const std::string note = rotation_note(now());
    ASSERT_EQ(create(sample), CreateStatus::created);
    ASSERT_TRUE(erase(sample, note, minute));
    EXPECT_EQ(touch(sample), TouchStatus::gone);
    EXPECT_EQ(load(sample), note);
}

// ids: V06
TEST_P(StoreSuite, erase_with_a_note_leaves_only_the_note_for_its_time) {
    const Sample sample = anonymous();
    const std::string note = rotation_note(now() + Millis{200});
    ASSERT_EQ(create(sample), CreateStatus::created);
    EXPECT_TRUE(erase(sample, note, Millis{200}));
    EXPECT_EQ(load(sample), note);
    EXPECT_FALSE(erase(sample)) << "a note is no record";
    EXPECT_TRUE(eventually([&] { return !load(sample).has_value(); }));
}

TEST_P(StoreSuite, erase_without_a_record_leaves_nothing) {
    const Sample sample = anonymous();
    EXPECT_FALSE(erase(sample, rotation_note(now()), minute));
    EXPECT_FALSE(load(sample).has_value());
    ASSERT_EQ(create(sample), CreateStatus::created);
    EXPECT_TRUE(erase(sample));
    EXPECT_FALSE(load(sample).has_value());
}

TEST_P(StoreSuite, erase_takes_an_authenticated_record_off_its_index) {
    const UserTag user = some_user();
    const Sample sample = of_user(user);
    ASSERT_EQ(create(sample), CreateStatus::created);
    ASSERT_THAT(list(user), SizeIs(1));
    EXPECT_TRUE(erase(sample));
    EXPECT_THAT(list(user), IsEmpty());
}

// ids: C08 C09
TEST_P(StoreSuite, end_removes_what_it_names) {
    const UserTag user = some_user();
    const std::vector<Sample> all{of_user(user), of_user(user), of_user(user)};
    for (const Sample& sample : all) ASSERT_EQ(create(sample), CreateStatus::created);
    EXPECT_EQ(end(ending({all[0]})).removed, 1U);
    EXPECT_EQ(end(ending({all[0]})).removed, 0U) << "applied again";
    EXPECT_THAT(handles(list(user)),
                UnorderedElementsAre(all[1].header.handle, all[2].header.handle));
    EXPECT_EQ(end(ending({all[1], all[2]})).removed, 2U);
    EXPECT_THAT(list(user), IsEmpty());
}

TEST_P(StoreSuite, end_of_an_anonymous_record) {
    const Sample sample = anonymous();
    ASSERT_EQ(create(sample), CreateStatus::created);
    EXPECT_EQ(end(ending({sample})).removed, 1U);
    EXPECT_FALSE(load(sample).has_value());
}

// ids: C09
TEST_P(StoreSuite, end_of_a_whole_user_removes_all_and_raises_the_epoch) {
    const UserTag user = some_user();
    const UserTag other = [&] {
        UserTag tag = user;
        tag.bytes[15] ^= 1;  // the same shard
        return tag;
    }();
    const std::vector<Sample> all{of_user(user), of_user(user)};
    const Sample bystander = of_user(other);
    for (const Sample& sample : all) ASSERT_EQ(create(sample), CreateStatus::created);
    ASSERT_EQ(create(bystander), CreateStatus::created);
    EndOrder order;
    order.shard = user.shard();
    order.user = user;
    order.whole_user = true;
    order.epoch = 3;
    EXPECT_EQ(end(order).removed, 2U);
    EXPECT_THAT(list(user), IsEmpty());
    for (const Sample& sample : all) EXPECT_FALSE(load(sample).has_value());
    EXPECT_TRUE(load(bystander).has_value());
    EXPECT_EQ(create(of_user(user)), CreateStatus::stale_epoch);
    order.epoch = 2;
    static_cast<void>(end(order));
    Sample fresh = of_user(user);
    fresh.header.epoch = 2;
    EXPECT_EQ(create(fresh), CreateStatus::stale_epoch) << "an epoch never falls";
}

// ids: C09 R5
TEST_P(StoreSuite, late_end_of_a_whole_user_spares_logins_that_came_after_it) {
    const UserTag user = some_user();
    const Sample before = of_user(user);
    Sample named = of_user(user);
    Sample after = of_user(user);
    named.header.epoch = 4;
    after.header.epoch = 4;
    for (const Sample& sample : {before, named, after}) {
        ASSERT_EQ(create(sample), CreateStatus::created);
    }
    EndOrder order;
    order.shard = user.shard();
    order.user = user;
    order.whole_user = true;
    order.keys = {named.key};  // known to be dead, whatever its epoch says
    order.epoch = 4;
    order.sequence = 1;
    EXPECT_EQ(end(order).removed, 2U);
    EXPECT_FALSE(load(before).has_value());
    EXPECT_FALSE(load(named).has_value());
    EXPECT_THAT(handles(list(user)), UnorderedElementsAre(after.header.handle));
    EXPECT_EQ(save(after.next("goes on"), 1).status, SaveStatus::saved);
}

// ids: C09
TEST_P(StoreSuite, end_of_a_whole_user_keeps_the_one_named) {
    const UserTag user = some_user();
    const std::vector<Sample> all{of_user(user), of_user(user), of_user(user)};
    for (const Sample& sample : all) ASSERT_EQ(create(sample), CreateStatus::created);
    EndOrder order;
    order.shard = user.shard();
    order.user = user;
    order.whole_user = true;
    order.keep = all[1].key;
    EXPECT_EQ(end(order).removed, 2U);
    EXPECT_THAT(handles(list(user)), UnorderedElementsAre(all[1].header.handle));
    EXPECT_EQ(save(all[1].next("goes on"), 1).status, SaveStatus::saved);
}

TEST_P(StoreSuite, end_leaves_a_note_and_does_not_count_it) {
    const Sample sample = anonymous();
    const std::string note = rotation_note(now());
    ASSERT_EQ(create(sample), CreateStatus::created);
    ASSERT_TRUE(erase(sample, note, minute));
    EXPECT_EQ(end(ending({sample})).removed, 0U);
    EXPECT_EQ(load(sample), note);
}

// ids: S13 C03 V06
TEST_P(StoreSuite, end_with_a_note_leaves_it_in_place_of_each_record) {
    const UserTag user = some_user();
    const std::vector<Sample> all{of_user(user), of_user(user), of_user(user)};
    ASSERT_EQ(create(all[0]), CreateStatus::created);
    ASSERT_EQ(create(all[1]), CreateStatus::created);
    EndOrder order = ending(all);  // the third was never there
    order.note = rotation_note(now());
    order.note_ttl = Millis{300};
    order.sequence = 1;
    const auto reply = end(order);
    EXPECT_EQ(reply.removed, 2U);
    EXPECT_EQ(reply.mark, 1U);
    EXPECT_THAT(list(user), IsEmpty());
    EXPECT_EQ(load(all[0]), order.note);
    EXPECT_EQ(load(all[1]), order.note);
    EXPECT_FALSE(load(all[2]).has_value());
    EXPECT_EQ(save(all[0].next("late"), 1).status, SaveStatus::moved);
    EXPECT_EQ(end(order).removed, 0U) << "applied again";
    EXPECT_TRUE(eventually([&] { return !load(all[0]) && !load(all[1]); }));

    order.note = "no note";
    EXPECT_FALSE(attempt(store().end(order, soon())));
}

// ids: C08
TEST_P(StoreSuite, mark_rises_step_by_step) {
    const Sample sample = of_user(some_user());
    EndOrder order = ending({sample});
    for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
        order.previous_sequence = sequence - 1;
        order.sequence = sequence;
        const auto reply = end(order);
        EXPECT_FALSE(reply.gap);
        EXPECT_EQ(reply.mark, sequence);
    }
    const auto marks = run(store().marks(soon()));
    ASSERT_THAT(marks, SizeIs(256));
    for (std::size_t shard = 0; shard < marks.size(); ++shard) {
        EXPECT_EQ(marks[shard], shard == order.shard ? 3U : 0U);
    }
}

// ids: C08
TEST_P(StoreSuite, mark_with_a_gap_still_deletes_and_replay_closes_it) {
    const Sample sample = of_user(some_user());
    ASSERT_EQ(create(sample), CreateStatus::created);
    EndOrder order = ending({sample});
    order.previous_sequence = 2;
    order.sequence = 3;
    const auto ahead = end(order);
    EXPECT_TRUE(ahead.gap);
    EXPECT_EQ(ahead.removed, 1U);
    EXPECT_EQ(ahead.mark, 0U);

    for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
        order.previous_sequence = sequence - 1;
        order.sequence = sequence;
        EXPECT_FALSE(end(order).gap);
    }
    order.previous_sequence = 0;
    order.sequence = 1;
    const auto again = end(order);
    EXPECT_FALSE(again.gap) << "applied already";
    EXPECT_EQ(again.mark, 3U) << "a mark never falls";
}

TEST_P(StoreSuite, mark_is_left_alone_by_an_ending_without_a_sequence) {
    const Sample sample = of_user(some_user());
    ASSERT_EQ(create(sample), CreateStatus::created);
    const auto reply = end(ending({sample}));
    EXPECT_EQ(reply.removed, 1U);
    EXPECT_FALSE(reply.gap);
    EXPECT_EQ(reply.mark, 0U);
}

// ids: S19
TEST_P(StoreSuite, list_names_keys_handles_and_ends_of_live_sessions_only) {
    const UserTag user = some_user();
    Sample first = of_user(user);
    Sample brief = of_user(user);
    ASSERT_EQ(create(first), CreateStatus::created);
    ASSERT_EQ(create(brief, Millis{150}), CreateStatus::created);
    EXPECT_THAT(handles(list(user)),
                UnorderedElementsAre(first.header.handle, brief.header.handle));
    EXPECT_TRUE(eventually([&] { return list(user).size() == 1; }));
    const auto entry = list(user).at(0);
    EXPECT_EQ(entry.key, first.key);
    EXPECT_EQ(entry.handle, first.header.handle);
    EXPECT_EQ(entry.absolute_expiry, first.header.absolute_expiry);
    EXPECT_THAT(list(UserTag{}), IsEmpty()) << "anonymous sessions are not listed";
}

// ids: S23 C04
TEST_P(StoreSuite, a_record_lives_as_long_as_its_time_to_live) {
    const Sample sample = anonymous();
    ASSERT_EQ(create(sample, Millis{200}), CreateStatus::created);
    EXPECT_TRUE(load(sample).has_value());
    EXPECT_TRUE(eventually([&] { return !load(sample).has_value(); }));
    EXPECT_EQ(touch(sample), TouchStatus::gone);
    EXPECT_EQ(save(sample.next("late"), 1).status, SaveStatus::gone);
}

// ids: S23 C04
TEST_P(StoreSuite, touch_and_save_renew_the_time_to_live) {
    const Sample touched = anonymous();
    const Sample saved = anonymous();
    const Sample neither = anonymous();
    for (const Sample& sample : {touched, saved, neither}) {
        ASSERT_EQ(create(sample, Millis{300}), CreateStatus::created);
    }
    ASSERT_EQ(touch(touched), TouchStatus::touched);
    ASSERT_EQ(save(saved.next("renewed"), 1).status, SaveStatus::saved);
    EXPECT_TRUE(eventually([&] { return !load(neither).has_value(); }));
    EXPECT_TRUE(load(touched).has_value());
    EXPECT_TRUE(load(saved).has_value());
}

// ids: C04 S8 V16
TEST_P(StoreSuite, nothing_lives_past_its_absolute_expiry) {
    Sample touched = anonymous();
    Sample saved = anonymous();
    for (Sample* sample : {&touched, &saved}) {
        sample->header.absolute_expiry = now() + Millis{300};
        ASSERT_EQ(create(*sample), CreateStatus::created);
    }
    EXPECT_EQ(touch(touched), TouchStatus::touched);
    EXPECT_EQ(save(saved.next("renewed"), 1).status, SaveStatus::saved);
    EXPECT_TRUE(eventually([&] { return !load(touched) && !load(saved); }));
}

// ids: S22 C31
TEST_P(StoreSuite, no_update_is_lost_among_interleaved_writers) {
    // Writers append their turn to the body. Each holds the version it last saw and writes on; a conflict hands it the
    // present one. Whatever the order, the body must hold every turn that was reported as saved, once, in order.
    const Sample origin = anonymous();
    ASSERT_EQ(create(origin), CreateStatus::created);
    constexpr int writers = 5;
    std::vector<Sample> seen(writers, origin);
    std::string expected = origin.body;
    for (int turn = 0; turn < 200; ++turn) {
        Sample& base = seen[random_bits()() % writers];
        const std::string mark = " " + std::to_string(turn);
        const Sample wanted = base.next(base.body + mark);
        const auto reply = save(wanted, base.header.generation);
        if (reply.status == SaveStatus::saved) {
            expected += mark;
            base = wanted;
            // A retry of an applied save stays applied.
            if (turn % 7 == 0) {
                EXPECT_EQ(save(wanted, wanted.header.generation - 1).status, SaveStatus::saved);
            }
        } else {
            ASSERT_EQ(reply.status, SaveStatus::conflict);
            const auto header = model::parse_header(reply.current);
            ASSERT_TRUE(header.has_value());
            base.header = *header;
            base.body = body_of(reply.current);
        }
    }
    EXPECT_EQ(body_of(load(origin)), expected);
}

TEST_P(StoreSuite, now_runs_forward) {
    const TimePoint start = now();
    EXPECT_TRUE(eventually([&] { return now() > start; }));
}

}  // namespace vedfolnir::test
