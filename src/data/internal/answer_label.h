// What a row says about a question: pieces of its context.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "data/row_reader.h"
#include "task/example.h"
#include "task/task_spec.h"

namespace polytask::data {

/// As files have it.
struct GivenAnswer {
  std::string text;
  std::int64_t start = 0;  ///< code points
};

/// [{"text": .., "answer_start": ..}, ..], one such object, or {"text": [..], "answer_start": [..]}. Fails with what
/// else it is.
[[nodiscard]] Result<std::vector<GivenAnswer>> parse_answers(std::string_view json);

/// monostate = the row says nothing about the question. Fails with InvalidInput for answers that do not stand in the
/// context where they are said to.
[[nodiscard]] Result<task::Label> answer_label(Row const& row, task::Example const& example, task::TaskSpec const& task,
                                               std::string_view where);

}  // namespace polytask::data
