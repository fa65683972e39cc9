// Trains one encoder on many tasks.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "data/frozen_states.h"
#include "eval/calibration.h"
#include "train/config.h"
#include "train/process_group.h"

namespace polytask::train {

/// Said before the first step.
struct Plan {
  std::int64_t n_steps = 0;
  std::int64_t first_step = 0;  ///< > 0 when resumed
  std::int64_t n_rows = 0;      ///< rows that will be drawn
  double tokens_per_step = 0;   ///< mean
  std::int64_t n_parameters = 0;
  double estimated_seconds = 0;  ///< from a few timed steps of this very run; thrown away afterwards
  std::map<std::string, std::int64_t> rows_per_dataset;
  std::map<std::string, std::int64_t> truncated_texts;  ///< by dataset
  std::map<std::string, std::int64_t> unlabelled_rows;  ///< by dataset: rows that are never drawn
};

struct StepRecord {
  std::int64_t step = 0;                    ///< 1-based
  double loss = 0;                          ///< normalised and weighted sum
  std::map<std::string, double> task_loss;  ///< plain mean loss of the tasks that the batch carried
  double learning_rate = 0;
  double grad_norm = 0;
  std::int64_t n_tokens = 0;  ///< through the encoder so far, unpadded
  double seconds = 0;         ///< of training so far, earlier parts of a resumed run included
  double seconds_left = 0;
};

struct EvaluationRecord {
  std::int64_t step = 0;
  std::map<std::string, double> dev;  ///< primary metric of each task
  double selection = 0;               ///< what the selection rule makes of it
  bool is_best = false;
  std::map<std::string, double> perplexity;  ///< of hidden words of dev texts, by task of the type mlm
  std::vector<std::string> stopped;          ///< tasks that learn no more from here on (task_stopping_patience)
};

struct TrainEvents {
  /// Training rows that have been made tokens, now and then.
  std::function<void(std::size_t n_done, std::size_t n_rows)> on_preparing;
  /// Before the plan, of texts that pass the frozen layers: how many have, of how many that must.
  std::function<void(std::size_t n_done, std::size_t n_missing)> on_filling;
  std::function<void(data::FrozenStates::Filled const&)> on_filled;
  std::function<void(std::string const& sentence)> on_note;
  std::function<void(Plan const&)> on_plan;
  std::function<void(StepRecord const&)> on_step;
  std::function<void(EvaluationRecord const&)> on_evaluation;
  std::function<void(std::int64_t step)> on_checkpoint;
};

struct TrainOptions {
  std::filesystem::path run_folder;              ///< exists; gets checkpoints/, metrics.jsonl and model/
  std::optional<std::filesystem::path> encoder;  ///< Hugging Face folder; none = from scratch
  std::uint64_t seed = 1;
  int n_threads = 2;
  std::string device = "cpu";  ///< "cpu" or "cuda"
  bool resume = false;
  /// For frozen_layers > 0: the embeddings and first layers of an encoder, as a function.
  std::function<data::FrozenLayers(std::filesystem::path const& encoder, std::int64_t n_layers)> frozen_layers;
  ProcessGroup* processes = nullptr;    ///< that train together; none = this one alone
  std::filesystem::path states_folder;  ///< where what they make of texts is stored, for all runs of a project
  std::filesystem::path rows_folder;    ///< the same for the tokens of texts that the corpus keeps on the disk; empty:
                                        ///< they are kept in memory
  std::string release;                  ///< of the program: rows of another one are not used
};

/// TrainConfig::chooses_private_layers: how many layers of its own a task got, and why.
struct LayerChoice {
  std::int64_t chosen = 0;
  std::map<std::int64_t, double> dev;  ///< by the number that was tried: the task's best dev score
};

struct TrainResult {
  std::int64_t n_steps = 0;
  std::int64_t best_step = 0;
  std::int64_t resumed_from_step = 0;
  double seconds = 0;  ///< of the training loop, earlier parts included; data and optimizer in it
  double tokens_per_second =
      0;  ///< unpadded tokens trained on, each text once per pass, over `seconds` without the dev evaluations
  std::map<std::string, std::int64_t> examples_drawn;  ///< by task: labelled rows that were trained on
  std::int64_t n_parameters = 0;
  bool stopped_early = false;
  std::map<std::string, std::int64_t> stopped_tasks;      ///< task_stopping_patience: after which step each stopped
  std::optional<double> selection;                        ///< its dev score; nothing without dev rows
  std::map<std::string, LayerChoice> layer_choices;       ///< by task
  std::map<std::string, eval::Calibration> calibrations;  ///< of the tasks whose probabilities were calibrated on dev
};

/// The configuration with what it leaves open filled in, as train() does: `epochs`, `batch_tokens`, `private_layers`,
/// `dropout`.
/// Reads the configuration of the encoder; without one it is the small one from scratch. Throws Error{InvalidUsage} for
/// settings that the encoder does not allow, and what read_encoder_config throws.
[[nodiscard]] TrainConfig effective(TrainConfig const& config, data::Corpus const& corpus,
                                    std::optional<std::filesystem::path> const& encoder);

/// Where `chooses_private_layers`, many trainings and what train/layer_choice.h makes of them. Otherwise:
/// Writes the selected checkpoint to `run_folder/model`, its probabilities calibrated on dev. Deterministic: the same
/// corpus, configuration, seed and thread count give the same bytes, interrupted and resumed or not, whatever is stored
/// in `states_folder` and `rows_folder`. Throws
/// Error{Interrupted} after `stop` is requested, with a checkpoint on disk if a step was done; Error{InvalidInput} for
/// data or an encoder that cannot be trained; Error{Unavailable} when memory or disk is not enough.
///
/// With several processes this is what the leader does; the corpus, the configuration and the options, but for
/// `n_threads`, are the same in all of them. Every batch is computed in parts, one for each process, and their
/// gradients are added: the result is that of one process, to rounding, where there is no dropout (its masks differ).
/// Where another process is gone: Error{Interrupted}, with a checkpoint.
TrainResult train(data::Corpus const& corpus, TrainConfig const& config, TrainOptions const& options,
                  TrainEvents const& events, std::stop_token stop);

/// What the other processes do. Returns when the leader has ended. Throws Error{Interrupted} where it is gone.
void follow(data::Corpus const& corpus, TrainConfig const& config, TrainOptions const& options, std::stop_token stop);

}  // namespace polytask::train
