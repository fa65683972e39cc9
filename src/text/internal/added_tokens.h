// Tokens that are found in a text before it is cut: special ones, and words that somebody added to a vocabulary.
// Method: AddedVocabulary of Hugging Face tokenizers: from left to right the longest one, first in the raw text, then
// in the normalised one.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "text/internal/splits.h"
#include "text/internal/trie.h"

namespace polytask::text {

struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool single_word = false;  ///< only where no word character stands beside it
  bool lstrip = false;       ///< takes the white space before it
  bool rstrip = false;       ///< takes the white space behind it
  bool normalized = false;   ///< looked for in the normalised text
};

/// Tokens of one of the two texts. Immutable after construction; safe to share between threads.
class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  /// `patterns[i]` is what `tokens[i]` looks like in the text.
  AddedTokenFinder(std::vector<AddedToken> tokens, std::vector<std::string> const& patterns);

  [[nodiscard]] bool empty() const noexcept { return tokens_.empty(); }
  /// Appends [begin, end) of `text` to `splits`, cut at the tokens in it.
  void cut(std::string_view text, std::size_t begin, std::size_t end, std::vector<Split>& splits) const;

 private:
  std::vector<AddedToken> tokens_;
  Trie patterns_;
  std::array<bool, 256> starts_{};  ///< first bytes of patterns
};

}  // namespace polytask::text
