// A vocabulary for other texts, and what its tokens were before: how an encoder gets new words without losing old ones.
// Method: tokens of the new texts behind the old ones; each starts as the mean of the pieces it used to be cut into
// (as in exBERT and Hewitt 2021, "Initializing new word embeddings"; the mean of all tokens where it had no pieces).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::text {

struct VocabularyChange {
  std::unique_ptr<Tokenizer const> tokenizer;
  /// By new id: the old ids that it was made of. Itself alone for a token that stays; empty for one that the old
  /// vocabulary could not write.
  std::vector<std::vector<std::int32_t>> old_pieces;
};

/// Adds the up to `n_more` most frequent pieces that `tokenizer` lacks; the ids of its own tokens stay. A piece must
/// occur `min_frequency` times. Throws Error{InvalidInput} for a tokenizer that is not WordPiece. Deterministic.
[[nodiscard]] VocabularyChange extend_wordpiece(Tokenizer const& tokenizer, std::span<std::string_view const> texts,
                                                std::size_t n_more, std::int64_t min_frequency = 5);

/// The up to `n` tokens of `tokenizer` that these texts use most, cut into words as `config` says, in the order of
/// their ids: before all others the special ones and the letters of the texts, with which any other word is written.
/// Throws Error{InvalidInput} for a tokenizer that is not WordPiece, or that lacks a special token of `config`.
/// Deterministic.
[[nodiscard]] std::vector<std::string> most_used_pieces(Tokenizer const& tokenizer,
                                                        std::span<std::string_view const> texts,
                                                        WordPieceConfig const& config, std::size_t n);

/// What the tokens of `changed` are in the vocabulary of `old`; both are WordPiece, or Error{InvalidInput} is thrown.
[[nodiscard]] std::vector<std::vector<std::int32_t>> pieces_in(Tokenizer const& old, Tokenizer const& changed);

}  // namespace polytask::text
