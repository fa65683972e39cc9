#include "data/corpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/nearest.h"
#include "data/internal/assign_splits.h"
#include "data/internal/choices.h"
#include "data/internal/dataset_files.h"
#include "data/internal/label_sets.h"
#include "data/internal/repeats.h"
#include "data/row_reader.h"
#include "task/bio.h"

namespace polytask::data {
namespace {

std::size_t index_of(Split split) { return static_cast<std::size_t>(split); }

/// About what it takes in memory.
std::uint64_t bytes_of(task::Example const& example) {
  constexpr std::uint64_t kOfARow = sizeof(task::Example) + 64, kOfALabel = sizeof(task::Label) + 32;
  std::uint64_t n = kOfARow + kOfALabel * example.labels.size() + sizeof(task::ByteRange) * example.words.size();
  for (auto const& text : example.texts) n += sizeof text + text.capacity();
  return n;
}

/// A stream, and how the texts of its rows are read.
struct StreamToFill {
  Stream* stream = nullptr;
  task::TaskSpec reads;
};

/// Reads one dataset into its streams.
class DatasetReader {
 public:
  DatasetReader(DatasetSpec const& spec, Corpus& corpus, std::vector<StreamToFill> streams, std::uint64_t seed,
                ReadOptions const& options, std::uint64_t& n_bytes_in_memory)
      : spec_(spec),
        corpus_(corpus),
        streams_(std::move(streams)),
        seed_(seed),
        options_(options),
        n_bytes_in_memory_(n_bytes_in_memory),
        rows_(streams_.size()),
        stored_(streams_.size()) {}

  void read() {
    DatasetFacts facts{.name = spec_.name};
    Sha256 hash;
    for (auto const split : kSplits) {
      auto const files = spec_.files.find(split);
      if (files == spec_.files.end()) continue;
      for (auto const& file : files->second)
        for (auto const& one : files_of(file, hash, corpus_.problems)) read_file_of(split, one, hash);
    }
    if (spec_.split) cut_split();
    for (std::size_t s = 0; s < streams_.size(); ++s) streams_[s].stream->stored = std::move(stored_[s]);
    report_unread_rows();
    check_columns();
    facts.sha256 = hash.hex_digest();
    for (auto const split : kSplits) facts.n_rows[index_of(split)] = n_rows_[index_of(split)];
    corpus_.datasets.push_back(std::move(facts));
  }

 private:
  void report(Severity severity, std::string kind, std::string where, std::string message) {
    corpus_.problems.push_back({severity, std::move(kind), std::move(where), std::move(message)});
  }

  void report_row(Error const& error, std::string kind) {
    std::string const text = error.what();
    auto const at = text.find(": ");
    report(Severity::Error, std::move(kind), text.substr(0, at), at == std::string::npos ? text : text.substr(at + 2));
  }

  void read_file_of(Split split, std::filesystem::path const& file, Sha256& hash) {
    corpus_.files.push_back(file.string());
    try {
      auto reader = open_rows(file, {.format = spec_.format, .columns = spec_.columns});
      hash.update(to_string(split)).update(sha256_file(file));
      while (auto row = reader->next()) {
        if (*row)
          add(split, **row);
        else
          report_row(row->error(), "unreadable-row");
      }
    } catch (Error const& error) {
      report_row(error, "unreadable-file");
    }
  }

  void add(Split split, Row const& row) {
    constexpr std::size_t kRowsBetweenNews = 1 << 12;
    std::size_t const row_index = n_rows_[index_of(split)]++;
    bool const is_labelled =
        std::any_of(streams_.begin(), streams_.end(), [](auto const& one) { return !one.stream->tasks.empty(); });
    if (options_.see && is_labelled) options_.see(corpus_.files.size() - 1, row);
    if (options_.on_progress && row_index % kRowsBetweenNews == 0)
      options_.on_progress(corpus_.files.back(), row_index);
    for (auto const& field : row.fields) columns_.insert(field.first);
    has_words_ = has_words_ || !row.words.empty();
    RowFacts facts;
    if (split == Split::Train && spec_.split)
      facts = {.group = text_of(row, spec_.split->group_by),
               .stratum = text_of(row, spec_.split->stratify_by),
               .time = text_of(row, spec_.split->by_time)};
    auto const where = fmt::format("{}:{}", corpus_.files.back(), row.line);
    for (std::size_t s = 0; s < streams_.size(); ++s) add_to_stream(s, split, row, row_index, where, facts);
    if (split == Split::Train && spec_.split) train_facts_.push_back(std::move(facts));
  }

