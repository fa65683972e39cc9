#include "engine/answer_texts.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "engine/questions.h"
#include "engine/test_support.h"

namespace polytask::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class AnswerTexts : public testing::Test {
 protected:
  static void SetUpTestSuite() { test_support::write_sample_package(folder() / "package"); }
  static test_support::TemporaryFolder const& folder() {
    static test_support::TemporaryFolder const made;
    return made;
  }

  [[nodiscard]] std::vector<std::string> json_of(std::vector<Texts> const& rows,
                                                 std::vector<std::string> const& asked = {}) const {
    std::vector<std::string> lines;
    auto const answers = answer_texts(engine_, rows, asked);
    for (std::size_t i = 0; i < rows.size(); ++i)
      lines.push_back(answers_json(engine_.spec(), answers[i], rows[i]).dump());
    return lines;
  }
  [[nodiscard]] std::string error_of(std::vector<Texts> const& rows, std::vector<std::string> const& asked = {}) const {
    try {
      (void)answer_texts(engine_, rows, asked);
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::InvalidUsage);
      return error.what();
    }
    return "no error";
  }
  [[nodiscard]] std::vector<std::string> names(std::vector<TaskAnswer> const& answers) const {
    std::vector<std::string> found;
    for (auto const& answer : answers) found.push_back(engine_.spec().heads[answer.head].task.name);
    return found;
  }

  Engine const engine_ = Engine::load(folder() / "package", {.n_workers = 2});
};

TEST_F(AnswerTexts, AnswersWithEveryTaskThatReadsSoManyTexts) {
  std::vector<Texts> const one{{"please find the lamp"}};
  EXPECT_THAT(names(answer_texts(engine_, one, {})[0]),
              ElementsAre("intent", "urgency", "topics", "products", "title kind", "places"))
      << "as predict prints them: question by question";
  std::vector<Texts> const pair{{"please find the lamp", "the lamp"}};
  EXPECT_THAT(names(answer_texts(engine_, pair, {})[0]), ElementsAre("same", "near"));
}

TEST_F(AnswerTexts, AnswersAsTheEngineDoesQuestionByQuestion) {
  Texts const row{"please find the grey lamp in osaka"};
  auto const answers = answer_texts(engine_, std::span(&row, 1), {});
  std::size_t n_compared = 0;
  for (auto const& question : questions_of(engine_.spec(), {})) {
    if (question.columns().size() != 1) continue;
    task::Example example{.texts = row};
    if (question.reads_words()) example.words = words_of(row[0]);
    auto const expected = engine_.predict(std::span(&example, 1), question.heads);
    for (std::size_t i = 0; i < question.heads.size(); ++i, ++n_compared) {
      TaskAnswer const one{question.heads[i], expected[0][i]};
      ASSERT_EQ(answers[0][n_compared].head, one.head);
      EXPECT_EQ(answers_json(engine_.spec(), std::span(&answers[0][n_compared], 1), row),
                answers_json(engine_.spec(), std::span(&one, 1), row));
    }
  }
  EXPECT_EQ(n_compared, 6u);
}

TEST_F(AnswerTexts, AnswersARowTheSameAloneAndAmongOthers) {
  std::vector<Texts> const rows{{"please"}, {""}, {"a grey lamp"}, {"osaka \xe6\x97\xa5 lamp"}};
  auto const together = json_of(rows);
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(json_of({rows[i]})[0], together[i]);
  EXPECT_NE(together[0], together[2]);
  EXPECT_TRUE(json_of({}).empty());
}

TEST_F(AnswerTexts, AnswersTheNamedTasksAloneAsAmongAll) {
  std::vector<Texts> const rows{{"please find the lamp"}};
  auto const all = OrderedJson::parse(json_of(rows)[0]);
  auto const some = OrderedJson::parse(json_of(rows, {"places", "intent"})[0]);
  ASSERT_EQ(some.size(), 2u);
  EXPECT_EQ(some["places"], all["places"]);
  EXPECT_EQ(some["intent"], all["intent"]);
}

TEST_F(AnswerTexts, SaysWhatDoesNotFit) {
  EXPECT_THAT(error_of({{"x"}}, {"intend"}), HasSubstr("no task \"intend\"; did you mean \"intent\"?"));
  EXPECT_EQ(error_of({{"x"}}, {"intent", "same"}),
            "task \"same\" reads a pair of texts (\"left\" and \"right\"), and was asked about one text");
  EXPECT_EQ(error_of({{"x", "y"}}, {"places"}),
            "task \"places\" reads one text (\"text\"), and was asked about a pair of texts");
  EXPECT_THAT(error_of({{"x"}, {"x", "y"}}), HasSubstr("different numbers of texts"));
  EXPECT_THAT(error_of({Texts{}}), HasSubstr("expected one each, two each, or a text and its choices each"));
}

TEST(AnswerTextsOfOtherModels, IsRefusedWhereNoTaskReadsSoMany) {
  test_support::TemporaryFolder const folder;
  test_support::write_sample_package(
      folder / "package", {test_support::head_of("intent", task::TaskType::Classification, {"a", "b"}, {"body"})});
  auto const engine = Engine::load(folder / "package", {});
  std::vector<Texts> const pair{{"x", "y"}};
  EXPECT_THAT([&] { (void)answer_texts(engine, pair, {}); },
              testing::ThrowsMessage<Error>("no task of the model reads a pair of texts; expected one text"));
}

TEST(AnswerTextsOfOtherModels, IsRefusedWhereTasksReadAPairInTwoOrders) {
  using task::TaskType;
  test_support::TemporaryFolder const folder;
  test_support::write_sample_package(
      folder / "package", {test_support::head_of("forward", TaskType::Classification, {"a", "b"}, {"left", "right"}),
                           test_support::head_of("backward", TaskType::Classification, {"a", "b"}, {"right", "left"})});
  auto const engine = Engine::load(folder / "package", {});
  std::vector<Texts> const pair{{"x", "y"}};
  EXPECT_THAT([&] { (void)answer_texts(engine, pair, {}); },
              testing::ThrowsMessage<Error>(HasSubstr("the tasks do not agree which text is \"right\"")));
  std::vector<std::string> const backward{"backward"};
  EXPECT_EQ(answer_texts(engine, pair, backward)[0].size(), 1u);
}

}  // namespace
}  // namespace polytask::engine
