#include "cli/pretrain_recipe.h"

#include <gmock/gmock.h>

#include "cli/project_file.h"

namespace polytask::cli {
namespace {
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

PretrainRecipe parse(std::string const& yaml, std::vector<std::string> const& overrides = {}) {
  return parse_recipe(yaml, "recipe.yaml", "corpora", overrides);
}

std::string problems_of(std::string const& yaml) {
  try {
    (void)parse(yaml);
  } catch (ProjectProblems const& found) {
    std::string all;
    for (auto const& problem : found.problems) all += problem.where + ": " + problem.message + "\n";
    return all;
  }
  return "none";
}

TEST(PretrainRecipe, FilesStartFromTheDataFolder) {
  auto const recipe = parse(
      "texts:\n  books: {files: [a.txt, b.txt.gz], unit: sentence, share: 2, teach: true, licence: CC0}\n"
      "encoder: {layers: 3, hidden_size: 192, heads: 6}\nteacher: {folder: mini, vectors: 2}\nstored: f16\n");
  ASSERT_EQ(recipe.sources.size(), 1);
  EXPECT_THAT(recipe.sources[0].files, ElementsAre("corpora/a.txt", "corpora/b.txt.gz"));
  EXPECT_EQ(recipe.sources[0].unit, data::TextUnit::Sentence);
  EXPECT_TRUE(recipe.sources[0].teach);
  EXPECT_EQ(recipe.config.shape.hidden_size, 192);
  EXPECT_EQ(recipe.config.distillation.teacher, "corpora/mini");
  EXPECT_DOUBLE_EQ(recipe.config.distillation.vectors, 2);
  EXPECT_EQ(recipe.config.stored, "f16");
}

TEST(PretrainRecipe, OverridesReachEveryKey) {
  auto const recipe = parse("train: {epochs: 1}", {"train.epochs=2.5", "vocabulary.size=9000"});
  EXPECT_DOUBLE_EQ(recipe.config.epochs, 2.5);
  EXPECT_EQ(recipe.config.vocabulary.size, 9'000);
  EXPECT_DOUBLE_EQ(parse("", {"train.epochs=2.5"}).config.epochs, 2.5) << "without a file too";
}

TEST(PretrainRecipe, MistakesHaveTheirLinesAndWhatToDo) {
  EXPECT_THAT(problems_of("texts:\n  a: {unit: words}\nencoder: {layer: 3}\ntrain:\n  epochs: -1\n"),
              AllOf(HasSubstr("recipe.yaml:2: \"texts.a.unit\" is \"words\"; expected document, line, sentence"),
                    HasSubstr("has no \"files\""), HasSubstr("\"layer\" is not a key of \"encoder\""),
                    HasSubstr("recipe.yaml:5: train.epochs is -1")));
  EXPECT_THAT(problems_of("text: 3\n"), HasSubstr("\"text\" is not a key of the recipe"));
}

TEST(PretrainRecipe, IsCheckedWithTheEncoderThatTheCommandLineNames) {
  EXPECT_THAT(problems_of("vocabulary: {add: 100}"), HasSubstr("raise vocabulary.size"));
  auto const recipe = parse_recipe("vocabulary: {add: 100}", "recipe.yaml", ".", {}, {.from = "mini"});
  EXPECT_EQ(recipe.config.from, "mini");
}

TEST(PretrainRecipe, TheEffectiveRecipeWritesDefaultsOut) {
  auto const json = effective_recipe(parse("train: {learning_rate: 0.01}"));
  EXPECT_DOUBLE_EQ(json["train"]["learning_rate"].get<double>(), 0.01);
  EXPECT_EQ(json["masking"]["rate"].get<double>(), 0.15);
  EXPECT_EQ(json["encoder"]["layers"].get<int>(), 4);
}

}  // namespace
}  // namespace polytask::cli
