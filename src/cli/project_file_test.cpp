#include "cli/project_file.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace polytask::cli {
namespace {
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char const* kSmall = R"(
datasets:
  tickets: {train: tickets.jsonl}
tasks:
  intent: {type: classification, dataset: tickets, text: body, label: intent}
)";

Project parse(std::string const& yaml, std::vector<std::string> const& overrides = {}) {
  return parse_project(yaml, "folder/polytask.yaml", overrides);
}

/// "place: message" of every mistake.
std::vector<std::string> mistakes(std::string const& yaml, std::vector<std::string> const& overrides = {}) {
  std::vector<std::string> all;
  try {
    (void)parse(yaml, overrides);
  } catch (ProjectProblems const& error) {
    EXPECT_EQ(exit_code(error.code()), 2);
    for (auto const& problem : error.problems) all.push_back(problem.where + ": " + problem.message);
  }
  return all;
}

TEST(Project, HasDefaultsForEverythingThatIsNotSaid) {
  auto const project = parse(kSmall);
  EXPECT_EQ(project.name, "project");
  EXPECT_EQ(project.folder, "folder");
  EXPECT_EQ(project.seed, 1u);
  EXPECT_FALSE(project.encoder);
  ASSERT_THAT(project.datasets, SizeIs(1));
  EXPECT_EQ(project.datasets[0].files.at(data::Split::Train),
            std::vector<std::filesystem::path>{"folder/tickets.jsonl"});
  EXPECT_FALSE(project.datasets[0].split);
  ASSERT_THAT(project.tasks, SizeIs(1));
  EXPECT_EQ(project.tasks[0].metric, "accuracy");
  EXPECT_EQ(project.tasks[0].loss_weight, 1.0);
  EXPECT_EQ(effective_configuration(project, {})["train"], effective_configuration({}, {})["train"]);
}

TEST(Project, TakesOneWordForAListOfOne) {
  auto const project = parse(
      R"({datasets: {d: {train: [a.csv, b.csv], columns: [x, y]}}, tasks: {same: {type: classification, dataset: [d], text: [x, y], label: z, labels: [1, 0]}}})");
  EXPECT_THAT(project.datasets[0].files.at(data::Split::Train), SizeIs(2));
  EXPECT_THAT(project.datasets[0].columns, ElementsAre("x", "y"));
  EXPECT_THAT(project.tasks[0].text, ElementsAre("x", "y"));
  EXPECT_THAT(project.tasks[0].labels, ElementsAre("1", "0"));
}

TEST(Project, KeepsTasksThatLearnHiddenWordsApartFromThoseThatAnswer) {
  auto const text = std::string(kSmall) + "  words: {type: mlm, dataset: tickets, text: [body], share: 0.5}\n";
  auto const project = parse(text);
  ASSERT_THAT(project.tasks, SizeIs(1));
  ASSERT_THAT(project.train.hidden_words, SizeIs(1));
  auto const& words = project.train.hidden_words[0];
  EXPECT_EQ(words.texts.name, "words");
  EXPECT_THAT(words.texts.text, ElementsAre("body"));
  EXPECT_EQ(words.share, 0.5);
  EXPECT_EQ(effective_configuration(project, {})["hidden_words"]["words"]["share"], 0.5);
  EXPECT_THAT(only_tasks(project, {project.tasks[0].name}).train.hidden_words, IsEmpty());
  EXPECT_THROW((void)only_tasks(project, {"words"}), Error) << "nothing would be learnt for an answer";
}

TEST(Project, RefusesHiddenWordsThatCannotBeLearnt) {
  EXPECT_THAT(mistakes(std::string(kSmall) + "  words: {type: mlm, dataset: tickets, text: body, label: y}\n"),
              ElementsAre(HasSubstr("\"label\"")));
  EXPECT_THAT(mistakes(std::string(kSmall) + "  words: {type: mlm, dataset: tickts, text: body, share: 0}\n"),
              testing::UnorderedElementsAre(HasSubstr("tickts"), HasSubstr("share")));
  EXPECT_THAT(mistakes("datasets: {d: {train: a.jsonl}}\ntasks: {words: {type: mlm, dataset: d, text: body}}\n"),
              ElementsAre(HasSubstr("polytask pretrain")));
  EXPECT_THAT(mistakes(std::string(kSmall) + "  words: {type: mlm, dataset: tickets, text: body}\n"
                                             "train: {selection: {weights: {words: 1}}}\n"),
              ElementsAre(HasSubstr("tasks.words.share")));
  EXPECT_THAT(mistakes(std::string(kSmall) + "  words: {type: mlm2, dataset: tickets, text: body, label: y}\n"),
              ElementsAre(HasSubstr("did you mean \"mlm\"")));
}

TEST(Project, NamesTheNearestKeyWithItsLine) {
  EXPECT_THAT(mistakes(std::string(kSmall) + "train: {epoch: 3}\n"),
              ElementsAre(testing::AllOf(testing::StartsWith("folder/polytask.yaml:6: "), HasSubstr("\"epoch\""),
                                         HasSubstr("did you mean \"epochs\"?"))));
}

