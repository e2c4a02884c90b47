#pragma once

// Refuses compilers that miscompile coroutines.
//
// GCC before 13 destroys temporaries inside a co_await expression twice, silently, and loses symmetric transfer
// without optimisation; so it stops here, with one line, instead of at run time.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#error "Fluxor needs Clang 19 or GCC 13: this compiler miscompiles coroutines. tools/bazel builds with clang-19."
#endif
