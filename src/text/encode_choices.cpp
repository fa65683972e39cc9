#include "text/encode_choices.h"

#include <algorithm>

#include "base/error.h"

namespace polytask::text {

std::vector<task::Encoding> encode_choices(Tokenizer const& tokenizer, task::Example const& example,
                                           std::size_t max_length) {
  expects(example.texts.size() >= 3, "a text stands in front of at least two choices");
  std::vector<task::Encoding> encodings;
  for (std::size_t i = 1; i < example.texts.size(); ++i)
    encodings.push_back(tokenizer.encode_pair(example.texts[0], example.texts[i], {.max_length = max_length}));
  return encodings;
}

std::size_t n_dropped(std::vector<task::Encoding> const& choices) {
  std::size_t most = 0;
  for (auto const& encoding : choices) most = std::max(most, encoding.n_dropped);
  return most;
}

}  // namespace polytask::text
