// Everything a run needs to go on as if nothing had happened.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/batches.h"
#include "model/encoder_files.h"
#include "train/task_stop.h"

namespace polytask::train {

/// Seconds of work that a killed run may lose, where nobody says otherwise.
constexpr double kSecondsBetweenCheckpoints = 120;

/// The numbers of a run after `step` steps.
struct TrainState {
  std::int64_t step = 0;
  data::BatchPlan::State plan;
  std::int64_t last_evaluated_step = 0;
  std::optional<double> best_selection;  ///< the highest; nothing without dev rows
  std::optional<double> kept_selection;  ///< at best_step, whose weights are kept
  std::int64_t best_step = 0;
  std::int64_t n_evaluations_without_better = 0;
  std::int64_t n_tokens = 0;
  std::int64_t n_tokens_passed_over = 0;               ///< of rows that no task learns from any more
  double seconds = 0;                                  ///< of training, dev evaluations and checkpoints included
  double evaluation_seconds = 0;                       ///< of the dev evaluations in them
  std::map<std::string, std::int64_t> examples_drawn;  ///< by task
  std::map<std::string, std::int64_t> n_updates;       ///< by parameter
  std::map<std::string, TaskProgress> tasks;           ///< where tasks stop one by one: of those with dev rows
};

/// Weights, "<name>" each, and both moments, "<name>.first_moment", "<name>.second_moment".
using NamedTensors = std::map<std::string, model::Tensor>;

struct Checkpoint {
  TrainState state;
  NamedTensors tensors;
  std::filesystem::path folder;  ///< where it was read from
};

/// What the state of a run has to fit.
struct RunShape {
  std::vector<std::size_t> rows_by_stream;
  std::int64_t n_rows = 0;  ///< drawn in the whole run
  std::int64_t n_steps = 0;
  std::vector<std::string> tasks;
};

/// Throws Error{Corrupt} for a state that no run of this shape can be in.
void check_state(TrainState const& state, RunShape const& shape);
/// Names the folder, the reason and what to do.
[[nodiscard]] Error damaged_checkpoint(std::filesystem::path const& folder, std::string const& reason);

/// Writes `folder`/step-<n>/ so that it is there whole or not at all, then removes all but the last two.
/// Throws Error{Unavailable} (a full disk); what was there stays.
void save_checkpoint(std::filesystem::path const& folder, Checkpoint const& checkpoint);

/// The newest complete checkpoint; nothing when there is none. A damaged one is an Error{Corrupt} that says which
/// folder to remove.
[[nodiscard]] std::optional<Checkpoint> load_latest_checkpoint(std::filesystem::path const& folder);

}  // namespace polytask::train
