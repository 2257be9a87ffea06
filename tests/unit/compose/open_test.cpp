// SessionManager::open: what it refuses, what it makes, and that it touches nothing before the first use.
#include "compose/state_dir.hpp"
#include "compose/validate.hpp"
#include "vedfolnir/session_manager.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <sys/stat.h>
#include <vector>

namespace vedfolnir {
namespace {

using testing::HasSubstr;

class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "vedfolnir-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string path() const { return path_; }

private:
    std::string path_;
};

std::string strong_secret() {
    std::string raw;
    for (unsigned i = 0; i < 32; ++i) raw += static_cast<char>((i * i * 37 + 11 * i + 0x5d) & 0xff);
    return raw;
}

ManagerOptions sound(const std::string& state_dir) {
    ManagerOptions options;
    options.store = StoreKind::memory;
    options.keys.keys = {{1, strong_secret()}};
    options.state_dir = state_dir;
    return options;
}

unsigned mode_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777U : 0U;
}

struct Fault {
    const char* field;
    std::function<void(ManagerOptions&)> make;
};

class EachFault : public testing::TestWithParam<Fault> {};

// ids: S9 C23 V11 V19
TEST_P(EachFault, is_refused_by_name) {
    const Folder folder;
    auto options = sound(folder.path());
    GetParam().make(options);
    const auto manager = SessionManager::open(std::move(options));
    ASSERT_FALSE(manager.has_value());
    EXPECT_THAT(manager.error().detail, HasSubstr(GetParam().field));
}

// ids: S9 S95
TEST(open, a_file_in_place_of_the_state_folder_is_refused_by_the_name_of_its_setting) {
    const Folder folder;
    const auto file = folder.path() + "/file";
    std::ofstream(file) << "";
    const auto manager = SessionManager::open(sound(file));
    ASSERT_FALSE(manager.has_value());
    EXPECT_THAT(manager.error().detail, HasSubstr("VEDFOLNIR_STATE_DIR: " + file));
}

INSTANTIATE_TEST_SUITE_P(
    open, EachFault,
    testing::Values(
        Fault{"key", [](ManagerOptions& o) { o.keys.keys.clear(); }},
        Fault{"key 1",
              [](ManagerOptions& o) {
                  o.keys.keys = {{1, "short"}};
              }},
        Fault{"key 1",
              [](ManagerOptions& o) {
                  o.keys.keys = {{1, std::string(32, 'k')}};
              }},
        Fault{"cookie.same_site",
              [](ManagerOptions& o) {
                  o.cookie.name = "s";
                  o.cookie.same_site = SameSite::none;
                  o.cookie.secure = false;
              }},
        Fault{"cookie.path",
              [](ManagerOptions& o) {
                  o.cookie.name = "s";
                  o.cookie.path = "/a;b";
              }},
        Fault{"lifetimes.idle", [](ManagerOptions& o) { o.lifetimes.idle = Seconds(0); }},
        Fault{"lifetimes.absolute", [](ManagerOptions& o) { o.lifetimes.absolute = Seconds(-1); }},
        Fault{"redis.prefix", [](ManagerOptions& o) { o.redis.prefix.clear(); }},
        Fault{"redis.prefix", [](ManagerOptions& o) { o.redis.prefix = "{x}"; }},
        Fault{"redis.request_timeout",
              [](ManagerOptions& o) { o.redis.request_timeout = Millis(0); }},
        Fault{"redis.tls",
              [](ManagerOptions& o) { o.redis.tls = TlsOptions{.certificate_file = "/c"}; }},
        Fault{"request_budget", [](ManagerOptions& o) { o.request_budget = Millis(0); }},
        Fault{"limits", [](ManagerOptions& o) { o.limits.payload_max = 0; }},
        Fault{"jobs.replaced_within",
              [](ManagerOptions& o) { o.jobs.replaced_within = Millis(100); }},
        Fault{"jobs", [](ManagerOptions& o) { o.jobs.batches_max = 0; }},
        Fault{"jobs.snapshots", [](ManagerOptions& o) { o.jobs.snapshots->lag_max = Millis(10); }},
        Fault{"endings", [](ManagerOptions& o) { o.endings.waiting_max = 0; }},
        Fault{"identity.keys", [](ManagerOptions& o) { o.identity.keys.clear(); }},
        Fault{"plain_records", [](ManagerOptions& o) { o.plain_records = true; }}));

