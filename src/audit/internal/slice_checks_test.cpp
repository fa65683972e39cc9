// Labels that go with where a row comes from, and splits that are not alike, each planted in a project without a fault.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <functional>

#include "audit/test_project.h"

namespace polytask::audit {
namespace {

bool is_red(task::Example const& row) { return std::get<std::string>(row.labels[0]) == "red"; }

/// Nine rows of ten are as their label says, so that nothing is settled by the label alone.
bool looks_red(task::Example const& row) { return is_red(row) == (row.line % 10 != 0); }

void change_all(Project& project, std::function<void(task::Example&)> const& change) {
  for (auto const split : data::kSplits)
    for (auto& row : project.rows(split)) change(row);
}

RowColumns column_of(Project& project, std::string const& name,
                     std::function<std::string(task::Example const&)> const& value) {
  RowColumns columns;
  change_all(project, [&](task::Example& row) {
    columns.add(row.file, {.line = row.line, .fields = {{name, value(row)}}});
  });
  return columns;
}

TEST(Slices, SeeLabelsThatGoWithTheTime) {
  Project project;
  auto const columns = column_of(project, "day", [](auto const& row) {
    return fmt::format("20{}-0{}-1{}", looks_red(row) ? 19 : 24, 1 + row.line % 9, row.line % 10);
  });
  auto const audit = project.run(columns);
  auto const* found = find(audit, "label-by-time");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->names.at(0), "day");
  EXPECT_GT(found->numbers.at("by_slice"), 0.8);
}

TEST(Slices, SeeLabelsThatGoWithTheLength) {
  Project project;
  change_all(project, [](task::Example& row) {
    if (looks_red(row)) row.texts[0] += " and then there is more to say about it, which takes some letters";
  });
  auto const audit = project.run();
  ASSERT_NE(find(audit, "label-by-length"), nullptr);
}

TEST(Slices, SeeLabelsThatGoWithTheScript) {
  Project project;
  change_all(project, [](task::Example& row) {
    if (looks_red(row)) row.texts[0] = fmt::format("これは{}番の写真の色についての文です。", row.line);
  });
  auto const audit = project.run();
  auto const* found = find(audit, "label-by-language");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->names.at(1), "blue");
  EXPECT_THAT(found->bars, testing::Contains(testing::Pair("japanese", testing::Lt(0.2))));
}

TEST(Slices, SeeLabelsThatGoWithALanguageOfOneScript) {
  Project project;
  change_all(project, [](task::Example& row) {
    row.texts[0] =
        (looks_red(row) ? "das ist nicht die Farbe, und ich " : "this is not what it was for, and ") + row.texts[0];
  });
  auto const audit = project.run();
  auto const* found = find(audit, "label-by-language");
  ASSERT_NE(found, nullptr);
  EXPECT_THAT(found->bars, testing::Contains(testing::Pair("latin-de", testing::Lt(0.2))));
}

TEST(Slices, SeeATestSetOfOtherLabels) {
  Project project;
  std::erase_if(project.rows(Split::Test), [](auto const& row) { return is_red(row) && row.line % 4 != 1; });
  auto const audit = project.run();
  auto const* found = find(audit, "test-differs");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->names.at(0), "label");
  EXPECT_GT(found->numbers.at("distance"), 0.15);
}

TEST(Slices, SeeNumbersThatGoWithAColumn) {
  Project project;
  auto const columns = column_of(project, "source", [](auto const& row) { return looks_red(row) ? "mail" : "chat"; });
  change_all(project, [](task::Example& row) {
    row.labels[0] = (is_red(row) ? 3.0 : 1.0) + 0.1 * static_cast<double>(row.line % 5);
  });
  project.corpus.tasks[0].type = TaskType::Regression;
  project.corpus.label_sets[0] = task::LabelSet();
  auto const audit = project.run(columns);
  auto const* found = find(audit, "label-by-column");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->names.at(0), "source");
  std::erase_if(project.rows(Split::Test), [](auto const& row) { return std::get<double>(row.labels[0]) > 2; });
  auto const shifted = project.run();
  ASSERT_NE(find(shifted, "test-differs"), nullptr) << "small numbers alone in test";
}

