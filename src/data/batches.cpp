#include "data/batches.h"

#include "base/error.h"

namespace polytask::data {

namespace {

void append_choices(Batch& batch, Features const& features) {
  std::size_t i = 0;
  for (auto const end : features.choices) {
    for (std::int64_t position = 0; i < static_cast<std::size_t>(end); ++i, ++position) {
      batch.ids.push_back(features.ids[i]);
      batch.positions.push_back(position);
      batch.type_ids.push_back(features.type_ids[i]);
    }
    batch.offsets.push_back(static_cast<std::int32_t>(batch.ids.size()));
    batch.sequences.push_back(batch.offsets.back());
    batch.second_text.push_back(batch.offsets.back());
  }
}

}  // namespace

void append(Batch& batch, DrawnRow row, Features const& features) {
  if (batch.offsets.empty()) {
    batch.offsets.push_back(0);
    batch.sequences.push_back(0);
  }
  batch.rows.push_back(row);
  if (!features.choices.empty()) return append_choices(batch, features);
  batch.second_text.push_back(static_cast<std::int32_t>(batch.ids.size()) + features.second_text);
  for (std::size_t i = 0; i < features.ids.size(); ++i) {
    batch.ids.push_back(features.ids[i]);
    auto const position = static_cast<std::int64_t>(i);
    batch.positions.push_back(features.apart && position >= features.second_text ? position - features.second_text
                                                                                 : position);
    batch.type_ids.push_back(features.type_ids[i]);
  }
  if (features.apart) batch.sequences.push_back(batch.second_text.back());
  batch.offsets.push_back(static_cast<std::int32_t>(batch.ids.size()));
  batch.sequences.push_back(batch.offsets.back());
}

BatchPlan::BatchPlan(Mixture mixture, std::vector<std::vector<std::int32_t>> lengths, BatchBudget budget,
                     std::int64_t n_rows)
    : mixture_(std::move(mixture)), lengths_(std::move(lengths)), budget_(budget), n_left_(n_rows) {
  expects(budget_.max_texts.value_or(budget_.max_tokens) >= 1, "a batch holds at least one text");
}

std::vector<DrawnRow> BatchPlan::next() {
  std::vector<DrawnRow> rows;
  std::int64_t n_tokens = 0;
  while (n_left_ > 0) {
    DrawnRow const row = waiting_ ? *waiting_ : mixture_.next();
    waiting_.reset();
    std::int32_t const length = lengths_[row.stream][row.row];
    bool const full = budget_.max_texts ? static_cast<std::int64_t>(rows.size()) == *budget_.max_texts
                                        : n_tokens + length > budget_.max_tokens;
    if (full && !rows.empty()) {
      waiting_ = row;
      break;
    }
    rows.push_back(row);
    n_tokens += length;
    --n_left_;
  }
  return rows;
}

void BatchPlan::restore(State state) {
  mixture_.restore(std::move(state.mixture));
  waiting_ = state.waiting;
  n_left_ = state.n_left;
}

BatchPlan::Totals BatchPlan::totals(std::stop_token const& stop) const {
  BatchPlan copy = *this;
  Totals totals{.rows_by_stream = std::vector<std::int64_t>(lengths_.size(), 0)};
  for (auto rows = copy.next(); !rows.empty() && !stop.stop_requested(); rows = copy.next()) {
    ++totals.n_batches;
    for (auto const& row : rows) {
      totals.n_tokens += lengths_[row.stream][row.row];
      ++totals.rows_by_stream[row.stream];
    }
  }
  return totals;
}

}  // namespace polytask::data
