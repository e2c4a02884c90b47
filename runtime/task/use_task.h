#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/system/error_code.hpp>
#include <coroutine>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime/base/result.h"

namespace fluxor::runtime {

// The completion token that makes an operation of Asio awaitable in a Task:
//
//     Result<std::size_t> read = co_await socket.async_read_some(buffer, use_task);
//
// void(error_code) becomes Result<void>, void(error_code, T) becomes Result<T>, and more values a Result of a tuple.
//
// Thread:  loop: the operation's I/O object is made on the loop's own io_context, so that its handler runs there.
// Owns:    the operation keeps the frame suspended until it completes; a context destroyed with operations outstanding
//          leaves their frames behind.
struct UseTask {};
inline constexpr UseTask use_task{};

namespace detail {

template <typename... Values>
struct AsioResult {
  using Type = Result<std::tuple<Values...>>;
  static Type make(boost::system::error_code error, Values... values) {
    if (error) return error;
    return std::tuple<Values...>(std::move(values)...);
  }
};
template <typename Value>
struct AsioResult<Value> {
  using Type = Result<Value>;
  static Type make(boost::system::error_code error, Value value) {
    if (error) return error;
    return Type(std::move(value));
  }
};
template <>
struct AsioResult<> {
  using Type = Result<void>;
  static Type make(boost::system::error_code error) {
    if (error) return error;
    return {};
  }
};

template <typename Initiation, typename Arguments, typename... Values>
class AsioAwaiter {
 public:
  using AsioResultType = AsioResult<Values...>;

  AsioAwaiter(Initiation initiation, Arguments arguments)
      : initiation_(std::move(initiation)), arguments_(std::move(arguments)) {}
  AsioAwaiter(const AsioAwaiter&) = delete;
  AsioAwaiter& operator=(const AsioAwaiter&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    std::apply(
        [this](auto&&... arguments) {
          std::move(initiation_)(Handler{this}, std::forward<decltype(arguments)>(arguments)...);
        },
        std::move(arguments_));
  }
  typename AsioResultType::Type await_resume() {
    return std::move(*result_);  // NOLINT(bugprone-unchecked-optional-access): the handler set it before it resumed us
  }

 private:
  struct Handler {
    AsioAwaiter* awaiter;
    void operator()(boost::system::error_code error, Values... values) {
      awaiter->result_.emplace(AsioResultType::make(error, std::move(values)...));
      awaiter->awaiting_.resume();
    }
  };

  Initiation initiation_;
  Arguments arguments_;
  std::coroutine_handle<> awaiting_;
  std::optional<typename AsioResultType::Type> result_;
};

}  // namespace detail
}  // namespace fluxor::runtime

template <typename... Values>
class boost::asio::async_result<fluxor::runtime::UseTask, void(boost::system::error_code, Values...)> {
 public:
  template <typename Initiation, typename... Arguments>
  static auto initiate(Initiation initiation, fluxor::runtime::UseTask, Arguments... arguments) {
    return fluxor::runtime::detail::AsioAwaiter<Initiation, std::tuple<Arguments...>, std::decay_t<Values>...>(
        std::move(initiation), std::tuple<Arguments...>(std::move(arguments)...));
  }
};
