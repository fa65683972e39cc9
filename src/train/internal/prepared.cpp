#include "train/internal/prepared.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "text/wordpiece_trainer.h"
#include "train/internal/device.h"
#include "train/internal/stream_preparer.h"

namespace polytask::train {
namespace {

using data::Split;

std::vector<double> regression_values(data::Corpus const& corpus, std::size_t task_index) {
  std::vector<double> values;
  for (auto const& stream : corpus.streams)
    for (std::size_t position = 0; position < stream.tasks.size(); ++position)
      if (stream.tasks[position] == task_index)
        stream.for_each_labels(Split::Train, [&](task::Example const& example) {
          if (auto const* value = std::get_if<double>(&example.labels[position])) values.push_back(*value);
        });
  return values;
}

bool some_have_no_answer(data::Corpus const& corpus, std::size_t task_index) {
  bool found = false;
  for (auto const& stream : corpus.streams)
    for (std::size_t position = 0; position < stream.tasks.size(); ++position)
      if (stream.tasks[position] == task_index)
        stream.for_each_labels(Split::Train, [&](task::Example const& example) {
          auto const* answers = std::get_if<task::Answers>(&example.labels[position]);
          found = found || (answers != nullptr && answers->pieces.empty());
        });
  return found;
}

model::HeadSpec head_of(data::Corpus const& corpus, std::size_t task_index) {
  model::HeadSpec head{.task = corpus.tasks[task_index], .labels = corpus.label_sets[task_index]};
  if (head.task.metric.empty()) head.task.metric = task::default_metric(head.task.type);
  if (head.task.type == task::TaskType::Span && some_have_no_answer(corpus, task_index)) head.null_threshold = 0;
  if (head.task.type == task::TaskType::Regression) {
    auto const [offset, scale] = data::target_scale(regression_values(corpus, task_index));
    head.target_offset = offset;
    head.target_scale = scale;
  }
  return head;
}

/// How often each label stands in the training rows of a head, or each tag on their words.
struct LabelCounts {
  std::vector<double> by_label;
  double n = 0;  ///< labelled rows, or tagged words
};

LabelCounts count_labels(std::vector<PreparedStream> const& streams, std::size_t head, std::size_t n_outputs) {
  LabelCounts counts{std::vector<double>(n_outputs, 0.0)};
  for (auto const& stream : streams)
    for (std::size_t position = 0; position < stream.heads.size(); ++position) {
      if (stream.heads[position] != head) continue;
      stream.rows.for_each([&](data::Features const& row) {
        auto const& target = row.targets[position];
        if (auto const* label = std::get_if<std::int32_t>(&target)) {
          counts.by_label[static_cast<std::size_t>(*label)] += 1;
          counts.n += 1;
        } else if (auto const* labels = std::get_if<std::vector<float>>(&target)) {
          for (std::size_t i = 0; i < n_outputs; ++i) counts.by_label[i] += static_cast<double>((*labels)[i]);
          counts.n += 1;
        } else if (auto const* tags = std::get_if<std::vector<std::int32_t>>(&target)) {
          for (auto const tag : *tags)
            if (tag != data::kIgnored) counts.by_label[static_cast<std::size_t>(tag)] += 1, counts.n += 1;
        }
      });
    }
  return counts;
}

/// Of a span head's training windows.
double chance_of_windows(std::vector<PreparedStream> const& streams, std::size_t head) {
  double n = 0, n_empty = 0, log_positions = 0;
  for (auto const& stream : streams)
    for (std::size_t position = 0; position < stream.heads.size(); ++position) {
      if (stream.heads[position] != head) continue;
      stream.rows.for_each([&](data::Features const& row) {
        auto const* target = std::get_if<data::AnswerTarget>(&row.targets[position]);
        if (target == nullptr) return;
        n += 1;
        if (target->end == 0)
          n_empty += 1;
        else
          log_positions += std::log(static_cast<double>(target->n_tokens));
      });
    }
  return nn::span_chance_level(n > 0 ? n_empty / n : 0, n > n_empty ? log_positions / (n - n_empty) : 0);
}

/// Of a multiple choice head's training rows.
double chance_of_choices(std::vector<PreparedStream> const& streams, std::size_t head) {
  double n = 0, log_choices = 0;
  for (auto const& stream : streams)
    for (std::size_t position = 0; position < stream.heads.size(); ++position) {
      if (stream.heads[position] != head) continue;
      stream.rows.for_each([&](data::Features const& row) {
        if (auto const* target = std::get_if<data::ChoiceTarget>(&row.targets[position]))
          n += 1, log_choices += std::log(static_cast<double>(target->n_choices));
      });
    }
  return nn::choice_chance_level(n > 0 ? log_choices / n : 0);
}

void set_losses(Prepared& prepared, TrainConfig const& config) {
  for (std::size_t i = 0; i < prepared.spec.heads.size(); ++i) {
    auto const& head = prepared.spec.heads[i];
    if (head.task.type == task::TaskType::Span) {
      prepared.losses.emplace_back();
      prepared.chance_levels.push_back(chance_of_windows(prepared.streams, i));
      continue;
    }
    if (task::reads_choices(head.task)) {
      prepared.losses.push_back({.label_smoothing = config.label_smoothing});
      prepared.chance_levels.push_back(chance_of_choices(prepared.streams, i));
      continue;
    }
    auto counts = count_labels(prepared.streams, i, head.n_outputs());
    nn::LossConfig loss{.label_smoothing = config.label_smoothing};
    if (head.task.type == task::TaskType::Classification && head.task.class_weights == task::ClassWeights::Balanced)
      for (double const count : counts.by_label)
        loss.class_weights.push_back(
            count > 0 ? static_cast<float>(counts.n / (static_cast<double>(head.labels.size()) * count)) : 1.0F);
    for (auto& count : counts.by_label) count /= std::max(1.0, counts.n);
    prepared.losses.push_back(std::move(loss));
    prepared.chance_levels.push_back(nn::chance_level(head, counts.by_label));
  }
}

/// Texts of the training rows, all of them where they are in memory; of rows on the disk evenly as many as are enough
/// to learn a vocabulary from.
std::vector<std::string> texts_for_vocabulary(data::Stream const& stream) {
  constexpr std::size_t kRowsOnDisk = 500'000;
  auto const every = stream.stored ? 1 + stream.n_rows(Split::Train) / kRowsOnDisk : 1;
  std::vector<std::string> texts;
  std::size_t n = 0;
  stream.for_each(Split::Train, [&](task::Example const& example) {
    if (n++ % every == 0) texts.insert(texts.end(), example.texts.begin(), example.texts.end());
  });
  return texts;
}

/// A vocabulary and a small encoder from the training texts, for projects without a pretrained one.
void prepare_from_scratch(Prepared& prepared, data::Corpus const& corpus, TrainConfig const& config) {
  std::vector<std::vector<std::string>> texts;
  for (auto const& stream : corpus.streams) texts.push_back(texts_for_vocabulary(stream));
  auto const is_read = [&](data::Stream const& stream) {
    return std::any_of(corpus.streams.begin(), corpus.streams.end(), [&](data::Stream const& labelled) {
      // Words of CoNLL files may be those of another column.
      return labelled.dataset == stream.dataset && labelled.text == stream.text && !stream.text.empty();
    });
  };
  for (auto const& of_task : corpus.unlabelled)
    for (auto const& stream : of_task)
      if (!is_read(stream)) texts.push_back(texts_for_vocabulary(stream));
  std::vector<std::string_view> views;
  for (auto const& of_stream : texts) views.insert(views.end(), of_stream.begin(), of_stream.end());
  prepared.tokenizer =
      text::train_wordpiece(views, {.vocab_size = static_cast<std::size_t>(config.scratch.vocab_size)});
  Sha256 hash;
  for (auto const text : views) hash.update(std::to_string(text.size()) + ":").update(text);
  prepared.learned_from = hash.hex_digest();
  prepared.encoder_config = scratch_encoder(config);
  prepared.encoder_config.vocab_size = static_cast<std::int64_t>(prepared.tokenizer->vocabulary_size());
}

void prepare_pretrained(Prepared& prepared, std::filesystem::path const& folder) {
  prepared.encoder_config = model::read_encoder_config(folder);
  prepared.tokenizer = text::load_tokenizer(folder);
  model::check_vocabulary(folder, prepared.encoder_config, prepared.tokenizer->vocabulary_size());
}

bool is_labelled(task::Example const& example) {
  return std::any_of(example.labels.begin(), example.labels.end(), task::is_labelled);
}

/// A row that is read through several choices of text columns stands in several streams, and is drawn if it has a label
/// in one.
std::map<std::string, std::int64_t> count_unlabelled(data::Corpus const& corpus) {
  using Row = std::pair<std::size_t, std::size_t>;
  std::map<std::string, std::vector<data::Stream const*>> streams;
  for (auto const& stream : corpus.streams) streams[stream.dataset].push_back(&stream);
  std::map<std::string, std::int64_t> unlabelled;
  for (auto const& [dataset, readings] : streams) {
    std::set<Row> without;  // in the readings so far; seldom many
    for (auto const* stream : readings)
      stream->for_each_labels(Split::Train, [&](task::Example const& example) {
        if (!is_labelled(example)) without.emplace(example.file, example.line);
      });
    for (auto const* stream : readings)
      if (!without.empty())
        stream->for_each_labels(Split::Train, [&](task::Example const& example) {
          if (is_labelled(example)) without.erase({example.file, example.line});
        });
    if (!without.empty()) unlabelled[dataset] = static_cast<std::int64_t>(without.size());
  }
  return unlabelled;
}

/// A dataset whose rows are read through several choices of text columns has as many streams, and still one share: this
/// stream's part of it.
double part_of_dataset(PreparedStream const& stream, Prepared const& prepared, data::Corpus const& corpus) {
  auto const& dataset = corpus.streams[stream.corpus_index].dataset;
  std::size_t n_rows = 0;
  for (auto const& other : prepared.streams)
    if (corpus.streams[other.corpus_index].dataset == dataset) n_rows += other.rows.size();
  return static_cast<double>(stream.rows.size()) / static_cast<double>(n_rows);
}

/// By the size of whole datasets; the streams of one share what it gets.
std::vector<double> shares_by_size(Prepared const& prepared, data::Corpus const& corpus, double temperature,
                                   std::int64_t cap) {
  std::vector<std::size_t> sizes;
  for (auto const& stream : prepared.streams)
    sizes.push_back(static_cast<std::size_t>(
        std::llround(static_cast<double>(stream.rows.size()) / part_of_dataset(stream, prepared, corpus))));
  auto shares = data::temperature_shares(sizes, temperature, cap);
  for (std::size_t i = 0; i < shares.size(); ++i) shares[i] *= part_of_dataset(prepared.streams[i], prepared, corpus);
  return shares;
}

std::vector<double> specified_shares(Prepared const& prepared, data::Corpus const& corpus,
                                     SamplingConfig const& sampling) {
  std::vector<double> shares;
  for (auto const& prepared_stream : prepared.streams) {
    auto const& stream = corpus.streams[prepared_stream.corpus_index];
    double share = 0;
    if (auto const found = sampling.weights.find(stream.dataset); found != sampling.weights.end()) {
      share = found->second * part_of_dataset(prepared_stream, prepared, corpus);
    } else {
      for (auto const task_index : stream.tasks)
        if (auto const task = sampling.weights.find(corpus.tasks[task_index].name); task != sampling.weights.end())
          share += task->second;
    }
    if (!(share > 0))
      throw Error(
          ErrorCode::InvalidUsage,
          fmt::format(
              "train.sampling.weights: nothing is given for dataset {} nor for one of its tasks; add a weight above 0",
              quote(stream.dataset)));
    shares.push_back(share);
  }
  return shares;
}

/// A few dozen rows are too few steps at the usual number of epochs; what more of the same rows brings ends soon.
void set_default_epochs(TrainConfig& config, data::Corpus const& corpus) {
  constexpr double kUsual = 6, kMost = 40, kRowsToDraw = 2'500;
  std::int64_t n_rows = 0;
  for (auto const& stream : corpus.streams)
    stream.for_each_labels(Split::Train, [&](auto const& example) { n_rows += is_labelled(example) ? 1 : 0; });
  config.epochs =
      std::clamp(std::ceil(kRowsToDraw / static_cast<double>(std::max<std::int64_t>(1, n_rows))), kUsual, kMost);
  config.evaluations_per_epoch *= kUsual / *config.epochs;
}

/// A step's rows are shared out among the datasets: one that stays as large gives each of n an n-th of them, one that
/// grows n-fold leaves an n-th of the steps. This goes half way.
std::int64_t default_batch_tokens(data::Corpus const& corpus) {
  constexpr double kTokensOfOneDataset = 640;
  std::set<std::string> datasets;
  for (auto const& stream : corpus.streams)
    stream.for_each_labels(Split::Train, [&](task::Example const& example) {
      if (is_labelled(example)) datasets.insert(stream.dataset);
    });
  return std::llround(kTokensOfOneDataset * std::sqrt(static_cast<double>(std::max<std::size_t>(1, datasets.size()))));
}

}  // namespace

std::size_t Prepared::n_rows() const {
  std::size_t n = 0;
  for (auto const& stream : streams) n += stream.rows.size();
  return n;
}

data::BatchPlan Prepared::plan(data::Corpus const& corpus, std::uint64_t seed) const {
  std::vector<std::size_t> sizes;
  std::vector<std::vector<std::int32_t>> lengths;
  for (auto const& stream : streams) {
    sizes.push_back(stream.rows.size());
    auto& of_stream = lengths.emplace_back();
    for (std::size_t row = 0; row < stream.rows.size(); ++row) of_stream.push_back(stream.rows.length(row));
  }
  std::vector<double> shares;
  switch (config.sampling.type) {
    case SamplingType::Uniform:
      for (auto const& stream : streams) shares.push_back(part_of_dataset(stream, *this, corpus));
      break;
    case SamplingType::Proportional: shares = shares_by_size(*this, corpus, 1.0, config.sampling.examples_cap); break;
    case SamplingType::Temperature:
      shares = shares_by_size(*this, corpus, config.sampling.temperature, config.sampling.examples_cap);
      break;
    case SamplingType::Specified: shares = specified_shares(*this, corpus, config.sampling); break;
  }
  auto const n_drawn = std::max<std::int64_t>(1, std::llround(config.epochs.value() * static_cast<double>(n_rows())));
  return {data::Mixture(sizes, shares, seed),
          std::move(lengths),
          {config.batch_tokens.value_or(0), config.batch_size},
          n_drawn};
}

data::PretrainingVocabulary hidden_words_vocabulary(Prepared const& prepared, TrainOptions const& options) {
  return data::pretraining_vocabulary(
      *prepared.tokenizer, fmt::format("task {} (type mlm): {}", quote(prepared.config.hidden_words.front().texts.name),
                                       options.encoder ? options.encoder->string() : "the vocabulary"));
}

void leave_if_stopped(std::stop_token const& stop) {
  if (stop.stop_requested()) throw Error(ErrorCode::Interrupted, "stopped before the first step");
}

TrainConfig effective(TrainConfig config, data::Corpus const& corpus, model::EncoderConfig const& encoder) {
  for (auto const& problem : problems(config, encoder))
    throw Error(ErrorCode::InvalidUsage, fmt::format("{}: {}", problem.where, problem.message));
  for (auto const& problem : problems(config, corpus.tasks, encoder))
    throw Error(ErrorCode::InvalidUsage, fmt::format("{}: {}", problem.where, problem.message));
  config.precision = precision_here(config.precision);
  if (!config.dropout) config.dropout = model::single_dropout(encoder);
  if (config.chooses_private_layers) return config;  // the rest is each task's own
  if (!config.epochs) set_default_epochs(config, corpus);
  if (!config.batch_tokens && !config.batch_size) config.batch_tokens = default_batch_tokens(corpus);
  config.private_layers = layers_of_readings(config, corpus.tasks, encoder);
  return config;
}

Prepared prepare(data::Corpus const& corpus, TrainConfig const& config, TrainOptions const& options,
                 std::stop_token const& stop, PrepareEvents const& events) {
  Prepared prepared;
  if (options.encoder)
    prepare_pretrained(prepared, *options.encoder);
  else
    prepare_from_scratch(prepared, corpus, config);
  prepared.config = effective(config, corpus, prepared.encoder_config);
  if (!config.hidden_words.empty())
    (void)hidden_words_vocabulary(prepared, options);  // before the rows take their time
  if (config.frozen_layers > 0 && !options.encoder)
    throw Error(
        ErrorCode::InvalidUsage,
        "train.frozen_layers: layers from scratch have learnt nothing yet; name a pretrained encoder, or set it "
        "to 0");
  if (config.dropout) model::set_dropout(prepared.encoder_config, *config.dropout);
  prepared.spec.pooling = config.pooling;
  prepared.spec.max_length = static_cast<std::size_t>(config.max_length);
  for (std::size_t i = 0; i < corpus.tasks.size(); ++i) {
    prepared.spec.heads.push_back(head_of(corpus, i));
    if (auto const own = config.task_layers.find(corpus.tasks[i].name); own != config.task_layers.end())
      prepared.spec.heads.back().private_layers = own->second;
  }
  prepared.spec.private_layers = *prepared.config.private_layers;
  StreamPreparer(prepared, corpus, options, events, stop).run();
  prepared.unlabelled_rows = count_unlabelled(corpus);
  if (prepared.streams.empty())
    throw Error(ErrorCode::InvalidInput, "no training row carries a label; nothing can be trained");
  set_losses(prepared, config);
  return prepared;
}

}  // namespace polytask::train
