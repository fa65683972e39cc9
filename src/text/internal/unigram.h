// A word in pieces: of all ways to cut it the likeliest one.
// Method: unigram language model with Viterbi's algorithm (Kudo 2018, arXiv:1804.10959), as Unigram of Hugging Face
// tokenizers: from each character on, all pieces that begin there, in time linear in the text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/internal/trie.h"
#include "text/internal/wordpiece.h"

namespace polytask::text {

/// Immutable after construction; safe to share between threads.
class Unigram {
 public:
  struct Token {
    std::string text;
    double score = 0;  ///< logarithm of its probability
  };

  /// `vocabulary[i]` has id i; of tokens that stand twice the last one counts. With `byte_fallback` an unknown piece
  /// becomes the tokens "<0x00>" to "<0xFF>" of its bytes. Fails when the unknown token is not there; the error has no
  /// place.
  [[nodiscard]] static Result<Unigram> make(std::vector<Token> const& vocabulary, std::size_t unknown_id,
                                            bool byte_fallback);

  /// Room for the work of one `cut`, to be used again.
  struct Scratch {
    struct Node {
      double score;
      std::uint32_t begin;  ///< of the last piece of the best way to here
      std::int32_t id;      ///< of that piece; kUnreached
    };
    std::vector<Node> best;
    std::vector<Piece> way;
  };

  /// Appends the pieces of `word`, valid UTF-8. Unknown characters side by side are one piece.
  void cut(std::string_view word, Scratch& scratch, std::vector<Piece>& pieces) const;

 private:
  static constexpr std::int32_t kUnreached = -1;

  Unigram() = default;
  void append_unknown(std::string_view word, Piece unknown, std::vector<Piece>& pieces) const;

  std::vector<double> scores_;
  Trie tokens_;
  std::int32_t unknown_id_ = 0;
  double unknown_score_ = 0;
  bool byte_fallback_ = false;
  std::array<std::int32_t, 256> of_byte_{};  ///< of "<0x..>"; Trie::kNone where there is none
};

}  // namespace polytask::text
