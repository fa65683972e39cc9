// The Gaussian error linear unit, gelu(x) = x Phi(x), Phi the normal distribution function.
// Method: Hendrycks and Gimpel 2016, arXiv:1606.08415, the exact form (not its tanh approximation).
#pragma once

#include <cstdint>

namespace polytask::kernels {

/// Both: n floats; absolute error of Phi below 2e-7. May alias.
void gelu_forward(std::int64_t n, float const* x, float* y);
/// grad_x = grad_y * gelu'(x).
void gelu_backward(std::int64_t n, float const* x, float const* grad_y, float* grad_x);

}  // namespace polytask::kernels
