// How calls of the synchronous face wait, for hosts that run many tasks on one thread (gevent, eventlet, fibers).
#pragma once

#include "vedfolnir/types.hpp"

namespace vedfolnir {

/// Waits in the host's way, so that its other tasks run meanwhile.
class Waiter {
public:
    virtual ~Waiter() = default;

    /// Returns when `fd` is readable or after `at_most`; returning early is harmless. Reads nothing from `fd`, and keeps no
    /// hold of it afterwards. May throw, where the host ends or interrupts the task: the exception goes through the call of
    /// the manager, whose outcome is then unknown, as after its deadline; nothing is leaked. Called in the calling thread.
    virtual void wait(int fd, Millis at_most) = 0;

protected:
    Waiter() = default;
    Waiter(const Waiter&) = default;
    Waiter& operator=(const Waiter&) = default;
};

/// As long as it lives, calls in this thread wait through `waiter` and do not block the thread; their operations run where
/// they always do. Other tasks of this thread may have scopes of their own meanwhile: during a wait none is in force.
/// Do not nest two within one task.
class WaiterScope {
public:
    explicit WaiterScope(Waiter& waiter) noexcept;
    ~WaiterScope();
    WaiterScope(const WaiterScope&) = delete;
    WaiterScope& operator=(const WaiterScope&) = delete;

    /// The waiter in force in this thread; null: the thread blocks.
    [[nodiscard]] static Waiter* current() noexcept;
};

}  // namespace vedfolnir
