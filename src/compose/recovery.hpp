// Puts copies in SQL back into Redis: for `vedfolnir recover`, and as background work.
#pragma once

#include "audit/personal.hpp"
#include "compose/recover.hpp"
#include "redis/redis_store.hpp"
#include "redis/upkeep.hpp"
#include "sql/sql.hpp"
#include "sql/survey.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace vedfolnir::compose {

/// A batch is many commands; nobody waits for it as for a page.
[[nodiscard]] RedisOptions patient_for_batches(RedisOptions options);

/// One pass over all copies, in as many runs as it takes. Executor only.
class Recovery {
public:
    /// `options` must outlive it.
    Recovery(boost::asio::any_io_executor executor, const ManagerOptions& options,
             RecoverOptions wanted, const std::shared_ptr<sql::Database>& database,
             const audit::SharedSealer& sealer, std::shared_ptr<redis::RedisStore> redis);

    /// Goes on where the last run ended, until all is done, an Error, or `goes_on` says no. What was restored is told to the audit
    /// trail as the pass ends, or by `cut_short`. Errors: as of `recover`.
    [[nodiscard]] async::Task<RecoverReport> run(Deadline deadline);
    /// It will not go on: tells what it restored, if anything.
    [[nodiscard]] async::Task<bool> cut_short(Deadline deadline);

    [[nodiscard]] bool done() const noexcept { return done_; }
    /// The life of Redis that the pass began in. Empty: it has not begun.
    [[nodiscard]] const std::string& incarnation() const noexcept { return incarnation_; }

private:
    /// The copies of half of the shards.
    struct Range {
        std::string after;
        std::uint8_t last_shard;
        bool done = false;
    };

    [[nodiscard]] Deadline soon() const;
    [[nodiscard]] bool goes_on() const;
    [[nodiscard]] std::uint32_t page_size() const;
    [[nodiscard]] boost::asio::awaitable<void> keep_pace() const;
    [[nodiscard]] async::Task<std::uint32_t> tell(bool whole);
    [[nodiscard]] async::Task<bool> begin();
    [[nodiscard]] async::Task<bool> both_ranges();
    [[nodiscard]] async::Task<bool> go_through(Range& range);
    [[nodiscard]] async::Task<bool> put_back(std::vector<sql::Copy> copies);
    [[nodiscard]] async::Task<std::vector<sql::Copy>> restore(std::vector<sql::Copy> alive);
    [[nodiscard]] async::Task<std::vector<sql::Copy>> restore_each(std::vector<sql::Copy> alive);
    [[nodiscard]] async::Task<std::vector<sql::Copy>> read_anew(std::vector<sql::Copy> copies);
    [[nodiscard]] async::Task<bool> look(std::vector<sql::Copy> alive);
    void count(const async::RestoreReply& reply, const std::string& bytes);

    boost::asio::any_io_executor executor_;
    const ManagerOptions& options_;
    RecoverOptions wanted_;
    sql::SqlSurvey copies_;
    std::shared_ptr<async::Archive> archive_;
    std::shared_ptr<sql::SqlFallback> fallback_;
    std::shared_ptr<redis::RedisStore> redis_;
    redis::RedisUpkeep upkeep_;

    std::string incarnation_;
    std::string pass_;  ///< Its name, which a flush of Redis takes away.
    std::uint64_t all_ = 0;  ///< Copies, as the pass began.
    std::array<Range, 2> ranges_{{{"", 0x7f}, {"80", 0xff}}};
    bool done_ = false;
    RecoverReport report_;

    // Of the present run.
    Deadline deadline_{};
    std::chrono::steady_clock::time_point began_{};
    std::uint64_t seen_before_ = 0;
};

}  // namespace vedfolnir::compose
