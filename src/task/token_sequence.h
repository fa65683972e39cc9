// A text, or a pair, as an encoder reads it: what its hidden states depend on, and nothing else of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace polytask::task {

/// Borrows the tokens.
struct TokenSequence {
  std::span<std::int32_t const> ids;
  std::span<std::uint8_t const> type_ids;  ///< one for each id
  std::size_t second_sequence = 0;         ///< as Encoding::second_sequence
};

}  // namespace polytask::task
