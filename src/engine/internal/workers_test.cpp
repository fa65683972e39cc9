#include "engine/internal/workers.h"

#include <gmock/gmock.h>

#include <chrono>
#include <numeric>
#include <stdexcept>

namespace polytask::engine {
namespace {

TEST(Workers, AllDoEveryJobOnce) {
  for (int const n : {1, 2, 5}) {
    Workers workers(n);
    std::vector<int> done(static_cast<std::size_t>(n), 0);
    for (int job = 0; job < 200; ++job)
      workers.run([&](Member const& member) { ++done[static_cast<std::size_t>(member.rank)]; });
    EXPECT_THAT(done, testing::Each(200));
  }
}

TEST(Workers, WakeUpAfterALongPause) {
  Workers workers(3);
  std::atomic<int> n_done{0};
  for (int job = 0; job < 2; ++job) {
    workers.run([&](Member const&) { ++n_done; });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(n_done, 6);
}

TEST(Workers, SeeAtTheBarrierWhatTheOthersDidBefore) {
  Workers workers(4);
  std::vector<std::vector<int>> values(2, std::vector<int>(4, 0));
  std::atomic<int> n_wrong{0};
  workers.run([&](Member const& member) {
    for (std::size_t round = 0; round < 500; ++round) {
      auto& now = values[round % 2];
      now[static_cast<std::size_t>(member.rank)] = static_cast<int>(round);
      member.wait();
      n_wrong += std::accumulate(now.begin(), now.end(), 0) != 4 * static_cast<int>(round);
    }
  });
  EXPECT_EQ(n_wrong, 0);
}

TEST(Workers, PassOnWhatOneOfThemThrowsAndGoOn) {
  Workers workers(3);
  auto const fails = [](Member const& member) {
    if (member.rank == 2) throw std::runtime_error("no");
  };
  EXPECT_THROW(workers.run(fails), std::runtime_error);
  std::atomic<int> n_done{0};
  workers.run([&](Member const& member) { n_done += member.rank == 0; });
  EXPECT_EQ(n_done, 1);
}

TEST(Workers, PassOnWhatOneThrowsWhileTheOthersWaitForIt) {
  Workers workers(3);
  for (int const thrower : {0, 1, 2}) {
    auto const fails = [&](Member const& member) {
      member.wait();
      if (member.rank == thrower) throw std::runtime_error("no");
      member.wait();
      member.wait();
    };
    EXPECT_THROW(workers.run(fails), std::runtime_error);
    std::atomic<int> n_done{0};
    workers.run([&](Member const& member) {
      member.wait();
      ++n_done;
    });
    EXPECT_EQ(n_done, 3);
  }
}

TEST(Member, SharesCoverEverythingOnceAtTheGranule) {
  for (std::int64_t const n : {0, 1, 15, 16, 17, 384, 1000})
    for (int const size : {1, 2, 3, 7}) {
      std::int64_t at = 0;
      for (int rank = 0; rank < size; ++rank) {
        auto const [first, last] = Member{rank, size, nullptr}.share(n, 16);
        EXPECT_EQ(first, at);
        EXPECT_TRUE(last % 16 == 0 || last == n);
        at = last;
      }
      EXPECT_EQ(at, n);
    }
}

}  // namespace
}  // namespace polytask::engine
