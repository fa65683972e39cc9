// What a run needs before its first step: tokenizer, head specifications, token ids and targets of every row.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "data/batches.h"
#include "data/corpus.h"
#include "data/feature_rows.h"
#include "data/language_sequences.h"
#include "model/encoder_files.h"
#include "model/model_folder.h"
#include "nn/losses.h"
#include "text/tokenizer.h"
#include "train/trainer.h"

namespace polytask::train {

/// A stream's training rows as numbers. Rows without a label of any task are left out.
struct PreparedStream {
  std::size_t corpus_index = 0;
  std::vector<std::size_t> heads;  ///< by position in Stream::tasks: index of the head
  data::FeatureRows rows;
};

struct Prepared {
  TrainConfig config;  ///< what was asked for, effective()
  std::shared_ptr<text::Tokenizer const> tokenizer;
  std::string learned_from;  ///< SHA-256 of all texts that its vocabulary was learnt from; empty: it was given
  model::EncoderConfig encoder_config;
  model::ModelSpec spec;               ///< a head per task of the corpus, in its order
  std::vector<nn::LossConfig> losses;  ///< by head
  std::vector<double> chance_levels;   ///< by head
  std::vector<PreparedStream> streams;
  std::map<std::string, std::int64_t> truncated_texts;  ///< by dataset
  std::map<std::string, std::int64_t> unlabelled_rows;  ///< by dataset: training rows without a label of any task

  [[nodiscard]] std::size_t n_rows() const;
  /// The plan of a whole run, at its beginning.
  [[nodiscard]] data::BatchPlan plan(data::Corpus const& corpus, std::uint64_t seed) const;
};

/// As train::effective(), of an encoder whose configuration is known.
[[nodiscard]] TrainConfig effective(TrainConfig config, data::Corpus const& corpus,
                                    model::EncoderConfig const& encoder);

/// What is said meanwhile.
struct PrepareEvents {
  std::function<void(std::size_t n_done, std::size_t n_rows)>
      on_preparing{};  ///< training rows made tokens, now and then
  std::function<void(std::string const& sentence)> on_note{};
};

/// Rows of streams that lie on the disk go through files in `options.rows_folder`, and are taken from there where an
/// earlier run has made them of the same texts in the same way. Throws Error{InvalidInput}: no rows, a tokenizer that
/// is not the encoder's own; Error{InvalidUsage}: settings that ask for more than the encoder has; Error{Interrupted}
/// soon after `stop` is requested.
[[nodiscard]] Prepared prepare(data::Corpus const& corpus, TrainConfig const& config, TrainOptions const& options,
                               std::stop_token const& stop, PrepareEvents const& events = {});

/// Of a run whose tasks learn hidden words. Throws Error{InvalidInput} naming one of them.
[[nodiscard]] data::PretrainingVocabulary hidden_words_vocabulary(Prepared const& prepared,
                                                                  TrainOptions const& options);

/// Throws Error{Interrupted} once `stop` is requested.
void leave_if_stopped(std::stop_token const& stop);

}  // namespace polytask::train
