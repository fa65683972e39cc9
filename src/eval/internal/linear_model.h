// Linear functions of sparse features, learned one row at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "eval/internal/word_features.h"

namespace polytask::eval {

/// `n_outputs` linear functions with a bias each, all 0 at the beginning.
/// Method: AdaGrad with diagonal matrices (Duchi et al. 2011, JMLR 12, figure 1, without regulariser): with the
/// gradients g_1..g_t of a weight, w <- w - step * g_t / (delta + sqrt(g_1^2 + .. + g_t^2)).
class LinearModel {
 public:
  static constexpr float kStep = 0.5F;
  static constexpr float kDelta = 1e-6F;

  LinearModel(std::size_t n_features, std::size_t n_outputs);

  /// [n_outputs]
  [[nodiscard]] std::vector<float> scores(Features const& features) const;
  /// One update. `gradient`: of the loss by the scores, [n_outputs].
  void learn(Features const& features, std::vector<float> const& gradient);
  /// `average` replaces the weights by the mean of those that were remembered, if any were.
  void remember();
  void average();

 private:
  template <typename Visit>
  void for_each(Features const& features, Visit const& visit) const;

  std::size_t n_outputs_;
  std::size_t bias_;
  std::vector<float> weights_;  ///< [features + 1, outputs]; the last is the bias
  std::vector<float> squares_;  ///< sums of squared gradients, by weight
  std::vector<float> sums_;
  int n_remembered_ = 0;
};

}  // namespace polytask::eval
