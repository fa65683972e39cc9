#include "nn/text_selection.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

namespace polytask::nn {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

/// Texts of 3, 1 and 4 tokens; the first and the last are pairs.
PackedTexts three_texts() { return {.offsets = {0, 3, 4, 8}, .second_text = {2, 4, 5}}; }

TEST(TextSelection, LaysTheChosenTextsOneAfterAnother) {
  TextSelection const selection(three_texts(), {true, false, true});
  EXPECT_THAT(selection.offsets(), ElementsAre(0, 3, 7));
  EXPECT_THAT(selection.second_text(), ElementsAre(2, 4));
  EXPECT_THAT(selection.texts({2, 0, 2}), ElementsAre(1, 0, 1));
  EXPECT_THAT(selection.tokens({7, 4, 0}), ElementsAre(6, 3, 0));
  auto const states = torch::arange(16).view({8, 2});
  EXPECT_TRUE(torch::equal(selection.of(states), torch::cat({states.slice(0, 0, 3), states.slice(0, 4, 8)})));
}

TEST(TextSelection, OfAllTextsIsTheBatchItselfAndNotACopy) {
  TextSelection const selection(three_texts(), {true, true, true});
  EXPECT_THAT(selection.offsets(), ElementsAre(0, 3, 4, 8));
  EXPECT_THAT(selection.tokens({3, 7}), ElementsAre(3, 7));
  auto const states = torch::zeros({8, 2});
  EXPECT_EQ(selection.of(states).data_ptr(), states.data_ptr());
}

TEST(TextSelection, KeepsTheSequencesInsideItsTexts) {
  auto texts = three_texts();
  texts.sequences = {0, 2, 3, 4, 5, 8};
  EXPECT_THAT(TextSelection(texts, {true, false, true}).sequences(), ElementsAre(0, 2, 3, 4, 7));
  EXPECT_THAT(TextSelection(texts, {false, true, true}).sequences(), ElementsAre(0, 1, 2, 5));
  EXPECT_THAT(TextSelection(three_texts(), {true, false, true}).sequences(), ElementsAre(0, 3, 7));
}

TEST(TextSelection, OfSingleTextsKnowsNoSecondOnes) {
  TextSelection const selection({.offsets = {0, 3, 4}}, {false, true});
  EXPECT_THAT(selection.offsets(), ElementsAre(0, 1));
  EXPECT_THAT(selection.second_text(), IsEmpty());
}

TEST(TextSelection, GradientsGoBackToTheTokensThatWereChosen) {
  auto const states = torch::ones({8, 2}, torch::requires_grad());
  TextSelection(three_texts(), {false, true, true}).of(states).sum().backward();
  EXPECT_TRUE(torch::equal(states.grad(), torch::cat({torch::zeros({3, 2}), torch::ones({5, 2})})));
}

}  // namespace
}  // namespace polytask::nn
