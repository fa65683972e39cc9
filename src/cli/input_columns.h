// The names of the columns of a table without a header, from the datasets that a run was trained on.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace polytask::cli {

/// `config`: the run's config.json. What `columns` of the CSV and TSV files among `datasets` says when they all say the
/// same; empty = the table names its columns itself. Throws Error{Corrupt} for a file that `train` did not write.
[[nodiscard]] std::vector<std::string> input_columns(Json const& config, std::vector<std::string> const& datasets);

}  // namespace polytask::cli
