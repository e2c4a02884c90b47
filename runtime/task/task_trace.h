#pragma once

#include "runtime/base/trace_context.h"
#include "runtime/task/task_local.h"

namespace fluxor::runtime {

// The trace that the current task belongs to, if somebody has said so; tasks it spawns inherit it.
inline constinit TaskLocal<TraceContext> kTaskTrace;

}  // namespace fluxor::runtime
