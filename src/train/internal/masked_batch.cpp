#include "train/internal/masked_batch.h"

#include <torch/torch.h>

namespace polytask::train {
namespace {

torch::Tensor index_tensor(std::vector<std::int64_t> const& values, torch::Device device) {
  return torch::tensor(values, torch::kInt64).to(device);
}

}  // namespace

void MaskedBatch::add(data::MaskedSequence const& sequence) {
  for (auto const position : sequence.positions) hidden_words_.push_back(n_tokens() + position);
  targets_.insert(targets_.end(), sequence.targets.begin(), sequence.targets.end());
  add(std::span<std::int32_t const>(sequence.ids));
}

void MaskedBatch::add(std::span<std::int32_t const> ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) positions_.push_back(static_cast<std::int64_t>(i));
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  offsets_.push_back(static_cast<std::int32_t>(ids_.size()));
}

torch::Tensor MaskedBatch::hidden_words(torch::Device device) const { return index_tensor(hidden_words_, device); }

nn::PackedTexts MaskedBatch::texts(torch::Device device) const {
  nn::PackedTexts texts;
  texts.offsets = offsets_;
  texts.ids = index_tensor(ids_, device);
  texts.positions = index_tensor(positions_, device);
  texts.type_ids = torch::zeros_like(texts.ids);
  return texts;
}

}  // namespace polytask::train
