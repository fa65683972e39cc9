// Rows of untrusted bytes -> examples and labels of every type, with what their readers promise.
#pragma once

#include <sstream>

#include "data/row_reader.h"
#include "fuzzing.h"

namespace polytask::fuzzing {

inline void check_label(task::Label const& label, task::Example const& example) {
  if (auto const* name = std::get_if<std::string>(&label))
    require(!name->empty() && !find_invalid_utf8(*name), "a label is a name");
  if (auto const* names = std::get_if<std::vector<std::string>>(&label))
    for (std::size_t i = 0; i < names->size(); ++i)
      require(!(*names)[i].empty() && (i == 0 || (*names)[i - 1] < (*names)[i]), "labels are sorted, each once");
  if (auto const* value = std::get_if<double>(&label)) require(*value - *value == 0.0, "a number is finite");
  if (auto const* answers = std::get_if<task::Answers>(&label))
    for (auto const& piece : answers->pieces)
      require(piece.begin < piece.end && piece.end <= example.texts[1].size() && !find_invalid_utf8(piece.text) &&
                  example.texts[1].compare(piece.begin, piece.end - piece.begin, piece.text) == 0,
              "an answer stands in the context where it says");
  if (auto const* choice = std::get_if<task::Choice>(&label))
    require(choice->index + 1 < example.texts.size(), "the right choice is one of the row's");
  auto const* spans = std::get_if<std::vector<task::Span>>(&label);
  if (spans == nullptr) return;
  Utf8Offsets const offsets(example.texts[0]);
  std::size_t free_from = 0;
  for (auto const& span : *spans) {
    require(free_from <= span.begin && span.begin < span.end && span.end <= example.texts[0].size(),
            "spans are sorted, apart and inside the text");
    require(offsets.to_bytes(offsets.to_code_points(span.begin)) == span.begin &&
                offsets.to_bytes(offsets.to_code_points(span.end)) == span.end,
            "spans begin and end between characters");
    free_from = span.end;
  }
}

/// Drains the reader; every row through tasks of all types.
inline void read_all(data::RowReader& reader) {
  using task::TaskType;
  static task::TaskSpec const tasks[] = {
      {.name = "c", .type = TaskType::Classification, .text = {"t"}, .label = "y"},
      {.name = "m", .type = TaskType::Multilabel, .text = {"t"}, .label = "y"},
      {.name = "r", .type = TaskType::Regression, .text = {"t", "u"}, .label = "y"},
      {.name = "s", .type = TaskType::Tagging, .text = {"t"}, .spans = "y"},
      {.name = "a", .type = TaskType::Span, .text = {"question", "context"}, .label = "answers"},
      {.name = "p", .type = TaskType::Span, .text = {"t", "u"}, .label = "y", .start = "v"},
      {.name = "l", .type = TaskType::MultipleChoice, .text = {"t"}, .choices = {"u"}, .label = "y"},
      {.name = "o", .type = TaskType::MultipleChoice, .text = {"t"}, .choices = {"u", "v", "y"}, .label = "z"},
      {.name = "w", .type = TaskType::Tagging},
      {.name = "n", .type = TaskType::Tagging, .tokens_column = 2, .tags_column = 3},
  };
  std::size_t last_line = 0;
  while (auto row = reader.next()) {
    if (!*row) {
      expect_value_or_error(nullptr, 0, [&](std::string_view) { throw row->error(); });
      continue;
    }
    require((*row)->line > last_line, "rows come with growing lines");
    last_line = (*row)->line;
    for (auto const& task : tasks) {
      auto const example = data::example_of(**row, task, "f:1");
      if (!example) {
        expect_value_or_error(nullptr, 0, [&](std::string_view) { throw example.error(); });
        continue;
      }
      for (auto const& text : example->texts) require(!find_invalid_utf8(text), "texts are valid UTF-8");
      for (auto const& word : example->words)
        require(word.begin < word.end && word.end <= example->texts[0].size(), "words lie inside the text");
      auto const label = data::label_of(**row, *example, task, "f:1");
      if (label)
        check_label(*label, *example);
      else
        expect_value_or_error(nullptr, 0, [&](std::string_view) { throw label.error(); });
    }
  }
}

inline void read_all(std::string_view bytes, data::Format format, data::RowReaderOptions const& options) {
  std::istringstream input{std::string(bytes)};
  read_all(*data::read_rows(input, format, "f", options));
}

}  // namespace polytask::fuzzing
