// One run in memory: model, optimizer, plan and state, with the steps that the loop in trainer.cpp strings together.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "eval/calibration.h"
#include "nn/multi_task_model.h"
#include "train/checkpoint.h"
#include "train/internal/adamw.h"
#include "train/internal/hidden_words.h"
#include "train/internal/inference.h"
#include "train/internal/packed_batch.h"
#include "train/internal/prepared.h"
#include "train/internal/shared_gradients.h"
#include "train/trainer.h"

namespace polytask::train {

/// Loss of one batch, whole and by task.
struct BatchLoss {
  torch::Tensor total;  ///< undefined where no row has a label
  double value = 0;     ///< of `total`
  std::map<std::size_t, double> by_head;
  std::map<std::string, double> of_hidden_words;  ///< by task
};

/// The labelled dev rows of a stream, tokenized once for all evaluations.
struct DevRows {
  data::Stream const* stream = nullptr;
  std::vector<std::size_t> rows;  ///< indices of examples
  std::vector<EncodedText> texts;
};

class Session {
 public:
  /// Texts pass the frozen layers here, where they have not done so in an earlier run; `events` hears of that. Throws
  /// what `prepare` and data::FrozenStates throw.
  Session(data::Corpus const& corpus, TrainConfig const& config, TrainOptions const& options, TrainEvents const& events,
          std::stop_token const& stop);

  /// What `own` rows add to the loss of the batch made of `all`, ready for backward. `n_drawn` rows were drawn for it:
  /// `all`, and those that no task learns from any more. `seed` decides the dropout.
  BatchLoss loss_of(std::span<data::DrawnRow const> own, std::span<data::DrawnRow const> all, std::size_t n_drawn,
                    std::uint64_t seed);
  /// Draws a batch and takes one step of the optimizer; several processes take it together. Throws Error{InvalidInput}
  /// when the loss is not finite, and what ProcessGroup throws: then a checkpoint is still that of the step before.
  StepRecord step();
  /// Brings all processes to where the leader is.
  void share_state();
  /// Dev scores of every task that has labelled dev rows; nothing when `should_stop` ended it early. Above frozen
  /// layers from their states, as a step.
  std::optional<std::map<std::string, double>> evaluate(std::function<bool()> const& should_stop);
  /// Of the dev texts of each task that learns hidden words; nothing when `should_stop` ended it early.
  std::optional<std::map<std::string, double>> perplexity(std::function<bool()> const& should_stop);
  /// Fits the temperatures and null thresholds of the heads to their answers on dev, and sets them: to be called once,
  /// with the selected weights. The answers are the whole model's, from tokens. By task, what calibrate found. Throws
  /// Error{Interrupted} soon after `stop` is requested.
  std::map<std::string, eval::Calibration> calibrate(std::stop_token const& stop);
  /// Seconds per training token, from a few steps that change nothing.
  double seconds_per_token();

  /// What was found damaged among the states of frozen layers since the last call.
  [[nodiscard]] std::vector<std::string> take_problems();

  [[nodiscard]] Checkpoint checkpoint();
  /// Throws Error{Corrupt} naming the folder when the checkpoint is of another run.
  void restore(Checkpoint const& checkpoint);
  /// Weights alone, in `folder`/weights.safetensors, and back.
  void save_weights(std::filesystem::path const& folder);
  void load_weights(std::filesystem::path const& folder);
  /// Whether nothing that is trained and that the task reads is trained by another task too: then what it has learned
  /// means the same beside whatever the others become.
  [[nodiscard]] bool learns_apart(std::size_t head) const;
  /// Of such a task: what it has learned, in `folder`/tasks/<task>.safetensors, and back.
  void save_task(std::filesystem::path const& folder, std::size_t head);
  void load_task(std::filesystem::path const& folder, std::size_t head);
  /// The model folder, with the tokenizer's files, put in place whole.
  void save_model(std::filesystem::path const& folder) const;

