#include "train/trainer.h"
#include "train/test_support.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/random.h"
#include "kernels/packed_linear.h"
#include "kernels/peak.h"
#include "train/predictor.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;
using data::Split;
using test_support::hash_of_folder;

/// Texts whose words decide every label, so that a small model learns them quickly.
task::Example example_of(Rng& rng, std::size_t line) {
  static std::vector<std::string> const subjects{"invoice", "parcel", "password"};
  static std::vector<std::string> const tones{"please help with", "urgent problem with"};
  std::size_t const subject = rng.below(3);
  std::size_t const tone = rng.below(2);
  std::string const text = tones[tone] + " my " + subjects[subject] + (rng.below(2) == 0 ? " today" : " again");
  std::size_t const at = text.find(subjects[subject]);
  task::Example example{.id = std::to_string(line), .texts = {text}, .line = line};
  example.labels = {task::Label(subjects[subject]), task::Label(tone == 1 ? 2.0 + static_cast<double>(subject) : 0.0),
                    task::Label(std::vector<task::Span>{{at, at + subjects[subject].size(), "THING"}}),
                    tone == 1 ? task::Label(std::vector<std::string>{"complaint", "urgent"})
                              : task::Label(std::vector<std::string>{})};
  if (line % 3 == 0) example.labels[1] = std::monostate{};  // partial labels
  return example;
}

data::Corpus corpus_of(std::size_t n_train) {
  data::Corpus corpus;
  corpus.tasks = {{.name = "subject", .type = task::TaskType::Classification},
                  {.name = "urgency", .type = task::TaskType::Regression},
                  {.name = "things", .type = task::TaskType::Tagging},
                  {.name = "topics", .type = task::TaskType::Multilabel}};
  for (auto& task : corpus.tasks) task.datasets = {"tickets"};
  corpus.label_sets = {task::LabelSet({"invoice", "parcel", "password"}),
                       {},
                       task::LabelSet(std::vector<std::string>{"THING"}),
                       task::LabelSet(std::vector<std::string>{"complaint", "urgent"})};
  data::Stream stream{.dataset = "tickets", .text = {"body"}, .tasks = {0, 1, 2, 3}};
  Rng rng(3);
  for (std::size_t i = 0; i < n_train; ++i) stream.examples[0].push_back(example_of(rng, i + 1));
  for (std::size_t i = 0; i < 60; ++i) stream.examples[1].push_back(example_of(rng, i + 1));
  corpus.streams = {stream};
  return corpus;
}

TrainConfig small_config() { return test_support::small_config(2, 8); }

class Training : public testing::Test {
 protected:
  fs::path folder = fs::temp_directory_path() / ("polytask_train_test_" + std::to_string(::getpid()));
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }
  TrainOptions options(std::string const& name, int n_threads = 2) {
    fs::create_directories(folder / name);
    return {.run_folder = folder / name, .seed = 5, .n_threads = n_threads};
  }
};

TEST_F(Training, LearnsFourKindsOfTasksTogether) {
  std::map<std::string, double> dev;
  std::int64_t n_rows = 0;
  auto const result = train(corpus_of(400), small_config(), options("a"),
                            {.on_plan = [&](Plan const& plan) { n_rows = plan.n_rows; },
                             .on_evaluation = [&](EvaluationRecord const& record) { dev = record.dev; }},
                            {});
  EXPECT_GT(dev["subject"], 0.95);
  EXPECT_GT(dev["urgency"], 0.95);
  EXPECT_GT(dev["things"], 0.9);
  EXPECT_GT(dev["topics"], 0.95);
  EXPECT_EQ(n_rows, 3200);
  EXPECT_EQ(result.examples_drawn.at("subject"), 3200);
  EXPECT_EQ(result.examples_drawn.at("urgency"), 8 * 267);  // two of three rows carry it
}

TEST_F(Training, GivesTheSameBytesTwice) {
  auto const corpus = corpus_of(60);
  (void)train(corpus, small_config(), options("a"), {}, {});
  (void)train(corpus, small_config(), options("b"), {}, {});
  EXPECT_EQ(hash_of_folder(folder / "a" / "model"), hash_of_folder(folder / "b" / "model"));
}

