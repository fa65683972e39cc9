// Memory for the weights of a whole model, in pages of 2 MiB where the system has them: a text that is alone runs
// through all weights once, and much of its time would go to finding out where pages of 4 KiB lie
// (docs/decisions/own-products-for-answers.md has the figures).
#pragma once

#include <cstddef>
#include <vector>

namespace polytask::kernels {

/// Hands out pieces one after another, and frees all of them at once. Not for several threads at a time.
class WeightMemory {
 public:
  WeightMemory() = default;
  ~WeightMemory();
  WeightMemory(WeightMemory const&) = delete;
  WeightMemory& operator=(WeightMemory const&) = delete;

  /// Zeros, beginning at a cache line. Throws std::bad_alloc.
  [[nodiscard]] std::byte* take(std::size_t n_bytes);
  /// What of the last page of 2 MiB was not taken goes back to the system; a later piece may still lie there.
  void give_back_rest();

 private:
  struct Chunk {
    std::byte* begin = nullptr;
    std::size_t n_bytes = 0;
  };
  std::vector<Chunk> chunks_;
  std::size_t n_taken_ = 0;  ///< of the last chunk
};

}  // namespace polytask::kernels
