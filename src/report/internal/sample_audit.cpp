#include "report/internal/sample_audit.h"

#include <limits>

namespace polytask::report {

std::vector<std::string> const& finding_kinds() {
  static std::vector<std::string> const kinds{"leakage",       "leakage-across-tasks", "dev-in-test",
                                              "duplicates",    "contradicting-labels", "near-contradictions",
                                              "label-clash",   "label-spelling",       "majority-metric",
                                              "few-test-rows", "no-test-rows",         "label-noise",
                                              "number-noise",  "span-inconsistent",    "label-by-column",
                                              "label-by-time", "label-by-language",    "label-by-length",
                                              "test-differs",  "empty-texts",          "broken-encoding",
                                              "markup",        "boilerplate",          "mixed-languages",
                                              "texts-cut",     "encoder-adds-nothing"};
  return kinds;
}

DataPageData hostile_audit() {
  std::string const bad = "<script>alert('x')</script>\xE2\x80\xAE\x01 " + std::string(120, 'w') +
                          " 日本語のとても長い名前がここに続きます";
  DataPageData data{.project = bad};
  for (auto const& kind : finding_kinds())
    data.audit.findings.push_back({.kind = kind,
                                   .tasks = {bad},
                                   .dataset = bad,
                                   .cost = 1,
                                   .n = 3,
                                   .of = 7,
                                   .names = {bad, bad},
                                   .evidence = {{bad, bad, bad, bad, bad}},
                                   .bars = {{bad, 0.5}, {bad, 0.0}}});
  data.audit.tasks.push_back({.name = bad, .metric = bad, .n = {7, 0, 0}, .labels = {{bad, {7, 0, 0}}}});
  double const nan = std::numeric_limits<double>::quiet_NaN();
  eval::Score const some{.value = 0.25, .interval = {.low = 0.125, .high = 0.5}},
      none{.value = nan, .interval = {nan, nan}};
  for (bool const has_majority : {true, false}) {
    data.audit.tasks.push_back({.name = bad, .metric = bad, .n = {7, 0, 0}, .labels = {{bad, {7, 0, 0}}}});
    data.audit.tasks.back().probe = {.metric = bad,
                                     .probe = 0.75,
                                     .bag_of_words = 0.5,
                                     .majority = has_majority ? 0.25 : nan,
                                     .gain = some,
                                     .over_majority = has_majority ? some : none,
                                     .n_train = 7,
                                     .n_scored = 3};
  }
  using audit::NotProbed;
  for (auto const reason : {NotProbed::Span, NotProbed::Labels, NotProbed::Length, NotProbed::Rows}) {
    data.audit.tasks.push_back({.name = bad, .metric = bad, .n = {7, 0, 0}, .labels = {{bad, {7, 0, 0}}}});
    data.audit.tasks.back().not_probed = reason;
  }
  data.audit.datasets.push_back({.name = bad,
                                 .n = {7, 0, 0},
                                 .languages = {{bad, 7}},
                                 .lengths = std::vector<std::size_t>(audit::kLengthSteps, 1)});
  data.problems = {{Severity::Warning, bad, bad, bad}};
  return data;
}

}  // namespace polytask::report
