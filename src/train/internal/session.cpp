#include "train/internal/session.h"

#include <fmt/format.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "eval/scores.h"
#include "train/internal/device.h"
#include "train/internal/head_batch.h"
#include "train/internal/line.h"
#include "train/internal/parameter_tensors.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;
using data::Split;

/// Purposes of the run's random streams: each is independent of the others.
enum Purpose : std::uint64_t { kMixturePurpose = 1, kWeightsPurpose = 2, kDropoutPurpose = 1'000 };

std::vector<DevRows> dev_rows(data::Corpus const& corpus, Prepared const& prepared, std::stop_token const& stop) {
  std::vector<DevRows> dev;
  for (auto const& stream : corpus.streams) {
    DevRows of_stream{.stream = &stream};
    auto const& examples = stream.of(Split::Dev);
    for (std::size_t row = 0; row < examples.size(); ++row) {
      leave_if_stopped(stop);
      if (std::none_of(examples[row].labels.begin(), examples[row].labels.end(), task::is_labelled)) continue;
      of_stream.rows.push_back(row);
      of_stream.texts.push_back(encode_text(*prepared.tokenizer, examples[row], corpus.tasks[stream.tasks.front()],
                                            prepared.spec.max_length));
    }
    if (!of_stream.rows.empty()) dev.push_back(std::move(of_stream));
  }
  return dev;
}

}  // namespace

Session::Session(data::Corpus const& corpus, TrainConfig const& config, TrainOptions const& options,
                 TrainEvents const& events, std::stop_token const& stop)
    : config_(config),
      options_(options),
      device_(device_of(options.device)),
      products_(products_of(config.precision, device_)),
      prepared_(
          prepare(corpus, config, options, stop, {.on_preparing = events.on_preparing, .on_note = events.on_note})),
      plan_(prepared_.plan(corpus, Rng::for_purpose(options.seed, kMixturePurpose).next())),
      whole_run_(plan_.totals(stop)),
      model_(prepared_.encoder_config, prepared_.spec, config.head_dropout),
      dev_(dev_rows(corpus, prepared_, stop)) {
  leave_if_stopped(stop);
  Rng rng = Rng::for_purpose(options.seed, kWeightsPurpose);
  if (options.encoder)
    model_->encoder()->load(model::read_encoder_weights(*options.encoder, prepared_.encoder_config));
  else
    model_->encoder()->initialize(rng);
  model_->initialize_tasks(rng);
  model_->to(device_);
  if (!config.hidden_words.empty())
    hidden_words_ = std::make_unique<HiddenWords>(corpus, prepared_, options, events, model_, stop);
  if (config.frozen_layers > 0) freeze(events, stop);
  for (std::size_t head = 0; head < prepared_.spec.heads.size(); ++head)
    if (prepared_.spec.heads[head].sees_cosine()) fit_line(head, stop);
  optimizer_ = std::make_unique<AdamW>(*model_, config_);
  state_.plan = plan_.state();
  for (auto const& head : prepared_.spec.heads) state_.examples_drawn[head.task.name] = 0;
}

void Session::freeze(TrainEvents const& events, std::stop_token const& stop) {
  expects(options_.frozen_layers != nullptr, "somebody computes what frozen layers make of texts");
  auto const n_layers = config_.frozen_layers;
  model_->encoder()->freeze(n_layers);
  data::StateLimits const limits{.disk_bytes = static_cast<std::uint64_t>(config_.frozen_states_gb * 1e9)};
  frozen_ = std::make_unique<FrozenPart>(FrozenPart{
      n_layers,
      {options_.frozen_layers(*options_.encoder, n_layers), data::StateStore(options_.states_folder, limits)}});
  std::vector<task::TokenSequence> texts;
  auto const add_sequences = [&](data::Features const& row) {
    for (auto const& sequence : sequences_of(row)) texts.push_back(sequence);
  };
  for (auto const& stream : prepared_.streams)
    for (std::size_t row = 0; row < stream.rows.size(); ++row) add_sequences(stream.rows[row]);
  for (auto const& of_stream : dev_)
    for (auto const& text : of_stream.texts)
      for (auto const& sequence : text.sequences) add_sequences(sequence);
  auto const on_wait = [&] {
    if (events.on_note)
      events.on_note(fmt::format("{}: another run fills it; waiting for that", options_.states_folder.string()));
  };
  auto const filled = frozen_->states.fill(texts, {.on_wait = on_wait, .on_progress = events.on_filling}, stop);
  leave_if_stopped(stop);
  if (events.on_filled) events.on_filled(filled);
}

