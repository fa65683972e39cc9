// What an encoder knows before anything is trained on it: perplexity at hidden words of held-out texts, and probes.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "nn/masked_language_model.h"
#include "train/internal/pretraining_texts.h"

namespace polytask::train {

/// Borrows all that it is made of. The same words are hidden in every evaluation of a seed.
class LanguageEvaluation {
 public:
  LanguageEvaluation(PretrainingTexts const& texts, PretrainConfig const& config, std::vector<Probe> const& probes,
                     nn::Encoder encoder, nn::MaskedLanguageHead head)
      : texts_(texts),
        config_(config),
        probes_(probes),
        encoder_(std::move(encoder)),
        head_(std::move(head)),
        device_(encoder_->parameters().front().device()) {}

  /// Its step is not set. Nothing when `should_stop` ended it early.
  [[nodiscard]] std::optional<PretrainEvaluation> run(std::function<bool()> const& should_stop) const;
  /// About how many tokens that passes through the encoder.
  [[nodiscard]] std::int64_t n_tokens() const;

 private:
  [[nodiscard]] double probe(Probe const& probe) const;
  [[nodiscard]] std::vector<float> vectors_of(std::vector<std::string> const& texts) const;

  PretrainingTexts const& texts_;
  PretrainConfig const& config_;
  std::vector<Probe> const& probes_;
  mutable nn::Encoder encoder_;
  mutable nn::MaskedLanguageHead head_;
  torch::Device device_;
};

}  // namespace polytask::train
