#include "train/internal/stream_preparer.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"

namespace polytask::train {
namespace {

using data::Split;

/// Rows that are read before the threads share them out.
constexpr std::size_t kBlockRows = 4'096;

/// Changes whenever the same texts would become other rows.
constexpr int kRowsFormat = 2;

constexpr std::string_view kTokenizerFiles[] = {"tokenizer.json", "tokenizer_config.json",   "special_tokens_map.json",
                                                "vocab.txt",      "sentencepiece.bpe.model", "spm.model"};

/// Of the files that `tokenizer` is read from.
OrderedJson tokenizer_identity(std::filesystem::path const& folder, text::Tokenizer const& tokenizer) {
  OrderedJson files;
  for (auto const name : kTokenizerFiles) {
    std::error_code failed;
    if (auto const path = folder / name; std::filesystem::is_regular_file(path, failed))
      files[std::string(name)] = sha256_file(path);
  }
  if (auto const outside = tokenizer.outside_digest(); !outside.empty()) files["outside"] = outside;
  return files;
}

/// `work(i)` for every i below n, on several threads. Throws what one of them throws.
template <typename Work>
void share_out(std::size_t n, std::size_t n_threads, Work const& work) {
  n_threads = std::clamp<std::size_t>(n / 64, 1, n_threads);
  std::vector<std::exception_ptr> failures(n_threads);
  auto const part = [&](std::size_t thread) {
    try {
      for (auto i = n * thread / n_threads; i < n * (thread + 1) / n_threads; ++i) work(i);
    } catch (...) {
      failures[thread] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t thread = 1; thread < n_threads; ++thread) threads.emplace_back(part, thread);
    part(0);
  }
  for (auto const& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

bool is_labelled(data::Features const& row) {
  return std::any_of(row.targets.begin(), row.targets.end(), [](auto const& target) { return target.index() != 0; });
}

}  // namespace

StreamPreparer::StreamPreparer(Prepared& prepared, data::Corpus const& corpus, TrainOptions const& options,
                               PrepareEvents const& events, std::stop_token const& stop)
    : prepared_(prepared), corpus_(corpus), options_(options), events_(events), stop_(stop) {
  for (auto const& head : prepared.spec.heads)
    targets_.push_back({head.task.type, head.labels, head.target_offset, head.target_scale});
}

void StreamPreparer::run() {
  for (auto const& stream : corpus_.streams) n_rows_ += stream.n_rows(Split::Train);
  if (events_.on_preparing) events_.on_preparing(0, n_rows_);
  for (std::size_t i = 0; i < corpus_.streams.size(); ++i) add_stream(i);
}

void StreamPreparer::add_stream(std::size_t corpus_index) {
  auto const& stream = corpus_.streams[corpus_index];
  PreparedStream out{.corpus_index = corpus_index, .heads = stream.tasks};
  std::int64_t n_truncated = 0;
  if (stream.stored && !options_.rows_folder.empty()) {
    auto const note = [&](std::string const& sentence) {
      if (events_.on_note) events_.on_note(sentence);
    };
    data::FeatureStore store(
        options_.rows_folder,
        {.on_wait = [&] { note(options_.rows_folder.string() + ": another run prepares rows; waiting for that"); },
         .on_problem = note});
    auto const n_done_before = n_done_;
    auto const file = store.rows_of(
        key_of(stream), [&](data::AddFeatures const& add) { for_each_row(stream, add); }, stop_);
    if (n_done_ == n_done_before) {
      n_done_ += stream.n_rows(Split::Train);
      note(fmt::format("dataset {}: the tokens of its {} training rows are those of an earlier run",
                       quote(stream.dataset), stream.n_rows(Split::Train)));
    }
    n_truncated = static_cast<std::int64_t>(file->n_truncated());
    out.rows = data::FeatureRows(file);
    // The states of frozen layers are asked for by tokens that have to stay where they are.
    if (prepared_.config.frozen_layers > 0) out.rows.bring_all();
  } else {
    for_each_row(stream, [&](data::Features const& row) {
      n_truncated += row.truncated ? 1 : 0;
      out.rows.push_back(row);
    });
  }
  if (n_truncated > 0) prepared_.truncated_texts[stream.dataset] += n_truncated;
  if (!out.rows.empty()) prepared_.streams.push_back(std::move(out));
}

void StreamPreparer::for_each_row(data::Stream const& stream, data::AddFeatures const& add) {
  std::vector<task::Example> block;
  std::vector<std::vector<data::Features>> rows;
  auto const hand_on = [&] {
    leave_if_stopped(stop_);
    rows.resize(block.size());
    share_out(block.size(), static_cast<std::size_t>(std::max(1, options_.n_threads)),
              [&](std::size_t i) { rows[i] = rows_of(stream, block[i]); });
    for (auto const& of_example : rows)
      for (auto const& row : of_example)
        if (is_labelled(row)) add(row);
    n_done_ += block.size();
    block.clear();
    if (events_.on_preparing) events_.on_preparing(n_done_, n_rows_);
  };
  stream.for_each(Split::Train, [&](task::Example const& example) {
    block.push_back(example);
    if (block.size() == kBlockRows) hand_on();
  });
  hand_on();
}

std::vector<data::Features> StreamPreparer::rows_of(data::Stream const& stream, task::Example const& example) const {
  auto const& first_task = corpus_.tasks[stream.tasks.front()];
  auto const max_length = prepared_.spec.max_length;
  if (task::reads_choices(first_task)) return {data::features_of_choices(example, *prepared_.tokenizer, max_length)};
  if (task::reads_passages(first_task)) {
    auto windows =
        data::features_of_windows(example, *prepared_.tokenizer, data::passage_options(first_task, max_length));
    for (std::size_t i = 1; i < windows.size(); ++i) windows[i].truncated = false;  // the question, in every window
    return windows;
  }
  std::vector<data::TargetSpec> targets;
  for (auto const task : stream.tasks) targets.push_back(targets_[task]);
  return {data::features_of(example, *prepared_.tokenizer, max_length, targets)};
}

std::string StreamPreparer::key_of(data::Stream const& stream) const {
  OrderedJson parts{{"format", kRowsFormat}, {"release", options_.release}, {"examples", stream.stored->sha256()}};
  if (options_.encoder)
    parts["tokenizer"] = tokenizer_identity(*options_.encoder, *prepared_.tokenizer);
  else  // from the texts of all streams, not of this one alone
    parts["vocabulary"] = {prepared_.learned_from, prepared_.tokenizer->vocabulary_size()};
  parts["max_length"] = prepared_.spec.max_length;
  for (auto const t : stream.tasks) {
    auto const& spec = targets_[t];
    auto const& task = corpus_.tasks[t];
    parts["tasks"].push_back({{"type", static_cast<int>(spec.type)},
                              {"labels", spec.labels.names()},
                              {"offset", spec.offset},
                              {"scale", spec.scale},
                              {"choices", task::reads_choices(task)},
                              {"passages", task::reads_passages(task)},
                              {"stride", task.stride ? *task.stride : -1}});
  }
  return sha256_hex(parts.dump());
}

}  // namespace polytask::train
