#include "nn/functions.h"

#include <torch/torch.h>

#include <array>
#include <cmath>

#include "base/error.h"
#include "kernels/activation.h"
#include "kernels/linear.h"
#include "kernels/normalization.h"
#include "kernels/pooling.h"
#include "nn/internal/by_torch.h"
#include "nn/internal/saved.h"

namespace polytask::nn {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

/// Of functions that are differentiated, arguments that are no tensors have to be numbers.
kernels::Precision precision_of(std::int64_t number) { return static_cast<kernels::Precision>(number); }
std::int64_t number_of(kernels::Precision precision) { return static_cast<std::int64_t>(precision); }
kernels::Precision saved_products(AutogradContext* context) {
  return precision_of(context->saved_data["products"].toInt());
}

/// Zeros where a layer has no bias.
Tensor bias_of(torch::nn::LinearImpl const& layer) {
  return layer.bias.defined() ? layer.bias
                              : torch::zeros({layer.weight.size(0)}, layer.weight.options().requires_grad(false));
}

/// Adds the gradients of a layer's weight and bias to `result`; that of its input goes to grad_x.
void linear_backward(kernels::LinearShape const& shape, Tensor const& x, Tensor const& weight, float const* gradient,
                     kernels::Write write, Tensor& grad_x, tensor_list& result) {
  auto grad_weight = torch::empty_like(weight);
  auto grad_bias = torch::empty({weight.size(0)}, weight.options());
  kernels::linear_backward_input(shape, gradient, weight.data_ptr<float>(), write, grad_x.data_ptr<float>());
  kernels::linear_backward_weight(shape, x.data_ptr<float>(), gradient, grad_weight.data_ptr<float>(),
                                  grad_bias.data_ptr<float>());
  result.push_back(grad_weight);
  result.push_back(grad_bias);
}

struct Linear : torch::autograd::Function<Linear> {
  static Tensor forward(AutogradContext* context, Tensor const& x_any, Tensor const& weight_any, Tensor const& bias,
                        std::int64_t products) {
    auto const x = x_any.contiguous();
    auto const weight = weight_any.contiguous();
    auto y = torch::empty({x.size(0), weight.size(0)}, x.options());
    kernels::linear_forward({x.size(0), x.size(1), weight.size(0), weight.size(0), precision_of(products)},
                            x.data_ptr<float>(), weight.data_ptr<float>(), bias.contiguous().data_ptr<float>(),
                            y.data_ptr<float>());
    context->save_for_backward({x, weight});
    context->saved_data["products"] = products;
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const& x = saved[0];
    auto const& weight = saved[1];
    auto const gradient = gradients[0].contiguous();
    auto grad_x = torch::empty_like(x);
    tensor_list result{grad_x};
    linear_backward({x.size(0), x.size(1), weight.size(0), weight.size(0), saved_products(context)}, x, weight,
                    gradient.data_ptr<float>(), kernels::Write::Replace, grad_x, result);
    result.emplace_back();
    return result;
  }
};

/// Three layers of one width that read the same rows; their results lie side by side.
struct TripleLinear : torch::autograd::Function<TripleLinear> {
  static Tensor forward(AutogradContext* context, Tensor const& x_any, Tensor const& weight_a, Tensor const& bias_a,
                        Tensor const& weight_b, Tensor const& bias_b, Tensor const& weight_c, Tensor const& bias_c,
                        std::int64_t products) {
    auto const x = x_any.contiguous();
    std::array const weights{weight_a.contiguous(), weight_b.contiguous(), weight_c.contiguous()};
    std::array const biases{bias_a.contiguous(), bias_b.contiguous(), bias_c.contiguous()};
    auto const width = weight_a.size(0);
    auto y = torch::empty({x.size(0), 3 * width}, x.options());
    for (std::size_t i = 0; i < 3; ++i)
      kernels::linear_forward({x.size(0), x.size(1), width, 3 * width, precision_of(products)}, x.data_ptr<float>(),
                              weights[i].data_ptr<float>(), biases[i].data_ptr<float>(),
                              y.data_ptr<float>() + static_cast<std::int64_t>(i) * width);
    context->save_for_backward({x, weights[0], weights[1], weights[2]});
    context->saved_data["products"] = products;
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const& x = saved[0];
    auto const width = saved[1].size(0);
    auto const gradient = gradients[0].contiguous();
    kernels::LinearShape const shape{x.size(0), x.size(1), width, 3 * width, saved_products(context)};
    auto grad_x = torch::empty_like(x);
    tensor_list result{grad_x};
    for (std::size_t i = 0; i < 3; ++i)
      linear_backward(shape, x, saved[1 + i], gradient.data_ptr<float>() + static_cast<std::int64_t>(i) * width,
                      i == 0 ? kernels::Write::Replace : kernels::Write::Add, grad_x, result);
    result.emplace_back();
    return result;
  }
};

struct Gelu : torch::autograd::Function<Gelu> {
  static Tensor forward(AutogradContext* context, Tensor const& x_any) {
    auto const x = x_any.contiguous();
    auto y = torch::empty_like(x);
    kernels::gelu_forward(x.numel(), x.data_ptr<float>(), y.data_ptr<float>());
    context->save_for_backward({x});
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    auto const x = context->get_saved_variables()[0];
    auto const gradient = gradients[0].contiguous();
    auto grad_x = torch::empty_like(x);
    kernels::gelu_backward(x.numel(), x.data_ptr<float>(), gradient.data_ptr<float>(), grad_x.data_ptr<float>());
    return {grad_x};
  }
};

kernels::PoolingShape pooling_shape(Tensor const& offsets, Tensor const& texts, std::int64_t width) {
  return {{offsets.data_ptr<std::int32_t>(), static_cast<std::size_t>(offsets.numel())},
          {texts.data_ptr<std::int64_t>(), static_cast<std::size_t>(texts.numel())},
          width};
}

struct MeanPool : torch::autograd::Function<MeanPool> {
  static Tensor forward(AutogradContext* context, Tensor const& hidden_any, Tensor const& offsets,
                        Tensor const& texts) {
    auto const hidden = hidden_any.contiguous();
    auto pooled = torch::empty({texts.numel(), hidden.size(1)}, hidden.options());
    kernels::mean_pool_forward(pooling_shape(offsets, texts, hidden.size(1)), hidden.data_ptr<float>(),
                               pooled.data_ptr<float>());
    context->save_for_backward({offsets, texts});
    context->saved_data["n_tokens"] = hidden.size(0);
    return pooled;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const gradient = gradients[0].contiguous();
    auto grad_hidden = torch::zeros({context->saved_data["n_tokens"].toInt(), gradient.size(1)}, gradient.options());
    kernels::mean_pool_backward(pooling_shape(saved[0], saved[1], gradient.size(1)), gradient.data_ptr<float>(),
                                grad_hidden.data_ptr<float>());
    return {grad_hidden, Tensor(), Tensor()};
  }
};

struct AddLayerNorm : torch::autograd::Function<AddLayerNorm> {
  static Tensor forward(AutogradContext* context, Tensor const& x_any, Tensor const& residual_any, Tensor const& gamma,
                        Tensor const& beta, double epsilon, double rate, std::int64_t seed) {
    auto const x = x_any.contiguous();
    bool const has_residual = residual_any.numel() > 0;
    auto const residual = residual_any.contiguous();
    auto sum = torch::empty_like(x);
    auto mean = torch::empty({x.size(0)}, x.options());
    auto inverse = torch::empty({x.size(0)}, x.options());
    auto y = torch::empty_like(x);
    kernels::Dropout const dropout{static_cast<float>(rate), static_cast<std::uint64_t>(seed)};
    kernels::add_layer_norm_forward({x.size(0), x.size(1)}, dropout, static_cast<float>(epsilon), x.data_ptr<float>(),
                                    has_residual ? residual.data_ptr<float>() : nullptr, gamma.data_ptr<float>(),
                                    beta.data_ptr<float>(), sum.data_ptr<float>(), mean.data_ptr<float>(),
                                    inverse.data_ptr<float>(), y.data_ptr<float>());
    context->save_for_backward({sum, mean, inverse, gamma});
    context->saved_data["has_residual"] = has_residual;
    save_dropout(context, dropout);
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const gradient = gradients[0].contiguous();
    auto const dropout = saved_dropout(context);
    auto const& sum = saved[0];
    auto grad_residual = torch::empty_like(sum);
    auto grad_x = dropout.active() ? torch::empty_like(sum) : grad_residual;
    auto grad_gamma = torch::empty_like(saved[3]);
    auto grad_beta = torch::empty_like(saved[3]);
    kernels::add_layer_norm_backward(
        {sum.size(0), sum.size(1)}, dropout, sum.data_ptr<float>(), saved[1].data_ptr<float>(),
        saved[2].data_ptr<float>(), saved[3].data_ptr<float>(), gradient.data_ptr<float>(), grad_x.data_ptr<float>(),
        grad_residual.data_ptr<float>(), grad_gamma.data_ptr<float>(), grad_beta.data_ptr<float>());
    bool const has_residual = context->saved_data["has_residual"].toBool();
    return {grad_x, has_residual ? grad_residual : Tensor(), grad_gamma, grad_beta, Tensor(), Tensor(), Tensor()};
  }
};

struct CounterDropout : torch::autograd::Function<CounterDropout> {
  static Tensor forward(AutogradContext* context, Tensor const& x_any, double rate, std::int64_t seed) {
    auto const x = x_any.contiguous();
    kernels::Dropout const dropout{static_cast<float>(rate), static_cast<std::uint64_t>(seed)};
    auto y = torch::empty_like(x);
    kernels::dropout_apply(x.numel(), dropout, x.data_ptr<float>(), y.data_ptr<float>());
    save_dropout(context, dropout);
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    auto const gradient = gradients[0].contiguous();
    auto grad_x = torch::empty_like(gradient);
    kernels::dropout_apply(gradient.numel(), saved_dropout(context), gradient.data_ptr<float>(),
                           grad_x.data_ptr<float>());
    return {grad_x, Tensor(), Tensor()};
  }
};

}  // namespace

