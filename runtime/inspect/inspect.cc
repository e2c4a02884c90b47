#include "runtime/inspect/inspect.h"

#include <coroutine>
#include <memory>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/inspect/collection.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/timer_wheel.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {
namespace {

// Until all have answered, or the time is over.
class InspectWait final : private Wait, private Timer {
 public:
  explicit InspectWait(Collection& collection)
      : collection_(collection), to_be_told_(std::make_unique<Told>(*this)), told_(to_be_told_.get()) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) {
    // First what may throw: no memory for a request.
    collection_.begin(std::move(to_be_told_), awaiting.promise().task().loop());
    if (!suspend(awaiting)) {
      leave();
      return false;
    }
    loop().arm_after(*this, collection_.options().timeout);
    return true;
  }
  void await_resume() const { throw_if_interrupted(); }

 private:
  // Outlives the wait if it is on its way when the time is over.
  class Told final : public Collection::Listener {
   public:
    explicit Told(InspectWait& wait) noexcept : wait_(&wait) {}
    void forget() noexcept { wait_ = nullptr; }

   private:
    void on_control() override {
      InspectWait* const wait = wait_;
      delete this;
      if (wait != nullptr) wait->all_answered();
    }
    InspectWait* wait_;
  };

  void all_answered() {
    loop().cancel(*this);
    resume_now();
  }
  void on_timer() override {
    leave();
    resume_now();
  }
  Ends on_cancel() noexcept override {
    loop().cancel(*this);
    leave();
    return Ends::yes;
  }
  void leave() noexcept {
    if (collection_.give_up() == nullptr) told_->forget();
  }
  const char* what() const noexcept override { return "an inspection"; }

  Collection& collection_;
  std::unique_ptr<Told> to_be_told_;
  Told* const told_;
};

}  // namespace

Task<Inspection> inspect(const Root& root, InspectOptions options) {
  const auto collection = std::make_shared<Collection>(root, options);
  co_await InspectWait(*collection);
  co_return collection->take();
}

Inspection inspect_from_thread(const Root& root, const InspectOptions& options) {
  FLUXOR_CHECK(EventLoop::current() == nullptr, "a loop's thread does not wait for an inspection");
  const auto collection = std::make_shared<Collection>(root, options);
  collection->begin(nullptr, nullptr);
  collection->wait();
  return collection->take();
}

}  // namespace fluxor::runtime
