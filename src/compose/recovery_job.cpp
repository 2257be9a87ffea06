#include "compose/recovery_job.hpp"

#include "compose/recovery.hpp"

#include <chrono>
#include <utility>

namespace vedfolnir::compose {
namespace asio = boost::asio;
using async::Task;

namespace {

constexpr Millis looked_every{1'000};
/// Requests come first: at this pace a pass takes a quarter of what Redis can do.
constexpr std::uint32_t copies_per_second = 10'000;
/// What a run leaves of its time for the batches that are under way.
constexpr std::chrono::seconds reserve{15};

class RecoveryJob {
public:
    RecoveryJob(asio::any_io_executor executor, const ManagerOptions& options,
                std::shared_ptr<sql::Database> database, audit::SharedSealer sealer)
        : executor_(executor),
          options_(options),
          database_(std::move(database)),
          sealer_(std::move(sealer)),
          redis_(redis::make_store(std::move(executor), patient_for_batches(options.redis),
                                   nullptr)) {}

    Task<jobs::JobResult> run(jobs::JobRun run) {
        jobs::JobResult result;
        const auto state = co_await redis_->copies_state(run.deadline);
        if (!state) co_return state.error();
        if (pass_ && (state->complete || pass_->incarnation() != state->incarnation)) {
            // Another life of Redis, or somebody else was quicker.
            const auto told = co_await std::exchange(pass_, nullptr)->cut_short(run.deadline);
            if (!told) co_return told.error();
        }
        if (state->complete) co_return result;
        goes_on_ = [leads = run.goes_on, until = run.deadline - reserve] {
            return leads() && std::chrono::steady_clock::now() < until;
        };
        if (!pass_) pass_ = begin();
        const auto before = restored_;
        const auto report = co_await pass_->run(run.deadline);
        if (!report) co_return report.error();
        restored_ = report->restored;
        result.removed = restored_ - before;
        result.more = !pass_->done();
        if (result.more && run.goes_on()) co_return result;
        const auto pass = std::exchange(pass_, nullptr);
        restored_ = 0;
        if (!result.more) co_return result;
        const auto told = co_await pass->cut_short(run.deadline);
        if (!told) co_return told.error();
        co_return result;
    }

private:
    std::unique_ptr<Recovery> begin() {
        RecoverOptions wanted;
        wanted.actor = "system";
        wanted.beside = true;
        wanted.per_second = copies_per_second;
        wanted.goes_on = [this] { return goes_on_(); };
        restored_ = 0;
        return std::make_unique<Recovery>(executor_, options_, std::move(wanted), database_,
                                          sealer_, redis_);
    }

    asio::any_io_executor executor_;
    const ManagerOptions& options_;
    std::shared_ptr<sql::Database> database_;
    audit::SharedSealer sealer_;
    std::shared_ptr<redis::RedisStore> redis_;
    std::unique_ptr<Recovery> pass_;  ///< Begun, and not done yet.
    std::uint64_t restored_ = 0;      ///< By it.
    std::function<bool()> goes_on_;   ///< Of the present run.
};

}  // namespace

jobs::Job recovery_job(asio::any_io_executor executor, const ManagerOptions& options,
                       std::shared_ptr<sql::Database> database, audit::SharedSealer sealer) {
    const auto job = std::make_shared<RecoveryJob>(std::move(executor), options,
                                                   std::move(database), std::move(sealer));
    return {"recovery", looked_every, true,
            [job](jobs::JobRun run) { return job->run(std::move(run)); }};
}

}  // namespace vedfolnir::compose
