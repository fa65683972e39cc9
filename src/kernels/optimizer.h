// One pass over a parameter and its two moments.
// Method: AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2, with the bias correction of Adam).
#pragma once

#include <cstdint>
#include <span>

namespace polytask::kernels {

struct AdamWStep {
  double learning_rate = 0;
  double weight_decay = 0;  ///< decoupled: the weight shrinks by learning_rate * weight_decay
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  std::int64_t step = 1;      ///< 1-based, for the bias correction
  double gradient_scale = 1;  ///< what clipping multiplies the gradient with
};

/// What a step multiplies with, computed once.
struct AdamWFactors {
  float beta1, beta2, one_minus_beta1, one_minus_beta2;
  float decay;         ///< 1 - learning rate * weight decay
  float step_size;     ///< learning rate / (1 - beta1^t)
  float inverse_root;  ///< 1 / sqrt(1 - beta2^t)
  float epsilon;
  float gradient_scale;
};
[[nodiscard]] AdamWFactors factors_of(AdamWStep const& step);

/// All of one length; weights and moments are updated in place.
void adamw_update(AdamWStep const& step, std::span<float> weights, std::span<float const> gradient,
                  std::span<float> first_moment, std::span<float> second_moment);

/// The same for a few values, by the calling thread alone.
void adamw_update_row(AdamWFactors const& factors, std::span<float> weights, std::span<float const> gradient,
                      std::span<float> first_moment, std::span<float> second_moment);

/// Sum of squares, added up in double in an order that no number of threads changes.
[[nodiscard]] double sum_of_squares(std::span<float const> values);

}  // namespace polytask::kernels
