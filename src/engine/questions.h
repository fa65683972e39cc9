// What can be asked of a model: tasks that read alike are one question, which one pass through the encoder answers.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/model_folder.h"
#include "task/example.h"
#include "task/task_spec.h"

namespace polytask::engine {

/// Tasks that read the same columns in the same way.
struct Question {
  task::TaskSpec text_of;          ///< the first of them: which columns, and how they are encoded
  std::vector<std::size_t> heads;  ///< indices into ModelSpec::heads, ascending

  /// Whether its tasks were trained on words. Their files have no named columns; a text is cut by words_of.
  [[nodiscard]] bool reads_words() const { return text_of.text.empty(); }
  /// The columns of its texts, one or two, behind them those of choices: "text" where it reads words.
  [[nodiscard]] std::vector<std::string> columns() const;
  /// Whether so many texts are what it asks about: one, two for a pair, or more, a text and its choices.
  [[nodiscard]] bool takes(std::size_t n_texts) const;
};

/// Questions of the named tasks, in the order in which the model first has a task of each; of all its tasks where none
/// is named. Throws Error{InvalidUsage} for a task that the model does not have, naming the nearest.
[[nodiscard]] std::vector<Question> questions_of(model::ModelSpec const& spec, std::span<std::string const> asked);

/// Words between white space: how a text is cut for a task that was trained on words.
[[nodiscard]] std::vector<task::ByteRange> words_of(std::string_view text);

}  // namespace polytask::engine
