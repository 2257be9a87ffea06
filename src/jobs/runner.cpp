#include "jobs/runner.hpp"

#include "runtime/unattended.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace vedfolnir::jobs {
namespace asio = boost::asio;

namespace {

/// A job that has more to do goes on after this pause: long enough for others on the same stores.
constexpr Millis breather{20};
/// A job that runs often is noted at least this often.
constexpr Millis note_interval{10'000};
/// A refused leader asks for a higher fence after this.
constexpr Millis refused_pause{200};

TimePoint wall_clock() { return std::chrono::floor<Millis>(std::chrono::system_clock::now()); }

}  // namespace

Runner::Runner(RunnerSettings settings, RunnerPorts ports, std::vector<Job> jobs)
    : settings_(std::move(settings)),
      ports_(std::move(ports)),
      jobs_(std::move(jobs)),
      noted_(jobs_.size()),
      unnoted_(jobs_.size()),
      failed_(jobs_.size()),
      reported_(jobs_.size()),
      times_(lease_times(settings_.replaced_within)) {}

void Runner::start() {
    asio::co_spawn(
        settings_.executor,
        [self = shared_from_this()]() -> asio::awaitable<void> {
            self->loops_ = self->jobs_.size() + 1;
            for (std::size_t i = 0; i < self->jobs_.size(); ++i) {
                asio::co_spawn(
                    self->settings_.executor, [self, i] { return self->work(i); },
                    runtime::unattended("a background job"));
            }
            co_await self->keep_lease();
        },
        runtime::unattended("the lease of background work"));
}

void Runner::changed() {
    for (asio::steady_timer* timer : waiting_) timer->cancel();
}

asio::awaitable<void> Runner::wait(Deadline until) {
    asio::steady_timer timer(settings_.executor, until);
    waiting_.push_back(&timer);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    std::erase(waiting_, &timer);
}

asio::awaitable<void> Runner::keep_lease() {
    const auto spread = static_cast<double>(settings_.first_look.count());
    Deadline next = deadline_in(Millis(static_cast<long>(spread * chance())));
    while (!stopping_) {
        if (Clock::now() < next) {
            co_await wait(next);
            // Only the time, or the end, is of interest here.
            continue;
        }
        next = co_await ask_for_lease();
    }
    --loops_;
    changed();
}

asio::awaitable<Deadline> Runner::ask_for_lease() {
    const auto asked = Clock::now();
    const Millis patience = std::min(settings_.store_timeout, times_.renew);
    const auto reply =
        co_await ports_.lease->take(settings_.holder, times_.ttl, floor_, deadline_in(patience));
    holds_ = reply && reply->held;
    if (stopping_) co_return Clock::now();
    // Said once, until it can be asked for again: every process of an installation asks every few seconds.
    const bool unanswered = std::exchange(unanswered_, !reply);
    if (!reply) {
        if (!unanswered)
            settings_.report("the lease of the background jobs could not be asked for",
                             reply.error());
        if (fence_ != 0 && !leads()) step_down();
        co_return Clock::now() + times_.renew / 2 +
            Millis(static_cast<long>(chance() * static_cast<double>(times_.renew.count()) / 2));
    }
    if (!reply->held) {
        step_down();
        co_return Clock::now() + reply->left +
            Millis(1 + static_cast<long>(chance() * static_cast<double>(times_.spread.count())));
    }
    const bool lapsed = fence_ != 0 && !leads();
    until_ = asked + times_.ttl;
    if (lapsed) changed();
    if (reply->fence != fence_ && !co_await begin_to_lead(reply->fence)) {
        co_await rise_above_refusal();
        co_return Clock::now() + refused_pause;
    }
    co_return asked + times_.renew;
}

/// The shards learn the fence before anything is done under it: from here on an earlier leader can do nothing in them.
asio::awaitable<bool> Runner::begin_to_lead(async::Fence fence) {
    fence_ = 0;
    if (ports_.hot) {
        const auto raised =
            co_await ports_.hot->raise_fence(fence, deadline_in(settings_.store_timeout));
        if (!raised) {
            settings_.report("the lease of the background jobs could not be made known",
                             raised.error());
            co_return false;
        }
    }
    fence_ = fence;
    if (settings_.observer.leadership) settings_.observer.leadership(Leading::held, fence);
    changed();
    co_return true;
}

void Runner::step_down() {
    if (fence_ == 0) return;
    const auto fence = std::exchange(fence_, 0);
    if (settings_.observer.leadership)
        settings_.observer.leadership(stopping_ ? Leading::given_up : Leading::lost, fence);
    changed();
}

/// Somebody acted under a higher fence than the lease gave us: the store that gives fences has forgotten some, or its clock
/// went back. The next one will be above all that is known.
asio::awaitable<void> Runner::rise_above_refusal() {
    if (ports_.hot) floor_ = std::max(floor_, ports_.hot->refused_for() + 1);
    const auto rows = co_await ports_.sql->jobs(deadline_in(settings_.store_timeout));
    if (!rows) {
        settings_.report("the book of background jobs could not be read", rows.error());
        co_return;
    }
    for (const JobStatus& row : *rows) floor_ = std::max(floor_, row.fence + 1);
}

asio::awaitable<void> Runner::work(std::size_t index) {
    async::Fence planned_for = 0;
    Deadline next{};
    while (!stopping_) {
        if (!leads()) {
            co_await wait(deadline_in(times_.ttl));
            continue;
        }
        if (planned_for != fence_) {
            planned_for = fence_;
            failed_[index] = 0;
            next = deadline_in(co_await first_pause(index));
            continue;
        }
        if (Clock::now() < next) {
            co_await wait(next);
            continue;
        }
        next = deadline_in(co_await run_once(index));
    }
    --loops_;
    changed();
}

/// An interval is counted from the last run, whoever made it.
asio::awaitable<Millis> Runner::first_pause(std::size_t index) {
    const Job& job = jobs_[index];
    const auto rows = co_await ports_.sql->jobs(deadline_in(settings_.store_timeout));
    // Not known: to run early does no harm.
    if (!rows) co_return Millis{0};
    const auto row = std::ranges::find(*rows, job.name, &JobStatus::job);
    if (row == rows->end()) co_return Millis{0};
    co_return pause_before_first(job.interval, row->succeeded, wall_clock());
}

/// An exception of a job is its failure, like an error.
async::Task<JobResult> Runner::guarded_run(std::size_t index, JobRun run) {
    try {
        co_return co_await jobs_[index].run(std::move(run));
    } catch (const std::exception& failure) {
        co_return Error{Errc::internal, failure.what()};
    }
}

asio::awaitable<Millis> Runner::run_once(std::size_t index) {
    const Job& job = jobs_[index];
    const auto fence = fence_;
    JobStatus run;
    run.job = job.name;
    run.fence = fence;
    run.holder = settings_.holder;
    run.started = wall_clock();
    run.runs = 1;
    JobRun order{{job.name, fence}, deadline_in(settings_.run_budget), [this, fence] {
                     return !stopping_ && leads() && fence_ == fence;
                 }};
    const auto result = co_await guarded_run(index, std::move(order));
    run.finished = wall_clock();
    if (!result && result.error().code == Errc::denied) {
        // No failure of the job: it is somebody else's now.
        step_down();
        co_await rise_above_refusal();
        co_return Millis{0};
    }
    failed_[index] = result ? 0 : failed_[index] + 1;
    Millis pause = result && result->more ? breather
                   : result               ? pause_after_success(job.interval, chance())
                            : pause_after_failure(job.interval, failed_[index], chance());
    run.next_due = run.finished + pause;
    if (result) {
        run.outcome = "done";
        reported_[index].clear();
        run.removed = run.removed_last = result->removed;
        run.lag = result->lag;
        run.succeeded = run.finished;
    } else {
        const Error& error = result.error();
        run.outcome = "failed";
        run.detail = error.detail.empty() ? error.public_message : error.detail;
        run.failures = 1;
        // Again only where it fails in another way; the book has all of them.
        if (std::exchange(reported_[index], run.detail) != run.detail)
            settings_.report("the background job `" + job.name + "` failed", error);
    }
    if (settings_.observer.ran) settings_.observer.ran(run);
    co_await note(index, std::move(run));
    co_return pause;
}

/// What a job did goes into SQL; where that fails it is reported, and told with the next run.
asio::awaitable<void> Runner::note(std::size_t index, JobStatus run) {
    JobStatus& kept = unnoted_[index];
    const bool changed_outcome = kept.outcome != run.outcome;
    run.removed += kept.removed;
    run.runs += kept.runs;
    run.failures += kept.failures;
    if (run.succeeded == TimePoint{}) run.succeeded = kept.succeeded;
    const auto now = Clock::now();
    kept = run;
    if (jobs_[index].often && !changed_outcome && run.removed_last == 0 &&
        now - noted_[index] < note_interval)
        co_return;
    noted_[index] = now;
    const auto written = co_await ports_.sql->note_run(run, deadline_in(settings_.store_timeout));
    if (!written) {
        if (written.error().code != Errc::denied)
            settings_.report("a run of a background job could not be noted", written.error());
        co_return;
    }
    kept.removed = kept.runs = kept.failures = 0;
}

async::Task<bool> Runner::stop(Deadline deadline) {
    stopping_ = true;
    changed();
    while (loops_ > 0 && Clock::now() < deadline)
        co_await wait(std::min(deadline, deadline_in(breather)));
    step_down();
    const bool ended = loops_ == 0;
    // Not while something still acts under it.
    if (!holds_ || !ended) co_return ended;
    const auto given = co_await ports_.lease->give_up(settings_.holder, deadline);
    if (!given)
        settings_.report("the lease of the background jobs runs out by itself", given.error());
    co_return true;
}

async::Task<JobsReport> Runner::report(Deadline deadline) {
    JobsReport report;
    auto rows = co_await ports_.sql->jobs(deadline);
    if (!rows) co_return rows.error();
    report.jobs = std::move(*rows);
    report.leads = leads();
    report.now = wall_clock();
    const auto lease = co_await ports_.lease->look(deadline);
    if (!lease) co_return lease.error();
    report.leader = lease->holder;
    report.lease_left = lease->left;
    co_return report;
}

}  // namespace vedfolnir::jobs
