#include "report/run_files.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "report/internal/sample_run.h"

namespace polytask::report {
namespace {
namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class RunFiles : public testing::Test {
 protected:
  RunFiles()
      : folder_(
            fs::path(testing::TempDir()) /
            ("polytask-report-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + "-" + name()) /
            "some-run") {}
  ~RunFiles() override { fs::remove_all(folder_.parent_path()); }
  static std::string name() { return ::testing::UnitTest::GetInstance()->current_test_info()->name(); }

  void change(char const* file, std::function<void(OrderedJson&)> const& edit) const {
    auto json = OrderedJson::parse(read_file(folder_ / file));
    edit(json);
    write_file_atomically(folder_ / file, json.dump());
  }

  void expect_damaged(std::vector<std::string> const& parts) const {
    try {
      static_cast<void>(read_run(folder_));
      ADD_FAILURE() << "nothing was found";
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::Corrupt) << error.what();
      for (auto const& part : parts) EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }

  fs::path folder_;
};

TEST_F(RunFiles, GiveEverythingThatThePageShows) {
  write_ordinary_run(folder_);
  auto const run = read_run(folder_);
  EXPECT_EQ(run.id, "some-run");
  EXPECT_EQ(run.project, "debian-catalogue");
  EXPECT_EQ(run.encoder, "");
  EXPECT_EQ(run.state, RunState::Complete);
  EXPECT_EQ(run.started, "2026-01-17T09:30:12Z");
  EXPECT_EQ(run.seconds, 192.6);
  EXPECT_EQ(run.tokens_per_second, 3268.4);
  EXPECT_EQ(run.parameters, 1'417'322);
  EXPECT_EQ(run.steps, 600);
  EXPECT_EQ(run.best_step, 480);
  EXPECT_EQ(run.selection, "mean");
  EXPECT_EQ(run.loss.size(), 600U);
  EXPECT_EQ(run.learning_rate.size(), 600U);
  EXPECT_EQ(run.selection_score.size(), 10U);
  EXPECT_THAT(run.environment, testing::Contains(Pair("libtorch", "2.6.0")));
  EXPECT_THAT(run.configuration, testing::Contains(Pair("train.sampling.type", "temperature")));
  EXPECT_THAT(run.configuration, testing::Contains(Pair("tasks.section.dataset", "packages")));
  EXPECT_THAT(run.hashes, ElementsAre(Pair("dataset packages", testing::_), Pair("dataset pairs", testing::_)));
  std::vector<std::string> names;
  for (auto const& task : run.tasks) names.push_back(task.name);
  EXPECT_THAT(names, ElementsAre("section", "role", "language", "purpose", "size", "software",
                                 "same_source"));  // as in the project file

  auto const& section = run.tasks[0];
  EXPECT_EQ(section.owner, "archive");
  EXPECT_TRUE(section.examples_drawn.has_value());
  EXPECT_EQ(section.dev_metric.size(), 10U);
  EXPECT_GT(section.train_loss.size(), 400U);
  ASSERT_TRUE(section.dev && section.test);
  EXPECT_EQ(section.test->confusion.size(), 41U);
  EXPECT_TRUE(section.test->all.contains("ece"));
  EXPECT_FALSE(run.tasks[3].test->confusion_by_label.empty());
  EXPECT_EQ(section.misses.size(), kShownMisses);
  EXPECT_EQ(section.n_misses, 73U);
  EXPECT_EQ(section.misses[0].gold.labels.size(), 1U);
  EXPECT_EQ(section.misses[0].predicted.confidence, 0.99);
  EXPECT_EQ(run.tasks[6].misses[0].texts.size(), 2U);
}

TEST_F(RunFiles, TurnCodePointsIntoBytes) {
  write_ordinary_run(folder_);
  auto const run = read_run(folder_);
  auto const& miss = run.tasks[5].misses[0];
  std::vector<std::string> found;
  for (auto const& span : miss.predicted.spans)
    found.push_back(miss.texts[0].substr(span.begin, span.end - span.begin));
  EXPECT_THAT(found, ElementsAre("libpng", "道具", "gcc"));
}

TEST_F(RunFiles, OfAHostileRunMakeAPage) {
  write_hostile_run(folder_);
  auto const run = read_run(folder_);
  EXPECT_EQ(run.tasks.size(), 30U);
  EXPECT_TRUE(std::isnan(run.tasks[2].dev_metric[0].value));
  EXPECT_TRUE(std::isnan(run.tasks[2].test->primary.value));
  EXPECT_FALSE(run.tasks[4].dev.has_value());
  EXPECT_FALSE(run.tasks[5].test.has_value());
  auto const page = run_page(run);
  EXPECT_THAT(page, testing::Not(HasSubstr("<script>hacked")));
  EXPECT_THAT(page, testing::Not(HasSubstr("<img")));
}

TEST_F(RunFiles, OfAnInterruptedRunGiveWhatThereIs) {
  write_interrupted_run(folder_);
  auto const run = read_run(folder_);
  EXPECT_EQ(run.state, RunState::Interrupted);
  EXPECT_EQ(run.loss.size(), 300U);
  EXPECT_EQ(run.selection_score.size(), 4U);  // the fifth was cut
  EXPECT_EQ(run.steps, 300);
  EXPECT_EQ(run.best_step, 240);
  EXPECT_FALSE(run.tasks[0].dev.has_value());
  EXPECT_THAT(run_page(run), HasSubstr("--resume"));
}

TEST_F(RunFiles, AreReadBeforeTheStateSaysComplete) {
  write_ordinary_run(folder_);
  change("state.json", [](auto& json) { json["status"] = "running"; });
  EXPECT_EQ(read_run(folder_).state, RunState::Complete);
}

TEST_F(RunFiles, OfARunWithoutDevAndTestRowsHaveNullScores) {
  write_ordinary_run(folder_);
  write_file_atomically(folder_ / "scores.json", "null\n");
  EXPECT_FALSE(read_run(folder_).tasks[0].test.has_value());
}

TEST_F(RunFiles, AreNotThereInAnotherFolder) {
  fs::create_directories(folder_);
  try {
    static_cast<void>(read_run(folder_));
    FAIL();
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::NotFound);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("config.json"), HasSubstr("polytask runs")));
  }
}

