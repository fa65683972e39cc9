#include "audit/audit.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "audit/test_project.h"
#include "text/wordpiece_trainer.h"

namespace polytask::audit {
namespace {

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
  project.become_choices();
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

TEST(Audit, SeesTestTextsInDev) {
  Project project;
  for (std::size_t i = 0; i < 20; ++i) {
    auto const row = project.rows(Split::Test)[i];
    project.add(Split::Dev, row.texts[0], std::get<std::string>(row.labels[0]));
  }
  auto const audit = project.run();
  auto const* leak = find(audit, "dev-in-test");
  ASSERT_NE(leak, nullptr);
  EXPECT_EQ(leak->n, 20U);
  EXPECT_THAT(leak->evidence.front().other_where, testing::StartsWith("dev:"));
}

TEST(Audit, SeesTextsThatAreNearlyOthersWithAnotherLabel) {
  Project project;
  for (std::size_t i = 0; i < 40; ++i) {
    auto const text = project.rows(Split::Train)[i].texts[0];
    project.add(Split::Train, text + " ok", i % 2 == 0 ? "blue" : "red");
  }
  auto const audit = project.run();
  EXPECT_EQ(find(audit, "contradicting-labels"), nullptr) << "no text stands twice";
  auto const* near = find(audit, "near-contradictions");
  ASSERT_NE(near, nullptr);
  EXPECT_EQ(near->n, 40U);
  EXPECT_THAT(near->evidence.front().note, testing::EndsWith("red"));
  EXPECT_FALSE(near->evidence.front().other_text.empty());
}

/// A second dataset with a task of its own.
void add_second_task(Project& project, TaskType type, std::vector<std::string> labels) {
  auto& corpus = project.corpus;
  corpus.tasks.push_back({.name = "second", .type = type, .datasets = {"e"}, .text = {"t"}, .label = "l"});
  corpus.label_sets.emplace_back(std::move(labels));
  corpus.streams.push_back({.dataset = "e", .text = {"t"}, .tasks = {1}});
  corpus.datasets.push_back({.name = "e"});
  corpus.files.emplace_back("second");
}

void add_second_row(Project& project, std::string text, task::Label label) {
  auto& rows = project.corpus.streams[1].examples[0];
  rows.push_back({.texts = {std::move(text)}, .labels = {std::move(label)}, .line = rows.size() + 1, .file = 3});
}

TEST(Audit, SeesTasksThatMeanOtherThingsByOneLabel) {
  Project project;
  add_second_task(project, TaskType::Classification, {"blue", "red"});
  for (std::size_t i = 0; i < 100; ++i) {
    bool const red = (i % 2 == 0) != (i % 5 == 0);
    add_second_row(project, project.rows(Split::Train)[i].texts[0], std::string(red ? "red" : "blue"));
  }
  auto const audit = project.run();
  auto const* clash = find(audit, "label-clash");
  ASSERT_NE(clash, nullptr);
  EXPECT_EQ(clash->n, 20U);
  EXPECT_EQ(clash->of, 100U);
  EXPECT_THAT(clash->tasks, testing::ElementsAre("colour", "second"));
}

TEST(Audit, SeesSetsOfLabelsThatMeanOtherThings) {
  Project project;
  project.corpus.tasks[0].type = TaskType::Multilabel;
  using Labels = std::vector<std::string>;
  for (auto const split : data::kSplits)
    for (auto& row : project.rows(split)) row.labels[0] = Labels{std::get<std::string>(row.labels[0])};
  add_second_task(project, TaskType::Multilabel, {"blue", "green", "red"});
  for (std::size_t i = 0; i < 100; ++i)
    add_second_row(project, project.rows(Split::Train)[i].texts[0],
                   i % 4 == 0 ? Labels{"blue", "green"} : Labels{"green", i % 2 == 0 ? "red" : "blue"});
  auto const audit = project.run();
  auto const* clash = find(audit, "label-clash");
  ASSERT_NE(clash, nullptr);
  EXPECT_EQ(clash->n, 25U) << "rows that are red in the one and blue in the other; green has no other name";
  EXPECT_EQ(clash->evidence.front().note, "red / blue");
}

TEST(Audit, SeesNumbersThatNoTextExplains) {
  Project project;
  project.corpus.tasks[0].type = TaskType::Regression;
  project.corpus.label_sets[0] = task::LabelSet();
  for (auto const split : data::kSplits)
    for (auto& row : project.rows(split)) {
      double const value = std::get<std::string>(row.labels[0]) == "red" ? 4.0 : 1.0;
      row.labels[0] = value + 0.01 * static_cast<double>(row.line % 7);
    }
  for (std::size_t i = 0; i < 20; ++i) project.rows(Split::Train)[i * 31].labels[0] = 40.0;
  auto const audit = project.run();
  auto const* noise = find(audit, "number-noise");
  ASSERT_NE(noise, nullptr);
  EXPECT_GE(noise->n, 20U);
  EXPECT_THAT(noise->evidence.front().note, testing::StartsWith("40 -> "));
}

TEST(Audit, SeesAFewRowsOfAnotherLanguage) {
  Project project;
  for (auto const split : data::kSplits)
    for (auto& row : project.rows(split)) row.texts[0] = "this is what the colour of it was: " + row.texts[0];
  for (std::size_t i = 0; i < 30; ++i)
    project.rows(Split::Train)[i * 7].texts[0] = "das ist nicht die Farbe, die ich mit dem Foto von der Nummer " +
                                                 std::to_string(1'000 + i * i) + " meine, und auch keine andere";
  auto const audit = project.run();
  auto const* strangers = find(audit, "mixed-languages");
  ASSERT_NE(strangers, nullptr);
  EXPECT_EQ(strangers->n, 30U);
  EXPECT_EQ(strangers->evidence.front().note, "latin-de");
}

TEST(Audit, SaysWhatTheLengthLimitCuts) {
  Project project;
  for (std::size_t i = 0; i < 50; ++i) {
    auto& text = project.rows(Split::Train)[i].texts[0];
    for (std::size_t w = 0; w < 40; ++w) text += " more";
  }
  std::vector<std::string_view> texts;
  for (auto const& row : project.rows(Split::Train)) texts.emplace_back(row.texts[0]);
  auto const tokenizer = text::train_wordpiece(texts, {.vocab_size = 700});
  auto const audit = polytask::audit::audit(project.corpus, {}, TokenLimit{*tokenizer, 40}, {});
  auto const* cut = find(audit, "texts-cut");
  ASSERT_NE(cut, nullptr);
  EXPECT_EQ(cut->n, 50U);
  EXPECT_EQ(cut->of, 3'000U);
  EXPECT_GT(cut->numbers.at("lost"), 0.2);
}

TEST(Audit, SeesAMetricThatRewardsOneSetOfLabels) {
  Project project;
  project.corpus.tasks[0].type = TaskType::Multilabel;
  for (auto const split : data::kSplits)
    for (auto& row : project.rows(split))
      row.labels[0] = row.line % 10 == 0 ? std::vector<std::string>{"blue", "red"} : std::vector<std::string>{"red"};
  auto const audit = project.run();
  auto const* majority = find(audit, "majority-metric");
  ASSERT_NE(majority, nullptr);
  EXPECT_GT(majority->numbers.at("majority"), 0.9);
  EXPECT_EQ(majority->names.at(1), "red");
}

TEST(Audit, SeesThatOneAnswerIsAlwaysRight) {
  Project project;
  project.corpus.tasks[0].type = TaskType::Multilabel;
  project.corpus.label_sets[0] = task::LabelSet({"red"});
  for (auto const split : data::kSplits)
    for (auto& row : project.rows(split)) row.labels[0] = std::vector<std::string>{"red"};
  auto const of_sets = project.run();
  ASSERT_NE(find(of_sets, "majority-metric"), nullptr);
  EXPECT_EQ(find(of_sets, "majority-metric")->n, 800U);

  project.become_choices();
  for (auto const split : data::kSplits)
    for (auto& row : project.rows(split)) {
      row.texts.push_back("one");
      row.texts.push_back("other");
      row.labels[0] = task::Choice{1};
    }
  auto const of_choices = project.run();
  ASSERT_NE(find(of_choices, "majority-metric"), nullptr);
  EXPECT_EQ(find(of_choices, "majority-metric")->names.at(1), "choice 1");
}

}  // namespace
}  // namespace polytask::audit
