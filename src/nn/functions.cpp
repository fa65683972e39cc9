#include "nn/functions.h"

#include <torch/torch.h>

#include <cmath>

#include "base/error.h"
#include "kernels/attention.h"
#include "kernels/normalization.h"

namespace polytask::nn {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

kernels::Dropout saved_dropout(AutogradContext* context) {
  return {static_cast<float>(context->saved_data["rate"].toDouble()),
          static_cast<std::uint64_t>(context->saved_data["seed"].toInt())};
}

void save_dropout(AutogradContext* context, kernels::Dropout const& dropout) {
  context->saved_data["rate"] = static_cast<double>(dropout.rate);
  context->saved_data["seed"] = static_cast<std::int64_t>(dropout.seed);
}

Tensor int_tensor(std::vector<std::int32_t> const& values) {
  return torch::tensor(values, torch::TensorOptions().dtype(torch::kInt32));
}

kernels::AttentionShape attention_shape(Tensor const& offsets, std::int64_t hidden, std::int64_t heads) {
  return {{offsets.data_ptr<std::int32_t>(), static_cast<std::size_t>(offsets.numel())}, hidden, heads};
}

struct PackedAttention : torch::autograd::Function<PackedAttention> {
  static Tensor forward(AutogradContext* context, Tensor const& qkv_any, Tensor const& offsets, std::int64_t heads,
                        double rate, std::int64_t seed) {
    auto const qkv = qkv_any.contiguous();
    std::int64_t const hidden = qkv.size(1) / 3;
    auto out = torch::empty({qkv.size(0), hidden}, qkv.options());
    auto log_sum_exp = torch::empty({qkv.size(0), heads}, qkv.options());
    kernels::Dropout const dropout{static_cast<float>(rate), static_cast<std::uint64_t>(seed)};
    kernels::attention_forward(attention_shape(offsets, hidden, heads), dropout, qkv.data_ptr<float>(),
                               out.data_ptr<float>(), log_sum_exp.data_ptr<float>());
    context->save_for_backward({qkv, offsets, out, log_sum_exp});
    save_dropout(context, dropout);
    return out;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const gradient = gradients[0].contiguous();
    auto grad_qkv = torch::empty_like(saved[0]);
    kernels::attention_backward(attention_shape(saved[1], saved[2].size(1), saved[3].size(1)), saved_dropout(context),
                                saved[0].data_ptr<float>(), saved[2].data_ptr<float>(), saved[3].data_ptr<float>(),
                                gradient.data_ptr<float>(), grad_qkv.data_ptr<float>());
    return {grad_qkv, Tensor(), Tensor(), Tensor(), Tensor()};
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
    kernels::add_layer_norm_backward({sum.size(0), sum.size(1)}, dropout, sum.data_ptr<float>(),
                                     saved[1].data_ptr<float>(), saved[2].data_ptr<float>(), saved[3].data_ptr<float>(),
                                     gradient.data_ptr<float>(), grad_x.data_ptr<float>(),
                                     grad_residual.data_ptr<float>(), grad_gamma.data_ptr<float>(),
                                     grad_beta.data_ptr<float>());
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
    kernels::dropout_apply(gradient.numel(), saved_dropout(context), gradient.data_ptr<float>(), grad_x.data_ptr<float>());
    return {grad_x, Tensor(), Tensor()};
  }
};

/// Attention with LibTorch's operations, one text at a time.
Tensor attention_by_torch(Tensor const& qkv, std::vector<std::int32_t> const& offsets, std::int64_t heads, double rate) {
  std::int64_t const hidden = qkv.size(1) / 3;
  std::vector<Tensor> contexts;
  for (std::size_t t = 0; t + 1 < offsets.size(); ++t) {
    std::int64_t const n = offsets[t + 1] - offsets[t];
    auto const parts = qkv.narrow(0, offsets[t], n).view({n, 3, heads, hidden / heads}).permute({1, 2, 0, 3});
    auto const scores = torch::matmul(parts[0], parts[1].transpose(-1, -2)) / std::sqrt(static_cast<double>(hidden / heads));
    auto const probabilities = torch::dropout(torch::softmax(scores, -1), rate, rate > 0);
    contexts.push_back(torch::matmul(probabilities, parts[2]).permute({1, 0, 2}).reshape({n, hidden}));
  }
  return torch::cat(contexts);
}

}  // namespace

Tensor packed_attention(Tensor const& qkv, std::vector<std::int32_t> const& offsets, std::int64_t heads,
                        kernels::Dropout const& dropout) {
  expects(qkv.dim() == 2 && qkv.size(1) % (3 * heads) == 0 && offsets.back() == qkv.size(0), "query, key and value of every token fit the heads");
  if (!qkv.is_cpu()) return attention_by_torch(qkv, offsets, heads, dropout.rate);
  return PackedAttention::apply(qkv, int_tensor(offsets), heads, static_cast<double>(dropout.rate),
                                static_cast<std::int64_t>(dropout.seed));
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

Tensor mean_pool(Tensor const& hidden, std::vector<std::int32_t> const& offsets, std::vector<std::int64_t> const& texts) {
  // A small matrix that averages: one product forward, one backward, on any device.
  auto average = torch::zeros({static_cast<std::int64_t>(texts.size()), hidden.size(0)}, torch::kFloat32);
  float* const values = average.data_ptr<float>();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto const t = static_cast<std::size_t>(texts[i]);
    float const share = 1.0F / static_cast<float>(offsets[t + 1] - offsets[t]);
    std::fill(values + static_cast<std::int64_t>(i) * hidden.size(0) + offsets[t],
              values + static_cast<std::int64_t>(i) * hidden.size(0) + offsets[t + 1], share);
  }
  return torch::matmul(average.to(hidden.device()), hidden);
}

}  // namespace polytask::nn