Tensor linear(Tensor const& x, torch::nn::LinearImpl const& layer, kernels::Precision products) {
  return linear(x, layer.weight, x.is_cpu() ? bias_of(layer) : layer.bias, products);
}

Tensor linear(Tensor const& x, Tensor const& weight, Tensor const& bias, kernels::Precision products) {
  expects(x.dim() == 2 && x.size(1) == weight.size(1), "rows are as wide as the layer expects");
  if (!x.is_cpu()) return torch::linear(x, weight, bias);
  return Linear::apply(x, weight, bias, number_of(products));
}

Tensor linear_side_by_side(Tensor const& x, torch::nn::LinearImpl const& a, torch::nn::LinearImpl const& b,
                           torch::nn::LinearImpl const& c, kernels::Precision products) {
  expects(x.dim() == 2 && x.size(1) == a.weight.size(1) && a.weight.sizes() == b.weight.sizes() &&
              a.weight.sizes() == c.weight.sizes(),
          "three layers of one shape read the same rows");
  if (!x.is_cpu())
    return torch::linear(x, torch::cat({a.weight, b.weight, c.weight}),
                         torch::cat({bias_of(a), bias_of(b), bias_of(c)}));
  return TripleLinear::apply(x, a.weight, bias_of(a), b.weight, bias_of(b), c.weight, bias_of(c), number_of(products));
}

