// A manager may go at any moment: what it left under way ends with it, and touches nothing that is gone.
#include "support/temporary_folder.hpp"
#include "vedfolnir/session_manager.hpp"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

namespace vedfolnir {
namespace {

class Exit : public testing::Test {
protected:
    [[nodiscard]] SessionManager process() const {
        ManagerOptions options;
        options.store = StoreKind::sql;
        options.state_dir = folder.path().string();
        std::string secret;
        for (unsigned i = 0; i < 32; ++i)
            secret += static_cast<char>((i * i * 37 + 11 * i + 0x5d) & 0xff);
        options.keys.keys = {{1, secret}};
        auto manager = SessionManager::open(std::move(options));
        EXPECT_TRUE(manager.has_value());
        return std::move(*manager);
    }
    /// Its audit event is written behind the answer, by a thread of the database.
    static void ask_ambiguously(const SessionManager& manager) {
        RequestContext request;
        request.cookie_header = "__Host-session=one; __Host-session=two";
        const auto session = manager.load(request);
        ASSERT_TRUE(session.has_value());
        EXPECT_EQ(session->reason(), LoadReason::ambiguous);
    }

    test::TemporaryFolder folder;
};

// ids: S78
TEST_F(Exit, while_events_are_being_written) {
    for (int round = 0; round < 100; ++round) {
        const SessionManager manager = process();
        for (int events = 0; events <= round % 5; ++events) ask_ambiguously(manager);
    }
}

// ids: S78
TEST_F(Exit, while_other_threads_have_just_been_answered) {
    for (int round = 0; round < 20; ++round) {
        const SessionManager manager = process();
        std::vector<std::future<void>> callers;
        for (int caller = 0; caller < 4; ++caller) {
            callers.push_back(std::async(std::launch::async, [&manager] {
                ask_ambiguously(manager);
                EXPECT_TRUE(manager.list({}).has_value());
            }));
        }
        for (auto& caller : callers) caller.get();
    }
}

}  // namespace
}  // namespace vedfolnir
