// SessionManager and what its calls take and give.
#pragma once

#include <nanobind/nanobind.h>

namespace vedfolnir::bind {

void bind_manager(nanobind::module_& module);

}  // namespace vedfolnir::bind
