#include "runtime/base/stack_text.h"

#include <absl/debugging/internal/demangle.h>
#include <cxxabi.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "runtime/base/fixed_text.h"
#include "runtime/base/symbolizer.h"

namespace fluxor::runtime {
namespace {

// Names of templates in templates go on for pages.
constexpr std::size_t kNameMax = 400;

// Puts the readable name of a mangled one into `buffer`; nothing if it is none.
using Demangle = std::string_view (*)(const char* mangled, std::span<char> buffer);

// Abseil keeps it to itself, but there is no other that can do without memory.
std::string_view demangle_briefly(const char* mangled, std::span<char> buffer) {
  const bool done = absl::debugging_internal::Demangle(mangled, buffer.data(), static_cast<int>(buffer.size()));
  return done ? buffer.data() : std::string_view();
}

std::string_view demangle_in_full(const char* mangled, std::span<char> buffer) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                         &std::free);
  const std::string_view text = name == nullptr ? "" : name.get();
  return {buffer.data(), text.copy(buffer.data(), buffer.size())};
}

// A C function keeps its name; without the prefix, `f` would be demangled as the type float.
std::string_view function_name(const char* name, Demangle demangle, std::span<char> buffer) {
  if (name == nullptr) return "??";
  const std::string_view plain = name;
  const std::string_view readable = plain.starts_with("_Z") ? demangle(name, buffer) : std::string_view();
  return readable.empty() ? plain.substr(0, kNameMax) : readable;
}

struct Lines {
  std::size_t& number;
  const CodeOffset& offset;
  Demangle demangle;
  void (*write)(void* argument, std::string_view line);
  void* argument;
};

void write_line(void* argument, const CodePlace& place) {
  const Lines& lines = *static_cast<const Lines*>(argument);
  FixedText<1024> line;
  line.add("#").add_decimal(lines.number++).add(" ");
  std::array<char, kNameMax> buffer;
  line.add(function_name(place.function, lines.demangle, buffer));
  if (place.file != nullptr) {
    const std::string_view file = place.file;
    line.add(" at ").add(file.substr(file.rfind('/') + 1));
    if (place.line != 0) line.add(":").add_decimal(place.line);  // the optimiser merged several
  }
  if (place.inlined) {
    line.add(" (inlined)");
  } else if (lines.offset.file() != nullptr) {
    line.add(" (").add(lines.offset.file()).add("+").add_hex(lines.offset.offset()).add(")");
  } else {
    line.add(" (").add_hex(lines.offset.offset()).add(")");
  }
  lines.write(lines.argument, line.view());
}

void write_lines(std::uintptr_t address, std::size_t& number, Demangle demangle,
                 void (*write)(void* argument, std::string_view line), void* argument) {
  const CodeOffset offset(address);
  Lines lines{number, offset, demangle, write, argument};
  for_each_place(address, &write_line, &lines);
}

}  // namespace

void for_each_line(std::uintptr_t address, std::size_t& number, void (*write)(void* argument, std::string_view line),
                   void* argument) noexcept {
  write_lines(address, number, &demangle_briefly, write, argument);
}

std::string_view short_type_name(const std::type_info& type, std::span<char> buffer) noexcept {
  // As a symbol, the name of its name: that is the form the demangler knows.
  FixedText<1024> symbol;
  const char end = '\0';
  symbol.add("_ZTS").add(type.name()).add({&end, 1});
  const char* const whole = symbol.view().data();  // NOLINT(bugprone-suspicious-stringview-data-usage): if it ends so
  const bool fits = symbol.view().back() == end;
  const std::string_view readable = fits ? demangle_briefly(whole, buffer) : std::string_view();
  return readable.empty() ? type.name() : readable;
}

std::string stack_text(const StackTrace& trace) {
  std::string text;
  std::size_t number = 0;
  const auto append = [](void* argument, std::string_view line) {
    std::string& all = *static_cast<std::string*>(argument);
    if (!all.empty()) all.push_back('\n');
    all.append(line);
  };
  for (const std::uintptr_t address : trace.addresses()) {
    write_lines(address, number, &demangle_in_full, append, &text);
  }
  if (trace.cut_off()) text.append("\n(more calls further out)");
  return text;
}

std::string type_name(const std::type_info& type) {
  std::array<char, kNameMax> buffer;
  const std::string_view readable = demangle_in_full(type.name(), buffer);
  return std::string(readable.empty() ? type.name() : readable);
}

}  // namespace fluxor::runtime
