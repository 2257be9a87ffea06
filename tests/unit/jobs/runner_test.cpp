#include "jobs/runner.hpp"
#include "runtime/run_sync.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>

namespace vedfolnir::jobs {
namespace {

using namespace std::chrono_literals;
using async::Fence;
using async::LeaseReply;
using async::Task;

/// A lease and a book in memory, shared by the runners of one test, which run on different loops.
class Stores final : public async::Lease, public async::SqlUpkeep {
public:
    Task<LeaseReply> take(std::string holder, Millis ttl, Fence floor, Deadline) override {
        const std::lock_guard lock(mutex_);
        if (down) co_return Error{Errc::store_unavailable, "down"};
        const auto now = std::chrono::steady_clock::now();
        if (!lease_.holder.empty() && lease_.holder != holder && now < until_) {
            LeaseReply reply = lease_;
            reply.held = false;
            reply.left = std::chrono::duration_cast<Millis>(until_ - now);
            co_return reply;
        }
        if (lease_.holder != holder || now >= until_ || lease_.fence < floor)
            lease_.fence = std::max(lease_.fence + 1, floor);
        lease_.holder = holder;
        lease_.held = true;
        until_ = now + ttl;
        co_return lease_;
    }
    Task<LeaseReply> look(Deadline) override {
        const std::lock_guard lock(mutex_);
        co_return lease_;
    }
    Task<bool> give_up(std::string holder, Deadline) override {
        const std::lock_guard lock(mutex_);
        if (lease_.holder != holder) co_return false;
        until_ = {};
        lease_.holder.clear();
        co_return true;
    }

    Task<Closed> close_gone(async::Ticket, std::vector<async::Gone>, TimePoint, Deadline) override {
        co_return Error{Errc::unsupported, ""};
    }
    Task<std::uint32_t> close_expired(async::Ticket, TimePoint, std::uint32_t, Deadline) override {
        co_return Error{Errc::unsupported, ""};
    }
    Task<std::uint32_t> purge(async::Ticket, async::Retained, TimePoint, std::uint32_t,
                              Deadline) override {
        co_return Error{Errc::unsupported, ""};
    }
    Task<bool> note_run(JobStatus row, Deadline) override {
        const std::lock_guard lock(mutex_);
        noted_.push_back(row);
        co_return true;
    }
    Task<std::vector<JobStatus>> jobs(Deadline) override {
        const std::lock_guard lock(mutex_);
        co_return noted_;
    }

    [[nodiscard]] std::vector<JobStatus> noted() const {
        const std::lock_guard lock(mutex_);
        return noted_;
    }
    [[nodiscard]] std::string holder() const {
        const std::lock_guard lock(mutex_);
        return lease_.holder;
    }
    [[nodiscard]] Fence fence() const {
        const std::lock_guard lock(mutex_);
        return lease_.fence;
    }

    std::atomic<bool> down{false};

private:
    mutable std::mutex mutex_;
    LeaseReply lease_;
    std::chrono::steady_clock::time_point until_{};
    std::vector<JobStatus> noted_;
};

/// A runner on a loop of its own.
class Process {
public:
    Process(std::string name, const std::shared_ptr<Stores>& stores, std::vector<Job> jobs)
        : runner_(std::make_shared<Runner>(
              RunnerSettings{.executor = runtime_.executor(),
                             .holder = std::move(name),
                             .replaced_within = 500ms,
                             .report = [this](std::string_view, const Error&) { ++reports; }},
              RunnerPorts{stores, nullptr, stores}, std::move(jobs))) {
        runner_->start();
    }
    ~Process() { runtime_.stop(); }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    bool stop() {
        const Deadline deadline = deadline_in(5s);
        return runtime::run_sync<bool>(runtime_, runner_->stop(deadline), deadline).value();
    }
    /// As a process that was killed: nothing of it runs on, and nothing is given up.
    void kill() { runtime_.stop(); }

    std::atomic<int> reports{0};

private:
    runtime::Runtime runtime_;
    std::shared_ptr<Runner> runner_;
};

template <class Work>
Job job(std::string name, Work work) {
    return {.name = std::move(name), .interval = 5ms, .run = [work](JobRun run) -> Task<JobResult> {
                return work(std::move(run));
            }};
}

Task<JobResult> counting(std::atomic<int>* count, std::mutex* mutex, std::set<Fence>* fences,
                         JobRun run) {
    ++*count;
    const std::lock_guard lock(*mutex);
    fences->insert(run.ticket.fence);
    co_return JobResult{.removed = 1};
}

struct Counted {
    std::atomic<int> runs{0};
    std::mutex mutex;
    std::set<Fence> fences;

