// How a training run is done; every field has the default that is right for a pretrained encoder and small data.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/problem.h"
#include "data/corpus.h"
#include "model/encoder_files.h"
#include "model/model_folder.h"
#include "task/task_spec.h"

namespace polytask::train {

enum class SamplingType { Uniform, Proportional, Temperature, Specified };
enum class Schedule { Linear, Cosine, Constant };
/// Shared: every task uses every layer. Split: tasks that read alike do; the top layers exist once for each reading
/// (model::Reading), and for each task of `task_layers`. Without such tasks the two are the same where all tasks read
/// alike.
enum class Architecture { Shared, Split };
enum class SelectionRule { Mean, Weighted };

/// How rows of different datasets are mixed: p_d ~ min(n_d, cap)^(1/T), n_d = training rows of dataset d
/// (Raffel et al. 2020, arXiv:1910.10683, temperature-scaled mixing). Rows are the unit, not tasks: a row with labels
/// of five tasks is drawn, and encoded, once.
struct SamplingConfig {
  SamplingType type = SamplingType::Temperature;
  double temperature = 2.0;            ///< T >= 1; 1 = proportional, large = uniform
  std::int64_t examples_cap = 65'536;  ///< rows; larger datasets count as this many
  std::map<std::string, double>
      weights;  ///< specified: by dataset, or by task (a dataset's weight is the sum of its tasks')
};

struct SelectionConfig {
  SelectionRule rule = SelectionRule::Mean;  ///< of the tasks' primary dev metrics
  std::map<std::string, double> weights;     ///< weighted: by task; a task that is not named counts 1
};

/// The encoder that is trained from scratch when none is given.
struct ScratchEncoderConfig {
  std::int64_t layers = 2;
  std::int64_t hidden_size = 128;
  std::int64_t heads = 4;
  std::int64_t vocab_size = 8'000;
};

/// A task of the type mlm: hidden words of texts without labels are learnt beside the labelled tasks, and nothing of it
/// is served. Method: masked language modelling (Devlin et al. 2019, arXiv:1810.04805, section 3.1) as an auxiliary
/// task.
struct HiddenWordsTask {
  data::UnlabelledSpec texts;
  double loss_weight = 1;  ///< > 0
  double share = 0.25;     ///< tokens of its texts in a step, as a multiple of those of the labelled rows; > 0, <= 10
};

struct TrainConfig {
  Architecture architecture = Architecture::Split;
  std::optional<std::int64_t> private_layers;  ///< split: top layers that each reading has for itself; unset = a third
                                               ///< of the encoder's, rounded
  std::map<std::string, std::int64_t> task_layers;  ///< split: by task: top layers that it has for itself alone; one
                                                    ///< that is not named shares all with those that read as it does
  bool chooses_private_layers = false;  ///< split, "auto": each task by itself above frozen layers, with as many layers
                                        ///< of its own as its dev score wants (train/layer_choice.h); needs
                                        ///< frozen_layers; a task of task_layers keeps what it has
  std::int64_t frozen_layers = 0;  ///< embeddings and the first so many layers stay as the given encoder has them; 0 =
                                   ///< all of it is trained
  double frozen_states_gb = 20;    ///< 10^9 bytes on disk for what those layers make of the texts; decides no result
  std::vector<HiddenWordsTask> hidden_words;  ///< not with frozen_layers or task_stopping_patience, nor in several
                                              ///< processes
  SamplingConfig sampling;
  SelectionConfig selection;
  ScratchEncoderConfig scratch;
  std::optional<double> epochs;  ///< rows drawn, as a multiple of all training rows; > 0, <= 10,000; unset = 6, or as
                                 ///< many as draw 2,500 rows where those are few, at most 40
  double learning_rate = 2e-4;   ///< of the encoder; > 0
  double head_learning_rate_factor = 20;  ///< heads start from nothing and learn at this times learning_rate; > 0
  double layer_decay = 1;  ///< each layer below the top one learns at this times the rate of the one above it, the
                           ///< embeddings last; > 0, <= 1
  std::optional<std::int64_t>
      batch_tokens;  ///< unpadded tokens a step; unset = 640 * sqrt(datasets); unused when batch_size is set
  std::optional<std::int64_t> batch_size;  ///< texts a step, instead of tokens
  std::int64_t max_length = 128;           ///< tokens of a text, special tokens included; 8..65,536
  model::Pooling pooling = model::Pooling::Mean;
  /// What the encoder's layers multiply in, weights and all else being float32: "f32", "bf16", or "auto": bf16 where
  /// this processor is measured to multiply clearly faster in it.
  std::string precision = "auto";
  double weight_decay = 0.01;  ///< of weights; not of biases and LayerNorm
  double warmup_ratio = 0.1;   ///< share of the steps, 0..1
  Schedule schedule = Schedule::Linear;
  double max_grad_norm = 1.0;                ///< 0 = no clipping
  double label_smoothing = 0.0;              ///< 0..1
  double head_dropout = 0.1;                 ///< 0..1
  std::optional<double> dropout;             ///< of the encoder; unset = what its config.json says
  double evaluations_per_epoch = 1.0;        ///< dev evaluations; > 0, <= 1,000; unset epochs above 6 count as 6
  std::int64_t early_stopping_patience = 0;  ///< evaluations without a better selection score; 0 = never stop early
  std::int64_t task_stopping_patience = 0;   ///< evaluations without a better dev score of a task, after which that
                                             ///< task learns no more (train/task_stop.h); 0 = all learn to the end
  std::int64_t checkpoint_steps = 0;  ///< steps between resumable checkpoints; 0 = about every two minutes of work
};

/// Every rule that the values break; `where` is "train".
[[nodiscard]] std::vector<Problem> problems(TrainConfig const& config);
/// What the settings ask for that this encoder does not have: longer texts, more frozen or private layers.
[[nodiscard]] std::vector<Problem> problems(TrainConfig const& config, model::EncoderConfig const& encoder);

/// The same of what the tasks ask for: fewer layers for themselves than are free, no fewer than their readings have.
[[nodiscard]] std::vector<Problem> problems(TrainConfig const& config, std::vector<task::TaskSpec> const& tasks,
                                            model::EncoderConfig const& encoder);
/// What is said of a task whose layers are to be chosen and that has no dev rows to choose them by.
[[nodiscard]] Problem no_dev_rows(std::string_view task);
/// How many top layers each reading has for itself: 0 where all tasks without layers of their own read alike.
[[nodiscard]] std::int64_t layers_of_readings(TrainConfig const& config, std::vector<task::TaskSpec> const& tasks,
                                              model::EncoderConfig const& encoder);

/// The small encoder of projects without a pretrained one; its vocabulary comes from the training texts.
[[nodiscard]] model::EncoderConfig scratch_encoder(TrainConfig const& config);

}  // namespace polytask::train
