// A manager over the in-memory store and archive, with a clock and a random source that tests drive.
#pragma once

#include "facade/instance.hpp"
#include "journal/file_journal.hpp"
#include "memory/memory_archive.hpp"
#include "memory/memory_store.hpp"
#include "runtime/run_sync.hpp"
#include "support/between.hpp"
#include "support/temporary_folder.hpp"
#include "vedfolnir/session_manager.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::test {

/// Kernel randomness until told to fail, or to say the same again.
class ScriptedRandom final : public crypto::RandomSource {
public:
    Result<void> fill(std::span<std::uint8_t> out) override {
        if (fail) return Error{Errc::random_unavailable, "scripted failure"};
        if (repeat) {
            std::ranges::fill(out, std::uint8_t{0x5a});
            return {};
        }
        return kernel_.fill(out);
    }
    std::atomic<bool> fail{false};
    std::atomic<bool> repeat{false};

private:
    crypto::KernelRandom kernel_;
};

class ManagerTest : public ::testing::Test {
protected:
    ManagerTest() {
        empty_store();
        open(ManagerOptions{});
    }

    /// Managers opened from now on have their own way to the store, to be watched or cut apart from the others'.
    void new_connection() { watched = std::make_shared<WatchedStore>(store); }

    /// The store becomes an empty one behind the back of all managers.
    void exchange_store() {
        const auto way = watched;
        empty_store();
        watched = way;
        watched->exchange(store);
    }

    /// Another hot store, with nothing in it. Managers opened before keep theirs.
    void empty_store() {
        store = std::make_shared<memory::MemoryStore>(
            [this] { return TimePoint(Millis(clock_ms.load())); });
        new_connection();
    }

    static ManagerOptions with_keys(ManagerOptions options) {
        if (!options.keys.keys.empty()) return options;
        options.keys.keys = {
            {1, std::string("\x01\x9e\x2d\x33\xf4\x85\x56\xa7\x08\x49\xba\xeb\xcc\xdd\x1e\x7f"
                            "\x10\x91\x22\xb3\x34\xd5\xf6\x67\x78\x89\x9a\x0b\x5c\xed\xfe\x6f",
                            32)}};
        return options;
    }

    /// A process: a manager of its own over the same stores.
    [[nodiscard]] std::unique_ptr<SessionManager> process(ManagerOptions options) {
        options = with_keys(std::move(options));
        if (!looks_around) options.endings.poll_interval = Millis{0};
        auto ring = crypto::KeyRing::open(options.keys);
        auto scripted = std::make_unique<ScriptedRandom>();
        random = scripted.get();
        return std::make_unique<SessionManager>(std::make_unique<SessionManager::Impl>(
            std::move(options), std::move(*ring),
            [this, hot = watched](runtime::Runtime&, const ManagerOptions&,
                                  runtime::AtomicCounters&) -> Result<manager::Ports> {
                manager::Ports ports{hot, archive};
                ports.end_threads = end_threads;
                if (keeps_journal) {
                    auto journal = std::make_shared<journal::FileJournal>(
                        state.path().string(), JournalOptions{},
                        [this](std::string_view what, const Error& error) { note(what, error); });
                    ports.journal = journal;
                    ports.end_threads = [journal, others = end_threads] {
                        if (others) others();
                        journal->close();
                    };
                }
                return ports;
            },
            [this](std::string_view what, const Error& error) { note(what, error); },
            std::move(scripted)));
    }

    void note(std::string_view what, const Error& error) {
        const std::lock_guard lock(reports_mutex);
        reports.push_back(std::string(what) + ": " + error.detail);
    }

    void open(ManagerOptions options) { manager = process(std::move(options)); }

    [[nodiscard]] static RequestContext request(const std::string& cookie) {
        RequestContext context;
        if (!cookie.empty()) context.cookie_header = "__Host-session=" + cookie;
        context.user_agent = "Mozilla/5.0 (test)";
        context.client_address = "127.0.0.1";
        return context;
    }

