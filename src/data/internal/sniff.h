// The format of a file by its first lines.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/row_reader.h"

namespace polytask::data {

struct Sniffed {
  std::optional<Format> format;
  std::string reason;                ///< why there is none: "one JSON document, ..."
  std::vector<std::string> columns;  ///< made up ("column1", ...) for a table whose first row is no header
  std::optional<int> tokens_column;  ///< CoNLL: where it is not the first
  std::optional<int> tags_column;    ///< CoNLL: where it is not the last
};

/// Reads no more than a megabyte. Never throws for what a file holds.
[[nodiscard]] Sniffed sniff(std::filesystem::path const& file);

}  // namespace polytask::data
