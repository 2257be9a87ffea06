// Runs the background jobs in whichever process holds the lease, and in no other.
#pragma once

#include "jobs/job.hpp"
#include "jobs/schedule.hpp"
#include "runtime/background.hpp"
#include "vedfolnir/async/upkeep.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace vedfolnir::jobs {

enum class Leading : std::uint8_t {
    held,
    lost,     ///< It ended, or somebody else has it.
    given_up  ///< This runner stops.
};

/// What happened, for a log. Both may be empty.
struct Observer {
    std::function<void(Leading now, async::Fence fence)> leadership{};
    std::function<void(const JobStatus& run)> ran{};
};

struct RunnerSettings {
    boost::asio::any_io_executor executor;
    std::string holder;              ///< Names this process among all that might hold the lease.
    Millis replaced_within{10'000};  ///< A leader that dies is replaced within this time.
    Millis store_timeout{2'000};     ///< One question to the lease or to the book of jobs.
    Millis run_budget{60'000};       ///< One run of a job.
    Millis first_look{0};  ///< The lease is asked for the first time within this time of `start`.
    Report report;
    Observer observer{};
};

struct RunnerPorts {
    std::shared_ptr<async::Lease> lease;
    std::shared_ptr<async::HotUpkeep> hot;  ///< Null: the hot store needs no upkeep.
    std::shared_ptr<async::SqlUpkeep> sql;
};

/// Each job has a loop of its own on the executor, so that a slow one keeps no other waiting; none runs twice at once. A
/// run that fails is reported, noted and tried again later; it ends neither the loop nor the lease.
class Runner final : public runtime::Background, public std::enable_shared_from_this<Runner> {
public:
    Runner(RunnerSettings settings, RunnerPorts ports, std::vector<Job> jobs);

    void start() override;
    [[nodiscard]] async::Task<bool> stop(Deadline deadline) override;
    [[nodiscard]] async::Task<JobsReport> report(Deadline deadline) override;

    /// The lease is ours, by our own clock, which runs on while this process is paused.
    [[nodiscard]] bool leads() const noexcept {
        return fence_ != 0 && std::chrono::steady_clock::now() < until_;
    }

private:
    using Clock = std::chrono::steady_clock;

    /// When to ask again.
    [[nodiscard]] boost::asio::awaitable<Deadline> ask_for_lease();
    [[nodiscard]] boost::asio::awaitable<void> keep_lease();
    [[nodiscard]] boost::asio::awaitable<bool> begin_to_lead(async::Fence fence);
    void step_down();
    [[nodiscard]] boost::asio::awaitable<void> rise_above_refusal();

    [[nodiscard]] boost::asio::awaitable<void> work(std::size_t index);
    /// The pause until the next run under this lease.
    [[nodiscard]] boost::asio::awaitable<Millis> run_once(std::size_t index);
    [[nodiscard]] boost::asio::awaitable<Millis> first_pause(std::size_t index);
    [[nodiscard]] boost::asio::awaitable<void> note(std::size_t index, JobStatus run);
    [[nodiscard]] async::Task<JobResult> guarded_run(std::size_t index, JobRun run);

    /// Until then, or until something changed that a loop should look at.
    [[nodiscard]] boost::asio::awaitable<void> wait(Deadline until);
    void changed();
    [[nodiscard]] Chance chance() { return std::uniform_real_distribution<double>(0, 1)(random_); }

    RunnerSettings settings_;
    RunnerPorts ports_;
    std::vector<Job> jobs_;
    std::vector<Clock::time_point> noted_;  ///< Per job: when a run was last noted in SQL.
    std::vector<JobStatus> unnoted_;        ///< Per job: what happened since.
    std::vector<std::uint32_t> failed_;     ///< Per job: runs in a row.
    std::vector<std::string> reported_;     ///< Per job: the failure that was reported last.
    LeaseTimes times_;
    std::minstd_rand random_{std::random_device{}()};
    std::vector<boost::asio::steady_timer*>
        waiting_;             ///< Of loops that wait; they live in their frames.
    async::Fence fence_ = 0;  ///< 0: not the leader.
    Clock::time_point until_{};
    async::Fence floor_ = 0;
    bool holds_ = false;  ///< The lease, when it was last asked for.
    bool unanswered_ = false;
    std::size_t loops_ = 0;
    bool stopping_ = false;
};

}  // namespace vedfolnir::jobs
