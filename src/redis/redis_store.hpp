// Sessions in Redis: loads are plain GETs, everything else is one function of the library each.
#pragma once

#include "redis/connection.hpp"
#include "redis/function_call.hpp"
#include "redis/keys.hpp"
#include "runtime/counters.hpp"
#include "runtime/store_clock.hpp"
#include "vedfolnir/async/restore.hpp"
#include "vedfolnir/async/store.hpp"
#include "vedfolnir/async/store_figures.hpp"
#include "vedfolnir/options.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vedfolnir::redis {

/// The SessionStore on Redis. Connects on first use (see Connection). Besides the caller's deadline each call is
/// bounded by the request timeout of the options.
class RedisStore final : public async::SessionStore,
                         public async::StoreFigures,
                         public async::ChangeFeed,
                         public async::RestoreTarget,
                         public std::enable_shared_from_this<RedisStore> {
public:
    RedisStore(boost::asio::any_io_executor executor, const RedisOptions& options,
               runtime::AtomicCounters* counters);

    [[nodiscard]] async::Task<async::CreateStatus> create(StoreKey key, std::string record,
                                                          Millis ttl, Deadline deadline) override;
    [[nodiscard]] async::Task<std::optional<std::string>> load(StoreKey key,
                                                               Deadline deadline) override;
    [[nodiscard]] async::Task<async::SaveReply> save(StoreKey key,
                                                     std::uint64_t expected_generation,
                                                     std::string record, Millis ttl,
                                                     Deadline deadline) override;
    [[nodiscard]] async::Task<async::TouchStatus> touch(StoreKey key, Millis ttl,
                                                        Deadline deadline) override;
    [[nodiscard]] async::Task<bool> erase(StoreKey key, std::string note, Millis note_ttl,
                                          Deadline deadline) override;
    [[nodiscard]] async::Task<async::EndReply> end(async::EndOrder order,
                                                   Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::IndexEntry>> list_user(UserTag user,
                                                                        Deadline deadline) override;
    [[nodiscard]] async::Task<async::AppliedEpoch> epoch_of(UserTag user,
                                                            Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<bool>> epochs_told(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> tell_epochs(std::vector<async::EpochPage> pages,
                                                Deadline deadline) override;
    [[nodiscard]] async::Task<bool> doubt_epochs(std::uint8_t shard, Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<std::uint64_t>> marks(Deadline deadline) override;

    /// Costs a command only when the last word from the server's clock is old: replies of functions carry the time,
    /// and in between the steady clock carries it on (see StoreClock).
    [[nodiscard]] async::Task<bool> attest(Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<bool>> lost_nothing(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> same_server(Deadline deadline) override;
    [[nodiscard]] async::Task<TimePoint> now(Deadline deadline) override;
    [[nodiscard]] std::uint64_t connection_number() const noexcept override {
        return connection_.number();
    }

    [[nodiscard]] async::Task<std::vector<async::RestoreReply>> restore(
        std::vector<async::RestoreItem> items, Millis skew_max, Deadline deadline) override;
    [[nodiscard]] async::Task<async::CopiesState> copies_state(Deadline deadline) override;
    /// A pass over all copies in the database begins. Its name, for `attest_copies`.
    [[nodiscard]] async::Task<std::string> begin_copies(Deadline deadline);
    /// All copies were put back into that life by that pass. False: not noted, because this Redis was flushed since, or another
    /// pass began.
    [[nodiscard]] async::Task<bool> attest_copies(std::string incarnation, std::string pass,
                                                  Deadline deadline);
    void vouched_by(async::Vouch vouch) override { vouch_ = std::move(vouch); }
    [[nodiscard]] async::Task<bool> probe(bool changes, Deadline deadline) override;

    [[nodiscard]] async::Task<StoreInfo> info(Deadline deadline) override;
    void listen(std::weak_ptr<async::ChangeListener> listener) override;
    [[nodiscard]] bool tells() const noexcept override { return connection_.tracking(); }
    [[nodiscard]] std::optional<TimePoint> time_at(
        std::chrono::steady_clock::time_point steady) const noexcept override {
        return clock_.peek(steady);
    }

    /// What the present connection said of its server; for the doctor.
    [[nodiscard]] const Connection::Server& server() const noexcept { return connection_.server(); }
    [[nodiscard]] const runtime::StoreClock& clock() const noexcept { return clock_; }

private:
    using Call = FunctionCall;

    [[nodiscard]] boost::asio::awaitable<boost::system::result<Texts, Failure>> call(
        Call call, Deadline deadline);
    [[nodiscard]] Texts record_keys(const StoreKey& key, const std::string& record) const;
    [[nodiscard]] Call restore_call(async::RestoreItem item, Millis skew_max) const;
    /// Of one shard.
    [[nodiscard]] Call restore_call(std::span<async::RestoreItem> items, Millis skew_max) const;
    struct Saved {
        Texts words;
        bool repeated = false;  ///< The answer to a first one was lost.
    };
    [[nodiscard]] async::Task<Saved> save_vouched(StoreKey key, Call order, Deadline deadline);
    [[nodiscard]] async::Task<bool> note_compared(std::string_view field, std::string incarnation,
                                                  Deadline deadline);
    void refresh_clock();

    boost::asio::any_io_executor executor_;
    Keyspace keys_;
    Connection connection_;
    async::Vouch vouch_;  ///< May be empty.
    runtime::StoreClock clock_;
    Millis refresh_timeout_;
    bool refreshing_ = false;
};

/// Nothing connects before the first call. `counters` may be null; it must outlive the store.
[[nodiscard]] std::shared_ptr<RedisStore> make_store(boost::asio::any_io_executor executor,
                                                     const RedisOptions& options,
                                                     runtime::AtomicCounters* counters);

}  // namespace vedfolnir::redis
