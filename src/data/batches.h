// Rows -> packed batches: the tokens of the texts one after another, no padding, filled up to a budget.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <vector>

#include "data/features.h"
#include "data/mixture.h"

namespace polytask::data {

/// A text of a batch is what a head answers about: a row, or one of a row's choices with the text in front of it.
struct Batch {
  std::vector<DrawnRow> rows;
  std::vector<std::int32_t> offsets;      ///< texts + 1: where each text's tokens begin
  std::vector<std::int32_t> second_text;  ///< by text: the token where a pair's second text begins; the text's end
                                          ///< where there is one, or a choice
  std::vector<std::int64_t> ids;          ///< [tokens]
  std::vector<std::int32_t> sequences;    ///< bounds that attention stays inside: those of `offsets` and the middles of
                                          ///< pairs that are encoded apart
  std::vector<std::int64_t> positions;    ///< [tokens], from 0 in each sequence
  std::vector<std::int64_t> type_ids;     ///< [tokens]
  [[nodiscard]] std::int64_t n_tokens() const { return static_cast<std::int64_t>(ids.size()); }
};

/// Puts the texts of one row at the end of a batch.
void append(Batch& batch, DrawnRow row, Features const& features);

/// A batch is full at `max_texts` rows, or before the row that would exceed `max_tokens`, with all of its choices; one
/// row always fits.
struct BatchBudget {
  std::int64_t max_tokens = 0;  ///< unused when max_texts is set
  std::optional<std::int64_t> max_texts;
};

/// Cuts `n_rows` rows drawn from a mixture into batches. Only lengths are looked at, so the number of steps of a whole
/// run is known before its first one.
class BatchPlan {
 public:
  struct State {
    Mixture::State mixture;
    std::optional<DrawnRow> waiting;  ///< drawn, but it did not fit into the last batch
    std::int64_t n_left = 0;
  };

  /// `lengths`: tokens of every row, by stream.
  BatchPlan(Mixture mixture, std::vector<std::vector<std::int32_t>> lengths, BatchBudget budget, std::int64_t n_rows);

  /// The rows of the next batch; empty at the end.
  [[nodiscard]] std::vector<DrawnRow> next();
  [[nodiscard]] State state() const { return {mixture_.state(), waiting_, n_left_}; }
  void restore(State state);
  struct Totals {
    std::int64_t n_batches = 0;
    std::int64_t n_tokens = 0;
    std::vector<std::int64_t> rows_by_stream;
  };
  /// What is left from here to the end; less of it once `stop` is requested.
  [[nodiscard]] Totals totals(std::stop_token const& stop = {}) const;

 private:
  Mixture mixture_;
  std::vector<std::vector<std::int32_t>> lengths_;
  BatchBudget budget_;
  std::int64_t n_left_;
  std::optional<DrawnRow> waiting_;
};

}  // namespace polytask::data