  void add_to_stream(std::size_t s, Split split, Row const& row, std::size_t row_index, std::string const& where,
                     RowFacts& facts) {
    auto& stream = *streams_[s].stream;
    auto const& first_task = streams_[s].reads;
    if (stream.tasks.empty()) return add_unlabelled(s, split, row, row_index, where);
    auto example = example_of(row, first_task, where);
    if (!example) {
      // A row of another kind, without this text and without these labels, is not this stream's. A CoNLL row always is.
      auto const carries = [&](std::string const& column) {
        auto const* value = row.find(column);
        return value != nullptr && !std::holds_alternative<std::monostate>(*value);
      };
      bool const labelled = !row.words.empty() || std::any_of(stream.tasks.begin(), stream.tasks.end(), [&](auto t) {
        return carries(corpus_.tasks[t].label) || carries(corpus_.tasks[t].spans);
      });
      if (!labelled) return;
      auto const read = columns_read(first_task);
      auto const unknown =
          std::find_if(read.begin(), read.end(), [&](auto const& column) { return !columns_.contains(column); });
      if (unknown == read.end())
        report_row(example.error(), "unreadable-row");
      else
        unread_rows_.push_back({*unknown, example.error()});
      return;
    }
    task::Example made = std::move(example).value();
    made.file = corpus_.files.size() - 1;
    if (made.id.empty()) made.id = std::to_string(row_index + 1);
    bool good = true;
    for (auto const t : stream.tasks) {
      auto label = label_of(row, made, corpus_.tasks[t], where);
      if (!label) {
        report_row(label.error(), "unreadable-label");
        good = false;
        continue;
      }
      bool const stratifies = spec_.split && spec_.split->stratify_by.empty() && facts.stratum.empty() &&
                              corpus_.tasks[t].type == task::TaskType::Classification;
      if (auto const* name = std::get_if<std::string>(&*label); name != nullptr && stratifies) facts.stratum = *name;
      if (split == Split::Train && spec_.split)
        for (auto const& name : names_in(*label))
          facts.labels.push_back(label_numbers_.emplace(std::pair(t, name), label_numbers_.size()).first->second);
      made.labels.push_back(*label);
    }
    if (!good) return;
    warn_of_stray_tags(row, where, stream);
    keep(s, split, std::move(made));
    if (spec_.split) rows_[s][index_of(split)].push_back(row_index);
  }

  /// Of test rows nobody learns.
  void add_unlabelled(std::size_t s, Split split, Row const& row, std::size_t row_index, std::string const& where) {
    if (split == Split::Test) return;
    auto example = unlabelled_example_of(row, streams_[s].reads, where);
    if (!example) return report_row(example.error(), "unreadable-row");
    if (example->texts.empty()) return;
    task::Example made = std::move(example).value();
    made.file = corpus_.files.size() - 1;
    keep(s, split, std::move(made));
    if (spec_.split) rows_[s][index_of(split)].push_back(row_index);
  }

  void keep(std::size_t s, Split split, task::Example example) {
    if (streams_[s].stream->tasks.empty() && split == Split::Test) return;  // cut from the training rows
    if (split == Split::Train && stored_[s]) return stored_[s]->add(example);
    auto& rows = streams_[s].stream->examples[index_of(split)];
    auto const n_bytes = bytes_of(example);
    rows.push_back(std::move(example));
    if (split != Split::Train || options_.storage.folder.empty()) return;
    n_bytes_in_memory_ += n_bytes;
    if (n_bytes_in_memory_ <= options_.storage.memory_bytes) return;
    stored_[s] = std::make_shared<StoredExamples>(options_.storage.folder);
    for (auto const& row : rows) {
      n_bytes_in_memory_ -= bytes_of(row);
      stored_[s]->add(row);
    }
    rows = {};
  }

