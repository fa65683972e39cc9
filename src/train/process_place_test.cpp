#include "train/process_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

namespace polytask::train {
namespace {

using ::testing::HasSubstr;

Environment of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](char const* name) {
    auto const found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

std::string error_of(std::map<std::string, std::string> variables) {
  try {
    (void)place_from(of(std::move(variables)));
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidUsage);
    return error.what();
  }
  return "no error";
}

TEST(ProcessPlace, IsNothingWithoutALauncher) {
  EXPECT_FALSE(place_from(of({})));
  EXPECT_FALSE(place_from(of({{"RANK", "1"}, {"SLURM_NTASKS", "8"}, {"SLURM_JOB_ID", "5"}})));
}

TEST(ProcessPlace, IsWhereTorchrunPutsIt) {
  auto const place =
      place_from(of({{"RANK", "2"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "10.0.0.1"}, {"MASTER_PORT", "29400"}}));
  ASSERT_TRUE(place);
  EXPECT_EQ(place->rank, 2);
  EXPECT_EQ(place->size, 4);
  EXPECT_EQ(place->address, "10.0.0.1");
  EXPECT_EQ(place->port, 29400);
  EXPECT_EQ(place->n_here, 1);
}

TEST(ProcessPlace, LeavesTorchrunsOwnStoreItsPort) {
  auto const place = place_from(of({{"RANK", "0"},
                                    {"WORLD_SIZE", "2"},
                                    {"LOCAL_WORLD_SIZE", "2"},
                                    {"MASTER_ADDR", "localhost"},
                                    {"MASTER_PORT", "29400"},
                                    {"TORCHELASTIC_USE_AGENT_STORE", "True"}}));
  EXPECT_EQ(place->port, 29401);
  EXPECT_EQ(place->n_here, 2);
}

TEST(ProcessPlace, IsWhereSlurmPutsIt) {
  auto const place = place_from(of({{"SLURM_PROCID", "3"},
                                    {"SLURM_NTASKS", "8"},
                                    {"SLURM_STEP_ID", "0"},
                                    {"SLURM_JOB_ID", "71042"},
                                    {"SLURM_STEP_NODELIST", "gpu[07-09,12],login1"}}));
  ASSERT_TRUE(place);
  EXPECT_EQ(place->rank, 3);
  EXPECT_EQ(place->size, 8);
  EXPECT_EQ(place->address, "gpu07");
  EXPECT_EQ(place->port, 29542);
}

TEST(ProcessPlace, ReadsEveryKindOfListThatSlurmWrites) {
  EXPECT_EQ(first_host("one"), "one");
  EXPECT_EQ(first_host("one,two[1-2]"), "one");
  EXPECT_EQ(first_host("node[3]"), "node3");
  EXPECT_EQ(first_host("node[003-120]"), "node003");
  EXPECT_EQ(first_host("node[1,5-7],other"), "node1");
  EXPECT_EQ(first_host(""), "");
}

TEST(ProcessPlace, RefusesWhatIsNoPlaceNamingTheVariable) {
  EXPECT_THAT(error_of({{"WORLD_SIZE", "two"}}), HasSubstr("WORLD_SIZE is \"two\""));
  EXPECT_THAT(error_of({{"WORLD_SIZE", "2"}}), HasSubstr("RANK is \"\""));
  EXPECT_THAT(error_of({{"WORLD_SIZE", "2"}, {"RANK", "2"}}), HasSubstr("expected a number from 0 to 1"));
  EXPECT_THAT(error_of({{"WORLD_SIZE", "2"}, {"RANK", "1"}}), HasSubstr("MASTER_ADDR"));
  EXPECT_THAT(error_of({{"WORLD_SIZE", "2"}, {"RANK", "1"}, {"LOCAL_WORLD_SIZE", "3"}}), HasSubstr("LOCAL_WORLD_SIZE"));
  EXPECT_THAT(error_of({{"WORLD_SIZE", "2"}, {"RANK", "1"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "0"}}),
              HasSubstr("MASTER_PORT is \"0\""));
}

}  // namespace
}  // namespace polytask::train
