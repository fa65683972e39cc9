// A text that is being cut: pieces of an aligned text, some of them tokens already.
#pragma once

#include <cstdint>
#include <vector>

#include "text/internal/aligned_text.h"

namespace polytask::text {

/// Bytes [begin, end) of the aligned text.
struct Split {
  static constexpr std::int32_t kText = -1;

  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::int32_t token_id = kText;  ///< of an added token
};

struct SplitText {
  AlignedText text;
  std::vector<Split> splits;  ///< none is empty
};

}  // namespace polytask::text
