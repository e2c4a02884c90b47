#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <variant>

#include "observability/log/spdlog_sink.h"
#include "runtime/base/clock.h"
#include "runtime/base/random.h"
#include "runtime/base/signal_stack.h"
#include "runtime/loop/crash_handler.h"
#include "runtime/process/termination.h"
#include "services/server/config_loader.h"
#include "services/server/server_process.h"

namespace {

using namespace fluxor;

constexpr auto kLogPatience = std::chrono::seconds(2);

[[noreturn]] void end(services::ExitCode code) {
  std::fflush(nullptr);
  // Not exit(): after a drain that failed, loops still run and use what static destructors would destroy.
  std::_Exit(static_cast<int>(code));
}

services::ExitCode run(const services::ServerConfig& config) {
  if (config.check_config) {
    std::puts("configuration ok");
    return services::ExitCode::clean;
  }
  auto termination = runtime::Termination::create();  // before any thread is started
  if (!termination) {
    std::fprintf(stderr, "fluxor: cannot wait for signals: %s\n", termination.error().message().c_str());
    return services::ExitCode::cannot_start;
  }
  const auto default_format =
      ::isatty(STDERR_FILENO) == 1 ? observability::LogFormat::text : observability::LogFormat::json;
  const runtime::SystemClock clock;
  runtime::SystemRandom random;
  observability::SpdlogSink log(STDERR_FILENO, clock,
                                {.format = config.log_format.value_or(default_format), .level = config.log_level});
  const services::ExitCode code = services::serve(config, clock, random, log, *termination);
  if (!log.flush(kLogPatience)) std::fputs("fluxor: the end of the log could not be written\n", stderr);
  if (code != services::ExitCode::clean) end(code);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  const runtime::SignalStack signal_stack;
  runtime::install_crash_handler();
  try {
    const services::ConfigOutcome outcome = services::load_config(argc, argv, environ);
    if (const auto* print = std::get_if<services::PrintAndExit>(&outcome)) {
      std::fputs(print->text.c_str(), stdout);
      return static_cast<int>(services::ExitCode::clean);
    }
    if (const auto* refusal = std::get_if<services::RefusalToStart>(&outcome)) {
      std::fprintf(stderr, "%s\n", refusal->line.c_str());
      return static_cast<int>(services::ExitCode::cannot_start);
    }
    return static_cast<int>(run(std::get<services::ServerConfig>(outcome)));
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "fluxor: cannot start: %s\n", exception.what());
    return static_cast<int>(services::ExitCode::cannot_start);
  }
}