  void warn_of_stray_tags(Row const& row, std::string const& where, Stream const& stream) {
    if (row.words.empty()) return;
    for (auto const t : stream.tasks) {
      auto const& task = corpus_.tasks[t];
      std::vector<std::string> tags;
      for (auto const& columns : row.words) {
        std::size_t const at = task.tags_column ? static_cast<std::size_t>(*task.tags_column - 1) : columns.size() - 1;
        tags.push_back(at < columns.size() ? columns[at] : "O");
      }
      for (auto const i : task::stray_continuations(tags))
        report(
            Severity::Warning, "stray-inside-tag", where,
            fmt::format(
                "word {} ({}) has the tag {} without a beginning before it; it is read as one, write B- if it is meant",
                i + 1, quote(row.words[i][0]), quote(tags[i])));
    }
  }

  static std::string text_of(Row const& row, std::string const& column) {
    auto const* value = column.empty() ? nullptr : row.find(column);
    if (value == nullptr) return {};
    if (auto const* text = std::get_if<std::string>(value)) return *text;
    if (auto const* number = std::get_if<std::int64_t>(value)) return std::to_string(*number);
    if (auto const* number = std::get_if<double>(value)) return fmt::format("{}", *number);
    if (auto const* flag = std::get_if<bool>(value)) return *flag ? "true" : "false";
    return {};
  }

  void cut_split() {
    auto const assigned = assign_splits(train_facts_, *spec_.split, Sha256().update(spec_.name).hex_digest(),
                                        spec_.split->seed != 0 ? spec_.split->seed : seed_);
    for (std::size_t s = 0; s < streams_.size(); ++s) {
      auto& rows = streams_[s].stream->examples[0];
      for (auto const& row : rows) n_bytes_in_memory_ -= options_.storage.folder.empty() ? 0 : bytes_of(row);
      auto all = std::exchange(rows, {});
      auto const stored = std::exchange(stored_[s], nullptr);
      if (stored) stored_[s] = std::make_shared<StoredExamples>(options_.storage.folder);
      auto row = rows_[s][0].begin();
      for (auto& example : all) keep(s, assigned[*row++], std::move(example));
      if (stored) stored->for_each([&](auto const& example) { keep(s, assigned[*row++], example); });
    }
    n_rows_[0] = 0;
    for (auto const split : assigned) ++n_rows_[index_of(split)];
  }

  /// A row without a column that a later row has is at fault itself; a column that no row has is not the rows' fault.
  void report_unread_rows() {
    for (auto const& [column, error] : unread_rows_)
      if (columns_.contains(column)) report_row(error, "unreadable-row");
  }

  /// A column that no row has is said once, not once a row.
  void check_columns() {
    std::vector<std::string> const known(columns_.begin(), columns_.end());
    if (known.empty()) return check_named_columns_of_conll();
    // Spreadsheets of some countries write semicolons.
    bool const looks_unseparated = known.size() == 1 && known.front().find_first_of(";\t") != std::string::npos;
    auto const separator_hint = fmt::format(
        "; there is one column, {}: a .csv file separates its columns with commas, "
        "a .tsv file with tabs",
        quote(known.front()));
    auto const require = [&](std::string const& column, std::string_view role, task::TaskSpec const& task) {
      if (column.empty() || columns_.contains(column)) return;
      report(Severity::Error, "unknown-column", fmt::format("dataset {}", quote(spec_.name)),
             fmt::format("no row has the column {}, which task {} reads as its {}{}", quote(column), quote(task.name),
                         role, looks_unseparated ? separator_hint : did_you_mean(column, known)));
    };
    std::set<std::string> said;
    for (auto const& [stream, reads] : streams_) {
      if (reads.text.empty() && stream->tasks.empty())
        report(Severity::Error, "unknown-column", fmt::format("dataset {}", quote(spec_.name)),
               fmt::format("task {} names no column of its rows; add \"text\"", quote(reads.name)));
      for (auto const& column : reads.text)
        if (said.insert(column).second) require(column, "text", reads);
      for (auto const t : stream->tasks) {
        auto const& task = corpus_.tasks[t];
        for (auto const& column : task.choices)
          if (said.insert(column).second) require(column, "choice", task);
        require(task.label, "label", task);
        require(task.spans, "spans", task);
        require(task.start, "start", task);
      }
    }
    if (spec_.split)
      for (auto const* column : {&spec_.split->group_by, &spec_.split->stratify_by, &spec_.split->by_time})
        if (!column->empty() && !columns_.contains(*column))
          report(Severity::Error, "unknown-column", fmt::format("dataset {}", quote(spec_.name)),
                 fmt::format("no row has the column {}, which its split names{}", quote(*column),
                             did_you_mean(*column, known)));
  }

