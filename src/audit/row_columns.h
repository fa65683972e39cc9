// The columns of the files that no task reads, where they sort the rows: a source, a customer group, a date.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/row_reader.h"

namespace polytask::audit {

/// Days since 1970-01-01 of a text that begins with a date (2024-05-31, 2024/05/31), alone or before "T" or a space.
[[nodiscard]] std::optional<std::int32_t> days_of(std::string_view text);

/// Filled row by row while a corpus is read; memory grows with rows times columns of few values. Not thread-safe.
class RowColumns {
 public:
  static constexpr std::size_t kMostValues = 60;  ///< a column with more sorts nothing; dates aside
  static constexpr std::size_t kMostColumns = 60;

  /// Rows of a file come with growing lines; files one after another.
  void add(std::size_t file, data::Row const& row);

  /// Columns that sort the rows of some files: at most kMostValues values, or dates.
  [[nodiscard]] std::vector<std::string> names() const;
  /// The value's index in `values(column)`, or days where `is_time`; nothing where the row has none.
  [[nodiscard]] std::optional<std::int32_t> value(std::string const& column, std::size_t file, std::size_t line) const;
  [[nodiscard]] std::vector<std::string> const& values(std::string const& column) const;
  [[nodiscard]] bool is_time(std::string const& column) const;

 private:
  struct Column {
    bool sorts = true;
    std::optional<bool> is_time;
    std::vector<std::string> values;
    std::unordered_map<std::string, std::int32_t> index;
    std::map<std::size_t, std::vector<std::int32_t>> of_rows;  ///< by file; -1 = none
  };
  std::map<std::string, Column> columns_;
  std::map<std::size_t, std::vector<std::uint32_t>> lines_;  ///< by file, of its rows
};

}  // namespace polytask::audit
