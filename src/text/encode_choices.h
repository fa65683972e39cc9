// A text and its choices -> a pair of segments for each choice, [CLS] text [SEP] choice [SEP].
// Method: Devlin et al. 2019, arXiv:1810.04805, section 4.4 (SWAG).
#pragma once

#include <cstddef>
#include <vector>

#include "task/encoding.h"
#include "task/example.h"
#include "text/tokenizer.h"

namespace polytask::text {

/// `example` has a text and at least two choices. One encoding a choice, in their order, each of at most `max_length`
/// tokens; where a pair is longer, its longer side is cut first.
[[nodiscard]] std::vector<task::Encoding> encode_choices(Tokenizer const& tokenizer, task::Example const& example,
                                                         std::size_t max_length);

/// Tokens that the limit cuts from the pair that loses most.
[[nodiscard]] std::size_t n_dropped(std::vector<task::Encoding> const& choices);

}  // namespace polytask::text
