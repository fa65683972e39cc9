// The page's sentences in its two languages. Both stand in the page; the style sheet shows one.
#pragma once

#include <string>
#include <string_view>

#include "task/task_spec.h"

namespace polytask::report {

/// One meaning in English and Japanese: HTML, numbers and names in it already escaped.
struct Words {
  std::string en;
  std::string ja;
};

/// Both languages, marked so that one of them is shown. Inside HTML text.
[[nodiscard]] std::string both(Words const& words);
/// The same inside an SVG: two <text> elements with these attributes.
[[nodiscard]] std::string both_in_svg(std::string_view attributes, Words const& words);

[[nodiscard]] Words type_words(task::TaskType type);
/// "test" or "dev": the split that `TaskReport::judged()` means.
[[nodiscard]] Words split_words(bool test);
/// What a metric measures; empty for one that is not known.
[[nodiscard]] Words metric_words(std::string_view metric);
/// "3 min 12 s".
[[nodiscard]] Words duration_words(double seconds);
/// In which order a task's misses stand.
[[nodiscard]] Words miss_order_words(task::TaskType type);

}  // namespace polytask::report