    [[nodiscard]] Session load(const std::string& cookie) {
        auto session = manager->load(request(cookie));
        EXPECT_TRUE(session.has_value()) << (session ? "" : session.error().detail);
        return session ? std::move(*session) : Session();
    }

    /// Commits and follows Set-Cookie as a browser does.
    CommitResult commit(Session& session, std::string& cookie) {
        auto result = manager->commit(session, request(cookie));
        EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().detail);
        if (!result) return {};
        follow(*result, cookie);
        return *result;
    }

    static void follow(const CommitResult& result, std::string& cookie) {
        if (!result.set_cookie) return;
        const std::string_view header = *result.set_cookie;
        const auto begin = header.find('=') + 1;
        cookie = header.substr(begin, header.find(';') - begin);
    }

    static void set(Session& session, std::string_view key, const Value& value) {
        const auto written = session.set(key, value);
        EXPECT_TRUE(written.has_value()) << (written ? "" : written.error().detail);
    }

    [[nodiscard]] static std::string text(const Session& session, std::string_view key) {
        const auto value = session.get(key);
        if (!value || !*value || (*value)->as_string() == nullptr) return "<none>";
        return *(*value)->as_string();
    }

    /// Signs a user in with a fresh browser; the cookie.
    [[nodiscard]] std::string sign_in(const std::string& user) {
        std::string cookie;
        Session session = load(cookie);
        set(session, "_user_id", user);
        EXPECT_EQ(commit(session, cookie).action, CommitAction::logged_in);
        return cookie;
    }

    [[nodiscard]] LoadReason reason(const std::string& cookie) { return load(cookie).reason(); }

    [[nodiscard]] std::vector<std::string> event_types() {
        const auto entries = manager->audit({});
        std::vector<std::string> types;
        if (!entries) return types;
        for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry)
            types.push_back(entry->type);
        return types;
    }

    /// Runs one call of a store or the archive to its end.
    template <class T>
    [[nodiscard]] T now(async::Task<T> task) {
        auto result =
            runtime::run_sync<T>(side_runtime_, std::move(task), deadline_in(Millis{10'000}));
        EXPECT_TRUE(result.has_value());
        return std::move(*result);
    }
    [[nodiscard]] std::vector<async::SessionRow> archive_rows() {
        async::SessionQuery query;
        query.only_live = false;
        return now<std::vector<async::SessionRow>>(
            archive->sessions(query, deadline_in(Millis{10'000})));
    }
    [[nodiscard]] std::string raw(StoreKey key) {
        return now<std::optional<std::string>>(store->load(key, deadline_in(Millis{10'000})))
            .value_or("");
    }
    /// Puts bytes where a record stands or stood, as somebody with write access to the store would.
    void put_raw(StoreKey key, const std::string& bytes,
                 async::CreateStatus expected = async::CreateStatus::created) {
        (void)now<bool>(store->erase(key, {}, Millis{0}, deadline_in(Millis{10'000})));
        EXPECT_EQ(now<async::CreateStatus>(
                      store->create(key, bytes, Millis{3'600'000}, deadline_in(Millis{10'000}))),
                  expected);
    }

    std::atomic<std::int64_t> clock_ms{1'800'000'000'000};
    std::shared_ptr<memory::MemoryStore> store;
    std::shared_ptr<WatchedStore> watched;  ///< How the managers see `store`.
    std::shared_ptr<memory::MemoryArchive> archive = std::make_shared<memory::MemoryArchive>();
    /// Managers opened from now on write down what SQL cannot take; look at SQL and the journal by themselves.
    bool keeps_journal = true;
    bool looks_around = false;
    TemporaryFolder state;
    std::function<void()> end_threads;  ///< Of the managers opened from now on.
    ScriptedRandom* random = nullptr;
    std::mutex reports_mutex;
    std::vector<std::string> reports;
    std::unique_ptr<SessionManager> manager;

private:
    runtime::Runtime side_runtime_;
};

}  // namespace vedfolnir::test
