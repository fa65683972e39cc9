#include "train/internal/pretraining_session.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "nn/functions.h"
#include "train/internal/device.h"
#include "train/internal/language_evaluation.h"
#include "train/internal/masked_batch.h"
#include "train/internal/parameter_tensors.h"
#include "train/internal/prepared.h"
#include "train/internal/pretrained_files.h"
#include "train/internal/stopwatch.h"

namespace polytask::train {
namespace {

using torch::Tensor;

/// Purposes of the run's random streams: each is independent of the others.
enum Purpose : std::uint64_t {
  kMixturePurpose = 1,
  kWeightsPurpose = 2,
  kStepPurpose = 1'000,
};

Tensor rows_tensor(std::vector<std::vector<float>> const& rows) {
  auto result = torch::empty({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows.front().size())});
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy(rows[i].begin(), rows[i].end(), result.data_ptr<float>() + i * rows[i].size());
  return result;
}

/// The module that holds query, key and value of a layer.
torch::nn::Module const& self_attention(nn::Layer const& layer) { return *layer->named_modules()["attention.self"]; }

}  // namespace

/// A batch as the encoder sees it, and what it is to be asked.
struct PretrainingSession::Shown {
  std::vector<data::DrawnRow> rows;
  MaskedBatch batch;
  nn::PackedTexts texts;
  std::vector<std::int64_t> taught;    ///< texts whose vector the teacher knows
  std::vector<std::int64_t> compared;  ///< texts that show all their words, for comparisons token by token
};

PretrainingSession::PretrainingSession(PretrainingTexts texts, PretrainConfig const& config,
                                       PretrainOptions const& options, std::stop_token const& stop)
    : texts_(std::move(texts)),
      config_(config),
      options_(options),
      optimizer_config_(optimizer_config(config)),
      device_(device_of(options.device)),
      products_(products_of(config.precision, device_)) {
  leave_if_stopped(stop);
  auto encoder_config = pretrained_config(config, texts_);
  model::set_dropout(encoder_config, config.dropout);
  encoder_ = nn::Encoder(encoder_config);
  head_ = nn::MaskedLanguageHead(encoder_config);
  Rng rng = Rng::for_purpose(config.seed, kWeightsPurpose);
  start_weights(encoder_, head_, config, texts_, rng);
  trained_ = std::make_shared<torch::nn::Module>();
  trained_->register_module("encoder", encoder_.ptr());
  trained_->register_module("head", head_.ptr());
  if (options.teacher) add_lessons(rng);
  trained_->to(device_);
  optimizer_ = std::make_unique<AdamW>(*trained_, optimizer_config_);
}

void PretrainingSession::add_lessons(Rng& rng) {
  auto const& wanted = config_.distillation;
  auto const& teacher = *options_.teacher;
  data::StateLimits const limits{.disk_bytes = static_cast<std::uint64_t>(wanted.stored_gb * 1e9)};
  auto const hidden = encoder_->config().hidden_size;
  auto const projection = [&](char const* name, std::int64_t width) {
    torch::nn::Linear layer(hidden, width);
    torch::NoGradGuard const no_grad;
    if (hidden == width)  // an encoder that began as its teacher's layers says some of it already
      torch::nn::init::eye_(layer->weight);
    else
      nn::fill_normal(layer->weight, 1 / std::sqrt(static_cast<double>(hidden)), rng);
    layer->bias.zero_();
    trained_->register_module(name, layer.ptr());
    return layer;
  };
  if (wanted.vectors > 0) {
    lessons_.vectors.emplace(teacher.vectors, data::StateStore(options_.answers_folder / "vectors", limits));
    lessons_.vector_projection = projection("vector_projection", teacher.vectors.width);
  }
  if (wanted.hidden_states > 0) {
    lessons_.last_states.emplace(teacher.states(0), data::StateStore(options_.answers_folder / "states", limits));
    lessons_.state_projection = projection("state_projection", lessons_.last_states->hidden_size());
  }
  if (wanted.relations > 0) {
    auto const config = model::read_encoder_config(*wanted.teacher);
    if (config.model_type != "bert")
      throw Error(
          ErrorCode::InvalidUsage,
          fmt::format("{}: the teacher is of the family {}; relations are learnt from BERT alone so far: use its "
                      "sentence vectors (teacher.vectors)",
                      wanted.teacher->string(), quote(config.model_type)));
    if (config.num_hidden_layers < 2)
      throw Error(
          ErrorCode::InvalidUsage,
          fmt::format("{}: the teacher has one layer; relations are learnt from what its last layer makes of the "
                      "one below, so expected at least 2",
                      wanted.teacher->string()));
    lessons_.relation_heads = wanted.relation_heads > 0 ? wanted.relation_heads : config.num_attention_heads;
    if (config.hidden_size % lessons_.relation_heads != 0 || hidden % lessons_.relation_heads != 0)
      throw Error(ErrorCode::InvalidUsage,
                  fmt::format("teacher.relation_heads: is {}; expected a divisor of the hidden sizes of both, {} of "
                              "the encoder and {} of the teacher",
                              lessons_.relation_heads, hidden, config.hidden_size));
    lessons_.relation_states.emplace(teacher.states(1), data::StateStore(options_.answers_folder / "states", limits));
    auto const weights = model::read_encoder_weights(*wanted.teacher, config);
    std::vector<Tensor> weight, bias;
    for (auto const* part : {"query", "key", "value"}) {
      auto const name = fmt::format("encoder.layer.{}.attention.self.{}.", config.num_hidden_layers - 1, part);
      auto const tensor = [&](std::string const& end) {
        auto const& found = weights.at(name + end);
        return torch::from_blob(const_cast<float*>(found.values.data()), found.shape, torch::kFloat32).clone();
      };
      weight.push_back(tensor("weight"));
      bias.push_back(tensor("bias"));
    }
    lessons_.relation_weight = here(torch::cat(weight, 0));
    lessons_.relation_bias = here(torch::cat(bias, 0));
  }
}