std::vector<std::string> Session::take_problems() {
  return frozen_ ? frozen_->states.take_problems() : std::vector<std::string>();
}

std::int64_t Session::n_dev_tokens() const noexcept {
  std::int64_t n = hidden_words_ ? hidden_words_->n_dev_tokens() : 0;
  for (auto const& of_stream : dev_)
    for (auto const& text : of_stream.texts) n += static_cast<std::int64_t>(text.n_tokens());
  return n;
}

std::int64_t Session::n_parameters() const {
  std::int64_t n = 0;
  for (auto const& parameter : model_->named_parameters())
    if (!parameter.key().starts_with("language_head.")) n += parameter.value().numel();  // which is not in the model
  return n;
}

nn::PackedTexts Session::packed(data::Batch const& batch) const {
  std::vector<task::TokenSequence> texts;
  for (auto const& row : batch.rows)
    for (auto const& sequence : sequences_of(features_of(row))) texts.push_back(sequence);
  return packed_texts(batch, texts, frozen_.get(), device_);
}

data::Batch Session::batch_of(std::span<data::DrawnRow const> rows) const {
  data::Batch batch;
  for (auto const& row : rows) data::append(batch, row, features_of(row));
  return batch;
}

void Session::bring(std::span<data::DrawnRow const> rows) {
  std::vector<std::vector<std::size_t>> by_stream(prepared_.streams.size());
  for (auto const& row : rows) by_stream[row.stream].push_back(row.row);
  for (std::size_t s = 0; s < by_stream.size(); ++s) prepared_.streams[s].rows.bring(by_stream[s]);
}

std::span<data::DrawnRow const> Session::own_part(std::span<data::DrawnRow const> rows) const {
  if (options_.processes == nullptr) return rows;
  std::vector<std::int64_t> lengths;
  for (auto const& row : rows) lengths.push_back(prepared_.streams[row.stream].rows.length(row.row));
  auto const [first, end] = rows_of_process(lengths, options_.processes->rank(), options_.processes->size());
  return rows.subspan(first, end - first);
}

void Session::fit_line(std::size_t head, std::stop_token const& stop) {
  constexpr std::size_t kRows = 256;  // enough for two numbers
  constexpr std::size_t kRowsPerPass = 32;
  constexpr double kSmallestDeviation =
      0.05;  // of cosines; an encoder that takes all texts for the same is not believed
  std::vector<data::DrawnRow> labelled;
  for (std::size_t s = 0; s < prepared_.streams.size(); ++s) {
    auto const& heads = prepared_.streams[s].heads;
    auto const found = std::find(heads.begin(), heads.end(), head);
    if (found == heads.end()) continue;
    std::size_t row = 0;
    prepared_.streams[s].rows.for_each([&](data::Features const& features) {
      if (features.targets[static_cast<std::size_t>(found - heads.begin())].index() != 0) labelled.push_back({s, row});
      ++row;
    });
  }
  std::vector<data::DrawnRow> rows;  // evenly from all of them: files are often sorted
  auto const n = std::min(kRows, labelled.size());
  for (std::size_t i = 0; i < n; ++i) rows.push_back(labelled[i * labelled.size() / n]);
  std::vector<double> x, y;
  model_->set_line(head, 1, 0);
  torch::NoGradGuard const no_grad;
  for (std::size_t first = 0; first < n; first += kRowsPerPass) {
    leave_if_stopped(stop);
    std::vector<data::DrawnRow> const pass(
        rows.begin() + static_cast<std::ptrdiff_t>(first),
        rows.begin() + static_cast<std::ptrdiff_t>(std::min(n, first + kRowsPerPass)));
    bring(pass);
    nn::HeadInput input{.head = head};
    for (std::size_t i = 0; i < pass.size(); ++i) {
      input.texts.push_back(static_cast<std::int64_t>(i));
      y.push_back(static_cast<double>(*target_of(pass[i], head)));
    }
    auto const cosines =
        model_->forward(packed(batch_of(pass)), std::span(&input, 1), nn::Pass())[0].to(torch::kCPU).contiguous();
    x.insert(x.end(), cosines.data_ptr<float>(), cosines.data_ptr<float>() + cosines.numel());
  }
  auto const [slope, intercept] =
      line_through(x, y, kSmallestDeviation * std::sqrt(static_cast<double>(prepared_.encoder_config.hidden_size)));
  model_->set_line(head, slope, intercept);
}

