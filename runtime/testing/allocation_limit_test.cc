#include "runtime/testing/allocation_limit.h"

#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <new>
#include <string>
#include <thread>

namespace fluxor::runtime {
namespace {

// The optimiser may not see what becomes of it, and so not leave the allocation out.
template <typename T>
T* kept(T* memory) {
  asm volatile("" : : "r"(memory) : "memory");
  return memory;
}

bool allocates(std::size_t bytes) {
  try {
    return *kept(std::string(bytes, 'x').c_str()) == 'x';
  } catch (const std::bad_alloc&) {
    return false;
  }
}

TEST(AllocationLimit, RefusesWhatIsLargerWhileItLives) {
  {
    const AllocationLimit limit(1000);
    EXPECT_TRUE(allocates(900));
    EXPECT_FALSE(allocates(1100));
    EXPECT_THROW(kept(std::make_unique<char[]>(1001).get()), std::bad_alloc);
    EXPECT_EQ(kept(::operator new(1001, std::nothrow)), nullptr);
    EXPECT_EQ(kept(::operator new[](1001, std::nothrow)), nullptr);
  }
  EXPECT_TRUE(allocates(1100));
}

TEST(AllocationLimit, GivesWayToAnInnerOneAndComesBack) {
  const AllocationLimit outer(1000);
  {
    const AllocationLimit inner(5000);
    EXPECT_TRUE(allocates(4000));
  }
  EXPECT_FALSE(allocates(4000));
}

TEST(AllocationLimitThreads, HoldsOnItsOwnThreadOnly) {
  bool other = false;
  std::latch limited(1);
  std::thread thread([&] {
    limited.wait();
    other = allocates(1'000'000);
  });
  {
    const AllocationLimit limit(100);
    EXPECT_FALSE(allocates(1'000'000));
    limited.count_down();
    thread.join();
  }
  EXPECT_TRUE(other);
}

// Under the address sanitizer a pair of two families would be reported.
TEST(AllocationLimit, FreesWhatItsOwnOperatorsGave) {
  // As algorithms do that take a buffer if they can.
  ::operator delete(kept(::operator new(8, std::nothrow)));
  ::operator delete(kept(::operator new(8, std::nothrow)), std::nothrow);
  ::operator delete[](kept(::operator new[](8, std::nothrow)), std::nothrow);
  ::operator delete[](kept(::operator new[](8)));
}

}  // namespace
}  // namespace fluxor::runtime
