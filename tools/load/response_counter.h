#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace fluxor::load {

// What a client learned from some received bytes, by what it means for the one who asked.
struct Responses {
  uint64_t succeeded = 0;  // 2xx
  uint64_t refused = 0;    // 503: backpressure is an answer, not an error
  uint64_t other = 0;      // every other final status
  bool closing = false;    // the server said `connection: close`: it answers nothing more here
  bool malformed = false;  // not an HTTP/1 response this client can delimit: the connection is of no more use

  uint64_t total() const noexcept { return succeeded + refused + other; }
};

// A head as it was last seen, and what it says.
//
// A server under load sends the same head again and again (its date changes once a second), so equal bytes need not be
// parsed twice: one comparison instead of a search per response.  Shared by all connections to one server.
struct KnownHead {
  std::string bytes;
  uint64_t body_length = 0;
  int status = 0;
  bool closing = false;
};

// Counts the responses of one connection, however they are cut into reads.
//
// Delimits by Content-Length alone; chunked answers are malformed to it.  Answers to HEAD are not understood.
//
// Thread:  owner.
// Cost:    no allocation, except for a head that is cut in two.
class ResponseCounter {
 public:
  // `known` outlives the counter.
  explicit ResponseCounter(KnownHead& known) noexcept : known_(&known) {}

  // Takes the next bytes of the connection and tells what was completed by them.  After `malformed` only reset() helps.
  Responses consume(std::string_view bytes);

  // Starts again, for a new connection.
  void reset() noexcept;

 private:
  bool begin_response(std::string_view& bytes, Responses& seen);
  void end_response(Responses& seen) const noexcept;

  KnownHead* known_;
  std::string head_;  // the first part of a head whose end has not arrived
  uint64_t body_left_ = 0;
  int status_ = 0;  // of the response whose body is being read
};

}  // namespace fluxor::load
