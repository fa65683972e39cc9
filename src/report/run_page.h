// The one page of a run: what was trained, how well every task does, where it errs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/scores.h"
#include "task/example.h"
#include "task/task_spec.h"

namespace polytask::report {

struct CurvePoint {
  double step = 0;
  double value = 0;  ///< NaN = undefined; the curve has a gap there
};
using Curve = std::vector<CurvePoint>;  ///< by ascending step

/// What a row says, or what the model says about it; the fields of the task's type are filled.
struct Answer {
  std::vector<std::string> labels;   ///< classification: one; multilabel: any number
  std::optional<double> value;       ///< regression
  std::vector<task::Span> spans;     ///< tagging, in bytes of texts[0]
  std::optional<double> confidence;  ///< classification: probability of the predicted label
};

/// A row that was answered wrongly.
struct Miss {
  std::string where;  ///< file and line
  std::vector<std::string> texts;
  Answer gold;
  Answer predicted;
};

struct TaskReport {
  std::string name;
  task::TaskType type = task::TaskType::Classification;
  std::string metric;
  std::string owner;  ///< may be empty
  std::vector<std::string> datasets;
  std::optional<std::int64_t> examples_drawn;  ///< labelled rows trained on, each as often as it was drawn
  std::optional<eval::TaskScores> dev;         ///< of the selected checkpoint; nothing without rows
  std::optional<eval::TaskScores> test;
  Curve train_loss;
  Curve dev_metric;
  std::vector<Miss> misses;  ///< of dev, the worst first; the page shows at most kShownMisses
  std::size_t n_misses = 0;  ///< how many there are in misses.jsonl

  /// Of the split that the page judges by: test where there is one, as in result.json; null without either.
  [[nodiscard]] eval::TaskScores const* judged() const { return test ? &*test : dev ? &*dev : nullptr; }
};

/// A task that learns hidden words: it has no score.
struct HiddenWordsReport {
  std::string name;
  Curve train_loss;
  Curve perplexity;  ///< of dev texts
};

/// Misses of one task that the page shows.
inline constexpr std::size_t kShownMisses = 50;

using KeyValues = std::vector<std::pair<std::string, std::string>>;  ///< in the order in which they are shown

enum class RunState { Running, Interrupted, Complete };

struct RunPageData {
  std::string id;
  std::string project;
  std::string encoder;  ///< name of the pretrained encoder; empty = from scratch
  RunState state = RunState::Complete;
  std::string started;                                                  ///< ISO 8601, UTC
  double seconds = std::numeric_limits<double>::quiet_NaN();            ///< of the training loop; NaN = unknown
  double tokens_per_second = std::numeric_limits<double>::quiet_NaN();  ///< unpadded; NaN = unknown
  std::optional<std::int64_t> parameters;
  std::optional<std::int64_t> steps;
  std::optional<std::int64_t> best_step;  ///< the selected checkpoint's
  std::int64_t resumed_from_step = 0;     ///< 0 = in one go
  bool stopped_early = false;
  std::string selection;  ///< the rule: "mean", "weighted"
  std::vector<TaskReport> tasks;
  std::vector<HiddenWordsReport> hidden_words;
  Curve loss;  ///< total: normalised and weighted
  Curve learning_rate;
  Curve selection_score;  ///< what the rule makes of the dev metrics
  KeyValues configuration;
  KeyValues environment;
  KeyValues hashes;  ///< SHA-256 by "dataset NAME" and "encoder FILE"
};

/// One self-contained HTML page (UTF-8) in English and Japanese: no network, no script from elsewhere, and a content
/// security policy that allows only the page's own style and script. Everything from the data is escaped; numbers that
/// are not finite are shown as a dash.
[[nodiscard]] std::string run_page(RunPageData const& data);

}  // namespace polytask::report
