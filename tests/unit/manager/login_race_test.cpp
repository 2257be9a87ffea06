#include "harness.hpp"

namespace vedfolnir::test {
namespace {

using LoginRace = ManagerTest;

// ids: S13 C08 V03
TEST_F(LoginRace, session_ended_between_its_row_and_its_record_is_not_handed_out) {
    auto other = process(ManagerOptions{});
    std::string cookie;
    Session before = load(cookie);
    set(before, "cart", "apple");
    commit(before, cookie);
    const std::string anonymous = cookie;

    for (const std::string& from : {std::string(), anonymous}) {
        watched->before = [&](std::string_view call) {
            if (call != "create") return;
            for (const auto& row : archive_rows()) {
                if (row.ended) continue;
                EXPECT_EQ(other->end(row.handle.text(), EndReason::security, "operator:x").value(),
                          Ending::ended);
            }
        };
        std::string browser = from;
        Session session = load(browser);
        set(session, "_user_id", "7");
        const CommitResult result = commit(session, browser);
        watched->before = [](std::string_view) {};
        EXPECT_EQ(result.action, CommitAction::dropped);
        EXPECT_FALSE(result.set_cookie.has_value());
        EXPECT_EQ(store->size(), 1U) << "only the anonymous session";
    }
    EXPECT_TRUE(load(anonymous).found());
    EXPECT_TRUE(manager->list({.user_id = "7"})->empty());
    EXPECT_EQ(manager->counters().logins, 0U);
}

}  // namespace
}  // namespace vedfolnir::test
