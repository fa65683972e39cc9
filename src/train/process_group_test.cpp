#include "train/process_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <map>
#include <numeric>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "model/safetensors.h"
#include "train/test_support.h"
#include "train/trainer.h"

namespace polytask::train {
namespace {

using test_support::in_processes;

TEST(ProcessGroup, AddsUpAndSharesWhatTheLeaderHas) {
  std::atomic<int> n_right = 0;
  in_processes(3, [&](ProcessGroup& group) {
    std::array<float, 4> values{};
    values.fill(static_cast<float>(group.rank() + 1));
    group.sum(values);
    std::array<std::int64_t, 2> numbers{group.rank(), 7};
    group.share(std::span(numbers));
    n_right += values == std::array<float, 4>{6, 6, 6, 6} && numbers == std::array<std::int64_t, 2>{0, 7};
  });
  EXPECT_EQ(n_right, 3);
}

TEST(ProcessGroup, EverybodyHearsThatTheyWereStartedDifferently) {
  std::atomic<int> n_refused = 0;
  in_processes(3, [&](ProcessGroup& group) {
    group.check_same("options", "the same");
    try {
      group.check_same("options", group.rank() == 2 ? "others" : "the same");
    } catch (Error const& error) {
      n_refused += error.code() == ErrorCode::Conflict;
    }
  });
  EXPECT_EQ(n_refused, 3);
}

TEST(ProcessGroup, TheOthersHearWhenTheLeaderEndsInAnyWay) {
  std::atomic<int> n_heard = 0;
  in_processes(3, [&](ProcessGroup& group) {
    if (group.leads()) {
      group.tell(Next::Step);
      return;  // and is gone
    }
    n_heard += group.hear() == Next::Step && group.hear() == Next::End;
  });
  EXPECT_EQ(n_heard, 2);
}

/// Labels by words; rows without a label, and more processes than some batches have rows.
data::Corpus small_corpus() {
  data::Corpus corpus;
  corpus.tasks = {{.name = "subject", .type = task::TaskType::Classification},
                  {.name = "things", .type = task::TaskType::Tagging},
                  {.name = "urgency", .type = task::TaskType::Regression}};
  for (auto& task : corpus.tasks) task.datasets = {"tickets"};
  std::vector<std::string> const subjects{"invoice", "parcel", "password"};
  corpus.label_sets = {task::LabelSet(subjects), task::LabelSet(std::vector<std::string>{"THING"}), {}};
  data::Stream stream{.dataset = "tickets", .text = {"body"}, .tasks = {0, 1, 2}};
  for (std::size_t i = 0; i < 60; ++i) {
    auto const& subject = subjects[i % 3];
    std::string text = "my " + subject;
    for (std::size_t word = 0; word < i % 7; ++word) {
      text += ' ';
      text.append(1 + word, static_cast<char>('a' + i % 26));
    }
    task::Example example{.id = std::to_string(i), .texts = {text}, .line = i + 1};
    example.labels = {task::Label(subject), task::Label(std::vector<task::Span>{{3, 3 + subject.size(), "THING"}}),
                      i % 4 == 0 ? task::Label(std::monostate()) : task::Label(static_cast<double>(i % 7))};
    if (i % 5 == 0) example.labels[0] = example.labels[1] = std::monostate();
    stream.examples[i % 6 == 0 ? 1 : 0].push_back(example);
  }
  corpus.streams = {stream};
  return corpus;
}

TrainConfig without_dropout() {
  auto config = test_support::small_config(2, 3);
  config.dropout = 0;
  config.head_dropout = 0;
  return config;
}

std::map<std::string, std::vector<float>> weights_in(std::filesystem::path const& run) {
  auto const file = model::SafetensorsFile::open(run / "checkpoints/best/weights.safetensors");
  std::map<std::string, std::vector<float>> weights;
  for (auto const& [name, view] : file.tensors()) weights[name] = view.to_floats();
  return weights;
}

class TrainingTogether : public testing::Test {
 protected:
  test_support::TemporaryFolder folder_{"polytask_process_group_test"};

  TrainOptions options(std::string const& name, ProcessGroup* processes = nullptr) {
    std::filesystem::create_directories(folder_.path() / name);
    return {.run_folder = folder_.path() / name, .seed = 5, .n_threads = 1, .processes = processes};
  }
  void train_in(int n, std::string const& name, TrainConfig const& config) {
    auto const corpus = small_corpus();
    in_processes(n, [&](ProcessGroup& group) {
      if (group.leads())
        (void)train(corpus, config, options(name, &group), {}, {});
      else
        follow(corpus, config, options(name, &group), {});
    });
  }
};

TEST_F(TrainingTogether, IsTrainingAloneToRounding) {
  auto const config = without_dropout();
  (void)train(small_corpus(), config, options("alone"), {}, {});
  auto const alone = weights_in(folder_.path() / "alone");
  for (int const n : {2, 3, 4}) {
    auto const name = std::to_string(n);
    train_in(n, name, config);
    auto const together = weights_in(folder_.path() / name);
    ASSERT_EQ(together.size(), alone.size());
    double largest = 0;
    for (auto const& [tensor, values] : alone)
      for (std::size_t i = 0; i < values.size(); ++i)
        largest = std::max(largest, static_cast<double>(std::abs(values[i] - together.at(tensor)[i])));
    EXPECT_LT(largest, 2e-4) << n << " processes";
    RecordProperty("largest_difference_" + name, std::to_string(largest));
  }
}

TEST_F(TrainingTogether, GivesTheSameBytesTwiceWithDropoutToo) {
  auto const config = test_support::small_config(2, 2);
  train_in(2, "a", config);
  train_in(2, "b", config);
  EXPECT_EQ(test_support::hash_of_folder(folder_.path() / "a/model"),
            test_support::hash_of_folder(folder_.path() / "b/model"));
}

TEST_F(TrainingTogether, GoesOnBitIdenticallyAfterAStop) {
  auto const config = test_support::small_config(2, 3);
  train_in(2, "whole", config);
  auto const corpus = small_corpus();
  auto const run = [&](ProcessGroup& group, bool resume) {
    auto chosen = options("stopped", &group);
    chosen.resume = resume;
    if (!group.leads()) return follow(corpus, config, chosen, {});
    std::stop_source stop;
    int n_steps = 0;
    try {
      (void)train(corpus, config, chosen,
                  {.on_step = [&](StepRecord const&) { ++n_steps == 5 && !resume && stop.request_stop(); }},
                  stop.get_token());
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::Interrupted);
    }
  };
  in_processes(2, [&](ProcessGroup& group) { run(group, false); });
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "stopped/model"));
  in_processes(2, [&](ProcessGroup& group) { run(group, true); });
  EXPECT_EQ(test_support::hash_of_folder(folder_.path() / "whole/model"),
            test_support::hash_of_folder(folder_.path() / "stopped/model"));
}

}  // namespace
}  // namespace polytask::train
