// Questions about contexts, short and long, by the engine.
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "engine/answer_texts.h"
#include "engine/engine.h"
#include "engine/test_support.h"

namespace polytask::engine {
namespace {

namespace fs = std::filesystem;
using kernels::Precision;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kAsk = 8, kAskClosely = 9;  ///< heads of the sample package
constexpr std::size_t kSame = 3;

/// `n` words of a letter: a token each.
std::string letters(std::size_t n, std::size_t shift = 0) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) text += ' ';
    text += static_cast<char>('a' + (i * i + 7 * i + shift) % 26);
  }
  return text;
}

class Spans : public testing::Test {
 protected:
  static fs::path folder() { return fs::temp_directory_path() / ("polytask-spans-" + std::to_string(::getpid())); }
  static void SetUpTestSuite() {
    test_support::write_sample_package(folder() / "package", test_support::every_kind_of_head_and_spans());
  }
  static void TearDownTestSuite() { fs::remove_all(folder()); }
  [[nodiscard]] static Engine engine(Precision precision = Precision::Float32, int n_workers = 1) {
    return Engine::load(folder() / "package", {.precision = precision, .n_workers = n_workers});
  }
  static task::Example asked(std::string context, std::string question = "osaka lamp") {
    return {.texts = {std::move(question), std::move(context)}};
  }
};

TEST_F(Spans, ALongContextHasTheLogitsOfItsWindowsOneBehindTheOther) {
  // 64 tokens, three special and two of the question: room for 59, windows that begin 30, or 5, tokens apart.
  auto const model = engine();
  auto const context = letters(97);
  for (auto const& [head, begins] :
       {std::pair{kAsk, std::vector<std::size_t>{0, 30, 38}},
        std::pair{kAskClosely, std::vector<std::size_t>{0, 5, 10, 15, 20, 25, 30, 35, 38}}}) {
    std::vector<float> of_windows;
    for (auto const begin : begins) {
      auto const window = asked(context.substr(2 * begin, 2 * 59 - 1));
      auto const logits = model.logits(std::span(&window, 1), std::span(&head, 1))[0][0];
      EXPECT_EQ(logits.size(), 2u * 64);
      of_windows.insert(of_windows.end(), logits.begin(), logits.end());
    }
    auto const whole = asked(context);
    EXPECT_EQ(model.logits(std::span(&whole, 1), std::span(&head, 1))[0][0], of_windows);
  }
}

TEST_F(Spans, AnAnswerIsAPieceOfItsContextWhateverItsLength) {
  auto const model = engine();
  std::vector<task::Example> examples{
      asked(""),          asked("lamp"),          asked(letters(59)),
      asked(letters(60)), asked(letters(400, 3)), asked("日本の lamp は " + letters(200))};
  std::size_t n_answered = 0;
  for (auto const& [example, answer] : [&] {
         std::vector<std::pair<task::Example, Answer>> both;
         auto const answers = model.answer(examples, std::vector{kAsk});
         for (std::size_t i = 0; i < examples.size(); ++i) both.emplace_back(examples[i], answers[i]);
         return both;
       }()) {
    auto const& said = std::get<task::AnswerPrediction>(answer.predictions.at(0));
    EXPECT_EQ(answer.tokens_cut, 0u);
    EXPECT_EQ(said.best.has_value(), !example.texts[1].empty());
    if (!said.best) continue;
    EXPECT_EQ(example.texts[1].substr(said.best->begin, said.best->end - said.best->begin), said.best->text);
    EXPECT_EQ(said.answer.has_value(), said.null_difference <= 0.25);
    n_answered += said.answer.has_value();
  }
  EXPECT_GT(n_answered, 0u);
}

TEST_F(Spans, AreTheSameBitsInAnyCompanyOrderAndNumberOfWorkers) {
  std::vector<task::Example> examples;
  for (std::size_t n : {0U, 1U, 58U, 59U, 60U, 61U, 300U, 7U, 1'000U}) examples.push_back(asked(letters(n, n)));
  for (auto const precision : {Precision::Float32, Precision::BFloat16, Precision::Int8}) {
    auto const one = engine(precision), three = engine(precision, 3);
    auto const expected = one.logits(examples, std::vector{kAsk});
    EXPECT_EQ(three.logits(examples, std::vector{kAsk}), expected);
    auto turned = examples;
    std::reverse(turned.begin(), turned.end());
    auto found = three.logits(turned, std::vector{kAsk});
    std::reverse(found.begin(), found.end());
    EXPECT_EQ(found, expected);
    for (std::size_t i = 0; i < examples.size(); ++i)
      EXPECT_EQ(one.logits(std::span(&examples[i], 1), std::vector{kAsk})[0], expected[i]);
  }
}

TEST_F(Spans, AQuestionThatIsTooLongLosesItsEndAndSaysSo) {
  auto const model = engine();
  auto const cut = asked("lamp", letters(100));
  EXPECT_EQ(model.answer(std::span(&cut, 1), std::vector{kAsk})[0].tokens_cut, 70u) << "half of 61 is kept";
  auto const kept = asked("lamp", letters(30));
  EXPECT_EQ(model.logits(std::span(&cut, 1), std::vector{kAsk}), model.logits(std::span(&kept, 1), std::vector{kAsk}));
}

TEST_F(Spans, AContextOfMoreThanIsReadIsRefused) {
  auto const example = asked(std::string(kLongestInWindows, 'a'));
  EXPECT_THAT(why_unreadable_passage(example).value_or("none"), HasSubstr("4194314 bytes, 4194304 are the most"));
  EXPECT_EQ(why_unreadable_passage(asked("lamp")), std::nullopt);
  auto const model = engine();
  EXPECT_THROW((void)model.answer(std::span(&example, 1), std::vector{kAsk}), Error);
}

TEST_F(Spans, StandBesideTheOtherTasksOfAPairOfTexts) {
  auto const model = engine();
  std::vector<Texts> const rows{{"osaka lamp", letters(100)}, {"lamp", "osaka"}};
  auto const all = answer_texts(model, rows, {});
  std::vector<std::string> names;
  for (auto const& answer : all[0]) names.push_back(model.spec().heads[answer.head].task.name);
  EXPECT_THAT(names, ElementsAre("same", "near", "ask", "ask closely"));
  for (auto const& [name, head] : {std::pair{"same", kSame}, std::pair{"ask", kAsk}}) {
    auto const alone = answer_texts(model, rows, std::vector<std::string>{name});
    for (std::size_t row = 0; row < rows.size(); ++row) {
      auto const together =
          std::find_if(all[row].begin(), all[row].end(), [&](auto const& a) { return a.head == head; });
      EXPECT_EQ(answers_json(model.spec(), alone[row], rows[row]).dump(),
                answers_json(model.spec(), std::span(&*together, 1), rows[row]).dump());
    }
  }
}

}  // namespace
}  // namespace polytask::engine
