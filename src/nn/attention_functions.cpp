#include <torch/torch.h>

#include <algorithm>
#include <span>
#include <tuple>

#include "base/error.h"
#include "kernels/attention.h"
#include "kernels/relative_attention.h"
#include "kernels/rotary.h"
#include "nn/functions.h"
#include "nn/internal/by_torch.h"
#include "nn/internal/saved.h"

namespace polytask::nn {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

std::span<std::int32_t const> span_of(Tensor const& offsets) {
  return {offsets.data_ptr<std::int32_t>(), static_cast<std::size_t>(offsets.numel())};
}

kernels::AttentionShape attention_shape(Tensor const& offsets, std::int64_t hidden, std::int64_t heads,
                                        std::int64_t reach) {
  return {{offsets.data_ptr<std::int32_t>(), static_cast<std::size_t>(offsets.numel())}, hidden, heads, reach};
}

struct PackedAttention : torch::autograd::Function<PackedAttention> {
  static Tensor forward(AutogradContext* context, Tensor const& qkv_any, Tensor const& offsets, std::int64_t heads,
                        std::int64_t reach, double rate, std::int64_t seed) {
    auto const qkv = qkv_any.contiguous();
    std::int64_t const hidden = qkv.size(1) / 3;
    auto out = torch::empty({qkv.size(0), hidden}, qkv.options());
    auto log_sum_exp = torch::empty({qkv.size(0), heads}, qkv.options());
    kernels::Dropout const dropout{static_cast<float>(rate), static_cast<std::uint64_t>(seed)};
    kernels::attention_forward(attention_shape(offsets, hidden, heads, reach), dropout, qkv.data_ptr<float>(),
                               out.data_ptr<float>(), log_sum_exp.data_ptr<float>());
    context->save_for_backward({qkv, offsets, out, log_sum_exp});
    context->saved_data["reach"] = reach;
    save_dropout(context, dropout);
    return out;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const gradient = gradients[0].contiguous();
    auto grad_qkv = torch::empty_like(saved[0]);
    kernels::attention_backward(
        attention_shape(saved[1], saved[2].size(1), saved[3].size(1), context->saved_data["reach"].toInt()),
        saved_dropout(context), saved[0].data_ptr<float>(), saved[2].data_ptr<float>(), saved[3].data_ptr<float>(),
        gradient.data_ptr<float>(), grad_qkv.data_ptr<float>());
    return {grad_qkv, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

/// Null for a tensor that a call left out.
float* values_of(Tensor const& table) { return table.numel() > 0 ? table.data_ptr<float>() : nullptr; }

struct RelativeAttention : torch::autograd::Function<RelativeAttention> {
  static Tensor forward(AutogradContext* context, Tensor const& qkv_any, Tensor const& of_keys_any,
                        Tensor const& of_queries_any, Tensor const& offsets, std::int64_t heads, Tensor const& rows,
                        double rate, std::int64_t seed) {
    auto const qkv = qkv_any.contiguous();
    auto const of_keys = of_keys_any.contiguous();
    auto const of_queries = of_queries_any.contiguous();
    std::int64_t const hidden = qkv.size(1) / 3;
    auto out = torch::empty({qkv.size(0), hidden}, qkv.options());
    auto log_sum_exp = torch::empty({qkv.size(0), heads}, qkv.options());
    kernels::Dropout const dropout{static_cast<float>(rate), static_cast<std::uint64_t>(seed)};
    kernels::relative_attention_forward({attention_shape(offsets, hidden, heads, 0), rows_of(rows)}, dropout,
                                        qkv.data_ptr<float>(), {values_of(of_keys), values_of(of_queries)},
                                        out.data_ptr<float>(), log_sum_exp.data_ptr<float>());
    context->save_for_backward({qkv, of_keys, of_queries, offsets, rows, out, log_sum_exp});
    save_dropout(context, dropout);
    return out;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const& [qkv, of_keys, of_queries, offsets, rows, out, log_sum_exp] =
        std::tie(saved[0], saved[1], saved[2], saved[3], saved[4], saved[5], saved[6]);
    auto const gradient = gradients[0].contiguous();
    auto grad_qkv = torch::empty_like(qkv);
    auto grad_keys = torch::empty_like(of_keys);
    auto grad_queries = torch::empty_like(of_queries);
    kernels::relative_attention_backward({attention_shape(offsets, out.size(1), log_sum_exp.size(1), 0), rows_of(rows)},
                                         saved_dropout(context), qkv.data_ptr<float>(),
                                         {values_of(of_keys), values_of(of_queries)}, out.data_ptr<float>(),
                                         log_sum_exp.data_ptr<float>(), gradient.data_ptr<float>(),
                                         grad_qkv.data_ptr<float>(), {values_of(grad_keys), values_of(grad_queries)});
    return {grad_qkv, grad_keys, grad_queries, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }

  /// span, buckets, farthest
  static kernels::RelativeRows rows_of(Tensor const& rows) {
    auto const* const values = rows.data_ptr<std::int64_t>();
    return {values[0], values[1], values[2]};
  }
};

/// A copy of qkv with its queries and keys turned.
Tensor turned(Tensor const& qkv, Tensor const& offsets, std::int64_t heads, double theta, kernels::Turn turn) {
  auto const bounds = span_of(offsets);
  std::int64_t longest = 0;
  for (std::size_t t = 0; t + 1 < bounds.size(); ++t)
    longest = std::max<std::int64_t>(longest, bounds[t + 1] - bounds[t]);
  kernels::RotaryTable const table(longest, qkv.size(1) / 3 / heads, theta);
  auto rows = qkv.clone(torch::MemoryFormat::Contiguous);
  kernels::rotate_texts(table, bounds, 2 * heads, qkv.size(1), turn, rows.data_ptr<float>());
  return rows;
}

struct Rotate : torch::autograd::Function<Rotate> {
  static Tensor forward(AutogradContext* context, Tensor const& qkv, Tensor const& offsets, std::int64_t heads,
                        double theta) {
    context->save_for_backward({offsets});
    context->saved_data["heads"] = heads;
    context->saved_data["theta"] = theta;
    return turned(qkv, offsets, heads, theta, kernels::Turn::Forth);
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    return {turned(gradients[0], context->get_saved_variables()[0], context->saved_data["heads"].toInt(),
                   context->saved_data["theta"].toDouble(), kernels::Turn::Back),
            Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor packed_attention(Tensor const& qkv, std::vector<std::int32_t> const& offsets, std::int64_t heads,
                        kernels::Dropout const& dropout, std::int64_t reach) {
  expects(qkv.dim() == 2 && qkv.size(1) % (3 * heads) == 0 && offsets.back() == qkv.size(0),
          "query, key and value of every token fit the heads");
  if (!qkv.is_cpu())
    return attention_by_torch(qkv, offsets, {.heads = heads, .reach = reach, .dropout_rate = dropout.rate});
  return PackedAttention::apply(qkv, int_tensor(offsets), heads, reach, static_cast<double>(dropout.rate),
                                static_cast<std::int64_t>(dropout.seed));
}

Tensor relative_attention(Tensor const& qkv, Tensor const& of_keys, Tensor const& of_queries,
                          std::vector<std::int32_t> const& offsets, std::int64_t heads,
                          kernels::RelativeRows const& rows, kernels::Dropout const& dropout) {
  for (auto const& table : {of_keys, of_queries})
    expects(!table.defined() || (table.size(0) == 2 * rows.span && 3 * table.size(1) == qkv.size(1)),
            "every distance has a row as wide as a token's");
  if (!qkv.is_cpu())
    return attention_by_torch(
        qkv, offsets,
        {.heads = heads, .dropout_rate = dropout.rate, .rows = rows, .of_keys = of_keys, .of_queries = of_queries});
  auto const or_nothing = [&](Tensor const& table) {
    return table.defined() ? table : torch::empty({0}, qkv.options());
  };
  auto const numbers = torch::tensor(std::vector<std::int64_t>{rows.span, rows.buckets, rows.farthest},
                                     torch::TensorOptions().dtype(torch::kInt64));
  return RelativeAttention::apply(qkv, or_nothing(of_keys), or_nothing(of_queries), int_tensor(offsets), heads, numbers,
                                  static_cast<double>(dropout.rate), static_cast<std::int64_t>(dropout.seed));
}

Tensor rotate(Tensor const& qkv, std::vector<std::int32_t> const& offsets, std::int64_t heads, double theta) {
  expects(qkv.size(1) % (6 * heads) == 0 && offsets.back() == qkv.size(0), "heads have two halves");
  if (!qkv.is_cpu()) return rotate_by_torch(qkv, offsets, heads, theta);
  return Rotate::apply(qkv, int_tensor(offsets), heads, theta);
}

}  // namespace polytask::nn
