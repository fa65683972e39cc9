#include "kernels/weight_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

namespace polytask::kernels {
namespace {

TEST(WeightMemory, PiecesAreZeroLieApartAndBeginAtACacheLine) {
  WeightMemory memory;
  std::vector<std::pair<std::byte*, std::size_t>> pieces;
  // Together more than a chunk, one of them alone as well.
  for (std::size_t const n_bytes : {1UL, 64UL, 65UL, 0UL, 30UL << 20, 3UL << 20, 40UL << 20, 7UL}) {
    auto* const piece = memory.take(n_bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(piece) % 64, 0U);
    EXPECT_TRUE(std::all_of(piece, piece + n_bytes, [](std::byte byte) { return byte == std::byte{0}; }));
    std::memset(piece, static_cast<int>(pieces.size() + 1), n_bytes);
    pieces.emplace_back(piece, n_bytes);
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    auto const [piece, n_bytes] = pieces[i];
    EXPECT_TRUE(std::all_of(piece, piece + n_bytes, [&](std::byte byte) { return byte == std::byte(i + 1); }));
  }
}

TEST(WeightMemory, WhatIsGivenBackIsNothingThatWasTakenAndCanBeTakenLater) {
  WeightMemory memory;
  constexpr std::size_t kBytes = 100'000;
  auto* const first = memory.take(kBytes);
  std::memset(first, 1, kBytes);
  memory.give_back_rest();
  memory.give_back_rest();
  EXPECT_TRUE(std::all_of(first, first + kBytes, [](std::byte byte) { return byte == std::byte{1}; }));
  auto* const second = memory.take(kBytes);
  EXPECT_TRUE(std::all_of(second, second + kBytes, [](std::byte byte) { return byte == std::byte{0}; }));
  std::memset(second, 2, kBytes);
  EXPECT_TRUE(std::all_of(first, first + kBytes, [](std::byte byte) { return byte == std::byte{1}; }));
}

TEST(WeightMemory, MoreThanThereIsIsRefused) {
  WeightMemory memory;
  EXPECT_THROW((void)memory.take(std::numeric_limits<std::size_t>::max()), std::bad_alloc);
  EXPECT_THROW((void)memory.take(std::size_t{1} << 60), std::bad_alloc);
  EXPECT_NE(memory.take(8), nullptr) << "and what fits is given all the same";
}

}  // namespace
}  // namespace polytask::kernels
