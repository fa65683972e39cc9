#include "nn/text_selection.h"

#include <torch/torch.h>

#include <algorithm>

#include "base/error.h"

namespace polytask::nn {
namespace {

std::vector<std::int64_t> moved(std::vector<std::int64_t> const& of_batch, std::vector<std::int64_t> const& at) {
  std::vector<std::int64_t> indices;
  for (auto const index : of_batch) {
    expects(index >= 0 && index < std::ssize(at) && at[static_cast<std::size_t>(index)] >= 0,
            "only chosen texts are asked for");
    indices.push_back(at[static_cast<std::size_t>(index)]);
  }
  return indices;
}

}  // namespace

TextSelection::TextSelection(PackedTexts const& batch, std::vector<bool> const& chosen)
    : text_at_(chosen.size(), -1), token_at_(static_cast<std::size_t>(batch.offsets.back()), -1) {
  expects(std::ssize(chosen) == batch.n_texts(), "every text of a batch is chosen or not");
  for (std::size_t text = 0; text < chosen.size(); ++text) {
    if (!chosen[text]) {
      whole_ = false;
      continue;
    }
    text_at_[text] = std::ssize(offsets_) - 1;
    if (!batch.second_text.empty())
      second_text_.push_back(offsets_.back() + batch.second_text[text] - batch.offsets[text]);
    for (auto bound = std::upper_bound(batch.attended().begin(), batch.attended().end(), batch.offsets[text]);
         bound != batch.attended().end() && *bound <= batch.offsets[text + 1]; ++bound)
      sequences_.push_back(offsets_.back() + *bound - batch.offsets[text]);
    for (auto token = batch.offsets[text]; token < batch.offsets[text + 1]; ++token) {
      token_at_[static_cast<std::size_t>(token)] = std::ssize(kept_);
      kept_.push_back(token);
    }
    offsets_.push_back(static_cast<std::int32_t>(kept_.size()));
  }
  expects(offsets_.size() > 1, "at least one text is chosen");
}

torch::Tensor TextSelection::of(torch::Tensor const& states) const {
  if (whole_) return states;
  return states.index_select(0, torch::tensor(kept_, torch::kInt64).to(states.device()));
}

std::vector<std::int64_t> TextSelection::texts(std::vector<std::int64_t> const& of_batch) const {
  return moved(of_batch, text_at_);
}
std::vector<std::int64_t> TextSelection::tokens(std::vector<std::int64_t> const& of_batch) const {
  return moved(of_batch, token_at_);
}

}  // namespace polytask::nn
