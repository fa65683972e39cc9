// A word in pieces: neighbours are merged, the pair that was learnt first before the others.
// Method: byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909; Radford et al. 2019), as BPE of Hugging Face
// tokenizers. Short words scan their pairs for the best one; long ones keep them in a heap, so that n bytes take
// O(n log n).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/internal/trie.h"
#include "text/internal/wordpiece.h"

namespace polytask::text {

struct BytePairsConfig {
  std::string unknown;         ///< stands for a byte that is no token; empty = such bytes are left out
  bool fuse_unknown = false;   ///< neighbouring unknown bytes are one piece
  bool ignore_merges = false;  ///< a word that is a token is that token, whatever its merges make of it
};

/// The bytes that a token of a byte-level vocabulary stands for ("\u0120a" is " a"); nothing when it holds a character
/// that stands for no byte.
[[nodiscard]] std::optional<std::string> bytes_of_token(std::string_view token);

/// Immutable after construction; safe to share between threads.
class BytePairs {
 public:
  struct Token {
    std::string text;
    std::int32_t id = 0;  ///< below JsonFields::kLargestVocabulary
  };
  struct Merge {
    std::string first, second;
  };

  /// Fails when a merge or the unknown token refers to a token that is not there; the error has no place.
  [[nodiscard]] static Result<BytePairs> make(std::vector<Token> const& vocabulary, std::vector<Merge> const& merges,
                                              BytePairsConfig const& config);

  /// Room for the work of one `cut`, to be used again.
  struct Scratch {
    struct Link {
      std::uint32_t next, previous;  ///< of the pieces that are left
      std::uint32_t rank;            ///< of the pair with the next
    };
    std::vector<Link> links;
    std::vector<std::uint64_t> heap;
  };

  /// Appends the pieces of `word`, given as raw bytes. Where bytes are left out, pieces move to the front as in the
  /// reference library.
  void cut(std::string_view word, Scratch& scratch, std::vector<Piece>& pieces) const;

 private:
  static constexpr std::uint64_t kNoPair = ~std::uint64_t{0};
  static constexpr std::uint32_t kNoRank = 0xFFFF'FFFF;
  static constexpr std::int32_t kNoToken = -1;

  BytePairs() = default;
  void add_pair(std::int32_t first, std::int32_t second, std::uint32_t rank);
  [[nodiscard]] std::uint32_t rank(std::int32_t first, std::int32_t second) const;
  void split_into_bytes(std::string_view word, std::vector<Piece>& pieces) const;
  void merge_short(std::vector<Piece>& pieces, std::size_t begin) const;
  void merge_long(std::vector<Piece>& pieces, std::size_t begin, Scratch& scratch) const;

  std::array<std::int32_t, 256> of_byte_{};
  std::vector<std::uint64_t> pairs_;  ///< a hash table of pairs and their ranks; its size is a power of two
  std::vector<std::int32_t> merged_;  ///< what a pair becomes, by rank
  Trie words_;                        ///< words that become one token
  std::int32_t unknown_id_ = kNoToken;
  bool fuse_unknown_ = false;
};

}  // namespace polytask::text
