#include "train/internal/shared_gradients.h"

#include <torch/torch.h>

#include <algorithm>
#include <numeric>

namespace polytask::train {
namespace {

/// On the CPU, where several processes train, the table of words is the parameter with sparse gradients.
bool is_table(OptimizedParameter const& parameter) { return parameter.name.ends_with("word_embeddings.weight"); }

std::vector<std::int64_t> distinct(std::span<std::int64_t const> ids) {
  std::vector<std::int64_t> rows(ids.begin(), ids.end());
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

/// Room for one parameter's gradient.
std::int64_t width_of(OptimizedParameter const& parameter, std::size_t n_rows) {
  return is_table(parameter) ? static_cast<std::int64_t>(n_rows) * parameter.weight.size(1) : parameter.weight.numel();
}

torch::Tensor tensor_at(float* values, std::int64_t n) { return torch::from_blob(values, {n}, torch::kFloat32); }

void write(OptimizedParameter const& parameter, std::vector<std::int64_t> const& rows, torch::Tensor place) {
  auto const& gradient = parameter.weight.grad();
  if (!gradient.defined()) {
    place.zero_();
  } else if (!is_table(parameter)) {
    place.copy_(gradient.reshape({-1}));
  } else {
    place.zero_();
    auto const own = gradient.coalesce();
    auto const ids = own.indices().contiguous();
    auto at = torch::empty({ids.numel()}, torch::kInt64);
    for (std::int64_t i = 0; i < ids.numel(); ++i)
      at.data_ptr<std::int64_t>()[i] =
          std::lower_bound(rows.begin(), rows.end(), ids.data_ptr<std::int64_t>()[i]) - rows.begin();
    place.view({static_cast<std::int64_t>(rows.size()), parameter.weight.size(1)}).index_copy_(0, at, own.values());
  }
}

torch::Tensor read(OptimizedParameter const& parameter, std::vector<std::int64_t> const& rows,
                   torch::Tensor const& sum) {
  if (!is_table(parameter)) return sum.view(parameter.weight.sizes());
  auto const n = static_cast<std::int64_t>(rows.size());
  auto const indices = torch::from_blob(const_cast<std::int64_t*>(rows.data()), {1, n}, torch::kInt64).clone();
  auto gradient = torch::sparse_coo_tensor(indices, sum.view({n, parameter.weight.size(1)}), parameter.weight.sizes());
  gradient._coalesced_(true);  // sorted, and each once
  return gradient;
}

}  // namespace

void SharedGradients::sum(ProcessGroup& processes, std::span<OptimizedParameter> parameters,
                          std::span<std::int64_t const> ids, std::span<float> numbers) {
  torch::NoGradGuard const no_grad;
  auto const rows = distinct(ids);
  std::int64_t n = 0;
  for (auto const& parameter : parameters) n += width_of(parameter, rows.size());
  auto const n_gradients = static_cast<std::size_t>(n);
  buffer_.resize(n_gradients + parameters.size() + numbers.size());
  float* at = buffer_.data();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    auto const width = width_of(parameters[i], rows.size());
    write(parameters[i], rows, tensor_at(at, width));
    at += width;
    buffer_[n_gradients + i] = parameters[i].weight.grad().defined() ? 1.0F : 0.0F;
  }
  auto* const of_numbers = buffer_.data() + n_gradients + parameters.size();
  std::copy(numbers.begin(), numbers.end(), of_numbers);
  processes.sum(buffer_);
  std::copy_n(of_numbers, numbers.size(), numbers.begin());
  at = buffer_.data();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    auto const width = width_of(parameters[i], rows.size());
    auto& gradient = parameters[i].weight.mutable_grad();
    gradient = buffer_[n_gradients + i] > 0 ? read(parameters[i], rows, tensor_at(at, width)) : torch::Tensor();
    at += width;
  }
}

std::pair<std::size_t, std::size_t> rows_of_process(std::span<std::int64_t const> lengths, int rank, int size) {
  auto const total = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  // A row belongs to the process in whose share of the tokens its middle lies.
  auto const first_of = [&](int process) {
    std::int64_t before = 0;
    for (std::size_t row = 0; row < lengths.size(); ++row) {
      if ((2 * before + lengths[row]) * size >= 2 * total * process) return row;
      before += lengths[row];
    }
    return lengths.size();
  };
  return {first_of(rank), rank + 1 == size ? lengths.size() : first_of(rank + 1)};
}

}  // namespace polytask::train
