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

}  // namespace
}  // namespace vedfolnir::test