// ids: S77
TEST(open, memory_serves_a_login_and_its_audit) {
    const Folder folder;
    const auto manager = SessionManager::open(sound(folder.path()));
    ASSERT_TRUE(manager.has_value()) << manager.error().detail;
    auto session = manager->load({});
    ASSERT_TRUE(session.has_value()) << session.error().detail;
    ASSERT_TRUE(session->set("_user_id", Value("7")).has_value());
    const auto committed = manager->commit(*session, {});
    ASSERT_TRUE(committed.has_value()) << committed.error().detail;
    EXPECT_EQ(committed->action, CommitAction::logged_in);
    const auto listed = manager->list({});
    ASSERT_TRUE(listed.has_value());
    ASSERT_EQ(listed->size(), 1U);
    EXPECT_EQ(listed->front().user_id, "7");
    const auto one = manager->list({.handle = listed->front().handle});
    ASSERT_TRUE(one.has_value());
    EXPECT_EQ(one->size(), 1U);
    const auto none = manager->list({.handle = Handle{}});
    ASSERT_TRUE(none.has_value());
    EXPECT_TRUE(none->empty());
}

// ids: S34
TEST(open, nothing_is_made_before_the_first_use) {
    const Folder folder;
    auto options = sound(folder.path() + "/state");
    options.store = StoreKind::redis;
    options.redis.port = 1;
    ASSERT_TRUE(SessionManager::open(std::move(options)).has_value());
    EXPECT_FALSE(std::filesystem::exists(folder.path() + "/state"));
}

// ids: S32
TEST(open, workers_share_their_near_cache_from_the_first_use_on) {
    const Folder folder;
    // With a key of its own an installation makes nothing in its state folder before this.
    auto options = sound(folder.path() + "/state");
    options.store = StoreKind::redis;
    options.redis.port = 1;
    const auto manager = SessionManager::open(std::move(options));
    ASSERT_TRUE(manager.has_value());
    ASSERT_TRUE(manager->begin_load({}).has_value());
    EXPECT_EQ(mode_of(folder.path() + "/state"), 0700U);
    EXPECT_EQ(mode_of(folder.path() + "/state/near-cache"), 0700U);
}

// ids: S88
TEST(development_key, is_made_once_and_private) {
    const Folder folder;
    const auto directory = folder.path() + "/state";
    const auto first = compose::development_key(directory);
    ASSERT_TRUE(first.has_value()) << first.error().detail;
    EXPECT_EQ(first->size(), 32U);
    EXPECT_EQ(*compose::development_key(directory), *first);
    EXPECT_EQ(mode_of(directory), 0700U);
    EXPECT_EQ(mode_of(directory + "/development.key"), 0600U);
}

// ids: S88
TEST(development_key, processes_that_start_together_share_it) {
    const Folder folder;
    std::vector<std::future<Result<std::string>>> starts;
    for (int i = 0; i < 8; ++i) {
        starts.push_back(std::async(std::launch::async,
                                    [&] { return compose::development_key(folder.path()); }));
    }
    std::vector<std::string> keys;
    for (auto& start : starts) {
        auto key = start.get();
        ASSERT_TRUE(key.has_value()) << key.error().detail;
        keys.push_back(*key);
    }
    EXPECT_EQ(std::count(keys.begin(), keys.end(), keys.front()), 8);
}

// ids: S88 C23
TEST(development_key, is_refused_when_others_may_read_it_or_it_is_damaged) {
    const Folder folder;
    ASSERT_TRUE(compose::development_key(folder.path()).has_value());
    const auto file = folder.path() + "/development.key";
    ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
    const auto open_to_all = compose::development_key(folder.path());
    ASSERT_FALSE(open_to_all.has_value());
    EXPECT_THAT(open_to_all.error().detail, HasSubstr("chmod 600"));
    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    std::ofstream(file, std::ios::trunc) << "short\n";
    const auto damaged = compose::development_key(folder.path());
    ASSERT_FALSE(damaged.has_value());
    EXPECT_THAT(damaged.error().detail, HasSubstr("damaged"));
}

}  // namespace
}  // namespace vedfolnir
