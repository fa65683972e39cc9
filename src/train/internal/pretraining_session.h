// One pretraining in memory: encoder, head, teacher, optimizer, plan, with the steps that the loop strings together.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <memory>
#include <optional>

#include "nn/masked_language_model.h"
#include "train/checkpoint.h"
#include "train/internal/adamw.h"
#include "train/internal/pretraining_texts.h"

namespace polytask::train {

/// What a teacher adds to the encoder while it is trained; nothing of it is kept.
struct Lessons {
  std::optional<data::TextVectors> vectors;
  torch::nn::Linear vector_projection{nullptr};       ///< to the teacher's width
  std::optional<data::FrozenStates> relation_states;  ///< below the teacher's last layer
  torch::Tensor relation_weight, relation_bias;       ///< query, key, value of that layer: [3 * hidden, hidden]
  std::int64_t relation_heads = 0;
  std::optional<data::FrozenStates> last_states;
  torch::nn::Linear state_projection{nullptr};
};

class PretrainingSession {
 public:
  PretrainingSession(PretrainingTexts texts, PretrainConfig const& config, PretrainOptions const& options,
                     std::stop_token const& stop);

  /// To be called once, before any step: how many sequences the whole run draws.
  void plan(std::int64_t n_rows);
  /// Asks the teacher about every sequence that the plan draws.
  void prepare_lessons(PretrainEvents const& events, std::stop_token const& stop);
  /// Takes one step of the optimizer. Throws Error{InvalidInput} when the loss is not finite.
  PretrainStep step();
  /// Nothing when `should_stop` ended it early.
  std::optional<PretrainEvaluation> evaluate(std::function<bool()> const& should_stop);
  /// Seconds per training token, from a few steps that change nothing.
  double seconds_per_token();

  [[nodiscard]] Checkpoint checkpoint() const;
  /// Throws Error{Corrupt} naming the folder when the checkpoint is of another run.
  void restore(Checkpoint const& checkpoint);
  /// The encoder's folder with its head and tokenizer, and `record` as pretraining.json, put in place whole.
  void save_encoder(std::filesystem::path const& folder, std::string const& record) const;

  [[nodiscard]] TrainState& state() noexcept { return state_; }
  [[nodiscard]] PretrainingTexts const& texts() const noexcept { return texts_; }
  [[nodiscard]] std::int64_t n_steps() const noexcept { return whole_run_.n_batches; }
  [[nodiscard]] std::int64_t n_train_tokens() const noexcept { return whole_run_.n_tokens; }
  [[nodiscard]] std::int64_t n_parameters() const;
  /// Held-out tokens and those of the probes: what an evaluation passes through the encoder.
  [[nodiscard]] std::int64_t n_evaluation_tokens() const;

 private:
  struct Shown;
  struct BatchLoss {
    torch::Tensor total;
    std::map<std::string, double> parts;
  };
  void add_lessons(Rng& rng);
  /// About what the plan draws from where it stands, or its next batches alone.
  void ask_teacher(data::BatchPlan plan, std::optional<int> n_batches, PretrainEvents const& events,
                   std::stop_token const& stop);
  BatchLoss loss_of(std::vector<data::DrawnRow> const& rows, std::uint64_t seed);
  void backward(torch::Tensor const& loss);
  void add_lesson_losses(Shown const& shown, torch::Tensor const& below, torch::Tensor const& hidden, BatchLoss& loss);
  [[nodiscard]] Shown shown(std::vector<data::DrawnRow> const& rows, Rng& rng) const;
  [[nodiscard]] torch::Tensor here(torch::Tensor const& tensor) const { return tensor.to(device_); }
  [[nodiscard]] bool is_taught(data::DrawnRow const& row) const { return texts_.sources[row.stream].source.teach; }

  PretrainingTexts texts_;
  PretrainConfig config_;
  PretrainOptions const& options_;
  TrainConfig optimizer_config_;
  torch::Device device_;
  kernels::Precision products_;
  nn::Encoder encoder_{nullptr};
  nn::MaskedLanguageHead head_{nullptr};
  Lessons lessons_;
  std::shared_ptr<torch::nn::Module> trained_;
  std::unique_ptr<AdamW> optimizer_;
  std::optional<data::BatchPlan> plan_;
  data::BatchPlan::Totals whole_run_;
  std::int64_t n_rows_ = 0;
  TrainState state_;
};

}  // namespace polytask::train
