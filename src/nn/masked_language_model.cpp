#include "nn/masked_language_model.h"

#include <torch/torch.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "kernels/cross_entropy.h"
#include "kernels/linear.h"
#include "nn/functions.h"

namespace polytask::nn {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

/// A folder of the module tree: it only gives its children a longer name.
struct FolderImpl : torch::nn::Module {};
TORCH_MODULE(Folder);

/// Mean cross-entropy over a vocabulary. Its logits become their own gradient at once, so that the largest array of a
/// step exists once.
struct DecodedLoss : torch::autograd::Function<DecodedLoss> {
  static Tensor forward(AutogradContext* context, Tensor const& x_any, Tensor const& weight_any, Tensor const& bias,
                        Tensor const& targets, Tensor const& losses, std::int64_t products) {
    auto const x = x_any.contiguous();
    auto const weight = weight_any.contiguous();
    auto logits = torch::empty({x.size(0), weight.size(0)}, x.options());
    auto const precision = static_cast<kernels::Precision>(products);
    kernels::linear_forward({x.size(0), x.size(1), weight.size(0), weight.size(0), precision}, x.data_ptr<float>(),
                            weight.data_ptr<float>(), bias.contiguous().data_ptr<float>(), logits.data_ptr<float>());
    auto const n = static_cast<std::size_t>(x.size(0));
    kernels::softmax_cross_entropy(weight.size(0), {targets.data_ptr<std::int64_t>(), n}, logits.data_ptr<float>(),
                                   {losses.data_ptr<float>(), n});
    context->save_for_backward({x, weight, logits});
    context->saved_data["products"] = products;
    return losses.mean();
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const& x = saved[0];
    auto const& weight = saved[1];
    auto const& logits = saved[2];  // softmax - one-hot
    auto const scale = gradients[0] / static_cast<double>(x.size(0));
    auto const precision = static_cast<kernels::Precision>(context->saved_data["products"].toInt());
    kernels::LinearShape const shape{x.size(0), x.size(1), weight.size(0), weight.size(0), precision};
    auto grad_x = torch::empty_like(x);
    auto grad_weight = torch::empty_like(weight);
    auto grad_bias = torch::empty({weight.size(0)}, weight.options());
    kernels::linear_backward_input(shape, logits.data_ptr<float>(), weight.data_ptr<float>(), kernels::Write::Replace,
                                   grad_x.data_ptr<float>());
    kernels::linear_backward_weight(shape, x.data_ptr<float>(), logits.data_ptr<float>(), grad_weight.data_ptr<float>(),
                                    grad_bias.data_ptr<float>());
    // Three small arrays are scaled in the place of one large one.
    return {grad_x.mul_(scale), grad_weight.mul_(scale), grad_bias.mul_(scale), Tensor(), Tensor(), Tensor()};
  }
};

Tensor relation(Tensor const& rows, std::int64_t n_heads) {
  auto const width = rows.size(1) / n_heads;
  auto const by_head = rows.reshape({rows.size(0), n_heads, width}).transpose(0, 1);  // [heads, tokens, width]
  return torch::log_softmax(torch::matmul(by_head, by_head.transpose(1, 2)) / std::sqrt(static_cast<double>(width)),
                            -1);
}

}  // namespace

MaskedLanguageHeadImpl::MaskedLanguageHeadImpl(model::EncoderConfig const& config)
    : layer_norm_eps_(config.layer_norm_eps),
      dense_(config.hidden_size, config.hidden_size),
      norm_(torch::nn::LayerNormOptions({config.hidden_size})) {
  auto predictions = register_module("cls", Folder())->register_module("predictions", Folder());
  auto transform = predictions->register_module("transform", Folder());
  transform->register_module("dense", dense_);
  transform->register_module("LayerNorm", norm_);
  bias_ = predictions->register_parameter("bias", torch::zeros({config.vocab_size}));
}

