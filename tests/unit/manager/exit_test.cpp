#include "harness.hpp"
#include "support/redis_server.hpp"

#include <string>
#include <vector>

namespace vedfolnir::test {
namespace {

using Exit = ManagerTest;

// ids: S78
TEST_F(Exit, threads_of_the_stores_end_before_what_is_suspended_goes) {
    std::vector<std::string> order;
    watched = {new WatchedStore(store), [&](WatchedStore* gone) {
                   order.emplace_back("store");
                   delete gone;
               }};
    end_threads = [&] { order.emplace_back("threads"); };
    open(ManagerOptions{});
    watched.reset();
    // An event that waits for SQL: its coroutine holds the core, and through it the store.
    archive->set_down(true);
    auto ambiguous = request("one");
    ambiguous.cookie_header += "; __Host-session=two";
    ASSERT_TRUE(manager->load(ambiguous).has_value());
    ASSERT_TRUE(eventually([&] {
        const std::lock_guard lock(reports_mutex);
        return !reports.empty();
    }));
    EXPECT_TRUE(order.empty());
    manager.reset();
    EXPECT_EQ(order, (std::vector<std::string>{"threads", "store"}));
}

}  // namespace
}  // namespace vedfolnir::test
