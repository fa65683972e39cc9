#include "text/encode_example.h"

#include <algorithm>

#include "base/error.h"

namespace polytask::text {
namespace {

task::Encoding one_after_another(task::Encoding first, task::Encoding const& second) {
  first.second_sequence = first.size();
  first.n_dropped += second.n_dropped;
  first.ids.insert(first.ids.end(), second.ids.begin(), second.ids.end());
  first.type_ids.insert(first.type_ids.end(), second.type_ids.begin(), second.type_ids.end());
  first.offsets.insert(first.offsets.end(), second.offsets.begin(), second.offsets.end());
  for (auto const text : second.text_index) first.text_index.push_back(text == task::Encoding::kSpecial ? text : 1);
  return first;
}

}  // namespace

task::Encoding encode_example(Tokenizer const& tokenizer, task::Example const& example, std::size_t max_length) {
  EncodeOptions const options{.max_length = max_length};
  expects(example.texts.size() == 1 || example.texts.size() == 2, "an example has one text or a pair");
  if (example.texts.size() == 1) return tokenizer.encode(example.texts[0], options);
  if (!example.apart) return tokenizer.encode_pair(example.texts[0], example.texts[1], options);
  return one_after_another(tokenizer.encode(example.texts[0], options), tokenizer.encode(example.texts[1], options));
}

std::int32_t second_text_of(task::Encoding const& encoding, task::Example const& example) {
  if (encoding.second_sequence > 0) return static_cast<std::int32_t>(encoding.second_sequence);
  if (example.texts.size() < 2) return static_cast<std::int32_t>(encoding.size());
  auto const found = std::find(encoding.text_index.begin(), encoding.text_index.end(), 1);
  // A second text without a token, empty or cut away, still has its [SEP].
  return static_cast<std::int32_t>(
      std::min<std::ptrdiff_t>(found - encoding.text_index.begin(), std::ssize(encoding.ids) - 1));
}

}  // namespace polytask::text
