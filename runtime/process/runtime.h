#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/random.h"
#include "runtime/base/result.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/process/exit_code.h"
#include "runtime/process/termination.h"
#include "runtime/ring/wait_strategy.h"
#include "runtime/task/task.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/verticle_system.h"
#include "runtime/worker/worker_pool.h"

namespace fluxor::runtime {

class Watchdog;

struct RuntimeOptions {
  std::string program = "fluxor";    // in lines on standard error
  std::size_t loops = 0;             // 0: one per CPU that this process may use
  std::size_t worker_loops = 0;      // for verticles that block
  WorkerPoolOptions workers{};       // for calls that block; no threads: there are none
  std::size_t ring_capacity = 4096;  // events per loop; a power of two
  Pinning pinning = Pinning::none;
  WaitKind wait = WaitKind::adaptive;
  Duration stall_threshold = std::chrono::seconds(1);  // a loop held so long is reported; 0: nobody looks
  Duration shutdown = std::chrono::seconds(30);        // for the whole tree, from the first signal on
  VerticleSystemOptions verticles{};
};

// A process of verticles: loops, the tree of what is deployed, and signals.
//
//     int main() {
//       return Runtime::run({}, [](Context& root) -> Task<> {
//         co_await root.deploy<Prices>({.name = "prices", .instances = 2});
//       });
//     }
//
// `main` is the start() of the root verticle: what it deploys is the top of the tree.  Then
//
//     SIGTERM, SIGINT ─► the tree is undeployed, youngest first ─► all ended ─► clean
//                             │ shutdown time over, or a second signal: what still runs is named, cancelled, left
//                             └─► left_behind
//
// Thread:  create(), run(): one thread, the first of the process.  What says so: any.
// Owns:    loops, workers, tree and watchdog.
class Runtime {
 public:
  using Main = std::function<Task<>(Context& root)>;

  // No thread runs yet.  `termination` was made before any thread of the process was started; it, clock, random and log
  // outlive the runtime.
  //
  // Errors: what the kernel says of a loop.
  static Result<std::unique_ptr<Runtime>> create(const RuntimeOptions& options, const Clock& clock, Random& random,
                                                 LogSink& log, Termination& termination);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();

  // Runs until the tree has ended.  Once.
  //
  // Errors: ExitCode, and lines in the log; for what cannot start one on standard error.  After left_behind and
  //         gave_up threads may still run: the process is to end without destructors (std::_Exit), as the other run()
  //         does.
  ExitCode run(Main main);

  // All of it with the machine's clock and chance, a log on standard error, and the handler for crashes.
  static int run(const RuntimeOptions& options, Main main);

  // As a signal would.  Thread: any.
  void stop() noexcept;

  EventLoopGroup& loops() noexcept { return *loops_; }
  VerticleSystem& system() noexcept { return *system_; }
  // How often a loop was held too long; nothing if nobody looks.  Thread: any.
  std::optional<std::uint64_t> stalls() const;

 private:
  struct Progress;

  Runtime(const RuntimeOptions& options, const Clock& clock, LogSink& log, Termination& termination);

  ExitCode conclude(const Progress& progress, bool answered, bool workers_ended);
  // False if blocking calls still run when the time is over; they are named.
  bool stop_workers(Duration patience);
  void leave_behind() noexcept;

  const RuntimeOptions options_;
  const Clock& clock_;
  LogSink& log_;
  Termination& termination_;
  std::unique_ptr<Watchdog> watchdog_;
  std::unique_ptr<EventLoopGroup> loops_;
  std::unique_ptr<EventLoopGroup> worker_loops_;
  std::unique_ptr<WorkerPool> workers_;
  std::unique_ptr<VerticleSystem> system_;
  std::atomic<bool> stop_asked_{false};
};

}  // namespace fluxor::runtime
