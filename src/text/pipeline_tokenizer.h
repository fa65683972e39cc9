// The tokenizers of RoBERTa, ModernBERT, XLM-R, DeBERTa and their kin: a text is normalised, cut into words and these
// into pieces, each step as the model's files say.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/internal/added_tokens.h"
#include "text/internal/assembly.h"
#include "text/internal/byte_pairs.h"
#include "text/internal/normalizers.h"
#include "text/internal/pre_tokenizers.h"
#include "text/internal/unigram.h"
#include "text/internal/wordpiece.h"
#include "text/tokenizer.h"

namespace polytask::text {

/// White space at the ends of a token is not part of its offsets ("trim_offsets").
struct TrimOffsets {
  bool trim = false;
  bool add_prefix_space = true;  ///< one space at the beginning of the text was added and stays
};

/// A file that a tokenizer was read from, to be saved as it was.
struct TokenizerFile {
  std::string name;  ///< in the folder
  std::string bytes;
};

struct Pipeline {
  std::vector<AddedToken> added_tokens;
  std::vector<Normalizer> normalizers;
  std::vector<PreTokenizer> pre_tokenizers;
  std::variant<BytePairs, Unigram, WordPieces> model;
  TrimOffsets trim_offsets;
  Template shape;
  std::size_t vocabulary_size = 0;  ///< above every id
  std::vector<TokenizerFile> files;
  std::string outside_digest;  ///< as `Tokenizer::outside_digest`
};

[[nodiscard]] std::unique_ptr<Tokenizer const> make_pipeline_tokenizer(Pipeline pipeline);

}  // namespace polytask::text
