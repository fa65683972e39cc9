#include "engine/answer_texts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "engine/answer_json.h"
#include "engine/questions.h"

namespace polytask::engine {
namespace {

std::string_view name_of(std::size_t n_texts) {
  return n_texts == 1 ? "one text" : n_texts == 2 ? "a pair of texts" : "a text and its choices";
}

/// As name_of tells them apart.
std::size_t kind_of(std::size_t n_texts) { return std::min<std::size_t>(n_texts, 3); }

std::size_t kind_of(Question const& question) {
  return task::reads_choices(question.text_of) ? 3 : question.columns().size();
}

/// `"body"`, or `"left" and "right"`.
std::string quoted(std::vector<std::string> const& columns) {
  std::string text;
  for (auto const& column : columns) text += (text.empty() ? "" : " and ") + quote(column);
  return text;
}

/// The questions that read so many texts; `n_texts`: as kind_of has it.
std::vector<Question> questions_about(model::ModelSpec const& spec, std::span<std::string const> asked,
                                      std::size_t n_texts) {
  auto questions = questions_of(spec, asked);
  auto const misfit = std::find_if(questions.begin(), questions.end(),
                                   [&](auto const& question) { return kind_of(question) != n_texts; });
  if (misfit != questions.end() && !asked.empty())
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("task {} reads {} ({}), and was asked about {}", quote(misfit->text_of.name),
                            name_of(kind_of(*misfit)), quoted(misfit->columns()), name_of(n_texts)));
  std::erase_if(questions, [&](auto const& question) { return kind_of(question) != n_texts; });
  if (questions.empty())
    throw Error(ErrorCode::InvalidUsage, fmt::format("no task of the model reads {}; expected {}", name_of(n_texts),
                                                     name_of(kind_of(questions_of(spec, {}).front()))));
  return questions;
}

/// A pair says nothing of columns: it is refused where two tasks would take its texts in two orders.
void check_order(std::vector<Question> const& questions) {
  std::map<std::string, std::size_t> places;
  for (auto const& question : questions) {
    auto const columns = question.reads_words() ? question.columns() : question.text_of.text;
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (places.emplace(columns[i], i).first->second != i)
        throw Error(
            ErrorCode::InvalidUsage,
            fmt::format("the tasks do not agree which text is {}; name the tasks that you want", quote(columns[i])));
  }
}

/// Whether both make the same example of a text, or pair.
bool read_texts_alike(Question const& a, Question const& b) {
  return a.reads_words() == b.reads_words() && a.text_of.encodes_apart() == b.text_of.encodes_apart() &&
         task::reads_passages(a.text_of) == task::reads_passages(b.text_of) &&
         task::reads_choices(a.text_of) == task::reads_choices(b.text_of) && a.text_of.stride == b.text_of.stride;
}

std::vector<task::Example> examples_of(Question const& question, std::span<Texts const> rows) {
  std::vector<task::Example> examples;
  for (auto const& row : rows) {
    auto& example = examples.emplace_back(task::Example{.texts = row, .apart = question.text_of.encodes_apart()});
    if (question.reads_words()) example.words = words_of(example.texts[0]);
  }
  return examples;
}

}  // namespace

std::vector<std::vector<TaskAnswer>> answer_texts(Engine const& engine, std::span<Texts const> rows,
                                                  std::span<std::string const> asked) {
  if (rows.empty()) return {};
  auto const kind = kind_of(rows[0].size());
  if (kind < 1 || std::any_of(rows.begin(), rows.end(), [&](auto const& row) { return kind_of(row.size()) != kind; }))
    throw Error(ErrorCode::InvalidUsage,
                "the rows hold different numbers of texts; expected one each, two each, or a "
                "text and its choices each");
  for (auto const& row : rows)
    if (row.size() > 1 + task::kMostChoices)
      throw Error(ErrorCode::InvalidUsage, fmt::format("a row holds a text and {} choices; expected {} to {}",
                                                       row.size() - 1, task::kFewestChoices, task::kMostChoices));
  auto const questions = questions_about(engine.spec(), asked, kind);
  check_order(questions);

  std::vector<TaskAnswer> unanswered;
  std::map<std::size_t, std::size_t> places;  // of heads in an answer
  for (auto const& question : questions)
    for (auto const head : question.heads) {
      places[head] = unanswered.size();
      unanswered.push_back({.head = head});
    }
  std::vector<std::vector<TaskAnswer>> answers(rows.size(), unanswered);
  std::vector<bool> done(questions.size(), false);
  for (std::size_t first = 0; first < questions.size(); ++first) {
    if (done[first]) continue;
    std::vector<std::size_t> heads;
    for (std::size_t i = first; i < questions.size(); ++i) {
      if (done[i] || !read_texts_alike(questions[first], questions[i])) continue;
      heads.insert(heads.end(), questions[i].heads.begin(), questions[i].heads.end());
      done[i] = true;
    }
    auto found = engine.answer(examples_of(questions[first], rows), heads);
    for (std::size_t row = 0; row < rows.size(); ++row)
      for (std::size_t i = 0; i < heads.size(); ++i) {
        auto& answer = answers[row][places[heads[i]]];
        answer.prediction = std::move(found[row].predictions[i]);
        answer.tokens_cut = found[row].tokens_cut;
      }
  }
  return answers;
}

OrderedJson answers_json(model::ModelSpec const& spec, std::span<TaskAnswer const> answers, Texts const& row) {
  auto json = OrderedJson::object();
  for (auto const& answer : answers) {
    auto const& head = spec.heads[answer.head];
    json[head.task.name] = answer_json(head.labels, answer.prediction, row, answer.tokens_cut);
  }
  return json;
}

}  // namespace polytask::engine