void PretrainingSession::plan(std::int64_t n_rows) {
  n_rows_ = n_rows;
  plan_.emplace(texts_.plan(n_rows, config_.batch_tokens, Rng::for_purpose(config_.seed, kMixturePurpose).next()));
  whole_run_ = plan_->totals();
  state_.plan = plan_->state();
}

void PretrainingSession::prepare_lessons(PretrainEvents const& events, std::stop_token const& stop) {
  ask_teacher(*plan_, std::nullopt, events, stop);
}

void PretrainingSession::ask_teacher(data::BatchPlan plan, std::optional<int> n_batches, PretrainEvents const& events,
                                     std::stop_token const& stop) {
  if (!options_.teacher) return;
  std::vector<std::set<std::size_t>> drawn(texts_.sources.size());
  for (auto rows = plan.next(); !rows.empty() && (!n_batches || (*n_batches)-- > 0); rows = plan.next())
    for (auto const& row : rows)
      if (is_taught(row)) drawn[row.stream].insert(texts_.sources[row.stream].train[row.row]);
  if (lessons_.vectors) {
    std::vector<std::string> asked;
    for (std::size_t s = 0; s < drawn.size(); ++s)
      for (auto const i : drawn[s]) asked.push_back(texts_.sources[s].sequences.teacher_texts[i]);
    (void)lessons_.vectors->fill(std::move(asked), events.on_teaching, stop);
    leave_if_stopped(stop);
  }
  std::vector<std::uint8_t> const no_types(static_cast<std::size_t>(config_.max_length));
  std::vector<task::TokenSequence> sequences;
  for (std::size_t s = 0; s < drawn.size(); ++s)
    for (auto const i : drawn[s]) {
      auto const ids = texts_.sources[s].sequences[i];
      sequences.push_back({ids, std::span(no_types).first(ids.size())});
    }
  for (auto* states : {&lessons_.relation_states, &lessons_.last_states}) {
    if (!*states) continue;
    (void)(*states)->fill(sequences, {.on_progress = events.on_teaching}, stop);
    leave_if_stopped(stop);
  }
}

PretrainingSession::Shown PretrainingSession::shown(std::vector<data::DrawnRow> const& rows, Rng& rng) const {
  Shown shown{.rows = rows};
  for (std::size_t t = 0; t < rows.size(); ++t) {
    auto const& source = texts_.sources[rows[t].stream];
    auto const sequence = source.sequences[source.train[rows[t].row]];
    bool const taught = options_.teacher && is_taught(rows[t]);
    bool const whole = config_.language_weight <= 0 || (taught && rng.uniform() < config_.distillation.unmasked);
    if (taught) shown.taught.push_back(static_cast<std::int64_t>(t));
    if (whole) {
      shown.batch.add(sequence);
      if (taught) shown.compared.push_back(static_cast<std::int64_t>(t));
    } else {
      shown.batch.add(data::mask(sequence, texts_.vocabulary, config_.masking, rng));
    }
  }
  shown.texts = shown.batch.texts(device_);
  return shown;
}

