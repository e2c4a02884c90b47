#include "web/http/request.h"

#include <functional>

#include "runtime/base/check.h"
#include "web/http/characters.h"

namespace fluxor::web {
namespace {

// Moves a view from one buffer to a copy of it; leaves alone what points elsewhere (a decoded path, a route's name).
class Rebase {
 public:
  Rebase(std::string_view from, const char* to) noexcept : from_(from), to_(to) {}

  void operator()(std::string_view& view) const noexcept {
    const std::less_equal<const char*> not_after;  // total, also between unrelated buffers
    const char* const end = from_.data() + from_.size();
    if (!not_after(from_.data(), view.data()) || !not_after(view.data() + view.size(), end)) return;
    view = {to_ + (view.data() - from_.data()), view.size()};
  }

 private:
  std::string_view from_;
  const char* to_;
};

void keep_at_most(std::string& buffer, std::size_t bytes) noexcept {
  buffer.clear();
  if (buffer.capacity() > bytes) std::string().swap(buffer);
}

}  // namespace

std::optional<std::string_view> Request::field(std::string_view name) const noexcept {
  for (const Field& field : fields_) {
    if (equals_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::param(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < params_used_; ++i) {
    if (params_[i].name == name) return params_[i].value;
  }
  return std::nullopt;
}

void Request::add_param(std::string_view name, std::string_view value) noexcept {
  FLUXOR_CHECK(params_used_ < kParamsMax, "a route has more parameters than a request can hold");
  params_[params_used_++] = {name, value};
}

void Request::own() {
  if (owned_) return;
  // A body that is a view stands right behind the head; one that was collected is ours already.
  const bool behind = !body_.empty() && body_.data() == head_.data() + head_.size();
  const std::string_view from{head_.data(), head_.size() + (behind ? body_.size() : 0)};
  bytes_.assign(from);
  const Rebase rebase(from, bytes_.data());
  rebase(head_);
  rebase(method_text_);
  rebase(target_);
  rebase(path_);
  rebase(query_);
  rebase(authority_);
  rebase(body_);
  for (Field& field : fields_) {
    rebase(field.name);
    rebase(field.value);
  }
  for (std::size_t i = 0; i < params_used_; ++i) rebase(params_[i].value);
  owned_ = true;
}

void Request::reset() noexcept {
  method_ = Method::other;
  version_minor_ = 1;
  keep_alive_ = upgrade_ = expects_continue_ = owned_ = false;
  head_ = method_text_ = target_ = path_ = query_ = authority_ = body_ = {};
  fields_.clear();
  params_used_ = 0;
  keep_at_most(bytes_, kBufferKeptMax);
  keep_at_most(path_storage_, kBufferKeptMax);
  keep_at_most(body_storage_, kBufferKeptMax);
}

}  // namespace fluxor::web
