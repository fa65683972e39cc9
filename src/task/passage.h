// A question and its context where the context is longer than the encoder reads: windows of the context's tokens, each
// behind the question. A window is [question's tokens][tokens of the context][closing tokens].
// Method: Devlin et al. 2019, arXiv:1810.04805, as its run_squad.py does it. Where we differ: windows move by half of
// the room unless told otherwise, and the last is moved back so that it is full.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "task/example.h"

namespace polytask::task {

/// Tokens [begin, end) of a context.
struct TokenRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(TokenRange const&, TokenRange const&) = default;
};

struct Passage {
  std::vector<ByteRange> tokens;    ///< of the context, in texts[1], without white space at their ends
  std::size_t n_before = 0;         ///< tokens of a window in front of the context's; the first stands for "no answer"
  std::size_t n_after = 0;          ///< and behind
  std::vector<TokenRange> windows;  ///< in their order; every token stands in one at least; one where there is no token

  [[nodiscard]] std::size_t n_tokens(TokenRange const& window) const {
    return n_before + (window.end - window.begin) + n_after;
  }
  /// Of all windows.
  [[nodiscard]] std::size_t n_tokens() const;
};

/// Windows of at most `room` >= 1 tokens, whose beginnings are `stride` tokens apart, or as many as there is room for
/// where that is less; unset = half the room, rounded up.
[[nodiscard]] std::vector<TokenRange> windows_over(std::size_t n_tokens, std::size_t room,
                                                   std::optional<std::size_t> stride);

/// The tokens that a piece of the context overlaps; nothing where it overlaps none.
[[nodiscard]] std::optional<TokenRange> tokens_of(Passage const& passage, ByteRange piece);

}  // namespace polytask::task
