// Examples -> rows of numbers, on all threads, in the order of the examples.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "data/feature_rows.h"
#include "train/internal/prepared.h"

namespace polytask::train {

/// Adds the streams to what is prepared so far: its tokenizer and heads. All must outlive it.
class StreamPreparer {
 public:
  StreamPreparer(Prepared& prepared, data::Corpus const& corpus, TrainOptions const& options,
                 PrepareEvents const& events, std::stop_token const& stop);
  /// Throws what `prepare` throws.
  void run();

 private:
  void add_stream(std::size_t corpus_index);
  /// Those of them that carry a label are handed on.
  void for_each_row(data::Stream const& stream, data::AddFeatures const& add);
  [[nodiscard]] std::vector<data::Features> rows_of(data::Stream const& stream, task::Example const& example) const;
  /// Of all that the rows of a stored stream depend on.
  [[nodiscard]] std::string key_of(data::Stream const& stream) const;

  Prepared& prepared_;
  data::Corpus const& corpus_;
  TrainOptions const& options_;
  PrepareEvents const& events_;
  std::stop_token const& stop_;
  std::vector<data::TargetSpec> targets_;  ///< by task of the corpus
  std::size_t n_rows_ = 0, n_done_ = 0;
};

}  // namespace polytask::train
