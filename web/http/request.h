#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "web/http/method.h"

namespace fluxor::web {

// One field line of a message.
struct Field {
  std::string_view name;   // as it was sent
  std::string_view value;  // without the blanks around it
};

// A request as a handler sees it: text, in views.
//
// The views point into the bytes the request was read from.  Those belong to the loop and are overwritten by the next
// read; a handler that suspends needs them longer, so own() copies them once and moves every view over.  Whoever
// starts a handler that may suspend calls it; a handler that answers at once never pays for it.
//
// A request is used again and again (reset() keeps the memory), so that in a steady state it allocates nothing.
//
// Thread:  loop.
class Request {
 public:
  static constexpr std::size_t kParamsMax = 16;
  // What reset() keeps of a buffer, in bytes: one large upload must not cost an idle connection its size for ever.
  static constexpr std::size_t kBufferKeptMax = 16 * 1024;

  Request() = default;
  Request(Request&&) = delete;

  Method method() const noexcept { return method_; }
  std::string_view method_text() const noexcept { return method_text_; }
  std::string_view target() const noexcept { return target_; }  // as it was sent
  std::string_view path() const noexcept { return path_; }      // decoded once, without dot segments
  std::string_view query() const noexcept { return query_; }    // as it was sent, without the question mark

  // The host, with port if any, that the request is meant for: an absolute target wins over the Host field (RFC 9112
  // 3.2.2).  Empty only in HTTP/1.0.
  std::string_view authority() const noexcept { return authority_; }

  int version_minor() const noexcept { return version_minor_; }  // HTTP/1.0 or HTTP/1.1
  // What version and Connection field ask for; the server may close all the same.
  bool keep_alive() const noexcept { return keep_alive_; }
  // Asked by the Connection field, with an Upgrade field to say to what.
  bool upgrade() const noexcept { return upgrade_; }
  // The client holds its body back until it hears 100 or a final status; false once a part of the body has come.
  bool expects_continue() const noexcept { return expects_continue_; }

  // In the order sent, duplicates kept.
  std::span<const Field> fields() const noexcept { return fields_; }
  // Value of the first field of that name; case does not matter.
  //
  // Cost:    looks at each field's length, compares where that fits.
  std::optional<std::string_view> field(std::string_view name) const noexcept;

  // Empty until the whole body has come.
  std::string_view body() const noexcept { return body_; }

  // What the route pattern matched under that name.
  std::optional<std::string_view> param(std::string_view name) const noexcept;
  // For the router: `name` lives as long as the route table, `value` is a part of path() or target().
  void add_param(std::string_view name, std::string_view value) noexcept;
  void clear_params() noexcept { params_used_ = 0; }

  // Makes the request independent of the bytes it was read from.  Views taken before still point there.
  //
  // Cost:    one copy of head and body, the first time; allocates only when the kept memory does not reach.
  void own();
  bool owned() const noexcept { return owned_; }

  // Empty again; keeps memory for the next one, up to kBufferKeptMax per buffer.
  void reset() noexcept;

 private:
  friend class RequestReader;  // fills it in

  Method method_ = Method::other;
  std::uint8_t version_minor_ = 1;
  bool keep_alive_ = false;
  bool upgrade_ = false;
  bool expects_continue_ = false;
  bool owned_ = false;

  std::string_view head_;  // all bytes up to the empty line, that one included
  std::string_view method_text_;
  std::string_view target_;
  std::string_view path_;
  std::string_view query_;
  std::string_view authority_;
  std::string_view body_;
  std::vector<Field> fields_;
  std::array<Field, kParamsMax> params_;
  std::size_t params_used_ = 0;

  std::string bytes_;         // what own() copied
  std::string path_storage_;  // a path that is not in the target as it stands
  std::string body_storage_;  // a body that came in parts
};

}  // namespace fluxor::web