  void check_named_columns_of_conll() {
    if (!has_words_) return;
    auto const refuse = [&](task::TaskSpec const& task) {
      if (!task.text.empty())
        report(Severity::Error, "unknown-column", fmt::format("dataset {}", quote(spec_.name)),
               fmt::format("task {} reads the column {}, but a CoNLL file has no named columns; leave \"text\" out",
                           quote(task.name), quote(task.text[0])));
    };
    for (auto const& [stream, reads] : streams_) {
      if (stream->tasks.empty()) refuse(reads);
      for (auto const t : stream->tasks) refuse(corpus_.tasks[t]);
    }
    if (spec_.split)
      for (auto const* column : {&spec_.split->group_by, &spec_.split->stratify_by, &spec_.split->by_time})
        if (!column->empty())
          report(Severity::Error, "unknown-column", fmt::format("dataset {}", quote(spec_.name)),
                 fmt::format("its split names the column {}, but a CoNLL file has no named columns; leave it out",
                             quote(*column)));
  }

  DatasetSpec const& spec_;
  Corpus& corpus_;
  std::vector<StreamToFill> streams_;
  std::uint64_t seed_;
  ReadOptions const& options_;
  std::uint64_t& n_bytes_in_memory_;
  std::vector<std::array<std::vector<std::size_t>, 3>> rows_;  ///< by stream and split: the row of each example
  std::vector<std::shared_ptr<StoredExamples>> stored_;        ///< by stream
  std::array<std::size_t, 3> n_rows_{};
  std::vector<RowFacts> train_facts_;                                         ///< of a declared split
  std::map<std::pair<std::size_t, std::string>, std::size_t> label_numbers_;  ///< by task and name, for the split
  std::set<std::string> columns_;
  std::vector<std::pair<std::string, Error>> unread_rows_;  ///< and the column that no row before had
  bool has_words_ = false;
};

void check_spec(DatasetSpec const& spec) {
  auto const fail = [&](std::string const& reason) {
    throw Error(ErrorCode::InvalidUsage, fmt::format("dataset {}: {}", quote(spec.name), reason));
  };
  if (!spec.files.contains(Split::Train)) fail("has no \"train\" files; name at least one");
  if (!spec.split) return;
  if (!(spec.split->dev >= 0 && spec.split->test >= 0 && spec.split->dev + spec.split->test < 1))
    fail(fmt::format(
        "\"split\" takes {} and {} of the training rows; expected shares of at least 0 that add up to less than 1",
        spec.split->dev, spec.split->test));
  if (!spec.split->by_time.empty() && !(spec.split->group_by.empty() && spec.split->stratify_by.empty()))
    fail("\"split\" goes by time and by groups or strata; keep one of them");
  if (spec.split->dev > 0 && spec.files.contains(Split::Dev))
    fail("has dev files and a declared dev split; keep one of them");
  if (spec.split->test > 0 && spec.files.contains(Split::Test))
    fail("has test files and a declared test split; keep one of them");
}

std::vector<Stream> streams_of(std::vector<task::TaskSpec> const& tasks, std::string const& dataset) {
  std::vector<Stream> streams;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    if (std::find(tasks[t].datasets.begin(), tasks[t].datasets.end(), dataset) == tasks[t].datasets.end()) continue;
    // CoNLL tasks that take their words from different columns read different texts; a pair is one sequence or two.
    auto const same = std::find_if(streams.begin(), streams.end(), [&](Stream const& stream) {
      return task::read_alike(tasks[stream.tasks.front()], tasks[t]);
    });
    if (same != streams.end())
      same->tasks.push_back(t);
    else
      streams.push_back({.dataset = dataset, .text = tasks[t].text, .tasks = {t}});
  }
  return streams;
}

}  // namespace

std::string_view to_string(Split split) {
  switch (split) {
    case Split::Train: return "train";
    case Split::Dev: return "dev";
    case Split::Test: return "test";
  }
  return {};
}