TEST_F(RunFiles, NameTheLineThatIsDamaged) {
  write_ordinary_run(folder_);
  auto metrics = read_file(folder_ / "metrics.jsonl");
  metrics.insert(metrics.find('\n') + 1, "{\"step\": 2, \"loss\": \"low\"}\n");
  write_file_atomically(folder_ / "metrics.jsonl", metrics);
  expect_damaged({"metrics.jsonl:2", "loss", "low", "expected a number"});
}

TEST_F(RunFiles, NameTheKeyThatIsDamaged) {
  write_ordinary_run(folder_);
  change("scores.json", [](auto& json) { json["dev"]["role"]["interval"] = {0.1}; });
  expect_damaged({"scores.json", "dev", "role", "interval", "two numbers"});
}

TEST_F(RunFiles, AreCheckedForAMatrixThatFitsItsLabels) {
  write_ordinary_run(folder_);
  change("scores.json", [](auto& json) { json["test"]["role"]["confusion"].erase(0); });
  expect_damaged({"scores.json", "role", "11 rows", "12 labels"});
}

TEST_F(RunFiles, AreCheckedForTasksThatTheRunDoesNotHave) {
  write_ordinary_run(folder_);
  write_file_atomically(
      folder_ / "misses.jsonl",
      "{\"task\": \"other\", \"where\": \"x:1\", \"text\": [\"a\"], \"gold\": \"b\", \"predicted\": {}}\n");
  expect_damaged({"misses.jsonl:1", "\"other\"", "config.json"});
}

TEST_F(RunFiles, AreCheckedForSpansOutsideTheirText) {
  write_ordinary_run(folder_);
  write_file_atomically(folder_ / "misses.jsonl",
                        "{\"task\": \"software\", \"where\": \"x:1\", \"text\": [\"日本\"], \"gold\": [[0, 3, \"X\"]], "
                        "\"predicted\": {\"spans\": []}}\n");
  expect_damaged({"misses.jsonl:1", "a span inside the text"});
}

TEST_F(RunFiles, CutOrOfTheWrongKindAreAnErrorOfTheirOwn) {
  for (char const* file : {"config.json", "environment.json", "state.json", "result.json", "scores.json"}) {
    write_ordinary_run(folder_);
    auto const text = read_file(folder_ / file);
    write_file_atomically(folder_ / file, text.substr(0, text.size() / 2));
    expect_damaged({file});
    write_file_atomically(folder_ / file, "[1, 2]");
    expect_damaged({file, "expected an object"});
  }
}

}  // namespace
}  // namespace polytask::report
