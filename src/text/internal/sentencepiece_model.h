// What a SentencePiece model file says: a protocol buffer (sentencepiece_model.proto) of which we need a few fields.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/internal/unigram.h"

namespace polytask::text {

struct SentencePieceModel {
  std::vector<Unigram::Token> pieces;  ///< by id, special ones included
  std::uint64_t model_type = 1;        ///< 1 = unigram, 2 = BPE, 3 = words, 4 = characters
  std::string charsmap;                ///< empty = nothing is replaced
};

/// Checks lengths and encoding of untrusted bytes; the error says what is wrong, without a place.
[[nodiscard]] Result<SentencePieceModel> parse_sentencepiece(std::string_view bytes);

}  // namespace polytask::text
