#include "eval/internal/tagged_words.h"

#include "eval/internal/word_features.h"

namespace polytask::eval {

std::vector<task::ByteRange> tagged_words(task::Example const& example) {
  return example.words.empty() ? word_ranges(example.texts.at(0)) : example.words;
}

std::vector<std::string> labels_of_words(std::vector<task::ByteRange> const& words,
                                         std::vector<task::Span> const& spans) {
  std::vector<std::string> labels;
  auto span = spans.begin();
  for (auto const word : words) {
    while (span != spans.end() && span->end <= word.begin) ++span;
    labels.push_back(span != spans.end() && span->begin < word.end ? span->label : "");
  }
  return labels;
}

task::SpanPrediction spans_of_words(std::vector<task::ByteRange> const& words, std::vector<std::string> const& labels) {
  task::SpanPrediction found;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (labels[i].empty()) continue;
    if (i > 0 && labels[i - 1] == labels[i])
      found.spans.back().span.end = words[i].end;
    else
      found.spans.push_back({{words[i].begin, words[i].end, labels[i]}, 1.0F});
  }
  return found;
}

}  // namespace polytask::eval
