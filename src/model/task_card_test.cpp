#include "model/task_card.h"

#include <gmock/gmock.h>

#include "model/test_support.h"

namespace polytask::model {
namespace {

using test_support::head_of;
using test_support::intent;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(TaskCard, SaysWhatTheTaskAnswersHowWellAndFromWhat) {
  auto head = intent();
  head.task.owner = "Mika";
  head.temperature = 1.25;
  EXPECT_EQ(card_text(head, {.run = "first",
                             .data = {{"tickets", "0123"}},
                             .score = TaskScore{.metric = "macro_f1",
                                                .value = 0.91234,
                                                .interval = {{0.87, 0.94}},
                                                .n = 72,
                                                .split = "test"}}),
            R"(# intent

One of 3 labels for a text (body).

Owner: Mika

## Labels

a, b, c

## Score

macro\_f1 0.9123, 95 % interval 0.8700 to 0.9400, on 72 rows of test.
Probabilities are calibrated on dev, with the temperature 1.250.

## Data

- tickets, SHA-256 0123

## Limits

- It answers on the encoder of this package alone, and sees of a text what model.json's max_length lets it see.
- The score is of rows like those it learned from; of other texts it says nothing.
- It knows no other labels than these.
- A text that fits no label gets one all the same.
)");
}

TEST(TaskCard, SaysOfASpanHowLongItsAnswersAreAndWhetherThereCanBeNone) {
  auto head = head_of("ask", task::TaskType::Span, {});
  head.task.text = {"question", "context"};
  EXPECT_THAT(card_text(head, {}),
              AllOf(HasSubstr("answers a question (question, context), of at most 30 tokens; there "
                              "always is one."),
                    HasSubstr("a context of any length, in windows"), Not(HasSubstr("Labels"))));
  head.null_threshold = -1.5;
  EXPECT_THAT(card_text(head, {}), AllOf(HasSubstr("or that there is none."), HasSubstr("by more than -1.500")));
}

TEST(TaskCard, SaysOfMultipleChoiceWhatStandsBesideTheText) {
  auto head = head_of("pick", task::TaskType::MultipleChoice, {});
  head.task.text = {"question"};
  head.task.choices = {"a", "b"};
  EXPECT_THAT(card_text(head, {}),
              AllOf(HasSubstr("One of the choices (a, b) that stand beside a text (question), whatever their number."),
                    HasSubstr("Where no choice is right it gives one all the same."), Not(HasSubstr("Labels"))));
}

TEST(TaskCard, SaysWhatIsNotKnown) {
  EXPECT_THAT(card_text(intent(), {}),
              AllOf(HasSubstr("It is not known how good its answers are"),
                    HasSubstr("It is not known what it learned from"), Not(HasSubstr("Owner"))));
  EXPECT_THAT(card_text(intent(), {.score = TaskScore{.metric = "pearson", .n = 2, .split = "dev"}}),
              HasSubstr("pearson is not defined on the 2 rows of dev"));
}

TEST(TaskCard, SaysWhatIsComputedInAndWhatThatCosts) {
  PrecisionPlan plan{.precision = "int8",
                     .higher = {{"encoder.layer.0.output", "bf16"}},
                     .losses = {{"intent",
                                 {.metric = "macro_f1",
                                  .exact = 0.9,
                                  .now = 0.895,
                                  .difference_interval = {-0.01, 0.002},
                                  .n = 200,
                                  .split = "dev"}}}};
  EXPECT_THAT(card_text(intent(), {}, plan), HasSubstr(R"(

## Precision

Products are computed in int8, in 1 layer group more exactly.
On 200 rows of dev its macro\_f1 is 0.8950 so, and 0.9000 in f32: a difference of -0.0050, 95 % interval -0.0100 to +0.0020.

## Data
)"));
  plan.higher.clear();
  EXPECT_THAT(card_text(test_support::things(), {}, plan),
              HasSubstr("Products are computed in int8.\nWhat that costs this task was not measured.\n"));
  EXPECT_THAT(card_text(intent(), {}), Not(HasSubstr("Precision")));
}

TEST(TaskCard, DescribesEveryType) {
  auto topics = head_of("topics", task::TaskType::Multilabel, {"x", "y"});
  EXPECT_THAT(card_text(topics, {}),
              HasSubstr("Any number of 2 labels for a text (body): those of probability 0.5 or more"));
  auto near = head_of("near", task::TaskType::Regression, {});
  near.task.text = {"left", "right"};
  EXPECT_THAT(card_text(near, {}),
              AllOf(HasSubstr("A number for a pair of texts (left, right)."), Not(HasSubstr("## Labels"))));
  EXPECT_THAT(card_text(test_support::things(), {}), HasSubstr("Spans in the words of a text (body), of 1 kind."));
}

TEST(TaskCard, KeepsNamesFromBeingMarkup) {
  EXPECT_THAT(card_text(head_of("<b>\n# [x](y)", task::TaskType::Classification, {"a|b", "*"}), {}),
              AllOf(testing::StartsWith("# \\<b\\> \\# \\[x\\](y)\n"), HasSubstr("a\\|b, \\*")));
}

}  // namespace
}  // namespace polytask::model
