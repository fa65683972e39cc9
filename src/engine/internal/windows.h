// A text that is longer than the model reads, as windows of it, and their logits as those of the text.
// Windows overlap, so that every token but those at the text's ends has others on both sides in some window. Each token
// counts in one window alone, the one in which it stands farthest from where the text was cut: that window answers for
// it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/internal/tile.h"

namespace polytask::engine {

/// Ranges of a text's tokens, special tokens left out.
struct Window {
  std::size_t begin = 0, end = 0;          ///< what the encoder reads
  std::size_t own_begin = 0, own_end = 0;  ///< of that, what the window answers for
  [[nodiscard]] std::size_t n_own() const { return own_end - own_begin; }
};

/// Windows of a text of `n_tokens`, each of `n_shown` < n_tokens, special tokens left out of both. Neighbours overlap
/// by a quarter; the last is moved back so that it is full. What they answer for is the whole text, each token once;
/// where a token stands as far from the edge in two windows, the earlier has it.
[[nodiscard]] std::vector<Window> windows_of(std::size_t n_tokens, std::size_t n_shown);

/// What the encoder reads of one window: special tokens around it as around the text, and the units it answers for.
[[nodiscard]] EncodedText window_of(EncodedText const& text, Window const& window);

/// One head's logits of a text, from those of its windows, in their order.
/// Of a text as a whole (classification, multilabel, regression): the mean, each window weighing as many tokens as it
/// answers for. It is linear in the logits, so that one window that is sure outweighs several that are not, and no
/// token counts twice for standing in an overlap. Of its units: those of the windows that answer for them, one after
/// another.
class LogitsOfWindows {
 public:
  /// [outputs], of the text as a whole.
  void add(std::span<float const> logits, Window const& window);
  /// [units of the window, outputs].
  void add_units(std::span<float const> logits) { units_.insert(units_.end(), logits.begin(), logits.end()); }
  /// What was added, as of one text; empty afterwards.
  [[nodiscard]] std::vector<float> take();

 private:
  std::vector<double> sums_;
  std::size_t n_tokens_ = 0;
  std::vector<float> units_;
};

}  // namespace polytask::engine
