// What a tokenizer's file looks for in a text: a plain string, or a regular expression.
// The reference library has Oniguruma; this is ICU. What the two would read differently is refused, classes of
// characters are spelled out, and a search is bounded in steps.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polytask::text {

/// Immutable; safe to share between threads.
class Pattern {
 public:
  static constexpr std::size_t kMostBytes = 2'000;

  /// Fails with the reason; the error has no place.
  [[nodiscard]] static Result<Pattern> of_string(std::string text);
  [[nodiscard]] static Result<Pattern> of_regex(std::string_view regex);

  /// Bytes [begin, end) of `text`, which is valid UTF-8: each match in its order, none of them empty. A search that
  /// takes too many steps ends with what it found.
  void find(std::string_view text, std::function<void(std::size_t begin, std::size_t end)> const& found) const;

 private:
  struct Regex;
  std::string text_;
  std::shared_ptr<Regex const> regex_;
};

}  // namespace polytask::text
