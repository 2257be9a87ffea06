// What the manager and its operators have to do with the fallback: whether it is on, and what must be true before it ends.
#pragma once

#include "vedfolnir/async/store.hpp"
#include "vedfolnir/fallback.hpp"
#include "vedfolnir/result.hpp"

#include <functional>
#include <string>

namespace vedfolnir::async {

/// Compares the marks of the hot store with SQL and has it apply what it missed. True: it took everything.
using CompareMarks = std::function<Task<bool>(Deadline)>;

/// A store that can stand on the database. Thread safety: called from the runtime's executor only.
class Recovery {
public:
    virtual ~Recovery() = default;

    /// `compare` runs before the hot store is trusted again, and when other processes announce endings that it did not
    /// take. Set once, before first use.
    virtual void on_return(CompareMarks compare) = 0;

    /// True while reads are answered by the database: what they say needs no comparison of marks.
    [[nodiscard]] virtual bool reads_database() const noexcept = 0;

    [[nodiscard]] virtual Task<FallbackStatus> status(Deadline deadline) = 0;
    /// Switches all processes; others follow within a second.
    [[nodiscard]] virtual Task<FallbackStatus> set_mode(FallbackMode mode, std::string actor,
                                                        Deadline deadline) = 0;
};

}  // namespace vedfolnir::async