TEST(Slices, SeeOneLabelOfASetThatGoesWithAColumn) {
  Project project;
  auto const columns = column_of(project, "source", [](auto const& row) { return looks_red(row) ? "mail" : "chat"; });
  change_all(project, [](task::Example& row) {
    std::vector<std::string> labels;
    if (row.line % 3 == 0) labels.emplace_back("blue");
    if (is_red(row)) labels.emplace_back("red");
    row.labels[0] = labels;
  });
  project.corpus.tasks[0].type = TaskType::Multilabel;
  auto const audit = project.run(columns);
  EXPECT_THAT(kinds(audit), testing::Contains("label-by-column").Times(1));
  EXPECT_EQ(find(audit, "label-by-column")->names.at(1), "red");
}

TEST(Slices, SeeRightChoicesThatStandInOnePlaceInTestAlone) {
  Project project;
  project.become_choices();
  change_all(project, [](task::Example& row) {
    row.texts = {row.texts[0], fmt::format("thing {}", row.line), fmt::format("nothing {}", row.line)};
    row.labels[0] = task::Choice{row.file == 2 ? 0 : row.line % 2};
  });
  auto const audit = project.run();
  auto const* found = find(audit, "test-differs");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->bars.front().first, "choice 0 · train");
}

TEST(Slices, SayNothingOfAFewRowsThatFallTogether) {
  Project project;
  change_all(project, [](task::Example& row) {
    row.texts[0] = (row.file == 0 && row.line < 4 ? "van de het een niet " : "this is what it was for ") + row.texts[0];
    row.labels[0] = std::vector<std::string>{row.file == 0 && row.line % 300 == 1 ? "rare"
                                             : is_red(row)                        ? "red"
                                                                                  : "blue"};
  });
  project.corpus.tasks[0].type = TaskType::Multilabel;
  project.corpus.label_sets[0] = task::LabelSet({"blue", "rare", "red"});
  EXPECT_EQ(find(project.run(), "label-by-language"), nullptr) << "one of three rows, where 0.01 are to be expected";
}

TEST(Slices, SeeNumbersThatAColumnTellsWithoutFail) {
  Project project;
  auto const columns = column_of(project, "source", [](auto const& row) { return is_red(row) ? "mail" : "chat"; });
  change_all(project, [](task::Example& row) {
    row.labels[0] = (is_red(row) ? 3.0 : 1.0) + 0.1 * static_cast<double>(row.line % 5);
  });
  project.corpus.tasks[0].type = TaskType::Regression;
  project.corpus.label_sets[0] = task::LabelSet();
  EXPECT_NE(find(project.run(columns), "label-by-column"), nullptr);
}

TEST(Slices, TakeAColumnThatGroupsTheLabelsOfSetsForMeaning) {
  Project project;
  auto const columns = column_of(project, "domain", [](auto const& row) { return is_red(row) ? "warm" : "cold"; });
  change_all(project, [](task::Example& row) {
    row.labels[0] = std::vector<std::string>{(is_red(row) ? "red-" : "blue-") + std::to_string(row.line % 3)};
  });
  project.corpus.tasks[0].type = TaskType::Multilabel;
  project.corpus.label_sets[0] = task::LabelSet({"blue-0", "blue-1", "blue-2", "red-0", "red-1", "red-2"});
  EXPECT_EQ(find(project.run(columns), "label-by-column"), nullptr);
}

TEST(Slices, DoNotSayOfChoicesThatNoTaskReadsThem) {
  Project project;
  project.become_choices();
  auto const columns = column_of(project, "a", [](auto const& row) { return looks_red(row) ? "yes" : "no"; });
  change_all(project, [](task::Example& row) {
    row.labels[0] = task::Choice{is_red(row) ? 0U : 1U};
    row.texts = {row.texts[0], "yes", "no"};
  });
  EXPECT_EQ(find(project.run(columns), "label-by-column"), nullptr);
}

}  // namespace
}  // namespace polytask::audit
