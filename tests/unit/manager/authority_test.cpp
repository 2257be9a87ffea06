// SQL decides on endings: what the hot store missed reaches it, and the processes that read from it.
#include "harness.hpp"

namespace vedfolnir::test {
namespace {

class Authority : public ManagerTest {
protected:
    /// Another process ended it in SQL, and the hot store never heard of it.
    void end_in_sql_only(StoreKey key) {
        async::EndRequest request;
        request.key = key;
        request.event.type = "session.ended";
        request.event.at = TimePoint(Millis(clock_ms.load()));
        const auto receipt =
            now<async::EndReceipt>(archive->end(std::move(request), deadline_in(Millis{10'000})));
        EXPECT_EQ(receipt.sessions, 1U);
    }
};

// ids: C08 R5 N1
TEST_F(Authority, new_connection_compares_the_marks_before_the_next_answer) {
    const std::string cookie = sign_in("7");
    EXPECT_TRUE(load(cookie).found());
    end_in_sql_only(archive_rows().front().key);
    EXPECT_TRUE(load(cookie).found()) << "this connection has been compared, and nobody told it";

    watched->connection = 2;
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(store->size(), 0U);
}

// ids: C08 R5 N1
TEST_F(Authority, answer_that_came_over_a_new_connection_is_asked_for_again) {
    const std::string cookie = sign_in("7");
    EXPECT_TRUE(load(cookie).found());
    end_in_sql_only(archive_rows().front().key);
    int loads = 0;
    watched->before = [&](std::string_view call) {
        if (call == "load" && ++loads == 1) watched->connection = 2;
    };
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(loads, 2);
}

// ids: C08 R5
TEST_F(Authority, marks_are_compared_once_for_each_connection) {
    const std::string cookie = sign_in("7");
    int comparisons = 0;
    watched->before = [&](std::string_view call) { comparisons += call == "marks" ? 1 : 0; };
    for (std::uint64_t connection = 2; connection <= 4; ++connection) {
        watched->connection = connection;
        for (int i = 0; i < 5; ++i) EXPECT_TRUE(load(cookie).found());
    }
    EXPECT_EQ(comparisons, 3);
}

// ids: C28 R5
TEST_F(Authority, reads_go_on_over_a_new_connection_while_sql_is_away) {
    const std::string cookie = sign_in("7");
    EXPECT_TRUE(load(cookie).found());
    archive->set_down(true);
    watched->connection = 2;
    int loads = 0;
    watched->before = [&](std::string_view call) { loads += call == "load" ? 1 : 0; };
    EXPECT_TRUE(load(cookie).found());
    EXPECT_TRUE(load(cookie).found());
    EXPECT_EQ(loads, 2);
}

}  // namespace
}  // namespace vedfolnir::test
