// The labels of a task as names that can be counted, whatever its type.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/corpus.h"

namespace polytask::audit {

using Table = std::vector<std::vector<std::size_t>>;  ///< [slices][names]

/// What is counted of the labels of one task: for each row the names that its label stands for.
class LabelView {
 public:
  LabelView(data::Stream const& stream, std::size_t position, bool is_set, std::vector<std::string> names,
            std::function<void(task::Label const&, std::vector<std::uint16_t>&)> const& add)
      : is_set_(is_set), names_(std::move(names)) {
    std::vector<std::uint16_t> of_row;
    for (auto const split : {data::Split::Train, data::Split::Test}) {
      auto& rows = rows_[split == data::Split::Train ? 0 : 1];
      for (auto const& example : stream.of(split)) {
        of_row.clear();
        auto const& label = example.labels[position];
        if (task::is_labelled(label)) add(label, of_row);
        rows.is_labelled.push_back(task::is_labelled(label) && (is_set || !of_row.empty()));
        rows.values.insert(rows.values.end(), of_row.begin(), of_row.end());
        rows.ends.push_back(static_cast<std::uint32_t>(rows.values.size()));
      }
    }
  }

  [[nodiscard]] bool is_set() const { return is_set_; }
  [[nodiscard]] std::vector<std::string> const& names() const { return names_; }

  /// [slices][names], and the labelled rows of each slice.
  struct Counts {
    Table table;
    std::vector<std::size_t> n_rows;
  };
  /// Adds the rows of training (side 0) or test (side 1), each in the slice that `slice_of` says; -1 = none.
  void count(std::size_t side, auto const& slice_of, Counts& counts) const {
    auto const& rows = rows_[side];
    for (std::size_t row = 0; row < rows.ends.size(); ++row) {
      auto const slice = slice_of(row);
      if (slice < 0 || !rows.is_labelled[row]) continue;
      ++counts.n_rows[static_cast<std::size_t>(slice)];
      for (auto at = row == 0 ? 0 : rows.ends[row - 1]; at < rows.ends[row]; ++at)
        ++counts.table[static_cast<std::size_t>(slice)][rows.values[at]];
    }
  }
  [[nodiscard]] Counts empty_counts(std::size_t n_slices) const {
    return {Table(n_slices, std::vector<std::size_t>(names_.size())), std::vector<std::size_t>(n_slices)};
  }

 private:
  struct Rows {
    std::vector<bool> is_labelled;
    std::vector<std::uint32_t> ends;  ///< behind the values of each row
    std::vector<std::uint16_t> values;
  };
  bool is_set_;
  std::vector<std::string> names_;
  std::array<Rows, 2> rows_;
};

/// A table of exclusive names: all of them, or one of a set with and without.
struct NamedTable {
  std::vector<std::string> names;
  Table table;
};

[[nodiscard]] std::vector<NamedTable> tables_of(LabelView const& view, LabelView::Counts counts);

/// Of classes and places of the right choice: each. Of numbers: quarters of the training rows. Of sets: the frequent
/// labels. Nothing of spans, of which longer texts have more, and where there are no two names.
[[nodiscard]] std::optional<LabelView> view_of(data::Corpus const& corpus, data::Stream const& stream,
                                               std::size_t position);

}  // namespace polytask::audit
