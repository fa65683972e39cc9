#include <fmt/format.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest.h"
#include "cli/answers.h"
#include "cli/project_file.h"
#include "cli/run_store.h"
#include "cli/torch/verbs.h"
#include "data/row_reader.h"
#include "train/predictor.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

/// A row, or why there is none, with its place in the input.
struct NumberedRow {
  std::size_t number = 0;  ///< 1-based
  Result<data::Row> row;
};

/// Rows read ahead by a thread: what has arrived is answered without waiting for more. The thread owns what it uses and is
/// not waited for: a read of standard input cannot be cut short when the answers can no longer be written.
class RowQueue {
 public:
  explicit RowQueue(std::unique_ptr<data::RowReader> reader) : shared_(std::make_shared<Shared>()) {
    std::thread([shared = shared_, reader = std::move(reader)] { shared->fill(*reader); }).detach();
  }
  ~RowQueue() {
    std::lock_guard const lock(shared_->mutex);
    shared_->is_abandoned = true;
    shared_->changed.notify_all();
  }
  RowQueue(RowQueue const&) = delete;
  RowQueue& operator=(RowQueue const&) = delete;

  /// Waits for at least one row; empty at the end of the input. Throws what reading threw.
  std::vector<NumberedRow> take(std::size_t at_most) {
    auto& [mutex, changed, rows, failure, has_ended, is_abandoned] = *shared_;
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !rows.empty() || has_ended; });
    if (rows.empty() && failure) std::rethrow_exception(failure);
    std::vector<NumberedRow> taken;
    while (!rows.empty() && taken.size() < at_most) {
      taken.push_back(std::move(rows.front()));
      rows.pop_front();
    }
    changed.notify_all();
    return taken;
  }

 private:
  static constexpr std::size_t kReadAhead = 256;

  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<NumberedRow> rows;
    std::exception_ptr failure;
    bool has_ended = false;
    bool is_abandoned = false;

    void fill(data::RowReader& reader) {
      std::exception_ptr reason;
      try {
        std::size_t number = 0;
        while (auto row = reader.next()) {
          std::unique_lock lock(mutex);
          changed.wait(lock, [&] { return rows.size() < kReadAhead || is_abandoned; });
          if (is_abandoned) return;
          rows.push_back({++number, std::move(*row)});
          changed.notify_all();
        }
      } catch (...) {
        reason = std::current_exception();
      }
      std::lock_guard const lock(mutex);
      failure = reason;
      has_ended = true;
      changed.notify_all();
    }
  };

  std::shared_ptr<Shared> shared_;
};

/// Tasks that read the same columns: one pass through the encoder answers them all.
struct Group {
  task::TaskSpec text_of;
  std::vector<std::size_t> heads;
};

std::vector<Group> groups_of(model::ModelSpec const& spec, std::vector<std::string> const& asked) {
  std::vector<std::string> names;
  for (auto const& head : spec.heads) names.push_back(head.task.name);
  for (auto const& name : asked)
    if (std::find(names.begin(), names.end(), name) == names.end()) throw Error(ErrorCode::InvalidUsage, fmt::format("the run has no task {}{}", quote(name), did_you_mean(name, names)));
  std::vector<Group> groups;
  for (std::size_t i = 0; i < spec.heads.size(); ++i) {
    auto const& task = spec.heads[i].task;
    if (!asked.empty() && std::find(asked.begin(), asked.end(), task.name) == asked.end()) continue;
    auto const same = std::find_if(groups.begin(), groups.end(), [&](Group const& group) { return group.text_of.text == task.text && group.text_of.tokens_column == task.tokens_column; });
    if (same != groups.end())
      same->heads.push_back(i);
    else
      groups.push_back({task, {i}});
  }
  return groups;
}

/// Words between white space: how a text is cut for a task that was trained on words.
std::vector<task::ByteRange> words_of(std::string const& text) {
  std::vector<task::ByteRange> words;
  for (std::size_t begin = 0; begin < text.size();) {
    begin = text.find_first_not_of(" \t\r\n", begin);
    if (begin == std::string::npos) break;
    std::size_t const end = std::min(text.find_first_of(" \t\r\n", begin), text.size());
    words.push_back({begin, end});
    begin = end;
  }
  return words;
}

/// Nothing when the row does not carry the group's texts; an Error when it does, but wrongly.
std::optional<Result<task::Example>> example_for(Group const& group, data::Row const& row, std::string_view where) {
  auto task = group.text_of;
  bool const wants_words = task.text.empty();
  if (!row.words.empty()) return wants_words ? std::optional(data::example_of(row, task, where)) : std::nullopt;
  if (wants_words) task.text = {"text"};
  for (auto const& column : task.text) {
    auto const* value = row.find(column);
    if (value == nullptr || std::holds_alternative<std::monostate>(*value)) return std::nullopt;
  }
  auto example = data::example_of(row, task, where);
  if (!example || !wants_words) return example;
  task::Example with_words = *example;
  with_words.words = words_of(with_words.texts[0]);
  return Result<task::Example>(std::move(with_words));
}

class Answerer {
 public:
  Answerer(train::Predictor const& predictor, std::vector<Group> groups) : predictor_(predictor), groups_(std::move(groups)) {}

