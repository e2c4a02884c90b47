#!/usr/bin/env bash
# What must not compile does not, and the first error says why; what differs from it only in that does.
set -u
failures=0

prologue='
#include <coroutine>
#include "runtime/task/shield.h"
#include "runtime/task/sleep.h"
using namespace fluxor::runtime;
using namespace std::chrono_literals;
Task<> work(int) { co_return; }
int no_task(int) { return 0; }
struct Foreign {
  struct promise_type {
    Foreign get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};
'

# Once for all.
compiled=$TEST_TMPDIR/prologue.pch
clang++-19 -std=c++20 -I. -x c++-header -o "$compiled" - <<<"$prologue" || exit 1

# compiles CODE: with the prologue before it, its diagnostics in $output.
compiles() { output=$(clang++-19 -std=c++20 -fsyntax-only -I. -include-pch "$compiled" -x c++ - 2>&1 <<<"$1"); }

# refuses WHAT MESSAGE CODE: CODE does not compile, and the first error contains MESSAGE.
refuses() {
  if compiles "$3"; then
    echo "FAILED: $1 compiles: $3"
    failures=$((failures + 1))
    return
  fi
  first=$(grep -m1 'error:' <<<"$output")
  if [[ "$first" != *"$2"* ]]; then
    echo "FAILED: $1: the first error has to say \"$2\", not: $first"
    failures=$((failures + 1))
  fi
}
accepts() {
  if ! compiles "$2"; then
    echo "FAILED: $1 does not compile: $output"
    failures=$((failures + 1))
  fi
}

no_captures='spawn takes a function or a lambda without captures: hand over what it uses as arguments'
accepts 'a lambda without captures' 'void f(Scope& s, int i) { s.spawn([](int n) -> Task<> { return work(n); }, i); }'
refuses 'a lambda that captures a value' "$no_captures" \
  'void f(Scope& s, int i) { s.spawn([i]() -> Task<> { return work(i); }); }'
refuses 'a lambda that captures by reference' "$no_captures" \
  'void f(Scope& s, int i) { s.spawn([&]() -> Task<> { co_await work(i); }); }'
refuses 'a capture, by a handle' "$no_captures" \
  'void f(ScopeHandle& h, int i) { static_cast<void>(h.spawn([i]() -> Task<> { return work(i); })); }'

accepts 'the arguments that it takes' 'void f(Scope& s) { s.spawn(work, 1); }'
refuses 'a wrong argument' 'spawn: the function does not take these arguments' 'void f(Scope& s) { s.spawn(work, "one"); }'
refuses 'an argument too few' 'spawn: the function does not take these arguments' 'void f(Scope& s) { s.spawn(work); }'
refuses 'a reference without std::ref' 'spawn: the function does not take these arguments' \
  'Task<> change(int&) { co_return; } void f(Scope& s, int i) { s.spawn(change, i); }'
accepts 'a reference by std::ref' \
  'Task<> change(int&) { co_return; } void f(Scope& s, int i) { s.spawn(change, std::ref(i)); }'
refuses 'a function that returns no task' 'spawn takes a function that returns a Task' \
  'void f(Scope& s) { s.spawn(no_task, 1); }'
refuses 'a task that was begun' "$no_captures" 'void f(Scope& s) { s.spawn(work(1)); }'

accepts 'a shield' 'Task<> f() { co_await shield(1ms, work, 1); }'
refuses 'a lambda that captures, in a shield' 'shield takes a function or a lambda without captures' \
  'Task<> f(int i) { co_await shield(1ms, [i]() -> Task<> { return work(i); }); }'
refuses 'a wrong argument, in a shield' 'shield: the function does not take these arguments' \
  'Task<> f() { co_await shield(1ms, work, "one"); }'
refuses 'a function that returns no task, in a shield' 'shield takes a function that returns a Task' \
  'Task<> f() { co_await shield(1ms, no_task, 1); }'

accepts 'a wait in a task' 'Task<> f() { co_await sleep_for(1ms); }'
for wait in 'sleep_for(1ms)' 'shield(1ms, work, 1)' 'work(1)' 'with_scope([](Scope&) -> Task<> { co_return; })'; do
  refuses "awaiting $wait in a foreign coroutine" 'await_suspend' "Foreign f() { co_await $wait; }"
done

exit $((failures > 0))
