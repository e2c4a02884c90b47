#include "runtime/worker/job_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <source_location>
#include <vector>

#include "runtime/worker/blocking_executor.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using Place = BlockingExecutor::Place;
using Withdrawn = BlockingExecutor::Withdrawn;

class TestJob final : public BlockingJob {
 public:
  explicit TestJob(const std::source_location& site = std::source_location::current()) : BlockingJob(site) {}
  void run() noexcept override {}
  void tell() noexcept override {}
};

class JobQueueTest : public testing::Test {
 protected:
  JobQueueTest() { queue.open(); }
  JobQueue queue{2};
  TestJob a, b, c;
};

TEST_F(JobQueueTest, GivesTheOldestFirst) {
  for (TestJob* job : {&a, &b}) ASSERT_TRUE(queue.push(*job, Place::free_one));
  EXPECT_EQ(queue.take({}), &a);
  ASSERT_TRUE(queue.push(c, Place::free_one));
  EXPECT_EQ(queue.take({}), &b);
  EXPECT_EQ(queue.take({}), &c);
  EXPECT_EQ(queue.take({}), nullptr);
}

TEST_F(JobQueueTest, RefusesWhatFindsNoFreePlaceAndCountsIt) {
  for (TestJob* job : {&a, &b}) ASSERT_TRUE(queue.push(*job, Place::free_one));
  EXPECT_EQ(queue.push(c, Place::free_one).error(), Errc::overloaded);
  EXPECT_EQ(queue.stats().refused, 1U);
  EXPECT_EQ(queue.stats().queued, 2U);
  EXPECT_EQ(queue.take({}), &a);
  EXPECT_TRUE(queue.push(c, Place::free_one)) << "one that was refused may try again";
}

TEST_F(JobQueueTest, TakesTheSuccessorOfAnotherThoughItIsFull) {
  for (TestJob* job : {&a, &b}) ASSERT_TRUE(queue.push(*job, Place::free_one));
  EXPECT_TRUE(queue.push(c, Place::predecessor));
  EXPECT_EQ(queue.stats().queued, 3U);
}

TEST_F(JobQueueTest, IsClosedBeforeItIsOpenAndAfter) {
  JobQueue unopened{2};
  EXPECT_EQ(unopened.push(a, Place::free_one).error(), Errc::closed);
  queue.close();
  EXPECT_EQ(queue.push(a, Place::free_one).error(), Errc::closed);
  EXPECT_EQ(queue.push(a, Place::predecessor).error(), Errc::closed);
  EXPECT_EQ(queue.stats().refused, 0U);
}

TEST_F(JobQueueTest, GivesBackWhatHasNotBegunAndFreesItsPlace) {
  for (TestJob* job : {&a, &b}) ASSERT_TRUE(queue.push(*job, Place::free_one));
  EXPECT_EQ(queue.withdraw(a), Withdrawn::before_it_began);
  EXPECT_EQ(queue.stats().withdrawn, 1U);
  EXPECT_TRUE(queue.push(c, Place::free_one));
  EXPECT_EQ(queue.withdraw(c), Withdrawn::before_it_began);
  EXPECT_EQ(queue.take({}), &b);
  EXPECT_EQ(queue.take({}), nullptr);
}

TEST_F(JobQueueTest, CountsWhatRunsWithoutAWaiter) {
  ASSERT_TRUE(queue.push(a, Place::free_one));
  queue.take({});
  EXPECT_EQ(queue.withdraw(a), Withdrawn::runs_on);
  EXPECT_EQ(queue.stats().abandoned, 1U);
  EXPECT_EQ(queue.stats().running, 1U);
  EXPECT_FALSE(queue.idle());
  queue.end(a);
  EXPECT_EQ(queue.stats().done, 1U);
  EXPECT_EQ(queue.stats().running, 0U);
  EXPECT_TRUE(queue.idle());
  EXPECT_EQ(queue.withdraw(a), Withdrawn::has_ended);
  EXPECT_EQ(queue.stats().abandoned, 1U);
}

TEST_F(JobQueueTest, TellsWhatRunsFromWhereAndForHowLong) {
  for (TestJob* job : {&a, &b}) ASSERT_TRUE(queue.push(*job, Place::free_one));
  queue.take(Instant(1s));
  queue.take(Instant(3s));
  const std::vector<RunningJob> jobs = queue.running_jobs(Instant(4s));
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0].age, 3s);
  EXPECT_EQ(jobs[1].age, 1s);
  EXPECT_EQ(jobs[0].site.line(), a.site().line());
  queue.end(a);
  EXPECT_EQ(queue.running_jobs(Instant(4s)).size(), 1U);
}

TEST(JobQueueDeathTest, StopsWhenAJobIsSubmittedTwice) {
  JobQueue queue{2};
  queue.open();
  TestJob job;
  ASSERT_TRUE(queue.push(job, Place::free_one));
  EXPECT_DEATH(static_cast<void>(queue.push(job, Place::free_one)), "submitted once");
}

TEST(JobQueueDeathTest, StopsWhenAJobEndsThatHasNotBegun) {
  JobQueue queue{2};
  TestJob job;
  EXPECT_DEATH(queue.end(job), "ends after it began");
}

}  // namespace
}  // namespace fluxor::runtime
