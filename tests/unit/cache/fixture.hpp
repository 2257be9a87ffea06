// Near caches over one store in memory, with a feed and moments that tests drive.
#pragma once

#include "cache/cached.hpp"
#include "memory/memory_store.hpp"
#include "model/record.hpp"
#include "runtime/run_sync.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace vedfolnir::cache::test {

/// Says what the test says.
class ScriptedFeed final : public async::ChangeFeed {
public:
    void listen(std::weak_ptr<async::ChangeListener> listener) override {
        listener_ = std::move(listener);
    }
    [[nodiscard]] bool tells() const noexcept override { return telling; }
    [[nodiscard]] std::optional<TimePoint> time_at(
        std::chrono::steady_clock::time_point) const noexcept override {
        return TimePoint(Millis(clock_ms.load()));
    }
    void tell(const StoreKey& key) {
        if (const auto hears = listener_.lock()) hears->changed(key);
    }
    void lose_connection() {
        telling = false;
        if (const auto hears = listener_.lock()) hears->changed_all();
    }

    std::atomic<bool> telling{true};
    std::atomic<std::int64_t> clock_ms{1'800'000'000'000};

private:
    std::weak_ptr<async::ChangeListener> listener_;
};

/// Passes everything on; what the test does `after_load` happens between the store's answer and its receiver.
class InterruptedStore final : public async::SessionStore {
public:
    explicit InterruptedStore(std::shared_ptr<memory::MemoryStore> inner)
        : inner_(std::move(inner)) {}

    async::Task<async::CreateStatus> create(StoreKey key, std::string record, Millis ttl,
                                            Deadline deadline) override {
        return inner_->create(key, std::move(record), ttl, deadline);
    }
    async::Task<std::optional<std::string>> load(StoreKey key, Deadline deadline) override {
        ++loads;
        auto answer = co_await inner_->load(key, deadline);
        if (after_load) after_load();
        co_return answer;
    }
    async::Task<async::SaveReply> save(StoreKey key, std::uint64_t expected, std::string record,
                                       Millis ttl, Deadline deadline) override {
        auto reply = co_await inner_->save(key, expected, std::move(record), ttl, deadline);
        if (after_save) after_save();
        if (lose_replies) co_return Error{Errc::store_unavailable, "the reply was lost"};
        co_return reply;
    }
    async::Task<async::TouchStatus> touch(StoreKey key, Millis ttl, Deadline deadline) override {
        return inner_->touch(key, ttl, deadline);
    }
    async::Task<bool> erase(StoreKey key, std::string note, Millis ttl,
                            Deadline deadline) override {
        return inner_->erase(key, std::move(note), ttl, deadline);
    }
    async::Task<async::EndReply> end(async::EndOrder order, Deadline deadline) override {
        return inner_->end(std::move(order), deadline);
    }
    async::Task<std::vector<async::IndexEntry>> list_user(UserTag user,
                                                          Deadline deadline) override {
        return inner_->list_user(user, deadline);
    }
    async::Task<async::AppliedEpoch> epoch_of(UserTag user, Deadline deadline) override {
        return inner_->epoch_of(user, deadline);
    }
    async::Task<std::vector<bool>> epochs_told(Deadline deadline) override {
        return inner_->epochs_told(deadline);
    }
    async::Task<bool> tell_epochs(std::vector<async::EpochPage> pages, Deadline deadline) override {
        return inner_->tell_epochs(std::move(pages), deadline);
    }
    async::Task<bool> doubt_epochs(std::uint8_t shard, Deadline deadline) override {
        return inner_->doubt_epochs(shard, deadline);
    }
    async::Task<std::vector<std::uint64_t>> marks(Deadline deadline) override {
        return inner_->marks(deadline);
    }
    async::Task<bool> attest(Deadline deadline) override { return inner_->attest(deadline); }
    async::Task<std::vector<bool>> lost_nothing(Deadline deadline) override {
        return inner_->lost_nothing(deadline);
    }
    async::Task<bool> same_server(Deadline deadline) override {
        return inner_->same_server(deadline);
    }
    async::Task<TimePoint> now(Deadline deadline) override { return inner_->now(deadline); }
    std::uint64_t connection_number() const noexcept override {
        return inner_->connection_number();
    }

