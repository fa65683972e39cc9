// A project without a fault, in which tests plant theirs.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "audit/audit.h"
#include "base/random.h"

namespace polytask::audit {

using data::Split;
using task::TaskType;

/// Sentences that tell "red" from "blue", each another one.
inline std::string sentence(std::size_t i, bool red) {
  Rng rng(i + 1);
  std::string text;
  for (int w = 0; w < 8; ++w) text += fmt::format("word{:03} ", rng.below(500));
  return text + (red ? "crimson" : "magenta") + fmt::format(" item {:04}", i);
}

/// One dataset, one task, rows that have nothing wrong but their number.
struct Project {
  data::Corpus corpus;
  Project() {
    corpus.tasks = {
        {.name = "colour", .type = TaskType::Classification, .datasets = {"d"}, .text = {"t"}, .label = "l"}};
    corpus.label_sets = {task::LabelSet({"blue", "red"})};
    corpus.streams = {{.dataset = "d", .text = {"t"}, .tasks = {0}}};
    corpus.files = {"train", "dev", "test"};
    for (std::size_t i = 0; i < 3'000; ++i)
      add(i < 800   ? Split::Train
          : i < 900 ? Split::Dev
                    : Split::Test,
          sentence(i, i % 2 == 0), i % 2 == 0 ? "red" : "blue");
    corpus.datasets = {{.name = "d", .n_rows = {800, 100, 2'100}}};
  }
  void add(Split split, std::string text, std::string label) {
    auto& rows = corpus.streams[0].examples[static_cast<std::size_t>(split)];
    rows.push_back({.texts = {std::move(text)},
                    .labels = {std::move(label)},
                    .line = rows.size() + 1,
                    .file = static_cast<std::size_t>(split)});
  }
  std::vector<task::Example>& rows(Split split) { return corpus.streams[0].examples[static_cast<std::size_t>(split)]; }
  /// Its rows are then given choices and which of them is right.
  void become_choices() {
    corpus.tasks[0] = {.name = "pick",
                       .type = TaskType::MultipleChoice,
                       .datasets = {"d"},
                       .text = {"q"},
                       .choices = {"a", "b"},
                       .label = "l"};
    corpus.label_sets[0] = task::LabelSet();
  }
  [[nodiscard]] Audit run(RowColumns const& columns = {}) const { return audit(corpus, columns, std::nullopt, {}); }
};

inline std::vector<std::string> kinds(Audit const& audit) {
  std::vector<std::string> kinds;
  for (auto const& finding : audit.findings) kinds.push_back(finding.kind);
  return kinds;
}

inline Finding const* find(Audit const& audit, std::string const& kind) {
  for (auto const& finding : audit.findings)
    if (finding.kind == kind) return &finding;
  return nullptr;
}

}  // namespace polytask::audit