float const* Session::target_of(data::DrawnRow const& drawn, std::size_t head) const {
  auto const& stream = prepared_.streams[drawn.stream];
  auto const found = std::find(stream.heads.begin(), stream.heads.end(), head);
  if (found == stream.heads.end()) return nullptr;
  return std::get_if<float>(&stream.rows[drawn.row].targets[static_cast<std::size_t>(found - stream.heads.begin())]);
}

BatchLoss Session::loss_of(std::span<data::DrawnRow const> own, std::span<data::DrawnRow const> all,
                           std::size_t n_drawn, std::uint64_t seed) {
  bring(all);
  auto const n_heads = prepared_.spec.heads.size();
  auto const whole_batch = batch_of(all);
  auto const whole = heads_of(whole_batch, prepared_.streams, n_heads);
  bool const is_whole = own.size() == all.size();
  auto const batch = is_whole ? whole_batch : batch_of(own);
  auto heads = is_whole ? whole : heads_of(batch, prepared_.streams, n_heads);
  std::erase_if(heads, [&](HeadBatch const& head) { return head.targets.empty() || !learns(head.input.head); });
  BatchLoss loss;
  if (heads.empty()) return loss;
  auto const texts = packed(batch);
  if (!frozen_) optimizer_->catch_up(batch.ids);
  std::vector<nn::HeadInput> inputs;
  for (auto const& head : heads) inputs.push_back(head.input);
  if (!device_.is_cpu()) torch::manual_seed(static_cast<std::uint64_t>(seed));  // LibTorch's own dropout is used there
  auto const logits = model_->forward(texts, inputs, nn::Pass(seed, products_));
  for (std::size_t i = 0; i < heads.size(); ++i) {
    std::size_t const h = heads[i].input.head;
    auto const& spec = prepared_.spec.heads[h];
    auto const mean = nn::task_loss(spec, prepared_.losses[h], logits[i], heads[i].targets);
    double const of_head = heads[i].n_units() / whole[h].n_units();
    loss.by_head[h] = mean.item<double>() * of_head;
    // The share of the batch's rows makes a task's weight follow the mixture, not the luck of one batch.
    double const share = static_cast<double>(whole[h].targets.size()) / static_cast<double>(n_drawn);
    auto const part = mean * (of_head * share * spec.task.loss_weight / prepared_.chance_levels[h]);
    loss.total = loss.total.defined() ? loss.total + part : part;
  }
  loss.value = loss.total.item<double>();
  return loss;
}

void Session::add_hidden_words(std::int64_t number, std::span<data::DrawnRow const> rows, BatchLoss& loss) {
  if (!hidden_words_ || !loss.total.defined()) return;
  auto words = hidden_words_->loss_of(number, n_tokens_of(rows), products_);
  loss.total = loss.total + words.total;
  loss.value = loss.total.item<double>();
  loss.of_hidden_words = std::move(words.by_task);
}

std::int64_t Session::n_tokens_of(std::span<data::DrawnRow const> rows) const {
  std::int64_t n = 0;
  for (auto const& row : rows) n += prepared_.streams[row.stream].rows.length(row.row);
  return n;
}

std::optional<std::map<std::string, double>> Session::perplexity(std::function<bool()> const& should_stop) {
  if (!hidden_words_) return std::map<std::string, double>();
  return hidden_words_->perplexity(should_stop);
}

void Session::add_up(std::span<data::DrawnRow const> rows, BatchLoss& loss) {
  auto const n_heads = prepared_.spec.heads.size();
  std::vector<std::int64_t> ids;
  for (auto const& row : rows) ids.insert(ids.end(), features_of(row).ids.begin(), features_of(row).ids.end());
  std::vector<float> numbers(1 + 2 * n_heads, 0.0F);  // the loss; by head its loss, and in how many parts it has one
  numbers[0] = static_cast<float>(loss.value);
  for (auto const& [head, value] : loss.by_head) {
    numbers[1 + 2 * head] = static_cast<float>(value);
    numbers[2 + 2 * head] = 1;
  }
  if (!frozen_) optimizer_->catch_up(ids);  // those of the others too: their gradients move them here
  gradients_.sum(*options_.processes, optimizer_->parameters(), ids, numbers);
  loss.value = static_cast<double>(numbers[0]);
  loss.by_head.clear();
  for (std::size_t head = 0; head < n_heads; ++head)
    if (numbers[2 + 2 * head] > 0) loss.by_head[head] = static_cast<double>(numbers[1 + 2 * head]);
}

