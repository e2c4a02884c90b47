#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/listener.h"
#include "runtime/net/stream.h"

namespace fluxor::runtime {

// Writes down what a stream tells, and does what a test wants it to do then.
class StreamRecorder final : public StreamHandler {
 public:
  std::function<void()> connected = [] {};
  // Returns how many bytes are used.
  std::function<std::size_t(std::string_view)> data = [](std::string_view bytes) { return bytes.size(); };
  std::function<void()> end = [] {};
  std::function<void()> drained = [] {};
  std::function<void()> closed = [] {};

  int connects = 0;
  std::vector<std::string> shown;
  std::string used;
  int ends = 0;
  int drains = 0;
  std::vector<error_code> closes;

 private:
  void on_connected() override {
    ++connects;
    connected();
  }
  std::size_t on_data(std::span<char> bytes) override {
    shown.emplace_back(bytes.data(), bytes.size());
    const std::string copy = shown.back();
    const std::size_t count = data(copy);
    used += copy.substr(0, count);
    return count;
  }
  void on_end() override {
    ++ends;
    end();
  }
  void on_drained() override {
    ++drains;
    drained();
  }
  void on_closed(error_code reason) override {
    closes.push_back(reason);
    closed();
  }
};

// Keeps what a listener accepts.
class AcceptRecorder final : public ListenerHandler {
 public:
  std::function<void()> accept = [] {};
  std::vector<Socket> accepted;
  std::vector<error_code> failures;

 private:
  void on_accept(Socket connection) override {
    accepted.push_back(std::move(connection));
    accept();
  }
  void on_accept_failed(error_code reason) override { failures.push_back(reason); }
};

}  // namespace fluxor::runtime
