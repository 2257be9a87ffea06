// A background job: what it is called, how often it runs, and one run of it.
#pragma once

#include "vedfolnir/async/upkeep.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace vedfolnir::jobs {

/// Receives errors that no caller waits for. Called on the runtime's thread.
using Report = std::function<void(std::string_view what, const Error& error)>;

struct JobResult {
    std::uint64_t removed = 0;  ///< Or copied, for a job that copies.
    Millis lag{0};              ///< How far behind the job was when it began.
    bool more = false;          ///< The bound of one run was reached: run again soon.
};

/// One run. It acts under the ticket only, stops between batches once `goes_on()` is false, and ends by the deadline.
struct JobRun {
    async::Ticket ticket;
    Deadline deadline;
    std::function<bool()> goes_on;
};

struct Job {
    std::string name;
    Millis interval{0};
    /// Runs so often that only failures, work done and one run in a while are noted in SQL.
    bool often = false;
    std::function<async::Task<JobResult>(JobRun)> run;
};

}  // namespace vedfolnir::jobs