    int loads = 0;
    std::function<void()> after_load;
    std::function<void()> after_save;
    bool lose_replies = false;

private:
    std::shared_ptr<memory::MemoryStore> inner_;
};

/// One process: a near cache with a feed of its own over the common store.
struct Process {
    std::shared_ptr<ScriptedFeed> feed = std::make_shared<ScriptedFeed>();
    std::shared_ptr<InterruptedStore> store;
    std::shared_ptr<Cached> cache;
    runtime::AtomicCounters counters;
};

class CachedTest : public ::testing::Test {
protected:
    [[nodiscard]] std::unique_ptr<Process> process(NearCacheOptions options = {}) {
        auto made = std::make_unique<Process>();
        made->store = std::make_shared<InterruptedStore>(redis);
        made->cache = Cached::make(made->store, made->feed, stripes, options, &made->counters);
        return made;
    }

    /// A record of `user` (all zero: anonymous) under a key that differs with `number`.
    [[nodiscard]] static std::pair<StoreKey, std::string> record(std::uint8_t number,
                                                                 UserTag user = {}) {
        StoreKey key{user.shard(), {}};
        key.digest.fill(number);
        model::RecordHeader header;
        header.handle.bytes.fill(number);
        header.user = user;
        header.last_seen = header.created = TimePoint(Millis{1'800'000'000'000});
        header.absolute_expiry = header.created + Millis{86'400'000};
        header.operation.fill(number);
        return {key, model::pack_header(header) + "body"};
    }
    /// The next version of a record.
    [[nodiscard]] static std::string next(const std::string& bytes, const std::string& body) {
        auto header = *model::parse_header(bytes);
        header.generation += 1;
        header.operation.fill(static_cast<std::uint8_t>(header.generation + 100));
        return model::pack_header(header) + body;
    }

    template <class T>
    T run(async::Task<T> task) {
        auto result = runtime::run_sync<T>(loop, std::move(task), soon());
        if (!result) ADD_FAILURE() << result.error().detail;
        return result ? std::move(*result) : T{};
    }
    [[nodiscard]] static Deadline soon() { return deadline_in(Millis{10'000}); }

    void create(Process& at, const StoreKey& key, const std::string& bytes) {
        EXPECT_EQ(run(at.cache->create(key, bytes, ttl, soon())), async::CreateStatus::created);
    }
    [[nodiscard]] std::string load(Process& at, const StoreKey& key) {
        return run(at.cache->load(key, soon())).value_or("nothing");
    }
    [[nodiscard]] std::string body(Process& at, const StoreKey& key) {
        const std::string bytes = load(at, key);
        return bytes.size() < model::offset::body ? bytes : bytes.substr(model::offset::body);
    }
    void save(Process& at, const StoreKey& key, std::uint64_t expected, const std::string& bytes) {
        EXPECT_EQ(run(at.cache->save(key, expected, bytes, ttl, soon())).status,
                  async::SaveStatus::saved);
    }
    [[nodiscard]] static bool holds(const Process& at, const StoreKey& key) {
        return at.cache->find(key, std::chrono::steady_clock::now()) != nullptr;
    }

    static constexpr Millis ttl{3'600'000};
    std::shared_ptr<memory::MemoryStore> redis =
        std::make_shared<memory::MemoryStore>([] { return TimePoint(Millis{1'800'000'000'000}); });
    std::shared_ptr<StripeTable> stripes = StripeTable::private_table();
    runtime::Runtime loop;
};

}  // namespace vedfolnir::cache::test
