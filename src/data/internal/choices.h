// The choices that a row gives, and which of them it says is right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "data/row_reader.h"
#include "task/example.h"
#include "task/task_spec.h"

namespace polytask::data {

/// The columns of a task's text, and of its choices.
[[nodiscard]] std::vector<std::string> columns_read(task::TaskSpec const& task);

/// A list in one column, or a column a choice; of columns, the last may be absent, null or empty: the row has fewer
/// choices. Fails with InvalidInput for fewer than task::kFewestChoices and more than task::kMostChoices, for one that
/// is empty or no text, and for two that are equal.
[[nodiscard]] Result<std::vector<std::string>> choices_of(Row const& row, task::TaskSpec const& task,
                                                          std::string_view where);

/// A number counted from 0, or the text of the right choice. Fails with InvalidInput for anything else, and for a text
/// that could be meant both ways. `value`: not empty; `example`: a text and the row's choices.
[[nodiscard]] Result<task::Label> choice_label(Value const& value, task::Example const& example,
                                               std::string const& column, std::string_view where);

}  // namespace polytask::data
