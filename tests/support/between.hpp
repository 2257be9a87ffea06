// Lets a test act in the middle of an operation: another process's step, or a store that stops answering just then.
#pragma once

#include "vedfolnir/async/archive.hpp"
#include "vedfolnir/async/store.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

namespace vedfolnir::test {

/// Runs on the manager's thread; the call goes on when it returns.
using Hook = std::function<void(std::string_view call)>;

/// A store that passes every call on, and tells before and after it. Set hooks only while no operation runs.
class WatchedStore final : public async::SessionStore {
public:
    explicit WatchedStore(std::shared_ptr<async::SessionStore> inner) : inner_(std::move(inner)) {}

    Hook before = [](std::string_view) {};
    Hook after = [](std::string_view) {};
    /// Awaited once, when the next load has its answer and before that goes on.
    std::function<async::Task<bool>()> meanwhile{};
    std::atomic<bool> unreachable{false};  ///< Calls answer `store_unavailable` and go no further.
    std::atomic<Outage> outage{Outage::none};  ///< What such an answer says does not work.
    std::atomic<std::uint64_t> connection{1};
    std::atomic<bool> may_have_lost{
        false};  ///< Another server answers than the one that was compared.

    void exchange(std::shared_ptr<async::SessionStore> inner) { inner_ = std::move(inner); }

    std::uint64_t connection_number() const noexcept override { return connection; }

    async::Task<async::CreateStatus> create(StoreKey key, std::string record, Millis ttl,
                                            Deadline deadline) override {
        if (auto entered = enter("create"); !entered) co_return entered.error();
        auto answer = co_await inner_->create(key, std::move(record), ttl, deadline);
        after("create");
        co_return answer;
    }
    async::Task<std::optional<std::string>> load(StoreKey key, Deadline deadline) override {
        if (auto entered = enter("load"); !entered) co_return entered.error();
        auto answer = co_await inner_->load(key, deadline);
        if (meanwhile) {
            const auto act = std::exchange(meanwhile, {});  // outlives its coroutine
            auto other = act();
            static_cast<void>(co_await std::move(other));
        }
        after("load");
        co_return answer;
    }
    async::Task<async::SaveReply> save(StoreKey key, std::uint64_t expected_generation,
                                       std::string record, Millis ttl, Deadline deadline) override {
        if (auto entered = enter("save"); !entered) co_return entered.error();
        auto answer =
            co_await inner_->save(key, expected_generation, std::move(record), ttl, deadline);
        after("save");
        co_return answer;
    }
    async::Task<async::TouchStatus> touch(StoreKey key, Millis ttl, Deadline deadline) override {
        if (auto entered = enter("touch"); !entered) co_return entered.error();
        auto answer = co_await inner_->touch(key, ttl, deadline);
        after("touch");
        co_return answer;
    }
    async::Task<bool> erase(StoreKey key, std::string note, Millis note_ttl,
                            Deadline deadline) override {
        if (auto entered = enter("erase"); !entered) co_return entered.error();
        auto answer = co_await inner_->erase(key, std::move(note), note_ttl, deadline);
        after("erase");
        co_return answer;
    }
    async::Task<async::EndReply> end(async::EndOrder order, Deadline deadline) override {
        if (auto entered = enter("end"); !entered) co_return entered.error();
        auto answer = co_await inner_->end(std::move(order), deadline);
        after("end");
        co_return answer;
    }
    async::Task<std::vector<async::IndexEntry>> list_user(UserTag user,
                                                          Deadline deadline) override {
        if (auto entered = enter("list_user"); !entered) co_return entered.error();
        auto answer = co_await inner_->list_user(user, deadline);
        after("list_user");
        co_return answer;
    }
    async::Task<async::AppliedEpoch> epoch_of(UserTag user, Deadline deadline) override {
        if (auto entered = enter("epoch_of"); !entered) co_return entered.error();
        co_return co_await inner_->epoch_of(user, deadline);
    }
    async::Task<std::vector<bool>> epochs_told(Deadline deadline) override {
        if (auto entered = enter("epochs_told"); !entered) co_return entered.error();
        co_return co_await inner_->epochs_told(deadline);
    }
    async::Task<bool> tell_epochs(std::vector<async::EpochPage> pages, Deadline deadline) override {
        if (auto entered = enter("tell_epochs"); !entered) co_return entered.error();
        co_return co_await inner_->tell_epochs(std::move(pages), deadline);
    }
    async::Task<bool> doubt_epochs(std::uint8_t shard, Deadline deadline) override {
        if (auto entered = enter("doubt_epochs"); !entered) co_return entered.error();
        co_return co_await inner_->doubt_epochs(shard, deadline);
    }
    async::Task<std::vector<std::uint64_t>> marks(Deadline deadline) override {
        if (auto entered = enter("marks"); !entered) co_return entered.error();
        auto answer = co_await inner_->marks(deadline);
        after("marks");
        co_return answer;
    }
    async::Task<bool> attest(Deadline deadline) override {
        if (auto entered = enter("attest"); !entered) co_return entered.error();
        co_return co_await inner_->attest(deadline);
    }
    async::Task<std::vector<bool>> lost_nothing(Deadline deadline) override {
        if (auto entered = enter("lost_nothing"); !entered) co_return entered.error();
        if (may_have_lost) co_return std::vector<bool>(256, false);
        co_return co_await inner_->lost_nothing(deadline);
    }
    async::Task<bool> same_server(Deadline deadline) override {
        return inner_->same_server(deadline);
    }
    async::Task<TimePoint> now(Deadline deadline) override { return inner_->now(deadline); }

private:
    [[nodiscard]] Result<void> enter(std::string_view call) const {
        before(call);
        if (!unreachable) return {};
        Error cut_off{Errc::store_unavailable, "the watched store is cut off"};
        cut_off.outage = outage;
        return cut_off;
    }

    std::shared_ptr<async::SessionStore> inner_;
};

}  // namespace vedfolnir::test
