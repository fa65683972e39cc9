// Texts -> a vocabulary, sequences that are trained on and sequences that are held out.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "data/batches.h"
#include "data/language_sequences.h"
#include "text/tokenizer.h"
#include "train/pretrainer.h"

namespace polytask::train {

struct PretrainingSource {
  data::TextSource source;
  data::LanguageSequences sequences;
  std::vector<std::size_t> train, held_out;  ///< indices of sequences
  double mean_length = 0;                    ///< tokens of a training sequence
};

struct PretrainingTexts {
  std::shared_ptr<text::Tokenizer const> tokenizer;
  data::PretrainingVocabulary vocabulary;
  /// By token: what it was in the vocabulary of the encoder that is continued; empty = that vocabulary stays.
  std::vector<std::vector<std::int32_t>> old_pieces;
  std::vector<PretrainingSource> sources;  ///< those that have sequences
  double unknown = 0;                      ///< share of all tokens

  /// The plan of a run of `n_rows` sequences, at its beginning.
  [[nodiscard]] data::BatchPlan plan(std::int64_t n_rows, std::int64_t batch_tokens, std::uint64_t seed) const;
  /// Of sequences drawn, by source; add up to 1.
  [[nodiscard]] std::vector<double> shares() const;
  [[nodiscard]] double mean_tokens_per_row() const;
  [[nodiscard]] double n_train_tokens() const;
};

/// A vocabulary that was learnt is kept in `work_folder`/vocabulary and found there by a resumed run. Throws
/// Error{InvalidInput}: nothing to learn from, a vocabulary that cannot write the texts, a teacher with another
/// vocabulary where tokens are compared; Error{Interrupted} soon after `stop` is requested.
[[nodiscard]] PretrainingTexts prepare_texts(std::vector<LanguageSource> sources, PretrainConfig const& config,
                                             PretrainOptions const& options, PretrainEvents const& events,
                                             std::stop_token const& stop);

}  // namespace polytask::train