TEST_F(Training, InBFloat16ItLearnsTheSameWithTheSameBytesEachTime) {
  auto config = small_config();
  config.precision = "bf16";
  auto any = config;
  any.precision = "auto";
  if (kernels::detected_instructions() < kernels::InstructionSet::Avx512Bf16) {
    EXPECT_EQ(effective(any, corpus_of(60), std::nullopt).precision, "f32");
    EXPECT_THAT([&] { (void)train(corpus_of(60), config, options("a"), {}, {}); },
                testing::ThrowsMessage<Error>(testing::HasSubstr("this processor has no instructions")));
    return;
  }
  std::map<std::string, double> dev;
  (void)train(corpus_of(400), config, options("a"),
              {.on_evaluation = [&](EvaluationRecord const& record) { dev = record.dev; }}, {});
  for (auto const* task : {"subject", "urgency", "topics"}) EXPECT_GT(dev[task], 0.95) << task;
  EXPECT_GT(dev["things"], 0.9);
  (void)train(corpus_of(400), small_config(), options("exact"), {}, {});
  EXPECT_NE(hash_of_folder(folder / "a" / "model"), hash_of_folder(folder / "exact" / "model"));
  // What is faster here: not every processor that has the instructions gains by them.
  bool const gains = kernels::bfloat16_gain() >= kernels::kWorthwhileGain;
  EXPECT_EQ(effective(any, corpus_of(60), std::nullopt).precision, gains ? "bf16" : "f32");
  (void)train(corpus_of(400), any, options("again"), {}, {});
  EXPECT_EQ(hash_of_folder(folder / (gains ? "a" : "exact") / "model"), hash_of_folder(folder / "again" / "model"));
}

TEST_F(Training, ContinuesBitIdenticallyAfterAStopAtAnyStep) {
  auto const corpus = corpus_of(60);
  (void)train(corpus, small_config(), options("whole"), {}, {});
  auto const expected = hash_of_folder(folder / "whole" / "model");
  for (std::int64_t const stop_at : {1, 7, 10, 23}) {
    auto const name = "stopped-" + std::to_string(stop_at);
    std::stop_source stop;
    EXPECT_THROW((void)train(corpus, small_config(), options(name),
                             {.on_step =
                                  [&](StepRecord const& record) {
                                    if (record.step == stop_at) stop.request_stop();
                                  }},
                             stop.get_token()),
                 Error);
    auto resumed = options(name);
    resumed.resume = true;
    auto const result = train(corpus, small_config(), resumed, {}, {});
    EXPECT_EQ(result.resumed_from_step, stop_at);
    EXPECT_EQ(hash_of_folder(folder / name / "model"), expected) << "stopped at step " << stop_at;
  }
}

TEST_F(Training, ResumingWithoutACheckpointStartsAtTheBeginning) {
  auto resumed = options("a");
  resumed.resume = true;
  EXPECT_EQ(train(corpus_of(60), small_config(), resumed, {}, {}).resumed_from_step, 0);
}

TEST_F(Training, StopsEarlyWhenDevNoLongerImproves) {
  auto config = small_config();
  config.epochs = 60;
  config.early_stopping_patience = 2;
  std::int64_t n_planned = 0;
  auto const result =
      train(corpus_of(60), config, options("a"), {.on_plan = [&](Plan const& plan) { n_planned = plan.n_steps; }}, {});
  EXPECT_TRUE(result.stopped_early);
  EXPECT_LT(result.n_steps, n_planned);
}

TEST_F(Training, KeepsTheLastOfTheCheckpointsThatOneDevRowSetsApart) {
  auto const last_kept = [&](std::size_t n_dev, std::string const& name, double tolerance) {
    auto corpus = corpus_of(60);
    for (auto& stream : corpus.streams)
      stream.examples[1].resize(std::min<std::size_t>(n_dev, stream.examples[1].size()));
    auto config = small_config();
    config.epochs = 12;
    double best = 0;
    auto const result = train(corpus, config, options(name),
                              {.on_evaluation =
                                   [&](auto const& record) {
                                     EXPECT_EQ(record.is_best, record.selection >= best - tolerance) << record.step;
                                     best = std::max(best, record.selection);
                                   }},
                              {});
    return result.n_steps - result.best_step;
  };
  EXPECT_EQ(last_kept(1, "one", 1.0), 0) << "one row of each task can be right or wrong";
}

TEST_F(Training, AnAnswerDoesNotDependOnItsNeighbours) {
  (void)train(corpus_of(60), small_config(), options("a"), {}, {});
  auto const predictor = Predictor::load(folder / "a" / "model", 1);
  auto const corpus = corpus_of(1);
  auto const& examples = corpus.streams[0].of(Split::Dev);
  std::vector<std::size_t> const tasks{0, 1};
  auto const together = predictor.predict(examples, tasks);
  for (std::size_t i = 0; i < 10; ++i) {
    auto const alone = predictor.predict(std::span(examples).subspan(i, 1), tasks);
    auto const& a = std::get<task::ClassPrediction>(together[i][0]).scores;
    auto const& b = std::get<task::ClassPrediction>(alone[0][0]).scores;
    for (std::size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 1e-5);
    EXPECT_NEAR(std::get<task::ValuePrediction>(together[i][1]).value,
                std::get<task::ValuePrediction>(alone[0][1]).value, 1e-4);
  }
}

