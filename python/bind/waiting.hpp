// How a call of the manager waits: without the GIL, or through the hub of gevent or eventlet.
#pragma once

#include "errors.hpp"
#include "vedfolnir/waiter.hpp"

#include <nanobind/nanobind.h>

#include <utility>

namespace vedfolnir::bind {

/// Waits by calling a Python object `(fd, seconds)`, with the GIL.
class HubWaiter : public Waiter {
public:
    explicit HubWaiter(nanobind::object callable) noexcept : callable_(std::move(callable)) {}
    /// Throws nanobind::python_error where the greenlet is killed or timed out.
    void wait(int fd, Millis at_most) override;

private:
    nanobind::object callable_;
};

/// What vedfolnir._green says of this thread: the callable to wait through, or None to block the thread. Needs the GIL.
[[nodiscard]] nanobind::object hub_of_this_thread();

/// Runs a call of the manager so that others run meanwhile, and gives its Result. The GIL is released where the thread
/// blocks. It is kept where a hub switches greenlets, as those switch Python's stacks; starting the operation takes no time.
template <class Call>
auto run_waiting(Call call) {
    nanobind::object hub = hub_of_this_thread();
    if (hub.is_none()) {
        const nanobind::gil_scoped_release released;
        return call();
    }
    HubWaiter waiter(std::move(hub));
    const WaiterScope scope(waiter);
    return call();
}

/// The same, giving the value, or raising.
template <class Call>
auto waiting(Call call) {
    return unwrap(run_waiting(std::move(call)));
}

void bind_waiting(nanobind::module_& module);

}  // namespace vedfolnir::bind
