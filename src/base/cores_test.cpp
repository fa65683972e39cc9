#include "base/cores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace polytask {
namespace {

namespace fs = std::filesystem;
using ::testing::Optional;

class Groups : public testing::Test {
 protected:
  fs::path root = fs::temp_directory_path() / ("polytask_cores_test_" + std::to_string(::getpid()));
  void TearDown() override { fs::remove_all(root); }
};

TEST_F(Groups, GrantWhatTheTightestOfThemDoes) {
  write_file_atomically(root / "cpu.max", "max 100000\n");
  write_file_atomically(root / "a/cpu.max", "150000 100000\n");
  write_file_atomically(root / "a/b/cpu.max", "400000 100000\n");
  EXPECT_THAT(cores_of_groups("0::/a/b\n", root), Optional(1.5));
  EXPECT_THAT(cores_of_groups("0::/a\n", root), Optional(1.5));
  EXPECT_EQ(cores_of_groups("0::/\n", root), std::nullopt);
  EXPECT_EQ(cores_of_groups("", root), std::nullopt);
}

TEST_F(Groups, OfTheFirstVersionAreReadToo) {
  write_file_atomically(root / "cpu,cpuacct/docker/x/cpu.cfs_quota_us", "50000\n");
  write_file_atomically(root / "cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000\n");
  EXPECT_THAT(cores_of_groups("5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n", root), Optional(0.5));
  write_file_atomically(root / "cpu,cpuacct/docker/x/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(cores_of_groups("4:cpu,cpuacct:/docker/x\n", root), std::nullopt);
}

TEST_F(Groups, OfAnotherNameSpaceLeaveTheRoot) {
  write_file_atomically(root / "cpu.max", "200000 100000\n");
  EXPECT_THAT(cores_of_groups("0::/../../elsewhere\n", root), Optional(2.0));
}

TEST_F(Groups, ThatSayNothingSensibleLimitNothing) {
  write_file_atomically(root / "cpu.max", "many\n");
  EXPECT_EQ(cores_of_groups("0::/\nnonsense\n", root), std::nullopt);
}

TEST(UsableCores, AreOneAtLeastAndNoMoreThanTheAffinityHas) {
  EXPECT_GE(n_usable_cores(), 1);
  EXPECT_LE(n_usable_cores(), n_cores_of_affinity());
}

}  // namespace
}  // namespace polytask
