// A vocabulary from texts, for projects without a pretrained encoder.
// Method: byte-pair merges by frequency over words, written as WordPiece ("##" for pieces that continue a word), as the
// WordPieceTrainer of Hugging Face tokenizers (Sennrich et al. 2016, arXiv:1508.07909, section 3.2).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::text {

struct WordPieceTrainerOptions {
  std::size_t vocab_size = 8'000;    ///< tokens, special ones included; fewer when the texts do not give as many
  std::int64_t min_frequency = 2;    ///< a pair that occurs more rarely is not merged
  std::size_t max_alphabet = 3'000;  ///< characters, the most frequent first
  bool lowercase = true;
  bool strip_accents = true;  ///< with `lowercase`, as BERT does; Japanese wants it off: か and が would be one letter
};

/// The tokens in the order in which they were learnt: special ones, characters, then merges, the most frequent first.
/// Words are cut as `config` says. `options.lowercase` and `strip_accents` are not looked at.
[[nodiscard]] std::vector<std::string> learn_pieces(std::span<std::string_view const> texts,
                                                    WordPieceConfig const& config,
                                                    WordPieceTrainerOptions const& options);

/// Deterministic: the same texts give the same vocabulary; ties are broken by content.
[[nodiscard]] std::unique_ptr<Tokenizer const> train_wordpiece(std::span<std::string_view const> texts,
                                                               WordPieceTrainerOptions const& options);

/// How such a vocabulary cuts texts into words.
[[nodiscard]] WordPieceConfig config_of(WordPieceTrainerOptions const& options);

/// As train_wordpiece, beside tokens that are there: `kept`, special ones among them, then the first learnt pieces that
/// are no others, up to `options.vocab_size` in all. Of `others` the letters are learnt alone.
[[nodiscard]] std::unique_ptr<Tokenizer const> train_wordpiece_beside(std::vector<std::string> kept,
                                                                      std::span<std::string_view const> texts,
                                                                      std::span<std::string_view const> others,
                                                                      WordPieceTrainerOptions const& options);

}  // namespace polytask::text