StepRecord Session::step() {
  auto const drawn = plan_.next();
  expects(!drawn.empty(), "a step is taken only while rows are left");
  share_stops();
  auto const rows = learned_rows(drawn);
  std::int64_t const number = state_.step + 1;
  Rng seeds = Rng::for_purpose(options_.seed, kDropoutPurpose + static_cast<std::uint64_t>(number));
  auto seed = seeds.next();
  for (int rank = 0; options_.processes != nullptr && rank < options_.processes->rank(); ++rank) seed = seeds.next();
  auto loss = loss_of(own_part(rows), rows, drawn.size(), seed);
  add_hidden_words(number, rows, loss);
  if (loss.total.defined() && std::isfinite(loss.value)) loss.total.backward();
  if (options_.processes != nullptr) add_up(rows, loss);
  if (!std::isfinite(loss.value))
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format(
            "step {}: the loss is no longer a finite number; lower train.learning_rate (now {}) and start a new run",
            number, config_.learning_rate));
  StepRecord record{.step = number, .loss = loss.value, .task_loss = loss.of_hidden_words};
  for (auto const& [head, value] : loss.by_head) record.task_loss[prepared_.spec.heads[head].task.name] = value;
  if (!loss.by_head.empty()) {
    record.grad_norm = optimizer_->gradient_norm();
    record.learning_rate = learning_rate_at(config_, number, n_steps());
    optimizer_->step(record.learning_rate, record.grad_norm);
  }
  for (auto const& row : rows) {
    auto const& stream = prepared_.streams[row.stream];
    auto const& features = features_of(row);
    state_.n_tokens += static_cast<std::int64_t>(features.ids.size());
    for (std::size_t position = 0; position < features.targets.size(); ++position)
      if (features.targets[position].index() != 0 && learns(stream.heads[position]))
        ++state_.examples_drawn[prepared_.spec.heads[stream.heads[position]].task.name];
  }
  state_.n_tokens_passed_over += n_tokens_of(drawn) - n_tokens_of(rows);
  state_.step = number;
  state_.plan = plan_.state();
  record.n_tokens = state_.n_tokens;
  return record;
}

void Session::share_state() {
  torch::NoGradGuard const no_grad;
  auto& processes = *options_.processes;
  optimizer_->catch_up_all();
  std::int64_t step = state_.step;
  processes.share({&step, 1});
  while (state_.step < step) {  // what a batch is made of depends on nothing but how many came before
    (void)plan_.next();
    ++state_.step;
  }
  std::vector<std::int64_t> n_updates;
  for (auto const& parameter : optimizer_->parameters()) n_updates.push_back(parameter.n_updates);
  processes.share(std::span(n_updates));
  for (std::size_t i = 0; auto& parameter : optimizer_->parameters()) {
    for (auto const& tensor : {parameter.weight, parameter.first_moment, parameter.second_moment})
      processes.share(std::span(tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())));
    parameter.n_updates = n_updates[i++];
    if (!processes.leads()) parameter.rows.reset();
  }
}

std::optional<Session::DevAnswers> Session::answer_dev(std::function<bool()> const& should_stop, FrozenPart* frozen) {
  std::size_t const n_tasks = prepared_.spec.heads.size();
  DevAnswers answers{.gold = std::vector<std::vector<task::Label>>(n_tasks),
                     .predicted = std::vector<std::vector<task::Prediction>>(n_tasks)};
  for (auto const& of_stream : dev_) {
    auto const& stream = *of_stream.stream;
    auto results =
        infer(model_, of_stream.texts, stream.tasks, {.device = device_, .should_stop = should_stop, .frozen = frozen});
    if (should_stop && should_stop()) return std::nullopt;
    for (std::size_t i = 0; i < of_stream.rows.size(); ++i) {
      auto const& labels = stream.of(Split::Dev)[of_stream.rows[i]].labels;
      for (std::size_t position = 0; position < stream.tasks.size(); ++position) {
        if (!task::is_labelled(labels[position])) continue;
        answers.gold[stream.tasks[position]].push_back(labels[position]);
        answers.predicted[stream.tasks[position]].push_back(std::move(results[i][position]));
      }
    }
  }
  return answers;
}

