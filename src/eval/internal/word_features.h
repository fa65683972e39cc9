// Texts -> sparse vectors of tf-idf over words and word pairs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "task/example.h"

namespace polytask::eval {

struct Feature {
  std::uint32_t index = 0;
  float value = 0;
};
using Features = std::vector<Feature>;

/// Runs of letters and digits in lower case (ASCII); every character of scripts that write without spaces is a word.
[[nodiscard]] std::vector<std::string> words_of(std::string_view text);
/// The same as places in the text.
[[nodiscard]] std::vector<task::ByteRange> word_ranges(std::string_view text);

/// The vocabulary of the training rows. Unknown words of other rows are left out.
class WordFeatures {
 public:
  explicit WordFeatures(std::vector<task::Example const*> const& examples);
  [[nodiscard]] Features of(task::Example const& example) const;
  [[nodiscard]] std::size_t size() const noexcept { return weights_.size(); }

 private:
  std::unordered_map<std::string, std::uint32_t> index_;
  std::vector<float> weights_;  ///< inverse document frequency, by index
};

}  // namespace polytask::eval
