// polytask.yaml -> what the rooms need, with every mistake in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/problem.h"
#include "cli/encoder_source.h"
#include "data/corpus.h"
#include "task/task_spec.h"
#include "train/config.h"

namespace polytask::cli {

struct Project {
  std::filesystem::path file;    ///< as it was named
  std::filesystem::path folder;  ///< where relative paths start and `.polytask/` lies
  std::string name;
  std::optional<std::filesystem::path> encoder;
  std::string encoder_word;      ///< as the file names it: `encoder` is that as a folder, until with_encoder()
  std::optional<HubOrigin> hub;  ///< of an encoder that comes from the hub
  std::uint64_t seed = 1;
  std::vector<data::DatasetSpec> datasets;
  std::vector<task::TaskSpec> tasks;
  train::TrainConfig train;
};

/// A project file could not be used: every reason at once. The command ends with exit code 2.
struct ProjectProblems : Error {
  explicit ProjectProblems(std::vector<Problem> all);
  std::vector<Problem> problems;
};

/// Reads and checks the file, after `overrides` ("train.epochs=3", values in YAML) were applied. Unknown keys are
/// errors that name the nearest key. Throws ProjectProblems, or Error{NotFound}.
[[nodiscard]] Project read_project(std::filesystem::path const& file, std::vector<std::string> const& overrides);
/// The same from text in memory.
[[nodiscard]] Project parse_project(std::string_view yaml, std::filesystem::path const& file,
                                    std::vector<std::string> const& overrides);

/// The project with its encoder's folder where that is a model of the hub; see encoder_source().
[[nodiscard]] Project with_encoder(Project project, std::function<std::stop_token()> const& on_download = {});

/// Everything that decides a run's result, defaults written out.
[[nodiscard]] OrderedJson effective_configuration(Project const& project, std::vector<std::string> const& only);

/// What its tasks of the type mlm read.
[[nodiscard]] std::vector<data::UnlabelledSpec> unlabelled_texts(Project const& project);

/// The project with the named tasks alone. Throws Error{InvalidUsage} naming the nearest task for an unknown one.
[[nodiscard]] Project only_tasks(Project project, std::vector<std::string> const& only);

}  // namespace polytask::cli
