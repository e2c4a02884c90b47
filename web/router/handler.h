#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>
#include <variant>

#include "runtime/task/task.h"
#include "web/http/request.h"
#include "web/http/response.h"

namespace fluxor::web {

// What answers a request: a plain function, or a coroutine when it has to wait for something.
//
//     Response hello(Request& request);
//     Task<Response> slow(Request& request);
//
// Both run on the loop of the connection.  A plain one sees the request where it was received, without a copy; for a
// coroutine the request is copied first, and lives until the coroutine has ended.  What either throws is that request's
// 500.  The callable itself lives as long as the routes, so its captures may be used by its coroutines.
//
// Thread:  called on every loop, possibly at the same time.
class Handler {
 public:
  using Plain = std::function<Response(Request&)>;
  using Coroutine = std::function<runtime::Task<Response>(Request&)>;

  template <typename F>
    requires std::same_as<std::invoke_result_t<F&, Request&>, Response>
  Handler(F callable) : callable_(Plain(std::move(callable))) {}  // NOLINT(google-explicit-constructor)

  template <typename F>
    requires std::same_as<std::invoke_result_t<F&, Request&>, runtime::Task<Response>>
  Handler(F callable) : callable_(Coroutine(std::move(callable))) {}  // NOLINT(google-explicit-constructor)

  // Null if it is a coroutine.
  const Plain* plain() const noexcept { return std::get_if<Plain>(&callable_); }
  // Null if it is plain.
  const Coroutine* coroutine() const noexcept { return std::get_if<Coroutine>(&callable_); }

 private:
  std::variant<Plain, Coroutine> callable_;
};

}  // namespace fluxor::web
