// Tags of words (BIO, BIOES) -> spans: the one place that reads them.
// Reading follows seqeval's default mode (Nakayama 2018): an I- without a B- before it still opens a span.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "task/example.h"

namespace polytask::task {

/// A run of words with one label: indices, end exclusive.
struct WordSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string label;
  friend bool operator==(WordSpan const&, WordSpan const&) = default;
};

/// "O", or one of B I E S followed by "-" and a label.
[[nodiscard]] bool is_tag(std::string_view tag);

/// Never fails: what is not a tag counts as "O". Same spans as seqeval's get_entities.
[[nodiscard]] std::vector<WordSpan> spans_of_tags(std::span<std::string const> tags);

/// Position of each I- (or E-) that continues nothing, so that a check can name it.
[[nodiscard]] std::vector<std::size_t> stray_continuations(std::span<std::string const> tags);

}  // namespace polytask::task
