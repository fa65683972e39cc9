// How the answers of one span task fit the tokens and windows that a model sees of their contexts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "text/encode_passage.h"

namespace polytask::data {

class AnswerFit {
 public:
  void add(Corpus const& corpus, std::size_t task, task::Example const& example, task::Label const& label,
           text::EncodedPassage const& encoded);
  /// One warning a kind, each with the first place.
  [[nodiscard]] std::vector<Problem> problems(task::TaskSpec const& task, std::size_t max_length) const;

 private:
  struct Count {
    std::size_t n = 0;
    std::string first;  ///< the answer, or the question, and where
    void add(Corpus const& corpus, task::Example const& example, std::string const& text);
  };
  std::size_t n_answers_ = 0;
  std::size_t n_questions_ = 0;
  Count without_tokens_, inside_tokens_, too_long_, in_no_window_, cut_questions_;
};

}  // namespace polytask::data
