// All rows of a text, for tests of readers.
#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "data/row_reader.h"

namespace polytask::data::test_support {

struct RowsRead {
  std::vector<Row> rows;
  std::vector<std::string> errors;
};

inline RowsRead drain(RowReader& reader) {
  RowsRead found;
  while (auto row = reader.next()) {
    if (*row)
      found.rows.push_back(std::move(**row));
    else
      found.errors.emplace_back(row->error().what());
  }
  EXPECT_FALSE(reader.next()) << "the end stays the end";
  return found;
}

inline RowsRead read(std::string const& bytes, Format format, RowReaderOptions const& options = {},
                     std::string const& name = "f") {
  std::istringstream input(bytes);
  return drain(*read_rows(input, format, name, options));
}

}  // namespace polytask::data::test_support
