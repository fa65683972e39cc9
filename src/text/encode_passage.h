// A question and its context -> token ids in windows, each as the encoder reads a pair.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "task/example.h"
#include "task/passage.h"
#include "text/tokenizer.h"

namespace polytask::text {

struct PassageOptions {
  std::size_t max_length = 128;       ///< tokens of a window, special tokens included; >= 8
  std::optional<std::size_t> stride;  ///< task::windows_over
};

struct EncodedPassage {
  /// Of the question, the context and the special tokens; or of one window.
  struct Tokens {
    std::vector<std::int32_t> ids;
    std::vector<std::uint8_t> type_ids;
  };
  task::Passage passage;
  Tokens whole;
  std::size_t n_dropped = 0;  ///< tokens of the question that were cut away

  /// What the encoder reads of one window of the passage.
  [[nodiscard]] Tokens window(task::TokenRange const& window) const;
};

/// `example` has two texts, question and context. The question keeps at most half of the tokens that are not special,
/// its first ones; the context has the rest of each window as its room.
[[nodiscard]] EncodedPassage encode_passage(Tokenizer const& tokenizer, task::Example const& example,
                                            PassageOptions const& options);

}  // namespace polytask::text
