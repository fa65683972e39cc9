// Hidden words of unlabelled texts, learnt beside the labelled tasks of a run.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "data/language_sequences.h"
#include "nn/masked_language_model.h"
#include "nn/multi_task_model.h"
#include "train/internal/masked_batch.h"
#include "train/internal/prepared.h"

namespace polytask::train {

/// Stateless: which sequences a step reads, and which of their words are hidden, follows from the run's seed and the
/// number of the step.
class HiddenWords {
 public:
  /// `model` is shared, and gets the head for hidden words as a part, `language_head`: it begins as the encoder's
  /// folder has it, or from nothing. `events` hears of the texts that become tokens. Throws Error{InvalidInput}: no
  /// text, a vocabulary that is not WordPiece with a [MASK]; Error{Interrupted} soon after `stop` is requested.
  HiddenWords(data::Corpus const& corpus, Prepared const& prepared, TrainOptions const& options,
              TrainEvents const& events, nn::MultiTaskModel model, std::stop_token const& stop);

  struct Loss {
    torch::Tensor total;                    ///< normalised by ln(vocabulary), weighted
    std::map<std::string, double> by_task;  ///< plain means
  };
  /// Of step `number`, whose labelled rows have `n_tokens` tokens. Never without a loss. Its gradient has every row of
  /// the words' table, as the decoder reads them all.
  [[nodiscard]] Loss loss_of(std::int64_t number, std::int64_t n_tokens, kernels::Precision products);
  /// e to the mean loss at hidden words of dev texts, by task, of at most some thousand tokens; always the same words.
  /// Nothing of a task without dev texts; nothing at all when `should_stop` ended it early.
  [[nodiscard]] std::optional<std::map<std::string, double>> perplexity(std::function<bool()> const& should_stop);
  /// About how many tokens that passes through the encoder.
  [[nodiscard]] std::int64_t n_dev_tokens() const;

 private:
  struct Task {
    HiddenWordsTask spec;
    std::uint64_t purpose = 0;  ///< of its random numbers, by its name
    data::LanguageSequences train, dev;
    std::vector<std::size_t> learnable;  ///< indices of training sequences with a word that the vocabulary knows
    std::vector<std::size_t> asked;      ///< indices of dev sequences, in an order of chance
  };
  /// Its hidden words through the encoder and the head.
  [[nodiscard]] nn::MaskedLanguageHeadImpl::Loss answer(MaskedBatch const& batch, nn::Pass pass);

  std::uint64_t seed_;
  nn::Encoder encoder_;
  nn::MaskedLanguageHead head_;
  data::PretrainingVocabulary vocabulary_;
  std::vector<Task> tasks_;
  torch::Device device_;
};

}  // namespace polytask::train
