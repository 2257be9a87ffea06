// Whom an announced ending names.
#include "manager/announced.hpp"

#include <gtest/gtest.h>

namespace vedfolnir::test {
namespace {

using manager::Announced;

constexpr TimePoint now{Millis{1'767'225'600'000}};

class AnnouncedTest : public testing::Test {
protected:
    AnnouncedTest() {
        header_.user.bytes.fill(7);
        header_.authenticated = now - std::chrono::hours(1);
        manager_ = {"alice", "Firefox", "192.0.2.7"};
    }
    [[nodiscard]] bool refused(EndScope scope) const {
        Announced announced;
        async::Emergency emergency;
        emergency.scope = std::move(scope);
        emergency.announced = now;
        announced.add({emergency});
        return announced.refuses(header_, manager_);
    }

    model::RecordHeader header_;
    model::ManagerFields manager_;
};

// ids: S106
TEST_F(AnnouncedTest, whoever_meets_every_condition_that_is_set_is_refused) {
    EXPECT_TRUE(refused({}));
    EXPECT_TRUE(refused({"alice", "192.0.2.7", now - std::chrono::minutes(59)}));
    EXPECT_FALSE(refused({"bob", "192.0.2.7", std::nullopt}));
    EXPECT_FALSE(refused({"alice", "192.0.2.8", std::nullopt}));
    EXPECT_FALSE(refused({"alice", "192.0.2.7", now - std::chrono::minutes(60)}));
}

// ids: S106
TEST_F(AnnouncedTest, who_logged_in_after_it_and_who_never_did_is_not_refused) {
    header_.authenticated = now;
    EXPECT_FALSE(refused({}));
    header_.authenticated = now - Millis{1};
    EXPECT_TRUE(refused({}));
    header_.user = {};
    EXPECT_FALSE(refused({}));
}

// ids: S106
TEST_F(AnnouncedTest, it_is_known_once_and_until_it_is_forgotten) {
    Announced announced;
    EXPECT_FALSE(announced.refuses(header_, manager_));
    async::Emergency emergency;
    emergency.announced = now;
    announced.add({emergency, emergency});
    EXPECT_EQ(announced.all().size(), 1U);
    EXPECT_TRUE(announced.refuses(header_, manager_));
    announced.forget(emergency.operation);
    EXPECT_TRUE(announced.all().empty());
    EXPECT_FALSE(announced.refuses(header_, manager_));
}

std::vector<async::Emergency> emergencies(std::size_t count) {
    std::vector<async::Emergency> all(count);
    for (std::size_t i = 0; i < count; ++i) {
        all[i].announced = now + Millis(i / 2);
        all[i].operation = {static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i)};
    }
    return all;
}

// ids: S106
TEST(WrittenOf, a_list_shows_what_it_lacks_to_be_written) {
    const auto all = emergencies(3);
    EXPECT_EQ(manager::written_of(all, {}).size(), 3U);
    EXPECT_TRUE(manager::written_of(all, all).empty());
    const auto written = manager::written_of(all, {all[1]});
    ASSERT_EQ(written.size(), 2U);
    EXPECT_EQ(written[0].operation, all[0].operation);
    EXPECT_EQ(written[1].operation, all[2].operation);
}

// ids: S106
TEST(WrittenOf, a_full_list_shows_nothing_of_those_behind_it) {
    const auto all = emergencies(async::announced_max + 3);
    const std::vector<async::Emergency> listed(all.begin() + 1,
                                               all.begin() + 1 + async::announced_max);
    const auto written = manager::written_of(all, listed);
    ASSERT_EQ(written.size(), 1U);
    EXPECT_EQ(written[0].operation, all[0].operation);
}

}  // namespace
}  // namespace vedfolnir::test
