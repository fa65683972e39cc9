// Softmax over many classes and its gradient in one pass, in place: the logits of a vocabulary are the largest array of
// a step, and a second one of their size would cost as much as the product that made them.
#pragma once

#include <cstdint>
#include <span>

namespace polytask::kernels {

/// logits: [rows, n_classes], replaced by the gradient of the sum of the losses, softmax - one-hot of the target.
/// targets: [rows], 0..n_classes - 1. losses: [rows], natural logarithm. Every row alone: no number of threads changes
/// a bit.
void softmax_cross_entropy(std::int64_t n_classes, std::span<std::int64_t const> targets, float* logits,
                           std::span<float> losses);

}  // namespace polytask::kernels
