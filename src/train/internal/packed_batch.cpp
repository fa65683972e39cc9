#include "train/internal/packed_batch.h"

#include <torch/torch.h>

#include "base/error.h"

namespace polytask::train {
namespace {

torch::Tensor int64_tensor(std::vector<std::int64_t> const& values, torch::Device device) {
  return torch::tensor(values, torch::kInt64).to(device);
}

}  // namespace

std::vector<task::TokenSequence> sequences_of(data::Features const& features) {
  if (features.choices.empty())
    return {{features.ids, features.type_ids, features.apart ? static_cast<std::size_t>(features.second_text) : 0}};
  std::vector<task::TokenSequence> sequences;
  for (std::size_t begin = 0; auto const choice : features.choices) {
    auto const end = static_cast<std::size_t>(choice);
    sequences.push_back({std::span(features.ids).subspan(begin, end - begin),
                         std::span(features.type_ids).subspan(begin, end - begin)});
    begin = end;
  }
  return sequences;
}

nn::PackedTexts packed_texts(data::Batch const& batch, std::span<task::TokenSequence const> texts, FrozenPart* frozen,
                             torch::Device device) {
  nn::PackedTexts packed{int64_tensor(batch.ids, device),
                         int64_tensor(batch.positions, device),
                         int64_tensor(batch.type_ids, device),
                         batch.offsets,
                         batch.second_text,
                         batch.sequences};
  if (frozen == nullptr) return packed;
  expects(texts.size() + 1 == batch.offsets.size(), "the texts are those of the batch");
  auto const states = torch::empty({batch.n_tokens(), frozen->states.hidden_size()}, torch::kFloat32);
  frozen->states.read(texts, {states.data_ptr<float>(), static_cast<std::size_t>(states.numel())});
  packed.states = states.to(device);
  packed.n_layers_done = frozen->n_layers;
  return packed;
}

}  // namespace polytask::train
