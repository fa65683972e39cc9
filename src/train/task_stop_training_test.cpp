#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/random.h"
#include "model/encoder_files.h"
#include "model/model_weights.h"
#include "model/safetensors.h"
#include "train/process_group.h"
#include "train/test_support.h"
#include "train/trainer.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;
using test_support::hash_of_folder;
using test_support::options_in;
using test_support::Seen;
using test_support::TemporaryFolder;

enum class DevRows { OfBoth, OfCoins };

/// "subject" can be learned; what "coin" answers is chance, so that it stops soon. Each has rows of its own, and both
/// have some in common. Without dev rows nothing says that "subject" gets no better.
data::Corpus corpus_of(std::size_t n_rows, DevRows dev = DevRows::OfCoins) {
  data::Corpus corpus;
  corpus.tasks = {{.name = "subject", .type = task::TaskType::Classification, .datasets = {"tickets", "both"}},
                  {.name = "coin", .type = task::TaskType::Classification, .datasets = {"coins", "both"}}};
  corpus.label_sets = {task::LabelSet({"invoice", "parcel"}), task::LabelSet({"heads", "tails"})};
  Rng rng(3);
  auto const stream_of = [&](std::string const& dataset, std::vector<std::size_t> const& tasks) {
    data::Stream stream{.dataset = dataset, .text = {"body"}, .tasks = tasks};
    for (std::size_t i = 0; i < n_rows + 20; ++i) {
      std::vector<std::string> const words{"invoice", "parcel"};
      auto const& subject = words[rng.below(2)];
      task::Example example{.id = std::to_string(i), .texts = {"my " + subject + " again"}, .line = i + 1};
      for (auto const task : tasks)
        example.labels.push_back(task == 0 ? task::Label(subject)
                                           : task::Label(std::string(rng.below(2) == 0 ? "heads" : "tails")));
      if (i >= n_rows && dev == DevRows::OfCoins && tasks.front() == 0) example.labels.front() = std::monostate{};
      stream.examples[i < n_rows ? 0 : 1].push_back(std::move(example));
    }
    return stream;
  };
  corpus.streams = {stream_of("tickets", {0}), stream_of("coins", {1}), stream_of("both", {0, 1})};
  return corpus;
}

TrainConfig config_of(std::int64_t patience) {
  auto config = test_support::small_config(2, 10);
  config.task_stopping_patience = patience;
  config.selection = {.rule = SelectionRule::Weighted, .weights = {{"coin", 0}}};
  return config;
}

TEST(TaskStopTraining, ATaskThatIsNoLongerBetterIsNeitherDrawnNorCountedAndTheOthersGoOn) {
  TemporaryFolder const folder("polytask_task_stop");
  Seen seen;
  auto const result = train(corpus_of(40), config_of(2), options_in(folder.path() / "run"), seen.events(), {});
  ASSERT_TRUE(result.stopped_tasks.contains("coin"));
  auto const stopped = result.stopped_tasks.at("coin");
  EXPECT_FALSE(result.stopped_early);
  std::int64_t n_after = 0, n_with_loss = 0, n_tokens = 0;
  for (auto const& record : seen.steps) {
    if (record.step <= stopped) {
      n_tokens = record.n_tokens;
      continue;
    }
    EXPECT_FALSE(record.task_loss.contains("coin")) << record.step;
    ++n_after;
    n_with_loss += record.task_loss.contains("subject");
  }
  EXPECT_GT(n_after, 5) << "it stopped long before the end";
  EXPECT_EQ(n_with_loss, n_after) << "every step goes on for the other task";
  auto const per_step_before = static_cast<double>(n_tokens) / static_cast<double>(stopped);
  auto const per_step_after = static_cast<double>(seen.steps.back().n_tokens - n_tokens) / static_cast<double>(n_after);
  EXPECT_LT(per_step_after, 0.8 * per_step_before) << "a third of the rows is its own, and passes no layer any more";
  EXPECT_LT(result.examples_drawn.at("coin"), result.examples_drawn.at("subject"));
  int n_said = 0;
  for (auto const& record : seen.evaluations) {
    EXPECT_EQ(testing::Value(record.stopped, testing::Contains("coin")), record.step == stopped);
    n_said += static_cast<int>(record.stopped.size());
  }
  EXPECT_EQ(n_said, static_cast<int>(result.stopped_tasks.size()));
}

TEST(TaskStopTraining, ARunWhoseTasksHaveAllStoppedEnds) {
  TemporaryFolder const folder("polytask_task_stop");
  auto config = config_of(1);
  config.epochs = 60;
  std::int64_t n_planned = 0;
  auto const result = train(corpus_of(20, DevRows::OfBoth), config, options_in(folder.path() / "run"),
                            {.on_plan = [&](Plan const& plan) { n_planned = plan.n_steps; }}, {});
  EXPECT_EQ(result.stopped_tasks.size(), 2u);
  EXPECT_TRUE(result.stopped_early);
  EXPECT_LT(result.n_steps, n_planned);
}

