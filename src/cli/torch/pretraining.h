// Pretraining as the command does it: a folder beside the result while it is unfinished.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/pretrain_recipe.h"
#include "cli/project_file.h"
#include "cli/torch/progress.h"
#include "train/pretrainer.h"

namespace polytask::cli {

/// The classification tasks over single texts of a project, at most `most_rows` training rows of each.
[[nodiscard]] std::vector<train::Probe> probes_of(data::Corpus const& corpus, std::size_t most_rows = 3'000);

/// The recipe of the command line: its file, with --texts, --encoder, --teacher and --minutes in it. Of a project that
/// is adapted to, its encoder where no --encoder is named; --set is then the project's.
[[nodiscard]] PretrainRecipe recipe_of(CommandLine const& line, Project const* project = nullptr);

/// Where the texts come from that the recipe does not name.
using MoreTexts = std::vector<train::LanguageSource>;

/// `work`: the unfinished folder, made when missing. Throws Error{Conflict} when it holds another pretraining, or one
/// that is to be resumed; Error{Interrupted} with the command that goes on.
[[nodiscard]] train::PretrainResult run_pretraining(PretrainRecipe recipe, MoreTexts more,
                                                    std::vector<train::Probe> probes, CommandLine const& line,
                                                    std::filesystem::path const& work,
                                                    std::filesystem::path const& encoder, std::stop_token const& stop);

/// `--to` without a slash at its end. Throws Error{Conflict} when something is there.
[[nodiscard]] std::filesystem::path new_encoder_folder(CommandLine const& line);

/// `polytask pretrain --adapt`: 4 when the tasks did not gain.
int adapt(CommandLine const& line);

/// What goes on with the unfinished pretraining.
[[nodiscard]] std::string resume_pretraining(CommandLine const& line);

/// The evaluations as a table.
void print_evaluations(std::vector<train::PretrainEvaluation> const& evaluations);

[[nodiscard]] OrderedJson to_json(train::PretrainResult const& result);

}  // namespace polytask::cli
