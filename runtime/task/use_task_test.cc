#include "runtime/task/use_task.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <future>
#include <string>
#include <tuple>

#include "runtime/base/clock.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/task/task.h"

namespace fluxor::runtime {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

// Runs a task on a loop of its own and waits for its value.
template <typename T, typename Make>
T run_on_loop(Make make) {
  const SystemClock clock;
  auto group = EventLoopGroup::create({.loops = 1}, clock, nullptr).value();
  group->start().value();
  std::promise<T> result;
  EXPECT_TRUE(
      group->at(0).post([&] { start(make(), [&result](Outcome<T> outcome) { result.set_value(outcome.take()); }); }));
  return result.get_future().get();
}

Task<std::string> echo_once(tcp::acceptor& acceptor) {
  auto socket = co_await acceptor.async_accept(use_task);
  if (!socket) co_return socket.error().message();
  std::array<char, 64> buffer;
  const Result<std::size_t> read = co_await socket->async_read_some(asio::buffer(buffer), use_task);
  if (!read) co_return read.error().message();
  EXPECT_TRUE(co_await asio::async_write(*socket, asio::buffer(buffer, *read), use_task));
  co_return std::string(buffer.data(), *read);
}

Task<std::string> talk() {
  EventLoop* const loop = EventLoop::current();
  tcp::acceptor acceptor(loop->io_context(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  std::string served;
  bool done = false;
  start(echo_once(acceptor), [&](Outcome<std::string> outcome) {
    served = outcome.take();
    done = true;
  });
  tcp::socket socket(loop->io_context());
  EXPECT_TRUE(co_await socket.async_connect(acceptor.local_endpoint(), use_task));
  EXPECT_TRUE(co_await asio::async_write(socket, asio::buffer("hello", 5), use_task));
  std::array<char, 5> answer;
  EXPECT_TRUE(co_await asio::async_read(socket, asio::buffer(answer), use_task));
  EXPECT_EQ(EventLoop::current(), loop);
  asio::steady_timer timer(loop->io_context());
  while (!done) {
    timer.expires_after(1ms);
    EXPECT_TRUE(co_await timer.async_wait(use_task));
  }
  co_return served + "/" + std::string(answer.data(), answer.size());
}

TEST(UseTask, AwaitsOperationsOfAsioOnTheLoop) { EXPECT_EQ(run_on_loop<std::string>(talk), "hello/hello"); }

Task<error_code> connect_to_nobody() {
  tcp::socket socket(EventLoop::current()->io_context());
  tcp::endpoint nobody;
  {
    const tcp::acceptor closed(EventLoop::current()->io_context(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    nobody = closed.local_endpoint();
  }
  const Result<void> connected = co_await socket.async_connect(nobody, use_task);
  co_return connected ? error_code() : connected.error();
}

Task<error_code> read_what_has_ended() {
  asio::io_context& context = EventLoop::current()->io_context();
  tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  tcp::socket socket(context);
  EXPECT_TRUE(co_await socket.async_connect(acceptor.local_endpoint(), use_task));
  EXPECT_TRUE(co_await acceptor.async_accept(use_task));  // and closed again at once
  std::array<char, 8> buffer;
  const Result<std::size_t> read = co_await socket.async_read_some(asio::buffer(buffer), use_task);
  co_return read ? error_code() : read.error();
}

TEST(UseTask, HandsTheErrorOfAnOperationWithAValueThroughUnchanged) {
  EXPECT_EQ(run_on_loop<error_code>(read_what_has_ended), asio::error::eof);
}

template <typename Token>
auto async_pair(asio::io_context& context, error_code error, Token&& token) {
  return asio::async_initiate<Token, void(error_code, int, std::string)>(
      [&context](auto handler, error_code result) {
        asio::post(context, [handler = std::move(handler), result]() mutable { handler(result, 7, "seven"); });
      },
      token, error);
}

Task<std::string> await_pairs() {
  asio::io_context& context = EventLoop::current()->io_context();
  const Result<std::tuple<int, std::string>> pair = co_await async_pair(context, {}, use_task);
  const Result<std::tuple<int, std::string>> failed = co_await async_pair(context, Errc::timeout, use_task);
  co_return std::to_string(std::get<0>(*pair)) + std::get<1>(*pair) +
      (!failed && failed.error() == Errc::timeout ? " timeout" : "");
}

TEST(UseTask, MakesATupleOfSeveralValues) { EXPECT_EQ(run_on_loop<std::string>(await_pairs), "7seven timeout"); }

TEST(UseTask, HandsTheErrorOfAnOperationThroughUnchanged) {
  EXPECT_EQ(run_on_loop<error_code>(connect_to_nobody), boost::system::errc::connection_refused);
}

}  // namespace
}  // namespace fluxor::runtime