std::optional<std::map<std::string, double>> Session::evaluate(std::function<bool()> const& should_stop) {
  optimizer_->catch_up_all();
  auto const answers = answer_dev(should_stop, frozen_.get());
  if (!answers) return std::nullopt;
  std::map<std::string, double> scores;
  for (std::size_t i = 0; i < prepared_.spec.heads.size(); ++i) {
    auto const& head = prepared_.spec.heads[i];
    if (!answers->gold[i].empty())
      scores[head.task.name] = eval::primary_score(head.task, head.labels, answers->gold[i], answers->predicted[i]);
  }
  return scores;
}

std::map<std::string, eval::Calibration> Session::calibrate(std::stop_token const& stop) {
  auto const answers = answer_dev([&] { return stop.stop_requested(); }, nullptr);
  if (!answers) throw Error(ErrorCode::Interrupted, "stopped while the probabilities were calibrated");
  std::map<std::string, eval::Calibration> found;
  for (std::size_t i = 0; i < prepared_.spec.heads.size(); ++i) {
    auto const& head = prepared_.spec.heads[i];
    auto const calibration = eval::calibrate(head.task, head.labels, answers->gold[i], answers->predicted[i]);
    if (!calibration) continue;
    if (calibration->null_threshold) {
      if (!head.null_threshold) continue;  // it has not seen what no answer is
      model_->set_null_threshold(i, *calibration->null_threshold);
    } else {
      model_->set_temperature(i, calibration->temperature);
    }
    found[head.task.name] = *calibration;
  }
  return found;
}

double Session::seconds_per_token() {
  constexpr int kWarmUp = 1;
  constexpr int kTimed = 3;
  auto plan = plan_;
  std::int64_t n_tokens = 0;
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kWarmUp + kTimed; ++i) {
    if (i == kWarmUp) start = std::chrono::steady_clock::now(), n_tokens = 0;
    auto const rows = plan.next();
    if (rows.empty()) break;
    auto loss = loss_of(rows, rows, rows.size(), 0);
    add_hidden_words(0, rows, loss);
    if (loss.total.defined()) loss.total.backward();
    (void)optimizer_->gradient_norm();
    optimizer_->drop_gradients();
    for (auto const& row : rows) n_tokens += static_cast<std::int64_t>(features_of(row).ids.size());
  }
  std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - start;
  return n_tokens == 0 ? 0.0 : seconds.count() / static_cast<double>(n_tokens);
}

Checkpoint Session::checkpoint() {
  optimizer_->catch_up_all();
  Checkpoint checkpoint{.state = state_};
  store_parameters(*optimizer_, checkpoint);
  return checkpoint;
}

void Session::restore(Checkpoint const& checkpoint) {
  RunShape shape{.n_rows = plan_.state().n_left, .n_steps = n_steps()};
  for (auto const& stream : prepared_.streams) shape.rows_by_stream.push_back(stream.rows.size());
  for (auto const& head : prepared_.spec.heads) shape.tasks.push_back(head.task.name);
  try {
    check_state(checkpoint.state, shape);
    restore_parameters(*optimizer_, checkpoint);
  } catch (Error const& error) {
    throw damaged_checkpoint(checkpoint.folder, error.what());
  }
  state_ = checkpoint.state;
  plan_.restore(state_.plan);
}

void Session::save_model(fs::path const& folder) const {
  auto const unfinished = fs::path(folder.string() + fmt::format(".{}.part", ::getpid()));
  std::error_code ignored;
  fs::remove_all(unfinished, ignored);
  model_->save(unfinished);
  prepared_.tokenizer->save(unfinished / "encoder");
  fs::remove_all(folder, ignored);
  std::error_code failed;
  fs::rename(unfinished, folder, failed);
  if (failed)
    throw Error(ErrorCode::Unavailable,
                fmt::format("{}: the model cannot be put in place ({})", folder.string(), failed.message()));
  sync_folder(folder.parent_path());
}

}  // namespace polytask::train
