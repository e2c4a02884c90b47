#include "runtime/inspect/inspection_text.h"

#include <chrono>
#include <cstddef>
#include <source_location>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/inspect/inspection_words.h"

namespace fluxor::runtime {
namespace {

std::string line_of(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    line += byte < 0x20 || byte == 0x7F ? '\xFF' : c;  // which no UTF-8 has
  }
  return utf8_of(line);
}

std::string count(std::uint64_t number, std::string_view what, std::string_view plural = "") {
  std::string text = std::to_string(number) + " ";
  text += number == 1 ? what : plural.empty() ? std::string(what) + "s" : plural;
  return text;
}

std::string milliseconds(Duration duration) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return std::to_string(microseconds / 1000) +
         (microseconds % 1000 == 0 ? "" : "." + std::to_string(microseconds % 1000 + 1000).substr(1)) + " ms";
}

std::string site_of(const std::source_location& site) {
  return std::string(site.file_name()) + ":" + std::to_string(site.line()) + " (" + line_of(site.function_name()) + ")";
}

class Writer {
 public:
  explicit Writer(const Inspection& inspection) noexcept : inspection_(inspection) {}

  std::string all() && {
    text_ += count(inspection_.restarts, "restart") + ", " + count(inspection_.crashes, "crash", "crashes") + ", " +
             std::to_string(inspection_.abandoned) + " abandoned; verticles:" + states(inspection_.verticles) + "\n";
    for (const InspectedLoop& each : inspection_.loops) loop(each);
    node(inspection_.root, 0);
    return std::move(text_);
  }

 private:
  static std::string states(const std::array<std::size_t, 4>& counts) {
    std::string text;
    for (std::size_t state = 0; state < counts.size(); ++state) {
      if (counts[state] == 0) continue;
      text += " " + std::to_string(counts[state]) + " " +
              std::string(verticle_state_name(static_cast<VerticleState>(state)));
    }
    return text.empty() ? " none" : text;
  }
  void line(std::size_t depth, std::string_view text) {
    text_.append(2 * depth, ' ');
    text_ += text;
    text_ += '\n';
  }
  void more(std::size_t depth, std::size_t count, std::size_t listed, std::string_view what) {
    if (count > listed)
      line(depth, "… and " + runtime::count(count - listed, "more " + std::string(what),
                                            "more " + std::string(what) + (what == "child" ? "ren" : "s")));
  }

  void loop(const InspectedLoop& loop) {
    std::string text = (loop.worker ? "worker loop " : "loop ") + std::to_string(loop.id) + ": ";
    if (loop.parked) {
      text += "sleeps";
    } else {
      text += "in " + std::string(stage_name(loop.stage));
      if (!loop.label.empty()) {
        text += ", runs " + line_of(loop.label);
      } else if (!loop.handler.empty()) {
        text += ", runs " + line_of(loop.handler);
      }
    }
    text += "; " + std::to_string(loop.stats.queue_length) + " wait, ring of " +
            std::to_string(loop.stats.ring_capacity) + ", " + count(loop.stats.timers_armed, "timer") +
            ", verticles:" + states(loop.verticles);
    if (loop.abandoned != 0) text += ", " + std::to_string(loop.abandoned) + " abandoned";
    if (loop.unanswered != 0) text += "; does not answer";
    line(0, text);
  }

  void node(const InspectedNode& node, std::size_t depth) {
    std::string text = node.supervisor ? "supervisor" : "verticle";
    if (node.verticle && node.verticle->id != VerticleId{}) {
      text += " " + std::to_string(static_cast<std::uint64_t>(node.verticle->id));
    }
    if (!node.name.empty()) text += " \"" + line_of(node.name) + "\"";
    if (node.supervisor) text += " " + std::string(strategy_name(node.supervisor->strategy));
    if (node.verticle) {
      text += ", loop " + std::to_string(node.verticle->loop) + ", " +
              std::string(verticle_state_name(node.verticle->state));
      if (!node.verticle->answered) text += ", its loop does not answer";
    } else {
      text += ", " + std::string(slot_state_name(node.slot));
    }
    if (node.restarts != 0) text += ", " + count(node.restarts, "restart");
    if (node.supervisor) text += ", " + count(node.supervisor->restarts, "restart") + " below";
    if (!node.last_exit.empty()) text += ", last " + line_of(node.last_exit);
    line(depth, text);
    if (node.verticle) verticle(*node.verticle, depth + 1);
    for (const InspectedNode& child : node.children) this->node(child, depth + 1);
    more(depth + 1, node.children_count, node.children.size(), "child");
  }

  void verticle(const InspectedVerticle& verticle, std::size_t depth) {
    tasks(verticle.tasks, verticle.tasks_count, depth);
    for (const InspectedTimer& timer : verticle.timers) {
      std::string text = "timer " + site_of(timer.site) + " due in " + milliseconds(timer.due - inspection_.taken);
      if (timer.period > Duration::zero()) text += ", every " + milliseconds(timer.period);
      if (timer.skipped != 0) text += ", " + std::to_string(timer.skipped) + " skipped";
      line(depth, text);
    }
    more(depth, verticle.timers_count, verticle.timers.size(), "timer");
    if (verticle.resources != 0) line(depth, count(verticle.resources, "resource"));
  }

  void tasks(const std::vector<InspectedTask>& tasks, std::size_t count, std::size_t depth) {
    for (const InspectedTask& task : tasks) {
      std::string text = (task.role.empty() ? "task " : std::string(task.role) + " ") + site_of(task.site);
      text += task.waits_for == nullptr ? " runs" : " waits for " + std::string(task.waits_for);
      if (task.cancelled) text += ", cancelled";
      if (task.deadline != kNever) text += ", deadline in " + milliseconds(task.deadline - inspection_.taken);
      line(depth, text);
      this->tasks(task.tasks, task.tasks_count, depth + 1);
    }
    more(depth, count, tasks.size(), "task");
  }

  const Inspection& inspection_;
  std::string text_;
};

}  // namespace

std::string to_text(const Inspection& inspection) { return Writer(inspection).all(); }

}  // namespace fluxor::runtime
