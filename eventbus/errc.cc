#include "eventbus/errc.h"

#include <string>

namespace fluxor::eventbus {
namespace {

class EventbusCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "fluxor.eventbus"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::no_handlers: return "no_handlers: nobody is registered at the address";
      case Errc::overloaded: return "overloaded: a bound was reached";
      case Errc::unregistered: return "unregistered: its consumer went away";
      case Errc::undelivered: return "undelivered: it never left";
      case Errc::denied: return "denied: an address rule refused it";
      case Errc::too_large: return "too_large: a size limit refused it";
      case Errc::no_codec: return "no_codec: its body cannot leave the process";
      case Errc::type_mismatch: return "type_mismatch: the consumer takes bodies of another type";
      case Errc::would_deadlock: return "would_deadlock: the consumer waits for this call chain";
      case Errc::intercepted: return "intercepted: an interceptor stopped it";
      case Errc::timeout: return "timeout: no reply in time";
      case Errc::cancelled: return "cancelled: the caller was cancelled";
      case Errc::deadline: return "deadline: the caller's deadline passed";
      case Errc::recipient_failure: return "recipient_failure: the handler failed";
      case Errc::no_reply: return "no_reply: the handler did not reply";
      case Errc::peer_down: return "peer_down: the verticle that served it is gone";
      case Errc::peer_lost: return "peer_lost: the process that served it was lost";
      case Errc::closed: return "closed: the bus is shutting down";
    }
    return "unknown error " + std::to_string(value);
  }
};

}  // namespace

Handled handled(Errc errc) noexcept {
  switch (errc) {
    case Errc::no_handlers:
    case Errc::overloaded:
    case Errc::unregistered:
    case Errc::undelivered:
    case Errc::denied:
    case Errc::too_large:
    case Errc::no_codec:
    case Errc::type_mismatch:
    case Errc::would_deadlock:
    case Errc::intercepted:
    case Errc::closed: return Handled::surely_not;
    case Errc::timeout:
    case Errc::cancelled:
    case Errc::deadline:
    case Errc::peer_down:
    case Errc::peer_lost: return Handled::maybe;
    case Errc::recipient_failure: return Handled::partly;
    case Errc::no_reply: return Handled::surely;
  }
  return Handled::maybe;  // of a newer version: nobody here knows
}

const boost::system::error_category& eventbus_category() noexcept {
  static const EventbusCategory category;
  return category;
}

}  // namespace fluxor::eventbus
