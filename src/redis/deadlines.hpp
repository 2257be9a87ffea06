// The deadlines of all requests of one connection, on one timer.
#pragma once

#include "vedfolnir/types.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/intrusive/set.hpp>

#include <memory>

namespace vedfolnir::redis {

/// A timer of its own for each request would cost a system call and a turn of the loop each, although hardly one is ever
/// late: this one is set when it fires, or for a deadline before it. Thread safety: the executor only.
class Deadlines {
    struct Entry : boost::intrusive::set_base_hook<> {
        explicit Entry(Deadline deadline_) : deadline(deadline_) {}
        Deadline deadline;
        boost::asio::cancellation_signal late;
        friend bool operator<(const Entry& one, const Entry& other) noexcept {
            return one.deadline < other.deadline;
        }
    };
    struct Shared;

public:
    explicit Deadlines(const boost::asio::any_io_executor& executor);
    ~Deadlines();
    Deadlines(const Deadlines&) = delete;
    Deadlines& operator=(const Deadlines&) = delete;

    /// Emits its signal once, at `deadline`, if it still lives then. It may outlive the Deadlines: then it emits nothing.
    class Watch {
    public:
        Watch(Deadlines& on, Deadline deadline);
        ~Watch();
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;

        [[nodiscard]] boost::asio::cancellation_slot slot() noexcept { return entry_.late.slot(); }

    private:
        std::shared_ptr<Shared> shared_;
        Entry entry_;
    };

private:
    std::shared_ptr<Shared> shared_;
};

}  // namespace vedfolnir::redis
