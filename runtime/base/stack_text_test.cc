#include "runtime/base/stack_text.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <functional>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace fluxor::runtime {
namespace {

StackTrace taken;
void handle_trap(int, siginfo_t*, void* context) { taken = StackTrace::interrupted(context); }

template <typename T>
[[gnu::noinline]] void trap_in_template(T) {
  __builtin_debugtrap();
  asm volatile("");
}

// Called as the letter that is the type long long in a mangled name.
extern "C" [[gnu::noinline]] void x() {
  trap_in_template(std::vector<int>());
  asm volatile("");
}

const StackTrace& trace() {
  struct sigaction action{};
  action.sa_sigaction = &handle_trap;
  action.sa_flags = SA_SIGINFO;
  struct sigaction before{};
  EXPECT_EQ(::sigaction(SIGTRAP, &action, &before), 0);
  x();
  ::sigaction(SIGTRAP, &before, nullptr);
  return taken;
}

std::vector<std::string> lines_of(std::uintptr_t address, std::size_t number) {
  std::vector<std::string> lines;
  const auto add = [](void* argument, std::string_view line) {
    static_cast<std::vector<std::string>*>(argument)->emplace_back(line);
  };
  for_each_line(address, number, add, &lines);
  EXPECT_FALSE(lines.empty());
  return lines;
}

std::string short_name(const std::type_info& type) {
  std::array<char, 256> buffer;
  return std::string(short_type_name(type, buffer));
}

TEST(StackText, ListsTheCallsWithNamesInFullAndOffsets) {
  const std::string text = stack_text(trace());
  const std::regex first(R"(^#0 void fluxor::runtime::\(anonymous namespace\)::trap_in_template<std::vector<int, )"
                         R"(std::allocator<int> > >\(std::vector<int, std::allocator<int> >\) )"
                         R"((at stack_text_test\.cc:\d+ )?\(/.*/stack_text_test\+0x[0-9a-f]+\)\n#1 )");
  EXPECT_TRUE(std::regex_search(text, first)) << text;
  EXPECT_NE(text.find(" main"), std::string::npos) << text;
  EXPECT_FALSE(text.ends_with("\n"));
}

TEST(StackText, LeavesTheNameOfACFunctionAlone) {
  EXPECT_TRUE(std::regex_search(stack_text(trace()), std::regex("\n#\\d+ x ")));
}

TEST(StackText, NumbersEachLine) {
  std::istringstream text(stack_text(trace()));
  std::size_t number = 0;
  for (std::string line; std::getline(text, line); ++number) {
    EXPECT_TRUE(line.starts_with("#" + std::to_string(number) + " ")) << line;
  }
  EXPECT_GE(number, taken.addresses().size());
}

TEST(StackText, ShortensNamesForHandlersOfSignals) {
  const std::vector<std::string> lines = lines_of(trace().addresses()[0], 7);
  EXPECT_TRUE(lines.back().starts_with("#7 fluxor::runtime::(anonymous namespace)::trap_in_template<>() "))
      << lines.back();
}

TEST(StackText, GivesTheAddressOfWhatIsNoCode) {
  EXPECT_EQ(lines_of(0x10, 0), std::vector<std::string>{"#0 ?? (0x10)"});
}

TEST(StackText, IsEmptyForAnEmptyTrace) { EXPECT_EQ(stack_text(StackTrace()), ""); }

TEST(TypeName, IsWhatOneWouldWrite) {
  EXPECT_EQ(type_name(typeid(int)), "int");
  EXPECT_EQ(type_name(typeid(StackTrace)), "fluxor::runtime::StackTrace");
  EXPECT_EQ(type_name(typeid(std::vector<int>)), "std::vector<int, std::allocator<int> >");
  EXPECT_EQ(short_name(typeid(int)), "int");
  EXPECT_EQ(short_name(typeid(StackTrace)), "fluxor::runtime::StackTrace");
  EXPECT_EQ(short_name(typeid(std::vector<int>)), "std::vector<>");
}

TEST(TypeName, SaysWhereALambdaIsWritten) {
  const auto lambda = [] {};
  EXPECT_NE(type_name(typeid(lambda)).find("TypeName_SaysWhereALambdaIsWritten_Test::TestBody()"), std::string::npos);
  EXPECT_NE(short_name(typeid(lambda)).find("TypeName_SaysWhereALambdaIsWritten_Test::TestBody()"), std::string::npos);
}

// A name that doubles with each level.
template <int N>
struct Deep {
  using type = std::map<typename Deep<N - 1>::type, typename Deep<N - 1>::type, std::function<void()>>;
};
template <>
struct Deep<0> {
  using type = int;
};

TEST(TypeName, IsCutOffWhereItGoesOnForPages) {
  using Long = std::array<Deep<6>::type, 3>;
  EXPECT_EQ(type_name(typeid(Long)).size(), 400U);
  EXPECT_LE(short_name(typeid(Long)).size(), std::string(typeid(Long).name()).size());
}

}  // namespace
}  // namespace fluxor::runtime
