// What every tokenizer keeps to, whatever its file said.
#pragma once

#include "fuzzing.h"
#include "text/tokenizer.h"

namespace polytask::fuzzing {

/// `more` is a text of the fuzzer's.
inline void tokenize_some(text::Tokenizer const& tokenizer, std::string_view more) {
  for (std::string_view const sentence :
       {std::string_view("Hello, wörld! [MASK] 東京 \xF0\x9F\x98\x80 e\xCC\x81 \xFF"), more}) {
    auto const encoding = tokenizer.encode_pair(sentence, "a b", {.max_length = 16});
    require(encoding.size() <= 16, "no more tokens than asked for");
    for (std::size_t i = 0; i < encoding.size(); ++i) {
      require(encoding.ids[i] >= 0 && static_cast<std::size_t>(encoding.ids[i]) < tokenizer.vocabulary_size(),
              "ids are of the vocabulary");
      std::size_t const limit = encoding.text_index[i] == 1 ? 3 : sentence.size();
      require(encoding.offsets[i].begin <= encoding.offsets[i].end && encoding.offsets[i].end <= limit,
              "offsets lie inside the text");
    }
  }
}

}  // namespace polytask::fuzzing