std::optional<Split> parse_split(std::string_view word) {
  if (word == "train") return Split::Train;
  if (word == "dev" || word == "validation" || word == "valid") return Split::Dev;
  if (word == "test") return Split::Test;
  return std::nullopt;
}

std::vector<task::Example> const& Stream::of(Split split) const {
  expects(split != Split::Train || stored == nullptr, "rows that were stored are visited");
  return examples[index_of(split)];
}

std::size_t Stream::n_rows(Split split) const {
  return split == Split::Train && stored ? stored->size() : examples[index_of(split)].size();
}

void Stream::for_each(Split split, VisitExample const& visit) const {
  if (split == Split::Train && stored) return stored->for_each(visit);
  std::for_each(examples[index_of(split)].begin(), examples[index_of(split)].end(), visit);
}

void Stream::for_each_labels(Split split, VisitExample const& visit) const {
  if (split == Split::Train && stored) return stored->for_each_labels(visit);
  for_each(split, visit);
}

std::size_t Corpus::n_labelled(std::size_t task_index, Split split) const {
  std::size_t n = 0;
  for (auto const& stream : streams)
    for (std::size_t position = 0; position < stream.tasks.size(); ++position)
      if (stream.tasks[position] == task_index)
        stream.for_each_labels(split,
                               [&](auto const& example) { n += task::is_labelled(example.labels[position]) ? 1 : 0; });
  return n;
}

std::string Corpus::where(task::Example const& example) const {
  return fmt::format("{}:{}", files.at(example.file), example.line);
}

Corpus load_corpus(std::vector<DatasetSpec> const& datasets, std::vector<task::TaskSpec> const& tasks,
                   std::uint64_t seed, ReadOptions const& options) {
  Corpus corpus{.tasks = tasks};
  std::uint64_t n_bytes_in_memory = 0;
  auto const check = [&](std::string const& task, std::vector<std::string> const& names) {
    for (auto const& name : names)
      if (std::none_of(datasets.begin(), datasets.end(), [&](auto const& dataset) { return dataset.name == name; }))
        throw Error(ErrorCode::InvalidUsage, fmt::format("task {}: there is no dataset {}", quote(task), quote(name)));
  };
  for (auto const& task : tasks) check(task.name, task.datasets);
  for (auto const& spec : options.unlabelled) check(spec.name, spec.datasets);
  corpus.unlabelled.resize(options.unlabelled.size());
  for (auto const& dataset : datasets) {
    auto const n_before = corpus.streams.size();
    for (auto& stream : streams_of(tasks, dataset.name)) corpus.streams.push_back(std::move(stream));
    std::vector<StreamToFill> streams;
    for (auto stream = corpus.streams.begin() + static_cast<std::ptrdiff_t>(n_before); stream != corpus.streams.end();
         ++stream)
      streams.push_back({&*stream, tasks[stream->tasks.front()]});
    for (std::size_t i = 0; i < options.unlabelled.size(); ++i) {
      auto const& spec = options.unlabelled[i];
      if (std::find(spec.datasets.begin(), spec.datasets.end(), dataset.name) == spec.datasets.end()) continue;
      auto& stream = corpus.unlabelled[i].emplace_back(Stream{.dataset = dataset.name, .text = spec.text});
      streams.push_back({&stream, {.name = spec.name, .text = spec.text, .tokens_column = spec.tokens_column}});
    }
    if (streams.empty()) continue;  // no task that was asked for reads it
    check_spec(dataset);
    DatasetReader(dataset, corpus, std::move(streams), seed, options, n_bytes_in_memory).read();
  }
  for (std::size_t i = 0; i < corpus.unlabelled.size() && !has_errors(corpus.problems); ++i)
    if (std::all_of(corpus.unlabelled[i].begin(), corpus.unlabelled[i].end(),
                    [](Stream const& stream) { return stream.n_rows(Split::Train) == 0; }))
      corpus.problems.push_back({Severity::Error, "no-text", fmt::format("task {}", quote(options.unlabelled[i].name)),
                                 "its training rows hold no text"});
  find_label_sets(corpus);
  corpus.problems = without_repeats(std::move(corpus.problems));
  return corpus;
}

}  // namespace polytask::data
