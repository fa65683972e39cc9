#include "engine/questions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace polytask::engine {

std::vector<std::string> Question::columns() const {
  if (reads_words()) return {"text"};
  auto columns = text_of.text;
  columns.insert(columns.end(), text_of.choices.begin(), text_of.choices.end());
  return columns;
}

bool Question::takes(std::size_t n_texts) const {
  if (task::reads_choices(text_of)) return n_texts > task::kFewestChoices && n_texts <= 1 + task::kMostChoices;
  return n_texts == columns().size();
}

std::vector<Question> questions_of(model::ModelSpec const& spec, std::span<std::string const> asked) {
  auto const names = spec.task_names();
  for (auto const& name : asked)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Error(ErrorCode::InvalidUsage,
                  fmt::format("the model has no task {}{}", quote(name), did_you_mean(name, names)));
  std::vector<Question> questions;
  for (std::size_t i = 0; i < spec.heads.size(); ++i) {
    auto const& task = spec.heads[i].task;
    if (!asked.empty() && std::find(asked.begin(), asked.end(), task.name) == asked.end()) continue;
    auto const same = std::find_if(questions.begin(), questions.end(),
                                   [&](Question const& question) { return task::read_alike(question.text_of, task); });
    if (same != questions.end())
      same->heads.push_back(i);
    else
      questions.push_back({task, {i}});
  }
  return questions;
}

std::vector<task::ByteRange> words_of(std::string_view text) {
  std::vector<task::ByteRange> words;
  for (std::size_t begin = 0; begin < text.size();) {
    begin = text.find_first_not_of(" \t\r\n", begin);
    if (begin == std::string_view::npos) break;
    std::size_t const end = std::min(text.find_first_of(" \t\r\n", begin), text.size());
    words.push_back({begin, end});
    begin = end;
  }
  return words;
}

}  // namespace polytask::engine