Tensor exact_gelu(Tensor const& x) { return x.is_cpu() ? Gelu::apply(x) : torch::gelu(x); }

Tensor activate(Tensor const& x, std::string const& name) {
  if (name == "gelu") return exact_gelu(x);
  if (name == "relu") return torch::relu(x);
  if (name == "tanh") return torch::tanh(x);
  expects(name == "gelu_new", "the configuration was checked for its activation");
  return torch::gelu(x, "tanh");
}

Tensor neighbours(Tensor const& x, std::vector<std::int32_t> const& sequences, std::int64_t width) {
  auto const n_tokens = x.size(0);
  auto const reach = (width - 1) / 2;
  expects(width % 2 == 1 && sequences.back() == n_tokens, "a token has as many neighbours before it as behind it");
  std::vector<std::int64_t> starts, ends;  // of the sequence of each token
  for (std::size_t s = 0; s + 1 < sequences.size(); ++s) {
    starts.resize(static_cast<std::size_t>(sequences[s + 1]), sequences[s]);
    ends.resize(static_cast<std::size_t>(sequences[s + 1]), sequences[s + 1]);
  }
  auto const of_tokens = [&](std::vector<std::int64_t> const& values) {
    return torch::tensor(values, torch::kInt64).to(x.device());
  };
  auto const first = of_tokens(starts), end = of_tokens(ends), places = torch::arange(n_tokens, first.options());
  // Shifted copies and not chosen rows: their gradients are sums of shifted copies, the same on every device.
  auto const padded = torch::constant_pad_nd(x, {0, 0, reach, reach});
  std::vector<Tensor> shifted;
  for (auto shift = -reach; shift <= reach; ++shift) {
    auto const outside = (places + shift < first) | (places + shift >= end);
    shifted.push_back(padded.narrow(0, reach + shift, n_tokens).masked_fill(outside.unsqueeze(1), 0));
  }
  return torch::cat(shifted, 1);
}

Tensor add_layer_norm(Tensor const& x, Tensor const& residual, Tensor const& gamma, Tensor const& beta, double epsilon,
                      kernels::Dropout const& dropout) {
  if (!x.is_cpu()) {
    auto const dropped = torch::dropout(x, dropout.rate, dropout.active());
    return torch::layer_norm(residual.defined() ? dropped + residual : dropped, {x.size(1)}, gamma, beta, epsilon);
  }
  auto const nothing = torch::empty({0}, x.options());
  return AddLayerNorm::apply(x, residual.defined() ? residual : nothing, gamma, beta, epsilon,
                             static_cast<double>(dropout.rate), static_cast<std::int64_t>(dropout.seed));
}

Tensor dropout(Tensor const& x, kernels::Dropout const& dropout) {
  if (!dropout.active()) return x;
  if (!x.is_cpu()) return torch::dropout(x, dropout.rate, true);
  return CounterDropout::apply(x, static_cast<double>(dropout.rate), static_cast<std::int64_t>(dropout.seed));
}

Tensor mean_pool(Tensor const& hidden, std::vector<std::int32_t> const& offsets,
                 std::vector<std::int64_t> const& texts) {
  if (!hidden.is_cpu()) return mean_pool_by_torch(hidden, offsets, texts);
  return MeanPool::apply(hidden, int_tensor(offsets),
                         torch::tensor(texts, torch::TensorOptions().dtype(torch::kInt64)));
}

}  // namespace polytask::nn
