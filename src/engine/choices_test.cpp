// Choices of a row, by the engine.
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "base/error.h"
#include "engine/answer_json.h"
#include "engine/answer_texts.h"
#include "engine/engine.h"
#include "engine/questions.h"
#include "engine/test_support.h"

namespace polytask::engine {
namespace {

namespace fs = std::filesystem;
using kernels::Precision;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::size_t kPick = 10, kPickCalmly = 11;  ///< heads of the sample package

class Choices : public testing::Test {
 protected:
  static fs::path folder() { return fs::temp_directory_path() / ("polytask-choices-" + std::to_string(::getpid())); }
  static void SetUpTestSuite() {
    test_support::write_sample_package(folder() / "package", test_support::every_kind_of_head_and_choices());
  }
  static void TearDownTestSuite() { fs::remove_all(folder()); }
  [[nodiscard]] static Engine engine(Precision precision = Precision::Float32, int n_workers = 1) {
    return Engine::load(folder() / "package", {.precision = precision, .n_workers = n_workers});
  }
  /// A question with `n` choices.
  static task::Example asked(std::size_t n, std::string question = "where is the lamp") {
    task::Example example{.texts = {std::move(question)}};
    for (std::size_t i = 0; i < n; ++i)
      example.texts.push_back("osaka " + std::string(i % 9 + 1, 'a') + std::to_string(i));
    return example;
  }
  static task::ChoicePrediction chosen(Engine const& model, task::Example const& example, std::size_t head = kPick) {
    return std::get<task::ChoicePrediction>(model.predict({&example, 1}, {&head, 1})[0][0]);
  }
};

TEST_F(Choices, HaveALogitEachAndProbabilitiesThatAddUpToOne) {
  auto const model = engine();
  for (std::size_t const n : {2U, 3U, 5U, 64U}) {
    auto const example = asked(n);
    EXPECT_THAT(model.logits({&example, 1}, std::vector{kPick})[0][0], SizeIs(n));
    auto const answer = chosen(model, example);
    EXPECT_THAT(answer.scores, SizeIs(n));
    EXPECT_NEAR(std::accumulate(answer.scores.begin(), answer.scores.end(), 0.0), 1, 1e-5);
    EXPECT_EQ(answer.choice, static_cast<std::size_t>(std::max_element(answer.scores.begin(), answer.scores.end()) -
                                                      answer.scores.begin()));
  }
}

TEST_F(Choices, DoNotKnowTheirPlaceNorOneAnother) {
  auto const model = engine();
  auto const example = asked(6);
  auto const logits = model.logits({&example, 1}, std::vector{kPick})[0][0];
  auto turned = example;
  std::reverse(turned.texts.begin() + 1, turned.texts.end());
  auto of_turned = model.logits({&turned, 1}, std::vector{kPick})[0][0];
  std::reverse(of_turned.begin(), of_turned.end());
  EXPECT_EQ(of_turned, logits);
  auto fewer = example;
  fewer.texts.resize(4);
  EXPECT_EQ(model.logits({&fewer, 1}, std::vector{kPick})[0][0], std::vector(logits.begin(), logits.begin() + 3));
}

TEST_F(Choices, AreTheSameBitsInAnyCompanyOrderAndNumberOfWorkers) {
  std::vector<task::Example> examples;
  for (std::size_t n : {2U, 64U, 3U, 7U, 2U, 30U}) examples.push_back(asked(n, "lamp " + std::string(3 * n, 'o')));
  auto const both = std::vector{kPick, kPickCalmly};
  for (auto const precision : {Precision::Float32, Precision::BFloat16, Precision::Int8}) {
    auto const one = engine(precision), three = engine(precision, 3);
    auto const expected = one.logits(examples, both);
    EXPECT_EQ(three.logits(examples, both), expected);
    auto turned = examples;
    std::reverse(turned.begin(), turned.end());
    auto found = three.logits(turned, both);
    std::reverse(found.begin(), found.end());
    EXPECT_EQ(found, expected);
    for (std::size_t i = 0; i < examples.size(); ++i)
      EXPECT_EQ(one.logits({&examples[i], 1}, both)[0], expected[i]) << i;
  }
}

TEST_F(Choices, AreLessSureAtAHigherTemperature) {
  auto const model = engine();
  auto const example = asked(5);
  auto const logits = model.logits({&example, 1}, std::vector{kPickCalmly})[0][0];
  auto const answer = chosen(model, example, kPickCalmly);
  double sum = 0;
  for (auto const logit : logits) sum += std::exp(static_cast<double>(logit) / 2.5);
  for (std::size_t i = 0; i < logits.size(); ++i)
    EXPECT_NEAR(answer.scores[i], std::exp(static_cast<double>(logits[i]) / 2.5) / sum, 1e-5);
}

TEST_F(Choices, ThatAreTooLongAreCutAndSaySo) {
  auto const model = engine();
  auto example = asked(2);
  example.texts[0] = std::string(100, 'a');  // a token a letter: 64 fit, three of them special
  example.texts[1] = "b";
  example.texts[2] = "b c";
  EXPECT_EQ(model.answer({&example, 1}, std::vector{kPick})[0].tokens_cut, 41u);
  EXPECT_EQ(model.n_tokens(example, std::vector{kPick}), 128u);
}

TEST_F(Choices, AreAnsweredWithNumberTextAndEveryScore) {
  task::ChoicePrediction const answer{1, {0.25F, 0.75F}};
  std::vector<std::string> const texts{"where", "lamp", "大阪"};
  EXPECT_EQ(answer_json({}, answer, texts).dump(), R"({"choice":1,"text":"大阪","score":0.75,"scores":[0.25,0.75]})");
}

TEST_F(Choices, OfRowsOfDifferentNumbersAreAskedTogether) {
  auto const model = engine();
  std::vector<Texts> const rows{{"where", "lamp", "osaka"}, {"who", "a", "b", "c", "d"}};
  auto const all = answer_texts(model, rows, {});
  ASSERT_THAT(all, SizeIs(2));
  std::vector<std::string> names;
  for (auto const& answer : all[1]) names.push_back(model.spec().heads[answer.head].task.name);
  EXPECT_THAT(names, ElementsAre("pick", "pick calmly")) << "no task over one text or a pair answers";
  for (std::size_t row = 0; row < rows.size(); ++row) {
    auto const alone = answer_texts(model, std::span(rows).subspan(row, 1), {});
    EXPECT_EQ(answers_json(model.spec(), alone[0], rows[row]).dump(),
              answers_json(model.spec(), all[row], rows[row]).dump());
  }
}

TEST_F(Choices, OfAnotherNumberThanATaskReadsAreRefused) {
  auto const model = engine();
  auto const reason = [&](std::vector<Texts> const& rows, std::vector<std::string> const& asked) {
    try {
      (void)answer_texts(model, rows, asked);
      return std::string("no error");
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::InvalidUsage);
      return std::string(error.what());
    }
  };
  EXPECT_THAT(
      reason({{"where", "lamp"}}, {"pick"}),
      HasSubstr("task \"pick\" reads a text and its choices (\"question\" and \"choices\"), and was asked about "
                "a pair of texts"));
  EXPECT_THAT(reason({{"where", "lamp", "osaka"}}, {"intent"}), HasSubstr("was asked about a text and its choices"));
  EXPECT_THAT(reason({{"where", "lamp", "osaka"}, {"where", "lamp"}}, {}), HasSubstr("different numbers of texts"));
  EXPECT_THAT(reason({Texts(66, "a")}, {}), HasSubstr("a row holds a text and 65 choices; expected 2 to 64"));
}

TEST(ChoiceQuestions, ReadATextAndTheColumnsOfTheirChoices) {
  model::ModelSpec spec{.heads = test_support::every_kind_of_head_and_choices()};
  auto const questions = questions_of(spec, std::vector<std::string>{"pick", "pick calmly"});
  ASSERT_THAT(questions, SizeIs(2)) << "other columns are another question";
  EXPECT_THAT(questions[0].columns(), ElementsAre("question", "choices"));
  EXPECT_THAT(questions[1].columns(), ElementsAre("question", "a", "b", "c"));
  for (auto const& [n, takes] :
       std::vector<std::pair<std::size_t, bool>>{{1, false}, {2, false}, {3, true}, {65, true}, {66, false}})
    EXPECT_EQ(questions[1].takes(n), takes) << n;
}

}  // namespace
}  // namespace polytask::engine
