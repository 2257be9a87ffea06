// Plain results of the manager: what people may see of a session, of the audit trail and of this process.
#pragma once

#include "vedfolnir/request.hpp"

#include <nanobind/nanobind.h>

namespace vedfolnir::bind {

void bind_records(nanobind::module_& module);

/// Names the request, if it came without a trace of its own. For what goes beyond the near cache.
void ensure_trace(RequestContext& request);

}  // namespace vedfolnir::bind