  /// Whether some task has not stopped.
  [[nodiscard]] bool any_learns() const;
  [[nodiscard]] TrainState& state() noexcept { return state_; }
  [[nodiscard]] Prepared const& prepared() const noexcept { return prepared_; }
  [[nodiscard]] std::int64_t n_steps() const noexcept { return whole_run_.n_batches; }
  [[nodiscard]] std::int64_t n_train_tokens() const noexcept { return whole_run_.n_tokens; }
  /// What is still to be drawn.
  [[nodiscard]] data::BatchPlan::Totals rest_of_run() const { return state_.step == 0 ? whole_run_ : plan_.totals(); }
  [[nodiscard]] std::int64_t n_parameters() const;
  [[nodiscard]] std::int64_t n_dev_tokens() const noexcept;

 private:
  /// The labelled dev rows by task and what the model says about them; nothing when `should_stop` ended it early.
  struct DevAnswers {
    std::vector<std::vector<task::Label>> gold;
    std::vector<std::vector<task::Prediction>> predicted;
  };
  std::optional<DevAnswers> answer_dev(std::function<bool()> const& should_stop, FrozenPart* frozen);
  /// What hidden words add to the loss of step `number`, made of `rows`; nothing where nobody learns them.
  void add_hidden_words(std::int64_t number, std::span<data::DrawnRow const> rows, BatchLoss& loss);
  [[nodiscard]] std::int64_t n_tokens_of(std::span<data::DrawnRow const> rows) const;
  /// Takes the frozen layers out of training, and stores what they make of all texts.
  void freeze(TrainEvents const& events, std::stop_token const& stop);
  [[nodiscard]] nn::PackedTexts packed(data::Batch const& batch) const;
  /// A line through cosines starts where some training rows, seen by the encoder as it was given, put it.
  void fit_line(std::size_t head, std::stop_token const& stop);
  /// Of a regression; null where the row has none.
  [[nodiscard]] float const* target_of(data::DrawnRow const& drawn, std::size_t head) const;
  [[nodiscard]] data::Batch batch_of(std::span<data::DrawnRow const> rows) const;
  /// What is asked about rows from here on is about these.
  void bring(std::span<data::DrawnRow const> rows);
  [[nodiscard]] data::Features const& features_of(data::DrawnRow const& row) const {
    return prepared_.streams[row.stream].rows[row.row];
  }
  [[nodiscard]] bool learns(std::size_t head) const;
  /// Without the rows that no task learns from any more.
  [[nodiscard]] std::vector<data::DrawnRow> learned_rows(std::vector<data::DrawnRow> const& rows);
  /// Which tasks have stopped, as the leader knows it.
  void share_stops();
  /// The parameters among those that are trained whose names `chosen` says yes to.
  void save_parameters(std::filesystem::path const& path, std::function<bool(std::string const&)> const& chosen);
  void load_parameters(std::filesystem::path const& path, std::function<bool(std::string const&)> const& chosen);
  /// Of a task that learns apart.
  [[nodiscard]] std::function<bool(std::string const&)> parameters_of(std::size_t head) const;
  /// The rows of a batch that this process sees.
  [[nodiscard]] std::span<data::DrawnRow const> own_part(std::span<data::DrawnRow const> rows) const;
  /// In the place of gradients and losses, their sums over all processes.
  void add_up(std::span<data::DrawnRow const> rows, BatchLoss& loss);

  TrainConfig config_;
  TrainOptions options_;
  torch::Device device_;
  kernels::Precision products_;
  Prepared prepared_;
  data::BatchPlan plan_;
  data::BatchPlan::Totals whole_run_;
  nn::MultiTaskModel model_;
  std::unique_ptr<HiddenWords> hidden_words_;  ///< none where no task learns them
  std::unique_ptr<FrozenPart> frozen_;         ///< none where all layers are trained
  std::unique_ptr<AdamW> optimizer_;
  TrainState state_;
  std::vector<DevRows> dev_;
  SharedGradients gradients_;
};

}  // namespace polytask::train
