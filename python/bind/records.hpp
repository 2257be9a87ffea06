// Plain results of the manager: what people may see of a session, of the audit trail and of this process.
#pragma once

#include <nanobind/nanobind.h>

namespace vedfolnir::bind {

void bind_records(nanobind::module_& module);

}  // namespace vedfolnir::bind
