#pragma once

namespace fluxor::web {

// Why a message is not taken: what the client is told, in the one error shape, before the connection closes.
//
// Every text is fixed.  Nothing of the input is echoed, so a refusal can be neither injected into nor made long.
struct Refusal {
  int status;           // HTTP status code
  const char* code;     // "BAD_REQUEST": the family
  const char* error;    // "conflicting_framing": the rule that was broken
  const char* message;  // for people
};

}  // namespace fluxor::web
