// What a run answered on dev and test, read back from its folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "task/example.h"
#include "task/label_set.h"
#include "task/prediction.h"
#include "task/task_spec.h"

namespace polytask::cli {

/// One task on one split, row by row.
struct StoredAnswers {
  std::vector<std::string> rows;  ///< "file:line"
  std::vector<task::Label> gold;
  std::vector<task::Prediction> predicted;
};

/// Reads predictions/<split>.<task>.jsonl as `train` writes it. Throws Error{NotFound}, Error{Corrupt}.
[[nodiscard]] StoredAnswers read_answers(std::filesystem::path const& path, task::TaskType type,
                                         task::LabelSet const& labels);

/// "file:line" of a row without the folders before it, which depend on how the project file was named.
[[nodiscard]] std::string_view place_of(std::string_view row);

}  // namespace polytask::cli
