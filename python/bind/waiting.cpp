#include "waiting.hpp"

#include <chrono>

namespace nb = nanobind;
using namespace nb::literals;

namespace vedfolnir::bind {
namespace {

/// Kept until the process ends: it is asked in every wait, so nothing may be looked up for it.
PyObject* hub_choice = nullptr;

void set_hub_choice(nb::object callable) {
    PyObject* const before = hub_choice;
    hub_choice = callable.release().ptr();
    Py_XDECREF(before);
}

}  // namespace

void HubWaiter::wait(int fd, Millis at_most) {
    callable_(fd, std::chrono::duration<double>(at_most).count());
}

nb::object hub_of_this_thread() {
    if (hub_choice == nullptr) return nb::none();
    return nb::borrow(hub_choice)();
}

void bind_waiting(nb::module_& module) {
    module.def(
        "set_hub_choice", &set_hub_choice, "choice"_a,
        nb::sig("def set_hub_choice(choice: collections.abc.Callable[[], "
                "collections.abc.Callable[[int, float], None] | None]) -> None"),
        "Whom every wait asks how this thread waits: by `wait(fd, seconds)`, or blocked (None).");
}

}  // namespace vedfolnir::bind