TEST(Project, TakesAWordWhereANumberMayStand) {
  auto const with = [](std::string const& value) {
    return std::string(kSmall) + "encoder: models/any\ntrain: {frozen_layers: 1, private_layers: " + value + "}\n";
  };
  EXPECT_TRUE(parse(with("auto")).train.chooses_private_layers);
  EXPECT_EQ(parse(with("2")).train.private_layers, 2);
  EXPECT_FALSE(parse(with("2")).train.chooses_private_layers);
  EXPECT_THAT(mistakes(with("Auto")),
              ElementsAre(AllOf(HasSubstr("expected a whole number or auto"), HasSubstr("did you mean \"auto\"?"))));
  EXPECT_THAT(mistakes(with("1.5")), ElementsAre(HasSubstr("expected a whole number or auto")));
}

TEST(Project, NamesEveryMistakeAtOnce) {
  auto const found = mistakes(R"(
datasets:
  tickets: {trian: tickets.jsonl}
tasks:
  intent: {type: clasification, dataset: tickets, text: body, label: intent}
  urgency: {type: regression, dataset: ticket, text: [a, b, c], label: urgency, metric: accuracy}
  topics: {type: multilabel, dataset: tickets, text: body}
  products: {type: tagging, dataset: tickets, text: body}
  places: {type: tagging, dataset: tickets, text: body, label: places, spans: places}
  near: {type: regression, dataset: tickets, text: body, label: near, pair_encoding: bi}
  far: {type: regression, dataset: tickets, text: [a, b], label: far, pair_encoding: both}
train: {epochs: many, learning_rate: -1}
seed: x
colour: red
)");
  for (auto const* part :
       {"did you mean \"train\"?", "did you mean \"classification\"?", "did you mean \"tickets\"?",
        "one column, or two for a pair", "pearson, spearman for regression", "name the column that holds its label",
        "name the column that holds its spans", "no label for tagging", "belongs to tasks on a pair",
        "far.pair_encoding\" is \"both\"; expected cross, bi", "train.epochs", "learning_rate", "\"seed\"",
        "\"colour\""})
    EXPECT_THAT(found, Contains(HasSubstr(part)));
}

TEST(Project, RefusesTaskNamesThatATerminalWouldActOn) {
  EXPECT_THAT(
      mistakes("datasets: {d: {train: d.jsonl}}\ntasks:\n  \"\\e[2Ja\": {type: classification, dataset: d, text: "
               "body, label: l}\n"),
      ElementsAre(AllOf(HasSubstr("polytask.yaml:3: "), HasSubstr("\\x1b[2Ja"), HasSubstr("control characters"))));
}

TEST(Project, NamesMistakesInTheOrderOfTheLinesAndTheirWrongShares) {
  auto const found = mistakes(R"(colour: red
datasets:
  tickets: {train: tickets.jsonl, split: {dev: 0.1, test: 0.95}}
tasks:
  intent: {type: clasification, dataset: tickets, text: body, label: intent}
seed: x
)");
  EXPECT_THAT(found, ElementsAre(HasSubstr("polytask.yaml:1: "), HasSubstr("takes 0.1 for dev and 0.95 for test"),
                                 HasSubstr("polytask.yaml:5: "), HasSubstr("polytask.yaml:6: ")));
}

TEST(Project, RefusesWhatIsNoYamlOrTooMuchOfIt) {
  EXPECT_THAT(mistakes("a: [1"), ElementsAre(HasSubstr("is not valid YAML")));
  EXPECT_THAT(mistakes("a: \xff"), ElementsAre(HasSubstr("is not UTF-8")));
  EXPECT_THAT(mistakes(std::string(kSmall) + "---\n" + kSmall),
              ElementsAre(HasSubstr("a second document begins here")));
  EXPECT_THAT(mistakes(std::string(5000, '[') + std::string(5000, ']')), ElementsAre(HasSubstr("nested too deeply")));
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += (k == 0 ? "*a" : ", *a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(mistakes(bomb), ElementsAre(HasSubstr("has more than 100000 values")));
  EXPECT_THAT(mistakes(""), Contains(HasSubstr("describe at least one")));
}

TEST(Overrides, SetValuesAndAreCheckedAsTheFileIs) {
  auto const project = parse(kSmall, {"train.epochs=3", "datasets.tickets.split={dev: 0.2}", "train.scratch.layers=1"});
  EXPECT_EQ(project.train.epochs, 3);
  EXPECT_EQ(project.datasets[0].split->dev, 0.2);
  EXPECT_EQ(project.train.scratch.layers, 1);
  EXPECT_THAT(mistakes(kSmall, {"train.epoch=3"}),
              ElementsAre(AllOf(HasSubstr("polytask.yaml with --set: "), HasSubstr("did you mean \"epochs\"?"))));
  EXPECT_THAT(mistakes(kSmall, {"epochs"}), ElementsAre(HasSubstr("expected key=value")));
  EXPECT_THAT(mistakes(kSmall, {"tasks.intent.type.x=1"}), ElementsAre(HasSubstr("is a value, it has no keys")));
}

TEST(OnlyTasks, KeepsTheNamedOnesAndNamesTheNearest) {
  auto const project = parse(kSmall);
  EXPECT_THAT(only_tasks(project, {"intent"}).tasks, SizeIs(1));
  try {
    (void)only_tasks(project, {"intnt"});
    FAIL();
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean \"intent\"?"));
  }
}

}  // namespace
}  // namespace polytask::cli
