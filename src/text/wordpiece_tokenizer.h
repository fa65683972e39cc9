// The tokenizer of BERT: words, WordPiece, special tokens around them.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace polytask::text {

struct WordPieceConfig {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
  std::string prefix = "##";
  std::uint32_t max_code_points = 100;  ///< longer words become the unknown token
  std::string unknown = "[UNK]";
  std::string cls = "[CLS]";
  std::string sep = "[SEP]";
  /// Matched in the raw text before anything else, as the reference library matches special tokens.
  std::vector<std::string> special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
};

/// `tokens[i]` has id i. Fails with InvalidInput when a special token is not in the vocabulary or a token stands twice.
[[nodiscard]] Result<std::unique_ptr<Tokenizer const>> make_wordpiece(std::vector<std::string> tokens,
                                                                      WordPieceConfig const& config,
                                                                      std::string_view where);

/// What a WordPiece tokenizer is made of. The tokens are borrowed from it.
struct WordPieceParts {
  std::span<std::string const> tokens;  ///< by id
  WordPieceConfig config;
};
/// Nothing for a tokenizer of another model.
[[nodiscard]] std::optional<WordPieceParts> wordpiece_parts(Tokenizer const& tokenizer);

/// Interprets a `tokenizer.json`. `where` starts every message. The file's own truncation and padding are not used:
/// both are decided by the caller of `encode`.
[[nodiscard]] Result<std::unique_ptr<Tokenizer const>> parse_tokenizer_json(std::string_view json,
                                                                            std::string_view where);

}  // namespace polytask::text