void PretrainingSession::add_lesson_losses(Shown const& shown, Tensor const& below, Tensor const& hidden,
                                           BatchLoss& loss) {
  auto const& wanted = config_.distillation;
  auto const add = [&](char const* name, double weight, Tensor const& value) {
    loss.parts[name] = value.item<double>();
    auto const part = weight * value;
    loss.total = loss.total.defined() ? loss.total + part : part;
  };
  if (lessons_.vectors && !shown.taught.empty()) {
    std::vector<std::vector<float>> answers;
    for (auto const t : shown.taught) {
      auto const& row = shown.rows[static_cast<std::size_t>(t)];
      auto const& source = texts_.sources[row.stream];
      answers.push_back(lessons_.vectors->read(source.sequences.teacher_texts[source.train[row.row]]));
    }
    auto const pooled = nn::mean_pool(hidden, shown.texts.offsets, shown.taught);
    auto const student = nn::linear(pooled, *lessons_.vector_projection);
    auto const teacher = here(rows_tensor(answers));
    add("vectors", wanted.vectors,
        wanted.vector_loss == VectorLoss::Cosine ? nn::cosine_loss(student, teacher)
                                                 : torch::mse_loss(student, teacher));
  }
  if ((!lessons_.relation_states && !lessons_.last_states) || shown.compared.empty()) return;
  std::vector<std::uint8_t> const no_types(static_cast<std::size_t>(config_.max_length));
  std::vector<task::TokenSequence> sequences;
  std::vector<std::int32_t> offsets{0};
  std::vector<Tensor> below_parts, hidden_parts;
  for (auto const t : shown.compared) {
    auto const& row = shown.rows[static_cast<std::size_t>(t)];
    auto const& source = texts_.sources[row.stream];
    auto const ids = source.sequences[source.train[row.row]];
    auto const length = static_cast<std::int64_t>(ids.size());
    sequences.push_back({ids, std::span(no_types).first(ids.size())});
    offsets.push_back(offsets.back() + static_cast<std::int32_t>(length));
    below_parts.push_back(below.narrow(0, shown.texts.offsets[static_cast<std::size_t>(t)], length));
    hidden_parts.push_back(hidden.narrow(0, shown.texts.offsets[static_cast<std::size_t>(t)], length));
  }
  auto const states_of = [&](data::FrozenStates& states) {
    auto const result = torch::empty({offsets.back(), states.hidden_size()});
    states.read(sequences, {result.data_ptr<float>(), static_cast<std::size_t>(result.numel())});
    return here(result);
  };
  if (lessons_.relation_states) {
    auto const teacher =
        torch::linear(states_of(*lessons_.relation_states), lessons_.relation_weight, lessons_.relation_bias);
    auto const last = encoder_->layer(encoder_->config().num_hidden_layers - 1);
    auto const student = nn::relation_inputs(torch::cat(below_parts, 0), self_attention(last));
    add("relations", wanted.relations, nn::relation_loss(student, teacher, offsets, lessons_.relation_heads));
  }
  if (lessons_.last_states) {
    auto const student = nn::linear(torch::cat(hidden_parts, 0), *lessons_.state_projection);
    add("states", wanted.hidden_states, torch::mse_loss(student, states_of(*lessons_.last_states)));
  }
}

PretrainingSession::BatchLoss PretrainingSession::loss_of(std::vector<data::DrawnRow> const& rows, std::uint64_t seed) {
  Rng rng(seed);
  auto const batch = shown(rows, rng);
  nn::Pass pass(rng.next(), products_);
  auto const n_layers = encoder_->config().num_hidden_layers;
  auto const below = encoder_->forward_until(batch.texts, n_layers - 1, pass);
  auto const hidden = encoder_->forward_layers(below, batch.texts.offsets, n_layers - 1, n_layers, pass);
  BatchLoss loss;
  if (auto const& targets = batch.batch.targets(); !targets.empty()) {
    auto const words =
        head_->forward(hidden.index_select(0, batch.batch.hidden_words(device_)),
                       encoder_->named_parameters()["embeddings.word_embeddings.weight"], targets, products_);
    loss.parts["words"] = words.mean.item<double>();
    loss.total = config_.language_weight * words.mean;
  }
  if (options_.teacher) add_lesson_losses(batch, below, hidden, loss);
  return loss;
}