TEST_F(Training, ADamagedCheckpointIsNamedAndNotUsed) {
  auto const corpus = corpus_of(60);
  (void)train(corpus, small_config(), options("a"), {}, {});
  for (auto const& entry : fs::directory_iterator(folder / "a" / "checkpoints"))
    if (entry.path().filename().string().starts_with("step-"))
      fs::resize_file(entry.path() / "tensors.safetensors", 1000);
  auto resumed = options("a");
  resumed.resume = true;
  try {
    (void)train(corpus, small_config(), resumed, {}, {});
    FAIL() << "a damaged checkpoint was used";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::Corrupt);
    EXPECT_THAT(error.what(), testing::HasSubstr("checkpoints/step-"));
  }
}

/// The newest checkpoint of a run.
fs::path newest_checkpoint(fs::path const& run) {
  std::set<fs::path> found;
  for (auto const& entry : fs::directory_iterator(run / "checkpoints"))
    if (entry.path().filename().string().starts_with("step-")) found.insert(entry.path());
  return *found.rbegin();
}

TEST_F(Training, ACheckpointOfAnotherRunIsNamedAndNotUsed) {
  auto const corpus = corpus_of(60);
  (void)train(corpus, small_config(), options("a"), {}, {});
  auto const newest = newest_checkpoint(folder / "a");
  auto json = Json::parse(read_file(newest / "state.json"));
  json["waiting"] = {3, 1'000'000};
  write_file_atomically(newest / "state.json", json.dump());
  auto resumed = options("a");
  resumed.resume = true;
  try {
    (void)train(corpus, small_config(), resumed, {}, {});
    FAIL() << "a changed checkpoint was used";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::Corrupt);
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr(newest.filename().string()), testing::HasSubstr("\"waiting\""),
                               testing::HasSubstr("remove this folder")));
  }
}

TEST_F(Training, EveryEvaluationStandsOnceInTheMetricsOfAResumedRun) {
  auto const corpus = corpus_of(60);
  auto config = small_config();
  config.checkpoint_steps = 1;  // every evaluation step is one of a checkpoint, which is written before the evaluation
  std::int64_t first = 0;
  // As after a kill between an evaluation and the next checkpoint.
  struct Killed {};
  EXPECT_THROW((void)train(corpus, config, options("a"),
                           {.on_evaluation =
                                [&](EvaluationRecord const& record) {
                                  first = record.step;
                                  throw Killed();
                                }},
                           {}),
               Killed);
  auto resumed = options("a");
  resumed.resume = true;
  EXPECT_EQ(train(corpus, config, resumed, {}, {}).resumed_from_step, first);
  std::multiset<std::int64_t> evaluated;
  std::ifstream file(folder / "a" / "metrics.jsonl");
  for (std::string line; std::getline(file, line);)
    if (auto const json = Json::parse(line); json.contains("dev")) evaluated.insert(json["step"].get<std::int64_t>());
  EXPECT_EQ(evaluated.count(first), 1u);
  EXPECT_EQ(evaluated.size(), 8u);
}

TEST_F(Training, AStopBeforeTheFirstStepIsAnInterruption) {
  std::stop_source stop;
  stop.request_stop();
  try {
    (void)train(corpus_of(60), small_config(), options("a"), {}, stop.get_token());
    FAIL() << "it trained";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::Interrupted);
  }
}

TEST_F(Training, ASelectionThatNoTaskCountsInIsRefusedAndOneWithoutSuchDevRowsKeepsTheLast) {
  auto corpus = corpus_of(60);
  auto config = small_config();
  config.selection = {.rule = SelectionRule::Weighted,
                      .weights = {{"subject", 0}, {"urgency", 0}, {"things", 0}, {"topics", 0}}};
  try {
    (void)train(corpus, config, options("a"), {}, {});
    FAIL() << "it trained";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidUsage);
  }
  config.selection.weights["subject"] = 1;
  for (auto& example : corpus.streams[0].examples[1]) example.labels[0] = std::monostate{};
  auto const result = train(corpus, config, options("b"), {}, {});
  EXPECT_EQ(result.best_step, result.n_steps);
}

TEST_F(Training, DevRowsWithoutALabelChangeNoScore) {
  auto corpus = corpus_of(60);
  std::vector<std::map<std::string, double>> dev;
  TrainEvents const events{.on_evaluation = [&](EvaluationRecord const& record) { dev.push_back(record.dev); }};
  auto config = small_config();
  config.epochs = 1;
  (void)train(corpus, config, options("a"), events, {});
  auto unlabelled = corpus.streams[0].examples[1].front();
  for (auto& label : unlabelled.labels) label = std::monostate{};
  auto& rows = corpus.streams[0].examples[1];
  rows.insert(rows.begin() + 7, 40, unlabelled);
  (void)train(corpus, config, options("b"), events, {});
  ASSERT_EQ(dev.size(), 2u);
  EXPECT_EQ(dev[0], dev[1]);
}

}  // namespace
}  // namespace polytask::train