MaskedLanguageHeadImpl::Loss MaskedLanguageHeadImpl::forward(Tensor const& hidden, Tensor const& embeddings,
                                                             std::vector<std::int64_t> const& targets,
                                                             kernels::Precision products) {
  expects(hidden.dim() == 2 && hidden.size(0) == static_cast<std::int64_t>(targets.size()) && !targets.empty(),
          "every hidden word has a target");
  auto const transformed = add_layer_norm(exact_gelu(linear(hidden, *dense_, products)), Tensor(), norm_->weight,
                                          norm_->bias, layer_norm_eps_, {});
  auto const wanted = torch::tensor(targets, torch::kInt64);
  if (!hidden.is_cpu()) {
    auto const logits = torch::linear(transformed, embeddings, bias_);
    auto const mean = torch::nll_loss(torch::log_softmax(logits, -1), wanted.to(hidden.device()));
    return {mean, mean.item<double>() * static_cast<double>(targets.size())};
  }
  auto const losses = torch::empty({hidden.size(0)}, torch::kFloat32);
  auto const mean =
      DecodedLoss::apply(transformed, embeddings, bias_, wanted, losses, static_cast<std::int64_t>(products));
  auto const* const values = losses.data_ptr<float>();
  return {mean, std::accumulate(values, values + losses.numel(), 0.0)};
}

void MaskedLanguageHeadImpl::initialize(double deviation, Rng& rng) {
  torch::NoGradGuard const no_grad;
  fill_normal(dense_->weight, deviation, rng);
  dense_->bias.zero_();
  norm_->weight.fill_(1);
  norm_->bias.zero_();
  bias_.zero_();
}

std::map<std::string, model::Tensor> MaskedLanguageHeadImpl::save() const {
  std::map<std::string, model::Tensor> weights;
  for (auto const& parameter : named_parameters()) {
    auto const values = parameter.value().detach().to(torch::kCPU, torch::kFloat32).contiguous();
    weights[parameter.key()] = {values.sizes().vec(),
                                {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()}};
  }
  return weights;
}

void MaskedLanguageHeadImpl::load(std::map<std::string, model::Tensor> const& weights) {
  torch::NoGradGuard const no_grad;
  for (auto& parameter : named_parameters()) {
    auto const found = weights.find(parameter.key());
    expects(found != weights.end() && found->second.shape == parameter.value().sizes().vec(),
            "the head's weights were checked before they are loaded");
    parameter.value().copy_(
        torch::from_blob(const_cast<float*>(found->second.values.data()), found->second.shape, torch::kFloat32));
  }
}

std::map<std::string, std::vector<std::int64_t>> expected_language_head_tensors(model::EncoderConfig const& config) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  std::string const head = "cls.predictions.";
  shapes[head + "transform.dense.weight"] = {config.hidden_size, config.hidden_size};
  shapes[head + "transform.dense.bias"] = {config.hidden_size};
  shapes[head + "transform.LayerNorm.weight"] = {config.hidden_size};
  shapes[head + "transform.LayerNorm.bias"] = {config.hidden_size};
  shapes[head + "bias"] = {config.vocab_size};
  return shapes;
}

Tensor cosine_loss(Tensor const& student, Tensor const& teacher) {
  expects(student.sizes() == teacher.sizes(), "vectors of one size are compared");
  return 1 - torch::cosine_similarity(student, teacher, 1).mean();
}

Tensor relation_inputs(Tensor const& hidden, torch::nn::Module const& attention_self) {
  auto const parameters = attention_self.named_parameters();
  std::vector<Tensor> parts;
  for (auto const* part : {"query", "key", "value"})
    parts.push_back(
        torch::linear(hidden, parameters[std::string(part) + ".weight"], parameters[std::string(part) + ".bias"]));
  return torch::cat(parts, 1);
}

Tensor relation_loss(Tensor const& student, Tensor const& teacher, std::vector<std::int32_t> const& offsets,
                     std::int64_t n_heads) {
  expects(student.size(1) % (3 * n_heads) == 0 && teacher.size(1) % (3 * n_heads) == 0,
          "both hidden sizes are multiples of the relation heads");
  Tensor sum;
  std::int64_t n_rows = 0;
  for (std::size_t t = 0; t + 1 < offsets.size(); ++t) {
    auto const length = offsets[t + 1] - offsets[t];
    auto const of_student = student.narrow(0, offsets[t], length).chunk(3, 1);
    auto const of_teacher = teacher.narrow(0, offsets[t], length).chunk(3, 1);
    for (std::size_t part = 0; part < 3; ++part) {
      auto const wanted = relation(of_teacher[part], n_heads);
      auto const divergence = (wanted.exp() * (wanted - relation(of_student[part], n_heads))).sum();
      sum = sum.defined() ? sum + divergence : divergence;
    }
    n_rows += length;
  }
  return sum / static_cast<double>(3 * n_heads * n_rows);
}

}  // namespace polytask::nn
