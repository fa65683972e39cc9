#include "data/internal/answer_fit.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace polytask::data {

void AnswerFit::Count::add(Corpus const& corpus, task::Example const& example, std::string const& text) {
  if (n++ == 0) first = fmt::format("{} at {}", quote(text), corpus.where(example));
}

void AnswerFit::add(Corpus const& corpus, std::size_t task, task::Example const& example, task::Label const& label,
                    text::EncodedPassage const& encoded) {
  ++n_questions_;
  if (encoded.n_dropped > 0) cut_questions_.add(corpus, example, example.texts[0]);
  auto const* answers = std::get_if<task::Answers>(&label);
  if (answers == nullptr) return;
  auto const longest = static_cast<std::size_t>(corpus.tasks[task].longest_answer);
  auto const& passage = encoded.passage;
  for (auto const& piece : answers->pieces) {
    ++n_answers_;
    auto const tokens = task::tokens_of(passage, {piece.begin, piece.end});
    if (!tokens) {
      without_tokens_.add(corpus, example, piece.text);
      continue;
    }
    if (passage.tokens[tokens->begin].begin < piece.begin || passage.tokens[tokens->end - 1].end > piece.end)
      inside_tokens_.add(corpus, example, piece.text);
    if (tokens->end - tokens->begin > longest)
      too_long_.add(corpus, example, piece.text);
    else if (std::none_of(passage.windows.begin(), passage.windows.end(), [&](auto const& window) {
               return window.begin <= tokens->begin && tokens->end <= window.end;
             }))
      in_no_window_.add(corpus, example, piece.text);
  }
}

std::vector<Problem> AnswerFit::problems(task::TaskSpec const& task, std::size_t max_length) const {
  std::vector<Problem> found;
  auto const warn = [&](Count const& count, char const* kind, std::string const& what) {
    if (count.n > 0)
      found.push_back({Severity::Warning, kind, fmt::format("task {}", quote(task.name)),
                       fmt::format(fmt::runtime(what), fmt::arg("n", count.n), fmt::arg("answers", n_answers_),
                                   fmt::arg("questions", n_questions_), fmt::arg("first", count.first))});
  };
  warn(too_long_, "answer-cut",
       fmt::format("{{n}} of {{answers}} answers have more than {} tokens ({{first}}), the most that are given; set "
                   "tasks.<name>.longest_answer higher",
                   task.longest_answer));
  warn(in_no_window_, "answer-cut",
       fmt::format("{{n}} of {{answers}} answers are shown whole in no window of {} tokens ({{first}}) and cannot be "
                   "given; raise train.max_length, or set tasks.<name>.stride lower",
                   max_length));
  warn(inside_tokens_, "answer-inside-token",
       "{n} of {answers} answers begin or end inside a token ({first}); they are given with the borders of their "
       "tokens");
  warn(without_tokens_, "answer-without-token",
       "{n} of {answers} answers have no token of their own ({first}) and cannot be given; correct them");
  warn(cut_questions_, "question-cut",
       fmt::format("{{n}} of {{questions}} questions have more tokens than half of train.max_length ({}) keeps "
                   "({{first}}); raise it or shorten them",
                   max_length));
  return found;
}

}  // namespace polytask::data
