#include "train/checkpoint.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <functional>

#include "base/file.h"
#include "base/json.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

RunShape const kShape{.rows_by_stream = {5, 3}, .n_rows = 20, .n_steps = 10, .tasks = {"intent"}};

/// Six of 20 rows drawn, the last of them waiting for the next batch.
Checkpoint checkpoint_after(std::int64_t step) {
  Checkpoint checkpoint;
  auto& state = checkpoint.state;
  state.step = step;
  state.plan.mixture.credit = {0.25, -0.25};
  state.plan.mixture.n_drawn = {4, 2};
  state.plan.waiting = data::DrawnRow{1, 2};
  state.plan.n_left = 15;
  state.last_evaluated_step = 1;
  state.evaluation_seconds = 1;
  state.examples_drawn = {{"intent", 5}};
  checkpoint.tensors = {{"weight", {{2, 2}, {1, 2, 3, 4}}}};
  return checkpoint;
}

class Checkpoints : public testing::Test {
 protected:
  fs::path folder = fs::path(testing::TempDir()) / ("polytask_checkpoint_test_" + std::to_string(::getpid()));
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }

  /// What loading (and, when it loads, checking) the newest says after its state.json was changed.
  std::string error_after(std::function<void(Json&)> const& change) {
    save_checkpoint(folder, checkpoint_after(3));
    auto const path = folder / "step-0000000003" / "state.json";
    auto json = Json::parse(read_file(path));
    change(json);
    write_file_atomically(path, json.dump());
    return error();
  }
  std::string error() {
    try {
      check_state(load_latest_checkpoint(folder)->state, kShape);
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::Corrupt);
      return error.what();
    }
    return "no error";
  }
};

TEST_F(Checkpoints, AreReadAsTheyWereWritten) {
  EXPECT_FALSE(load_latest_checkpoint(folder));
  save_checkpoint(folder, checkpoint_after(3));
  auto const read = load_latest_checkpoint(folder);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->folder, folder / "step-0000000003");
  EXPECT_EQ(read->state.plan.waiting, (data::DrawnRow{1, 2}));
  EXPECT_EQ(read->state.evaluation_seconds, 1);
  EXPECT_EQ(read->tensors.at("weight").values, (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(error(), "no error");
}

TEST_F(Checkpoints, TheLastTwoAreKeptAndHalfWrittenOnesNeverRead) {
  for (std::int64_t const step : {3, 9, 10}) save_checkpoint(folder, checkpoint_after(step));
  fs::create_directories(folder / "unfinished-1");
  fs::create_directories(folder / "step-x");
  EXPECT_FALSE(fs::exists(folder / "step-0000000003"));
  EXPECT_TRUE(fs::exists(folder / "step-0000000009"));
  EXPECT_EQ(load_latest_checkpoint(folder)->state.step, 10);
}

TEST_F(Checkpoints, ATornFileIsNamedWithItsFolderAndWhatToDo) {
  for (auto const* name : {"state.json", "tensors.safetensors"})
    for (std::uintmax_t const size : {0, 20}) {
      save_checkpoint(folder, checkpoint_after(3));
      fs::resize_file(folder / "step-0000000003" / name, size);
      EXPECT_THAT(error(), testing::AllOf(HasSubstr("step-0000000003: the checkpoint is damaged"),
                                          HasSubstr("remove this folder")));
    }
}

TEST_F(Checkpoints, AStateThatNoRunCanBeInIsRefused) {
  EXPECT_THAT(error_after([](Json& state) { state = Json::array(); }), HasSubstr("is damaged"));
  EXPECT_THAT(error_after([](Json& state) { state.erase("step"); }), HasSubstr("is damaged"));
  EXPECT_THAT(error_after([](Json& state) { state["credit"] = "much"; }), HasSubstr("is damaged"));
  EXPECT_THAT(error_after([](Json& state) { state["waiting"] = {1}; }), HasSubstr("is damaged"));
  EXPECT_THAT(error_after([](Json& state) { state["step"] = 11; }), HasSubstr("\"step\""));
  EXPECT_THAT(error_after([](Json& state) { state["credit"] = {0.0}; }), HasSubstr("\"credit\""));
  EXPECT_THAT(error_after([](Json& state) { state["n_drawn"] = {4, 1, 1}; }), HasSubstr("\"n_drawn\""));
  EXPECT_THAT(error_after([](Json& state) { state["n_drawn"] = {4, 3}; }), HasSubstr("\"n_drawn\""));
  EXPECT_THAT(error_after([](Json& state) { state["n_left"] = -1; }), HasSubstr("\"n_left\""));
  EXPECT_THAT(error_after([](Json& state) { state["waiting"] = {2, 0}; }), HasSubstr("\"waiting\""));
  EXPECT_THAT(error_after([](Json& state) { state["waiting"] = {1, 3}; }), HasSubstr("\"waiting\""));
  EXPECT_THAT(error_after([](Json& state) { state["waiting"] = {-1, 0}; }), HasSubstr("\"waiting\""));
  EXPECT_THAT(error_after([](Json& state) { state["last_evaluated_step"] = 4; }), HasSubstr("\"last_evaluated_step\""));
  EXPECT_THAT(error_after([](Json& state) {
                state["examples_drawn"] = {{"topics", 1}};
              }),
              HasSubstr("\"examples_drawn\""));
}

}  // namespace
}  // namespace polytask::train