    [[nodiscard]] Job as(std::string name) {
        return job(std::move(name),
                   [this](JobRun run) { return counting(&runs, &mutex, &fences, std::move(run)); });
    }
};

// ids: S25
TEST(Runner, of_two_one_works_and_its_death_moves_the_work_with_a_higher_fence) {
    const auto stores = std::make_shared<Stores>();
    Counted by_first;
    Counted by_second;
    Process first("first", stores, {by_first.as("sweep")});
    ASSERT_TRUE(test::eventually([&] { return by_first.runs > 2; }));
    Process second("second", stores, {by_second.as("sweep")});

    const auto began = std::chrono::steady_clock::now();
    first.kill();
    const int before = by_first.runs;
    EXPECT_EQ(by_second.runs, 0);
    ASSERT_TRUE(test::eventually([&] { return by_second.runs > 2; }));

    EXPECT_EQ(by_first.runs, before);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
    ASSERT_EQ(by_first.fences.size(), 1U);
    const std::lock_guard lock(by_second.mutex);
    EXPECT_GT(*by_second.fences.begin(), *by_first.fences.begin());
}

// ids: S25
TEST(Runner, one_that_stops_gives_the_lease_up) {
    const auto stores = std::make_shared<Stores>();
    Counted runs;
    Process process("only", stores, {runs.as("sweep")});
    ASSERT_TRUE(test::eventually([&] { return runs.runs > 0; }));
    EXPECT_TRUE(process.stop());
    EXPECT_EQ(stores->holder(), "");
}

Task<JobResult> failing(std::atomic<int>* tries) {
    if (++*tries == 1) throw std::runtime_error("thrown by a job");
    co_return Error{Errc::store_unavailable, "answered by a job"};
}

// ids: S25
TEST(Runner, job_that_fails_is_reported_noted_and_tried_again_while_the_others_go_on) {
    const auto stores = std::make_shared<Stores>();
    std::atomic<int> tries{0};
    Counted sound;
    Process process(
        "only", stores,
        {job("broken", [&tries](JobRun) { return failing(&tries); }), sound.as("sound")});
    ASSERT_TRUE(test::eventually([&] { return tries >= 2; }));
    const int before = sound.runs;
    EXPECT_TRUE(test::eventually([&] { return sound.runs > before; }));
    // One for each way to fail, not for each time.
    EXPECT_TRUE(test::eventually([&] { return process.reports == 2 && tries > 2; }));
    EXPECT_EQ(process.reports, 2);
    std::vector<std::string> details;
    for (const JobStatus& run : stores->noted()) {
        if (run.job == "broken") details.push_back(run.outcome + ": " + run.detail);
    }
    ASSERT_GE(details.size(), 1U);
    EXPECT_EQ(details[0], "failed: thrown by a job");
}

Task<JobResult> refused_below(std::atomic<Fence>* least, std::atomic<int>* done, JobRun run) {
    if (run.ticket.fence < *least) co_return Error{Errc::denied, "fenced off"};
    ++*done;
    co_return JobResult{};
}

// ids: S25 F19
TEST(Runner, one_that_is_refused_acts_again_only_under_a_fence_above_all_that_are_known) {
    const auto stores = std::make_shared<Stores>();
    JobStatus other;
    other.job = "sweep";
    other.fence = 1000;
    runtime::Runtime loop;
    ASSERT_TRUE(runtime::run_sync<bool>(loop, stores->note_run(other, {}), deadline_in(5s)));
    std::atomic<Fence> least{1001};
    std::atomic<int> done{0};
    Process process("only", stores, {job("sweep", [&](JobRun run) {
                        return refused_below(&least, &done, std::move(run));
                    })});
    EXPECT_TRUE(test::eventually([&] { return done > 0; }));
    EXPECT_GE(stores->fence(), 1001U);
}

// ids: S25
TEST(Runner, one_that_cannot_renew_its_lease_stops_acting_when_it_ends) {
    const auto stores = std::make_shared<Stores>();
    Counted runs;
    Process process("only", stores, {runs.as("sweep")});
    ASSERT_TRUE(test::eventually([&] { return runs.runs > 0; }));
    stores->down = true;
    int seen = -1;
    auto since = std::chrono::steady_clock::now();
    EXPECT_TRUE(test::eventually([&] {
        // The same number for a whole lease.
        if (runs.runs != seen) {
            seen = runs.runs;
            since = std::chrono::steady_clock::now();
        }
        return std::chrono::steady_clock::now() - since > 500ms;
    }));
    EXPECT_EQ(process.reports, 1) << "an outage is reported once";
    stores->down = false;
    EXPECT_TRUE(test::eventually([&] { return runs.runs > seen; }));
}

}  // namespace
}  // namespace vedfolnir::jobs
