// Background jobs in Redis: the lease, and the sets without a time to live.
#pragma once

#include "redis/connection.hpp"
#include "redis/function_call.hpp"
#include "redis/keys.hpp"
#include "runtime/store_clock.hpp"
#include "vedfolnir/async/upkeep.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace vedfolnir::redis {

/// On a connection of its own, so that a batch never stands between a page and its session. Connects on first use.
/// Thread safety: called from the executor only.
class RedisUpkeep final : public async::Lease, public async::HotUpkeep {
public:
    RedisUpkeep(boost::asio::any_io_executor executor, const RedisOptions& options);

    [[nodiscard]] async::Task<async::LeaseReply> take(std::string holder, Millis ttl,
                                                      async::Fence floor,
                                                      Deadline deadline) override;
    [[nodiscard]] async::Task<async::LeaseReply> look(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> give_up(std::string holder, Deadline deadline) override;

    [[nodiscard]] async::Task<bool> raise_fence(async::Fence fence, Deadline deadline) override;
    [[nodiscard]] async::Task<async::DuePage> due(std::vector<std::uint8_t> shards,
                                                  async::Fence fence, std::uint32_t limit,
                                                  Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<std::uint8_t>> shards_due(Deadline deadline) override;
    [[nodiscard]] async::Task<std::uint32_t> forget(async::Fence fence,
                                                    std::vector<async::Gone> gone,
                                                    Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::Dirty>> dirty(std::uint32_t limit,
                                                               Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::Standing>> load_all(std::vector<StoreKey> keys,
                                                                     Deadline deadline) override;
    [[nodiscard]] async::Task<std::uint32_t> drained(async::Fence fence,
                                                     std::vector<async::Dirty> copied,
                                                     Deadline deadline) override;
    [[nodiscard]] async::Fence refused_for() const noexcept override { return refused_for_; }
    [[nodiscard]] async::Task<TimePoint> now(Deadline deadline) override;

private:
    [[nodiscard]] FunctionCall due_call(std::uint8_t shard, async::Fence fence,
                                        std::uint32_t limit) const;
    [[nodiscard]] FunctionCall forget_call(std::uint8_t shard, async::Fence fence,
                                           const std::vector<const async::Gone*>& gone) const;
    [[nodiscard]] Result<Texts> acted(boost::system::result<Texts, Failure> words,
                                      std::string_view function, std::string_view done);

    Keyspace keys_;
    Connection connection_;
    runtime::StoreClock clock_;
    async::Fence refused_for_ = 0;
};

}  // namespace vedfolnir::redis
