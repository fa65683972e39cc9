// A text, or a pair, as token ids with the way back to its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "task/example.h"

namespace polytask::task {

struct Encoding {
  static constexpr std::uint8_t kSpecial = 255;  ///< text_index of [CLS], [SEP]

  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> type_ids;    ///< segment of each token, 0 or 1
  std::vector<ByteRange> offsets;        ///< of each token in its original text; {0, 0} for special tokens
  std::vector<std::uint8_t> text_index;  ///< 0 or 1: which text the token came from; kSpecial otherwise
  std::size_t second_sequence =
      0;  ///< where the second of two sequences begins that know nothing of one another; 0 = there is one
  std::size_t n_dropped = 0;  ///< tokens cut away by the length limit; 0 = nothing was lost

  [[nodiscard]] std::size_t size() const noexcept { return ids.size(); }
  [[nodiscard]] bool truncated() const noexcept { return n_dropped > 0; }
};

}  // namespace polytask::task
