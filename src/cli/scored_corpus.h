// The project's rows for the tasks of a trained model.
#pragma once

#include <string>

#include "cli/project_file.h"
#include "data/corpus.h"
#include "model/model_folder.h"

namespace polytask::cli {

/// Reads the files of the project's tasks that the model has. `name` is the model's, for messages. Throws
/// Error{Conflict} where a task or its labels are not what the model was trained on, Error{InvalidInput} after printing
/// what is wrong with the files.
[[nodiscard]] data::Corpus scored_corpus(Project project, model::ModelSpec const& spec, std::string const& name);

}  // namespace polytask::cli