  /// One JSON line for each row, in order.
  std::vector<std::string> answer(std::vector<NumberedRow> const& rows) {
    std::vector<OrderedJson> answers(rows.size());
    std::vector<std::string> errors(rows.size());
    std::vector<bool> answered(rows.size(), false);
    for (auto const& group : groups_) {
      std::vector<task::Example> examples;
      std::vector<std::size_t> owners;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!rows[i].row) continue;
        auto example = example_for(group, *rows[i].row, fmt::format("row {}", rows[i].number));
        if (!example) continue;
        if (!*example) {
          errors[i] = example->error().what();
          continue;
        }
        examples.push_back(**example);
        owners.push_back(i);
      }
      auto const results = predictor_.predict(examples, group.heads);
      for (std::size_t k = 0; k < owners.size(); ++k) {
        answered[owners[k]] = true;
        for (std::size_t h = 0; h < group.heads.size(); ++h) {
          auto const& head = predictor_.spec().heads[group.heads[h]];
          answers[owners[k]][head.task.name] = answer_json(head.labels, results[k][h], examples[k].texts[0]);
        }
      }
    }
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i].row) errors[i] = rows[i].row.error().what();
      else if (!answered[i] && errors[i].empty()) errors[i] = fmt::format("row {}: carries the columns of no task; expected {}", rows[i].number, expected_columns());
      std::string const id = rows[i].row && !rows[i].row->id.empty() ? rows[i].row->id : std::to_string(rows[i].number);
      n_errors += !errors[i].empty();
      // The id is JSON already; everything else is made here.
      lines.push_back(fmt::format("{{\"id\":{},{}}}", id, errors[i].empty() ? "\"tasks\":" + answers[i].dump() : "\"error\":" + OrderedJson(errors[i]).dump()));
    }
    return lines;
  }

  std::size_t n_errors = 0;

 private:
  [[nodiscard]] std::string expected_columns() const {
    std::string text;
    for (auto const& group : groups_) {
      std::string columns;
      for (auto const& column : group.text_of.text) columns += (columns.empty() ? "" : " and ") + quote(column);
      text += (text.empty() ? "" : ", or ") + (columns.empty() ? std::string("\"text\"") : columns);
    }
    return text;
  }

  train::Predictor const& predictor_;
  std::vector<Group> groups_;
};

/// The rows that --text makes: one for each group that takes as many texts.
data::Row row_of_texts(std::vector<std::string> const& texts, std::vector<Group> const& groups) {
  data::Row row{.line = 1};
  for (auto const& group : groups) {
    std::vector<std::string> const columns = group.text_of.text.empty() ? std::vector<std::string>{"text"} : group.text_of.text;
    if (columns.size() != texts.size()) continue;
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (row.find(columns[i]) == nullptr) row.fields.emplace_back(columns[i], texts[i]);
  }
  return row;
}

data::Format format_named(std::string const& name) {
  if (name == "csv") return data::Format::Csv;
  if (name == "tsv") return data::Format::Tsv;
  if (name == "conll") return data::Format::Conll;
  return data::Format::Jsonl;
}

/// Where the answers go: standard output, a pipe or a device as they come, or a file that appears whole at `commit()`.
class AnswerSink {
 public:
  explicit AnswerSink(std::string const& name) {
    if (name == "-") return;
    std::error_code ignored;
    auto const status = fs::status(name, ignored);
    if (fs::is_directory(status)) throw Error(ErrorCode::InvalidUsage, fmt::format("--output-file {}: is a folder; name a file in it", quote(name)));
    if (fs::exists(status) && !fs::is_regular_file(status)) {
      name_ = name;
      stream_.open(name);
      out_ = &stream_;
    } else {
      file_.emplace(fs::weakly_canonical(name));  // what a link names is replaced, not the link
    }
  }

  void print(std::vector<std::string> const& lines) {
    for (auto const& line : lines) {
      if (file_)
        file_->write(line + "\n");
      else
        *out_ << line << '\n';
    }
    if (!file_ && !out_->flush()) throw Error(ErrorCode::Unavailable, fmt::format("{} cannot be written; the answers were cut", name_));
  }

  void commit() {
    if (file_) file_->commit();
  }

 private:
  std::string name_ = "standard output";
  std::ofstream stream_;
  std::ostream* out_ = &std::cout;
  std::optional<AtomicFile> file_;
};

}  // namespace

int predict(CommandLine const& line) {
  constexpr std::size_t kRowsPerBatch = 64;
  if (line.texts.size() > 2) throw Error(ErrorCode::InvalidUsage, "--text can be given once, or twice for a pair");
  if (line.texts.empty() == line.input.empty()) throw Error(ErrorCode::InvalidUsage, "predict needs either --text or --input FILE (- for standard input)");
  auto const project = read_project(line.project, line.overrides);
  auto const run = complete_run(project.folder, line.run);
  auto const predictor = train::Predictor::load(run.folder / "model", n_threads_of(line));
  auto const groups = groups_of(predictor.spec(), line.tasks);
  Answerer answerer(predictor, groups);

  AnswerSink sink(line.output_file);
  if (!line.texts.empty()) {
    sink.print(answerer.answer({{1, row_of_texts(line.texts, groups)}}));
  } else {
    auto reader = line.input == "-" ? data::read_rows(std::cin, format_named(line.format), "standard input", {}) : data::open_rows(line.input, {});
    RowQueue queue(std::move(reader));
    for (auto rows = queue.take(kRowsPerBatch); !rows.empty(); rows = queue.take(kRowsPerBatch)) sink.print(answerer.answer(rows));
  }
  sink.commit();
  return answerer.n_errors > 0 ? exit_code(ErrorCode::InvalidInput) : 0;
}

}  // namespace polytask::cli