void PretrainingSession::backward(Tensor const& loss) {
  loss.backward();
  // The decoder moves every row of the words' table: a step without it must not move some rows alone.
  auto& of_words = encoder_->named_parameters()["embeddings.word_embeddings.weight"].mutable_grad();
  if (of_words.defined() && of_words.is_sparse()) of_words = of_words.to_dense();
}

PretrainStep PretrainingSession::step() {
  auto const rows = plan_->next();
  expects(!rows.empty(), "a step is taken only while sequences are left");
  std::int64_t const number = state_.step + 1;
  auto const loss =
      loss_of(rows, Rng::for_purpose(config_.seed, kStepPurpose + static_cast<std::uint64_t>(number)).next());
  PretrainStep record{.step = number, .parts = loss.parts};
  if (loss.total.defined()) {
    record.loss = loss.total.item<double>();
    if (!std::isfinite(record.loss))
      throw Error(
          ErrorCode::InvalidInput,
          fmt::format(
              "step {}: the loss is no longer a finite number; lower train.learning_rate (now {}) and start anew",
              number, optimizer_config_.learning_rate));
    backward(loss.total);
    record.grad_norm = optimizer_->gradient_norm();
    record.learning_rate = learning_rate_at(optimizer_config_, number, n_steps());
    optimizer_->step(record.learning_rate, record.grad_norm);
  }
  for (auto const& row : rows) {
    auto const& source = texts_.sources[row.stream];
    state_.n_tokens += static_cast<std::int64_t>(source.sequences[source.train[row.row]].size());
  }
  state_.step = number;
  state_.plan = plan_->state();
  record.n_tokens = state_.n_tokens;
  return record;
}

double PretrainingSession::seconds_per_token() {
  constexpr int kWarmUp = 2;
  constexpr int kTimed = 6;
  // Full batches, whatever the run's own number of sequences is.
  auto plan = texts_.plan(1'000'000, config_.batch_tokens, config_.seed);
  ask_teacher(plan, kWarmUp + kTimed, {}, {});
  std::int64_t n_tokens = 0;
  Stopwatch watch;
  for (int i = 0; i < kWarmUp + kTimed; ++i) {
    if (i == kWarmUp) watch = Stopwatch(), n_tokens = 0;
    auto const rows = plan.next();
    auto const loss = loss_of(rows, 0);
    if (loss.total.defined()) backward(loss.total);
    (void)optimizer_->gradient_norm();
    optimizer_->drop_gradients();
    for (auto const& row : rows) {
      auto const& source = texts_.sources[row.stream];
      n_tokens += static_cast<std::int64_t>(source.sequences[source.train[row.row]].size());
    }
  }
  return watch.seconds() / static_cast<double>(n_tokens);
}

std::int64_t PretrainingSession::n_parameters() const {
  std::int64_t n = 0;
  for (auto const& parameter : encoder_->parameters()) n += parameter.numel();
  return n;
}

std::optional<PretrainEvaluation> PretrainingSession::evaluate(std::function<bool()> const& should_stop) {
  auto evaluation = LanguageEvaluation(texts_, config_, options_.probes, encoder_, head_).run(should_stop);
  if (evaluation) evaluation->step = state_.step;
  return evaluation;
}

std::int64_t PretrainingSession::n_evaluation_tokens() const {
  return LanguageEvaluation(texts_, config_, options_.probes, encoder_, head_).n_tokens();
}

void PretrainingSession::save_encoder(std::filesystem::path const& folder, std::string const& record) const {
  write_pretrained(folder, encoder_, head_, config_, *texts_.tokenizer, record);
}

Checkpoint PretrainingSession::checkpoint() const {
  Checkpoint checkpoint{.state = state_};
  store_parameters(*optimizer_, checkpoint);
  return checkpoint;
}

void PretrainingSession::restore(Checkpoint const& checkpoint) {
  RunShape shape{.n_rows = n_rows_, .n_steps = n_steps()};
  for (auto const& source : texts_.sources) shape.rows_by_stream.push_back(source.train.size());
  try {
    check_state(checkpoint.state, shape);
    restore_parameters(*optimizer_, checkpoint);
  } catch (Error const& error) {
    throw damaged_checkpoint(checkpoint.folder, error.what());
  }
  state_ = checkpoint.state;
  plan_->restore(state_.plan);
}

}  // namespace polytask::train
