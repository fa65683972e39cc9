// Texts that stand alone, in no row of a file -> what every task says about them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/engine.h"
#include "task/prediction.h"

namespace polytask::engine {

/// One text, two for a pair, or three and more, a text and its choices; valid UTF-8 (valid_utf8 in base/utf8.h makes it
/// so). A text may be empty, and of any length: what the model cannot hold is cut off, or read in windows, as the
/// engine's options say.
using Texts = std::vector<std::string>;

struct TaskAnswer {
  std::size_t head = 0;  ///< index into ModelSpec::heads
  task::Prediction prediction;
  std::size_t tokens_cut = 0;  ///< as Answer has it
};

/// Result: [row][task], in the order in which `predict` prints them. Rows are all single texts, all pairs, or all
/// texts with their choices, of which each may have another number. The first text of a pair stands for the first
/// column that a task was trained on. `asked` names tasks; when it is empty, all
/// that read so many texts answer. As many tasks as possible share a pass through the encoder, whatever their columns
/// are called; an answer is the same bits in any company. Throws Error{InvalidUsage} where a named task is not in the
/// model or reads another number of texts, where no task reads so many, and where a text of a pair is the first for one
/// task and the second for another, by the names of their columns; otherwise as
/// Engine::predict.
[[nodiscard]] std::vector<std::vector<TaskAnswer>> answer_texts(Engine const& engine, std::span<Texts const> rows,
                                                                std::span<std::string const> asked);

/// {"task": answer, ...} of one row, each answer as answer_json has it.
[[nodiscard]] OrderedJson answers_json(model::ModelSpec const& spec, std::span<TaskAnswer const> answers,
                                       Texts const& row);

}  // namespace polytask::engine
