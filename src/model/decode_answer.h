// The outputs of a span head over the windows of a context -> the piece that answers, or nothing.
// Method: Devlin et al. 2019, arXiv:1810.04805, sections 4.2 and 4.3: a piece from token i to token j scores S.T_i +
// E.T_j, "no answer" scores S.C + E.C at the first token, and it is the answer where it exceeds the best piece by more
// than a threshold that dev fits. Over windows, as their run_squad.py: the best piece of all, and of "no answer" the
// lowest score of all. Where we differ: pieces are judged in every window that shows them, not only in the one where
// they stand farthest from its ends; of equal scores the first and shortest wins.
#pragma once

#include <span>
#include <string_view>

#include "model/head_spec.h"
#include "task/passage.h"
#include "task/prediction.h"

namespace polytask::model {

/// logits: [tokens of all windows, 2], one window after another: of starting there, of ending there. The answer has at
/// most head.task.longest_answer tokens, all of them in one window. Its score is p(start) p(end) under the softmax over
/// the tokens of its window; that of "no answer" the same at the first token of the window where that scores lowest.
[[nodiscard]] task::AnswerPrediction decode_answer(HeadSpec const& head, task::Passage const& passage,
                                                   std::string_view context, std::span<float const> logits);

/// What a threshold makes of what is known of an answer: `best`, or nothing. Without a threshold it is `best`.
[[nodiscard]] bool is_answered(HeadSpec const& head, task::AnswerPrediction const& prediction);

}  // namespace polytask::model
