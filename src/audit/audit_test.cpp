#include "audit/audit.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <functional>

#include "base/random.h"

namespace polytask::audit {
namespace {

using data::Split;
using task::TaskType;

/// Sentences that tell "red" from "blue", each another one.
std::string sentence(std::size_t i, bool red) {
  Rng rng(i + 1);
  std::string text;
  for (int w = 0; w < 8; ++w) text += fmt::format("word{:03} ", rng.below(500));
  return text + (red ? "crimson" : "magenta") + fmt::format(" item {:04}", i);
}

/// One dataset, one task, rows that have nothing wrong but their number.
struct Project {
  data::Corpus corpus;
  Project() {
    corpus.tasks = {
        {.name = "colour", .type = TaskType::Classification, .datasets = {"d"}, .text = {"t"}, .label = "l"}};
    corpus.label_sets = {task::LabelSet({"blue", "red"})};
    corpus.streams = {{.dataset = "d", .text = {"t"}, .tasks = {0}}};
    corpus.files = {"train", "dev", "test"};
    for (std::size_t i = 0; i < 3'000; ++i)
      add(i < 800   ? Split::Train
          : i < 900 ? Split::Dev
                    : Split::Test,
          sentence(i, i % 2 == 0), i % 2 == 0 ? "red" : "blue");
    corpus.datasets = {{.name = "d", .n_rows = {800, 100, 2'100}}};
  }
  void add(Split split, std::string text, std::string label) {
    auto& rows = corpus.streams[0].examples[static_cast<std::size_t>(split)];
    rows.push_back({.texts = {std::move(text)},
                    .labels = {std::move(label)},
                    .line = rows.size() + 1,
                    .file = static_cast<std::size_t>(split)});
  }
  std::vector<task::Example>& rows(Split split) { return corpus.streams[0].examples[static_cast<std::size_t>(split)]; }
  [[nodiscard]] Audit run(RowColumns const& columns = {}) const { return audit(corpus, columns, std::nullopt, {}); }
};

std::vector<std::string> kinds(Audit const& audit) {
  std::vector<std::string> kinds;
  for (auto const& finding : audit.findings) kinds.push_back(finding.kind);
  return kinds;
}

Finding const* find(Audit const& audit, std::string const& kind) {
  for (auto const& finding : audit.findings)
    if (finding.kind == kind) return &finding;
  return nullptr;
}

TEST(Audit, FindsNothingWhereNothingIsWrong) {
  auto const audit = Project().run();
  EXPECT_THAT(kinds(audit), testing::IsEmpty());
  ASSERT_EQ(audit.tasks.size(), 1U);
  EXPECT_GT(*audit.tasks[0].bag_of_words, 0.95);
  EXPECT_NEAR(*audit.tasks[0].majority, 0.5, 0.01);
  EXPECT_EQ(audit.datasets[0].n[2], 2'100U);
}

TEST(Audit, FindsNothingInNoRows) {
  Project project;
  for (auto const split : data::kSplits) project.rows(split).clear();
  EXPECT_THAT(kinds(project.run()), testing::ElementsAre("no-test-rows"));
}

TEST(Audit, SeesTestTextsInTraining) {
  Project project;
  for (std::size_t i = 0; i < 30; ++i) {
    auto const& row = project.rows(Split::Test)[i * 7];
    project.add(Split::Train, row.texts[0] + (i % 2 == 0 ? "!" : " ok"), std::get<std::string>(row.labels[0]));
  }
  auto const audit = project.run();
  auto const* leak = find(audit, "leakage");
  ASSERT_NE(leak, nullptr);
  EXPECT_EQ(leak->numbers.at("exact"), 15);
  EXPECT_EQ(leak->numbers.at("near"), 15);
  EXPECT_THAT(leak->evidence.front().where, testing::StartsWith("test:"));
  EXPECT_THAT(leak->evidence.front().other_where, testing::StartsWith("train:8"));
}

TEST(Audit, TakesNearTextsWithOtherLabelsForNoCopies) {
  Project project;
  project.add(Split::Train, "please turn the lights in the living room on", "red");
  project.add(Split::Test, "please turn the lights in the living room off", "blue");
  EXPECT_EQ(find(project.run(), "leakage"), nullptr);
}

TEST(Audit, TakesQuestionsAboutOneContextForNoCopies) {
  Project project;
  project.corpus.tasks[0] = {
      .name = "ask", .type = TaskType::Span, .datasets = {"d"}, .text = {"q", "c"}, .label = "a"};
  project.corpus.label_sets[0] = task::LabelSet();
  for (auto const split : data::kSplits)
    for (std::size_t i = 0; i < project.rows(split).size(); ++i) {
      auto& row = project.rows(split)[i];
      auto const context = project.rows(split)[i / 4 * 4].texts.back();
      row.texts = {fmt::format("what is said of thing {} {}", i % 4, i), context};
      row.labels = {task::Answers{{{0, 4, "word"}}}};
    }
  auto const audit = project.run();
  EXPECT_EQ(find(audit, "duplicates"), nullptr);
  EXPECT_EQ(find(audit, "leakage"), nullptr);
  auto& copied = project.rows(Split::Test);
  for (std::size_t i = 0; i < 100; ++i) copied[i].texts = project.rows(Split::Train)[i].texts;
  EXPECT_NE(find(project.run(), "leakage"), nullptr) << "the same question about the same context";
}

TEST(Audit, TakesATextWithOtherChoicesForNoCopy) {
  Project project;
  project.corpus.tasks[0] = {.name = "pick",
                             .type = TaskType::MultipleChoice,
                             .datasets = {"d"},
                             .text = {"q"},
                             .choices = {"a", "b"},
                             .label = "l"};
  project.corpus.label_sets[0] = task::LabelSet();
  for (auto const split : data::kSplits)
    for (std::size_t i = 0; i < project.rows(split).size(); ++i) {
      auto& row = project.rows(split)[i];
      row.texts = {project.rows(split)[i / 4 * 4].texts.front(), fmt::format("thing {}", i), "nothing"};
      row.labels = {task::Choice{i % 2}};
    }
  auto const audit = project.run();
  EXPECT_EQ(find(audit, "duplicates"), nullptr);
  EXPECT_EQ(find(audit, "leakage"), nullptr);
  EXPECT_EQ(find(audit, "label-noise"), nullptr);
  auto& copied = project.rows(Split::Test);
  for (std::size_t i = 0; i < 100; ++i) copied[i].texts = project.rows(Split::Train)[i].texts;
  EXPECT_NE(find(project.run(), "leakage"), nullptr) << "the same text with the same choices";
  auto& rows = project.rows(Split::Train);
  for (std::size_t i = 0; i < 100; ++i)
    rows[i].texts = rows[i + 100].texts, rows[i].labels = {task::Choice{(i + 1) % 2}};
  auto const with_copies = project.run();
  auto const* contradicting = find(with_copies, "contradicting-labels");
  ASSERT_NE(contradicting, nullptr);
  EXPECT_THAT(contradicting->evidence.at(0).note, testing::HasSubstr("choice 0"));
}

TEST(Audit, SeesContradictionsAndWrongLabels) {
  Project project;
  for (std::size_t i = 0; i < 20; ++i)
    project.add(Split::Train, project.rows(Split::Train)[i].texts[0], i % 2 == 0 ? "blue" : "red");
  for (std::size_t i = 100; i < 140; ++i)
    project.rows(Split::Train)[i].labels[0] = std::string(i % 2 == 0 ? "blue" : "red");
  auto const audit = project.run();
  ASSERT_NE(find(audit, "contradicting-labels"), nullptr);
  EXPECT_EQ(find(audit, "contradicting-labels")->n, 20U);
  auto const* noise = find(audit, "label-noise");
  ASSERT_NE(noise, nullptr);
  EXPECT_GE(noise->n, 40U);
  EXPECT_THAT(noise->evidence.front().note, testing::AnyOf("blue -> red", "red -> blue"));
}

TEST(Audit, SeesAColumnThatGivesTheLabelAway) {
  Project project;
  RowColumns columns;
  for (auto const split : data::kSplits)
    for (auto const& row : project.rows(split)) {
      bool const red = std::get<std::string>(row.labels[0]) == "red";
      columns.add(row.file, {.line = row.line,
                             .fields = {{"source", std::string(red == (row.line % 10 != 0) ? "mail" : "chat")},
                                        {"even", std::string(row.line % 4 < 2 ? "a" : "b")}}});
    }
  auto const audit = project.run(columns);
  EXPECT_THAT(kinds(audit), testing::ElementsAre("label-by-column"));
  EXPECT_EQ(audit.findings[0].names[0], "source");
  EXPECT_LT(audit.findings[0].numbers.at("p_value"), 1e-6);
}

TEST(Audit, SeesAMetricThatRewardsTheMajority) {
  Project project;
  for (auto const split : data::kSplits)
    std::erase_if(project.rows(split),
                  [](auto const& row) { return std::get<std::string>(row.labels[0]) == "red" && row.line % 20 != 1; });
  auto const audit = project.run();
  ASSERT_NE(find(audit, "majority-metric"), nullptr);
  EXPECT_GT(find(audit, "majority-metric")->numbers.at("majority"), 0.85);
  EXPECT_NE(find(audit, "few-test-rows"), nullptr);  // 1,155 are left
}

TEST(Audit, SeesALabelWrittenInTwoWays) {
  Project project;
  project.corpus.label_sets = {task::LabelSet({"Blue ", "blue", "red"})};
  for (std::size_t i = 1; i < 101; i += 2) project.rows(Split::Train)[i].labels[0] = std::string("Blue ");
  auto const audit = project.run();
  ASSERT_NE(find(audit, "label-spelling"), nullptr);
  EXPECT_EQ(find(audit, "label-spelling")->n, 50U);
}

TEST(Audit, SeesSpansThatWereForgotten) {
  data::Corpus corpus;
  corpus.tasks = {{.name = "place", .type = TaskType::Tagging, .datasets = {"d"}}};
  corpus.label_sets = {task::LabelSet({"PLACE"})};
  corpus.streams = {{.dataset = "d", .tasks = {0}}};
  corpus.files = {"f"};
  corpus.datasets = {{.name = "d", .n_rows = {100, 0, 0}}};
  for (std::size_t i = 0; i < 100; ++i) {
    std::vector<task::Span> spans{{9, 13, "PLACE"}};
    if (i % 14 == 0) spans.clear();
    corpus.streams[0].examples[0].push_back(
        {.texts = {fmt::format("He is in Nara, day {}", i)}, .labels = {spans}, .line = i + 1});
  }
  auto const audit = polytask::audit::audit(corpus, {}, std::nullopt, {});
  auto const* spans = find(audit, "span-inconsistent");
  ASSERT_NE(spans, nullptr);
  EXPECT_EQ(spans->n, 8U);
  EXPECT_EQ(spans->evidence.front().other_text, "Nara");
}

TEST(Audit, IsInTheOrderOfWhatItCosts) {
  Project project;
  for (std::size_t i = 0; i < 200; ++i) project.add(Split::Train, project.rows(Split::Test)[i].texts[0], "red");
  for (std::size_t i = 0; i < 10; ++i) project.add(Split::Train, "???", "red");
  auto const audit = project.run();
  EXPECT_GE(audit.findings.size(), 3U);
  for (std::size_t i = 1; i < audit.findings.size(); ++i) EXPECT_GE(audit.findings[i - 1].cost, audit.findings[i].cost);
}

}  // namespace
}  // namespace polytask::audit
