// A word in pieces: the longest known piece first, left to right.
// Method: greedy longest-match-first as in the original BERT tokenizer (Devlin et al. 2019, arXiv:1810.04805).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/internal/trie.h"

namespace polytask::text {

/// One piece of a word: bytes [begin, end) of it.
struct Piece {
  std::int32_t id = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

class WordPieces {
 public:
  /// `tokens[i]` has id i. Pieces that continue a word start with `prefix` in it.
  WordPieces(std::vector<std::string> tokens, std::string_view prefix, std::int32_t unknown_id,
             std::uint32_t max_code_points);

  /// Appends the pieces of `word`; one unknown piece over all of it when it cannot be made of known ones or is longer
  /// than `max_code_points`.
  void cut(std::string_view word, std::uint32_t n_code_points, std::vector<Piece>& pieces) const;

  [[nodiscard]] std::vector<std::string> const& tokens() const noexcept { return tokens_; }

 private:
  std::vector<std::string> tokens_;
  std::int32_t unknown_id_;
  std::uint32_t max_code_points_;
  Trie first_;       ///< pieces that begin a word
  Trie continuing_;  ///< pieces that continue one, without the prefix
};

}  // namespace polytask::text
