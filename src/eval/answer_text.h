// How well the text of an answer fits gold ones, as SQuAD judges it.
// Method: the official evaluation script of SQuAD 2.0 (Rajpurkar et al. 2018, arXiv:1806.03822): normalize_answer,
// compute_exact, compute_f1, and the best of several gold answers. Its words are what stands between white space: a
// text without spaces is one word, and its token F1 is then that of an exact match. For such scripts there is also an
// F1 over characters, which is ours.
#pragma once

#include <string>
#include <string_view>

#include "task/example.h"

namespace polytask::eval {

/// Lower case, without the punctuation of ASCII, without "a", "an" and "the", one space between words.
[[nodiscard]] std::string normalized_answer(std::string_view text);

/// `name`: "exact_match", "token_f1" or "character_f1"; `predicted` is empty for no answer, which is right where no
/// gold answer is left when normalised, and wrong elsewhere. 0..1. Throws Error{InvalidUsage} for another name.
[[nodiscard]] double answer_score(std::string_view name, task::Answers const& gold, std::string_view predicted);

[[nodiscard]] inline bool has_answer(task::Answers const& gold) { return !gold.pieces.empty(); }

}  // namespace polytask::eval
