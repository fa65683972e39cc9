// Texts -> sparse vectors of hashed words and word pairs: less exact than WordFeatures, and many times as fast.
// Method: feature hashing (Weinberger et al. 2009, arXiv:0902.2206, section 2, without signs), inverse document
// frequencies, unit length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "eval/internal/word_features.h"
#include "task/example.h"

namespace polytask::eval {

/// The features of fixed rows. A word counts once a row, however often it stands there.
class HashedFeatures {
 public:
  /// n_buckets: a power of two.
  HashedFeatures(std::span<task::Example const* const> examples, std::size_t n_buckets);

  [[nodiscard]] std::size_t size() const noexcept { return weights_.size(); }
  /// Into `features`, whose memory is used again.
  void of(std::size_t row, Features& features) const;
  /// The same for rows with the same words, whatever their order and case: for keeping copies in one fold.
  [[nodiscard]] std::uint64_t key(std::size_t row) const { return keys_[row]; }

 private:
  std::vector<std::uint32_t> buckets_;  ///< of all rows, one after another
  std::vector<std::size_t> begins_;     ///< by row, and the end
  std::vector<std::uint64_t> keys_;
  std::vector<float> weights_;  ///< inverse document frequency, by bucket
};

}  // namespace polytask::eval
