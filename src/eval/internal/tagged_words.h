// The words of a tagged row (linear_probe.h: tagged_words) with a label each, and back: what baselines and probes
// answer word by word.
#pragma once

#include <string>
#include <vector>

#include "eval/linear_probe.h"
#include "task/example.h"
#include "task/prediction.h"

namespace polytask::eval {

/// The label of each word: of the span that it lies in, "" outside. `spans` are sorted.
[[nodiscard]] std::vector<std::string> labels_of_words(std::vector<task::ByteRange> const& words,
                                                       std::vector<task::Span> const& spans);

/// Neighbours of one label make one span.
[[nodiscard]] task::SpanPrediction spans_of_words(std::vector<task::ByteRange> const& words,
                                                  std::vector<std::string> const& labels);

}  // namespace polytask::eval
