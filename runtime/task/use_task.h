#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#include <coroutine>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime/base/result.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {

// The completion token that makes an operation of Asio awaitable in a Task:
//
//     Result<std::size_t> read = co_await socket.async_read_some(buffer, use_task);
//
// void(error_code) becomes Result<void>, void(error_code, T) becomes Result<T>, and more values a Result of a tuple.
// A task that is told to stop asks Asio to cancel the operation, and goes on when that has completed: with
// Errc::cancelled or Errc::deadline if it did no more than that.
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
class AsioAwaiter final : private Wait {
 public:
  using AsioResultType = AsioResult<Values...>;

  AsioAwaiter(Initiation initiation, Arguments arguments)
      : initiation_(std::move(initiation)), arguments_(std::move(arguments)) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) {
    if (awaiting.promise().task().cancelled()) return suspend(awaiting);
    std::apply(
        [this](auto&&... arguments) {
          std::move(initiation_)(Handler{this}, std::forward<decltype(arguments)>(arguments)...);
        },
        std::move(arguments_));
    return suspend(awaiting);  // after what may throw; Asio never calls back from inside a call
  }
  typename AsioResultType::Type await_resume() {
    throw_if_interrupted();
    return std::move(*result_);  // NOLINT(bugprone-unchecked-optional-access): the handler set it before it resumed us
  }

 private:
  struct Handler {
    using cancellation_slot_type = boost::asio::cancellation_slot;
    cancellation_slot_type get_cancellation_slot() const noexcept { return awaiter->cancel_.slot(); }

    AsioAwaiter* awaiter;
    void operator()(boost::system::error_code code, Values... values) {
      if (code == boost::asio::error::operation_aborted && awaiter->task().cancelled()) code = awaiter->interruption();
      awaiter->result_.emplace(AsioResultType::make(code, std::move(values)...));
      awaiter->completed();
    }
  };

  // Asio's own operations complete in a unit of their own; what others write may do so inside of its cancellation,
  // where the scope is still telling all its tasks.
  void completed() noexcept { cancelling_ ? wake() : resume_now(); }

  Ends on_cancel() noexcept override {
    cancelling_ = true;
    cancel_.emit(boost::asio::cancellation_type::all);
    cancelling_ = false;
    return Ends::no;
  }
  const char* what() const noexcept override { return "Asio"; }

  Initiation initiation_;
  Arguments arguments_;
  boost::asio::cancellation_signal cancel_;
  bool cancelling_ = false;
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
