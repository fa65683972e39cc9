// A row's text or pair -> token ids, in the way that its tasks read it.
#pragma once

#include <cstdint>

#include "task/encoding.h"
#include "task/example.h"
#include "text/tokenizer.h"

namespace polytask::text {

/// A pair that is encoded apart may have `max_length` tokens in each text, any other `max_length` in all.
[[nodiscard]] task::Encoding encode_example(Tokenizer const& tokenizer, task::Example const& example,
                                            std::size_t max_length);

/// Index of the token where a pair's second text begins; the number of tokens where there is one text.
[[nodiscard]] std::int32_t second_text_of(task::Encoding const& encoding, task::Example const& example);

}  // namespace polytask::text
