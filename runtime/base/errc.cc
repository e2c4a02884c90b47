#include "runtime/base/errc.h"

#include <string>

namespace fluxor::runtime {
namespace {

class RuntimeCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "fluxor"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::overloaded: return "overloaded: a bound was reached";
      case Errc::closed: return "closed: it takes nothing any more";
      case Errc::cancelled: return "cancelled";
      case Errc::timeout: return "timeout: it did not happen in time";
      case Errc::not_found: return "not found";
      case Errc::invalid: return "invalid";
      case Errc::try_again: return "try again: there was no answer";
      case Errc::exists: return "exists: the name is taken";
      case Errc::deadline: return "deadline: the time of its scope was over";
    }
    return "unknown error " + std::to_string(value);
  }
};

}  // namespace

const boost::system::error_category& runtime_category() noexcept {
  static const RuntimeCategory category;
  return category;
}

}  // namespace fluxor::runtime