TEST(TaskStopTraining, ARunContinuesBitIdenticallyBeforeAndAfterATaskHasStopped) {
  TemporaryFolder const folder("polytask_task_stop");
  auto const corpus = corpus_of(20);
  auto const config = config_of(1);
  auto const whole = train(corpus, config, options_in(folder.path() / "whole"), {}, {});
  auto const at = whole.stopped_tasks.at("coin");
  for (std::int64_t const stop_at : {at - 1, at, at + 1}) {
    auto const run = folder.path() / ("stopped-" + std::to_string(stop_at));
    std::stop_source stop;
    EXPECT_THROW((void)train(corpus, config, options_in(run),
                             {.on_step =
                                  [&](StepRecord const& record) {
                                    if (record.step == stop_at) stop.request_stop();
                                  }},
                             stop.get_token()),
                 Error);
    auto resumed = options_in(run);
    resumed.resume = true;
    auto const result = train(corpus, config, resumed, {}, {});
    EXPECT_EQ(result.resumed_from_step, stop_at);
    EXPECT_EQ(result.stopped_tasks, whole.stopped_tasks);
    EXPECT_EQ(hash_of_folder(run / "model"), hash_of_folder(folder.path() / "whole" / "model")) << stop_at;
  }
}

TEST(TaskStopTraining, WithoutPatienceNothingStopsAndNothingChanges) {
  TemporaryFolder const folder("polytask_task_stop");
  auto const result = train(corpus_of(20), config_of(0), options_in(folder.path() / "never"), {}, {});
  EXPECT_TRUE(result.stopped_tasks.empty());
  (void)train(corpus_of(20), config_of(1'000), options_in(folder.path() / "late"), {}, {});
  EXPECT_EQ(hash_of_folder(folder.path() / "late" / "model"), hash_of_folder(folder.path() / "never" / "model"));
}

TEST(TaskStopTraining, SeveralProcessesStopATaskAtTheSameStep) {
  TemporaryFolder const folder("polytask_task_stop");
  auto config = config_of(2);
  config.dropout = 0;
  config.head_dropout = 0;
  auto const corpus = corpus_of(20);
  auto const alone = train(corpus, config, options_in(folder.path() / "alone"), {}, {});
  ASSERT_TRUE(alone.stopped_tasks.contains("coin"));
  TrainResult together;
  test_support::in_processes(2, [&](ProcessGroup& group) {
    auto options = options_in(folder.path() / "together");
    options.n_threads = 1;
    options.processes = &group;
    if (group.leads())
      together = train(corpus, config, options, {}, {});
    else
      follow(corpus, config, options, {});
  });
  EXPECT_TRUE(together.stopped_tasks.contains("coin"));
  EXPECT_EQ(together.n_steps, alone.n_steps);
  EXPECT_LT(together.examples_drawn.at("coin"), together.examples_drawn.at("subject"));
}

/// Above an encoder that no task trains.
class TaskStopAboveAFrozenEncoder : public testing::Test {
 protected:
  TrainOptions options(std::string const& name) {
    auto options = options_in(folder_.path() / name);
    options.encoder = folder_.path() / "given" / "model" / "encoder";
    options.states_folder = folder_.path() / "states";
    options.frozen_layers = [](fs::path const& given, std::int64_t n_layers) {
      return test_support::frozen_layers(given, n_layers);
    };
    return options;
  }
  void SetUp() override {
    auto config = config_of(0);
    config.epochs = 2;
    (void)train(corpus_of(20), config, options_in(folder_.path() / "given"), {}, {});
  }
  model::HeadWeights head_of(std::string const& run, std::size_t head) {
    auto const folder = folder_.path() / run / "model";
    return model::read_model_weights(folder, model::read_encoder_config(folder / "encoder"),
                                     model::read_model_spec(folder))
        .heads[head];
  }

  TemporaryFolder folder_{"polytask_task_stop_frozen"};
};

TEST_F(TaskStopAboveAFrozenEncoder, ATaskKeepsWhatItHadWhenItWasBestWhateverTheOthersDid) {
  auto config = config_of(3);
  config.frozen_layers = 2;
  Seen seen;
  auto const result = train(corpus_of(40), config, options("run"), seen.events(), {});
  ASSERT_TRUE(result.stopped_tasks.contains("coin"));
  auto const stopped = result.stopped_tasks.at("coin");
  constexpr double kOneRow = 1.0 / 40;  // of its dev rows, in two datasets
  double highest = -1, kept = -1;
  for (auto const& record : seen.evaluations) {
    auto const score = record.dev.at("coin");
    if (record.step > stopped) {
      EXPECT_EQ(score, kept) << "it answers as it did when it was best";
      continue;
    }
    highest = std::max(highest, score);
    if (score >= highest - kOneRow) kept = score;
  }
  ASSERT_GT(seen.evaluations.back().step, stopped);
  auto const at_best =
      model::SafetensorsFile::open(folder_.path() / "run" / "checkpoints" / "best" / "tasks" / "coin.safetensors");
  EXPECT_EQ(head_of("run", 1).weight.values, at_best.tensors().at("heads.1.weight").to_floats());
}

TEST_F(TaskStopAboveAFrozenEncoder, ATaskMayBeCalledAsTheWeightsOfTheWholeAre) {
  auto config = config_of(3);
  config.frozen_layers = 2;
  config.selection.weights = {{"weights", 0}};
  auto corpus = corpus_of(40);
  corpus.tasks[1].name = "weights";
  (void)train(corpus, config, options("run"), {}, {});
  (void)train(corpus_of(40),
              [&] {
                config.selection.weights = {{"coin", 0}};
                return config;
              }(),
              options("usual"), {}, {});
  for (std::size_t head = 0; head < 2; ++head)
    EXPECT_EQ(head_of("run", head).weight.values, head_of("usual", head).weight.values);
}

}  // namespace
}  // namespace polytask::train
