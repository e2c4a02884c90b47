// The physical limit of an epoll server: one recv and one send per readable socket, and nothing in between.
//
// It parses nothing.  It counts the ends of request heads, so that a pipelined batch gets as many canned answers, in
// one send; whatever else the bytes say is not looked at.  So no server that reads its requests can be faster with the
// same system calls, and the distance to this one is what parsing, routing and accounting cost.
//
//   raw_epoll --port=0 --address=127.0.0.1 --answer=FILE     FILE: the bytes of one complete answer
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view kHello =
    "HTTP/1.1 200 OK\r\n"
    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 27\r\n\r\n"
    "{\"message\":\"Hello, World!\"}";

constexpr std::string_view kHeadEnd = "\r\n\r\n";

// One byte more of a connection, of which `matched` bytes of kHeadEnd were seen last; true if that completes it.
bool ends_head(char c, uint8_t& matched) {
  matched = c == kHeadEnd[matched] ? matched + 1 : c == '\r';
  return matched == kHeadEnd.size();
}

// The ends of heads in `bytes`, also of one that began in an earlier read.
int heads_in(std::string_view bytes, uint8_t& matched) {
  int heads = 0;
  size_t at = 0;
  while (matched > 0 && at < bytes.size()) {
    if (!ends_head(bytes[at++], matched)) continue;
    matched = 0;
    ++heads;
  }
  for (size_t end = bytes.find(kHeadEnd, at); end != bytes.npos; end = bytes.find(kHeadEnd, at)) {
    at = end + kHeadEnd.size();
    ++heads;
  }
  for (at = std::max(at, bytes.size() - std::min<size_t>(bytes.size(), 3)); at < bytes.size(); ++at) {
    ends_head(bytes[at], matched);
  }
  return heads;
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  ::_exit(1);
}

int listen_on(const std::string& address, uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &at.sin_addr) != 1) fail("--address");
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("bind");
  if (::listen(fd, 4096) != 0) fail("listen");
  socklen_t size = sizeof at;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  std::fprintf(stderr, "listening on %s:%d\n", address.c_str(), ntohs(at.sin_port));
  return fd;
}

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

[[noreturn]] void serve(int listener, const std::string& answer) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, listener);
  std::string answers;
  std::vector<uint8_t> matched;  // by descriptor
  std::array<char, 65'536> buffer;
  std::array<epoll_event, 256> events;
  while (true) {
    const int ready = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == listener) {
        const int accepted = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) continue;
        const int on = 1;
        ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (matched.size() <= static_cast<size_t>(accepted)) matched.resize(static_cast<size_t>(accepted) + 1);
        matched[static_cast<size_t>(accepted)] = 0;
        watch(epoll, accepted);
        continue;
      }
      const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (size <= 0) {
        if (size == 0 || errno != EAGAIN) ::close(fd);
        continue;
      }
      const int heads = heads_in({buffer.data(), static_cast<size_t>(size)}, matched[static_cast<size_t>(fd)]);
      if (heads == 0) continue;
      const size_t wanted = static_cast<size_t>(heads) * answer.size();
      while (answers.size() < wanted) answers += answer;
      // A peer that does not read its answers is dropped: it sees a lost connection, not a missing answer.
      if (::send(fd, answers.data(), wanted, MSG_NOSIGNAL) != static_cast<ssize_t>(wanted)) ::close(fd);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string address = "127.0.0.1";
  std::string answer(kHello);
  uint16_t port = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag.starts_with("--port=")) {
      port = static_cast<uint16_t>(std::atoi(flag.c_str() + 7));
    } else if (flag.starts_with("--address=")) {
      address = flag.substr(10);
    } else if (flag.starts_with("--answer=")) {
      std::ifstream file(flag.substr(9), std::ios::binary);
      if (!file) fail(flag.c_str());
      answer.assign(std::istreambuf_iterator<char>(file), {});
    } else {
      std::fprintf(stderr, "raw_epoll: no such flag: %s\n", flag.c_str());
      return 1;
    }
  }
  struct sigaction stop{};
  stop.sa_handler = [](int) { ::_exit(0); };  // nothing is worth finishing
  ::sigaction(SIGTERM, &stop, nullptr);
  ::sigaction(SIGINT, &stop, nullptr);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  serve(listen_on(address, port), answer);
}
