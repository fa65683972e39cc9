#include "train/internal/language_evaluation.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "data/language_sequences.h"
#include "eval/linear_probe.h"
#include "eval/scores.h"
#include "nn/functions.h"
#include "text/tokenizer.h"
#include "train/internal/masked_batch.h"

namespace polytask::train {
namespace {

/// Purpose of the random numbers that hide the words; one for each source.
constexpr std::uint64_t kHeldOutPurpose = 3;

torch::Tensor index_tensor(std::vector<std::int64_t> const& values) { return torch::tensor(values, torch::kInt64); }

}  // namespace

std::optional<PretrainEvaluation> LanguageEvaluation::run(std::function<bool()> const& should_stop) const {
  torch::NoGradGuard const no_grad;
  PretrainEvaluation evaluation;
  double all = 0;
  double n_all = 0;
  for (std::size_t s = 0; s < texts_.sources.size(); ++s) {
    auto const& source = texts_.sources[s];
    Rng rng = Rng::for_purpose(config_.seed, kHeldOutPurpose + 16 * s);
    double sum = 0;
    double n = 0;
    for (std::size_t begin = 0; begin < source.held_out.size();) {
      if (should_stop()) return std::nullopt;
      MaskedBatch batch;
      while (begin < source.held_out.size() && batch.n_tokens() < config_.batch_tokens)
        batch.add(data::mask(source.sequences[source.held_out[begin++]], texts_.vocabulary, config_.masking, rng));
      if (batch.targets().empty()) continue;
      nn::Pass pass;
      auto const hidden = encoder_->forward(batch.texts(device_), pass);
      sum += head_
                 ->forward(hidden.index_select(0, batch.hidden_words(device_)),
                           encoder_->named_parameters()["embeddings.word_embeddings.weight"], batch.targets(),
                           kernels::Precision::Float32)
                 .sum;
      n += static_cast<double>(batch.targets().size());
    }
    if (n > 0) evaluation.source_perplexity[source.source.name] = std::exp(sum / n);
    all += sum;
    n_all += n;
  }
  evaluation.perplexity = n_all > 0 ? std::exp(all / n_all) : 0.0;
  for (auto const& of_task : probes_) {
    if (should_stop()) return std::nullopt;
    evaluation.probes[of_task.task.name] = probe(of_task);
  }
  return evaluation;
}

std::vector<float> LanguageEvaluation::vectors_of(std::vector<std::string> const& texts) const {
  std::vector<float> vectors;
  auto const max_length = static_cast<std::size_t>(config_.max_length);
  for (std::size_t begin = 0; begin < texts.size();) {
    std::vector<std::int64_t> ids, positions, all;
    nn::PackedTexts packed;
    packed.offsets.push_back(0);
    while (begin < texts.size() && static_cast<std::int64_t>(ids.size()) < config_.batch_tokens) {
      auto const encoding = texts_.tokenizer->encode(texts[begin++], {.max_length = max_length});
      for (std::size_t i = 0; i < encoding.size(); ++i) positions.push_back(static_cast<std::int64_t>(i));
      ids.insert(ids.end(), encoding.ids.begin(), encoding.ids.end());
      all.push_back(static_cast<std::int64_t>(all.size()));
      packed.offsets.push_back(static_cast<std::int32_t>(ids.size()));
    }
    packed.ids = index_tensor(ids).to(device_);
    packed.positions = index_tensor(positions).to(device_);
    packed.type_ids = torch::zeros_like(packed.ids);
    nn::Pass pass;
    auto const pooled =
        nn::mean_pool(encoder_->forward(packed, pass), packed.offsets, all).to(torch::kCPU).contiguous();
    vectors.insert(vectors.end(), pooled.data_ptr<float>(), pooled.data_ptr<float>() + pooled.numel());
  }
  return vectors;
}

double LanguageEvaluation::probe(Probe const& probe) const {
  auto const width = static_cast<std::size_t>(encoder_->config().hidden_size);
  auto const answers = eval::linear_probe(probe.task, probe.labels, {width, vectors_of(probe.train_texts)},
                                          probe.train_gold, {width, vectors_of(probe.dev_texts)});
  return eval::primary_score(probe.task, probe.labels, probe.dev_gold, answers);
}

std::int64_t LanguageEvaluation::n_tokens() const {
  std::size_t n = 0;
  for (auto const& source : texts_.sources)
    for (auto const i : source.held_out) n += source.sequences[i].size();
  for (auto const& probe : probes_) n += 20 * (probe.train_texts.size() + probe.dev_texts.size());
  return static_cast<std::int64_t>(n);
}

}  // namespace polytask::train
