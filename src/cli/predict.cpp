#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "cli/answer_sink.h"
#include "cli/input_columns.h"
#include "cli/load_engine.h"
#include "cli/project_file.h"
#include "cli/row_queue.h"
#include "cli/run_store.h"
#include "cli/verbs.h"
#include "data/row_reader.h"
#include "engine/answer_json.h"
#include "engine/questions.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;
using engine::Question;

/// Nothing when the row does not carry the question's texts; an Error when it does, but wrongly.
std::optional<Result<task::Example>> example_for(Question const& question, data::Row const& row,
                                                 std::string_view where) {
  if (!row.words.empty())
    return question.reads_words() ? std::optional(data::example_of(row, question.text_of, where)) : std::nullopt;
  auto task = question.text_of;
  if (question.reads_words()) task.text = question.columns();
  auto needed = task.text;
  if (!task.choices.empty()) needed.push_back(task.choices.front());  // a row may have fewer choices than others
  for (auto const& column : needed) {
    auto const* value = row.find(column);
    if (value == nullptr || std::holds_alternative<std::monostate>(*value)) return std::nullopt;
  }
  auto example = data::example_of(row, task, where);
  if (!example || !question.reads_words()) return example;
  task::Example with_words = *example;
  with_words.words = engine::words_of(with_words.texts[0]);
  return Result<task::Example>(std::move(with_words));
}

class Answerer {
 public:
  Answerer(engine::Engine const& engine, std::vector<Question> questions)
      : engine_(engine), questions_(std::move(questions)) {}

  /// One JSON line for each row, in order.
  std::vector<std::string> answer(std::vector<NumberedRow> const& rows) {
    n_rows += rows.size();
    std::vector<OrderedJson> answers(rows.size());
    std::vector<std::string> errors(rows.size());
    std::vector<bool> answered(rows.size(), false);
    std::vector<std::size_t> tokens_cut(rows.size(), 0);
    for (auto const& question : questions_) {
      std::vector<task::Example> examples;
      std::vector<std::size_t> owners;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!rows[i].row) continue;
        auto example = example_for(question, *rows[i].row, fmt::format("row {}", rows[i].number));
        if (!example) continue;
        if (!*example) {
          errors[i] = example->error().what();
          continue;
        }
        auto const problem = task::reads_passages(question.text_of)
                                 ? engine::why_unreadable_passage(**example)
                                 : engine::why_unreadable(**example, engine_.options().long_texts);
        if (problem) {
          errors[i] = fmt::format("row {}: {}", rows[i].number, *problem);
          continue;
        }
        examples.push_back(std::move(**example));
        owners.push_back(i);
      }
      auto const results = engine_.answer(examples, question.heads);
      for (std::size_t k = 0; k < owners.size(); ++k) {
        answered[owners[k]] = true;
        tokens_cut[owners[k]] = std::max(tokens_cut[owners[k]], results[k].tokens_cut);
        for (std::size_t h = 0; h < question.heads.size(); ++h) {
          auto const& head = engine_.spec().heads[question.heads[h]];
          answers[owners[k]][head.task.name] =
              engine::answer_json(head.labels, results[k].predictions[h], examples[k].texts, results[k].tokens_cut);
        }
      }
    }
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i].row)
        errors[i] = rows[i].row.error().what();
      else if (!answered[i] && errors[i].empty())
        errors[i] =
            fmt::format("row {}: carries the columns of no task; expected {}", rows[i].number, expected_columns());
      std::string const id = rows[i].row && !rows[i].row->id.empty() ? rows[i].row->id : std::to_string(rows[i].number);
      n_errors += !errors[i].empty();
      bool const is_cut = errors[i].empty() && tokens_cut[i] > 0;
      n_cut += is_cut;
      // The id is JSON already; everything else is made here.
      lines.push_back(fmt::format(
          "{{\"id\":{},{}{}}}", id, is_cut ? fmt::format("\"tokens_cut\":{},", tokens_cut[i]) : "",
          errors[i].empty() ? "\"tasks\":" + answers[i].dump() : "\"error\":" + OrderedJson(errors[i]).dump()));
    }
    return lines;
  }

  std::size_t n_rows = 0;
  std::size_t n_errors = 0;
  std::size_t n_cut = 0;

 private:
  [[nodiscard]] std::string expected_columns() const {
    std::vector<std::string> choices;  // each once: questions may read the same columns in two ways
    for (auto const& question : questions_) {
      std::string columns;
      for (auto const& column : question.columns()) columns += (columns.empty() ? "" : " and ") + quote(column);
      if (std::find(choices.begin(), choices.end(), columns) == choices.end()) choices.push_back(columns);
    }
    return fmt::format("{}", fmt::join(choices, ", or "));
  }

  engine::Engine const& engine_;
  std::vector<Question> questions_;
};

/// What --text puts into the columns of a question that takes as many texts; of choices, as many as there are columns
/// for.
std::vector<std::pair<std::string, data::Value>> fields_of(std::vector<std::string> const& texts,
                                                           Question const& question) {
  std::vector<std::pair<std::string, data::Value>> fields;
  auto const columns = question.columns();
  if (question.text_of.choices.size() == 1) {
    fields.emplace_back(columns[0], texts[0]);
    fields.emplace_back(columns[1], std::vector<std::string>(texts.begin() + 1, texts.end()));
    return fields;
  }
  for (std::size_t i = 0; i < std::min(columns.size(), texts.size()); ++i) fields.emplace_back(columns[i], texts[i]);
  return fields;
}

/// The row that --text makes, with the columns of each question that takes as many texts.
data::Row row_of_texts(std::vector<std::string> texts, std::vector<Question> const& questions) {
  for (auto& text : texts) text = valid_utf8(text);
  data::Row row{.line = 1};
  for (auto const& question : questions) {
    if (!question.takes(texts.size())) continue;
    for (auto& [column, value] : fields_of(texts, question)) {
      auto const* given = row.find(column);
      if (given == nullptr)
        row.fields.emplace_back(column, std::move(value));
      else if (!(*given == value))
        throw Error(ErrorCode::InvalidUsage, fmt::format("--text: the tasks do not agree which text is {}; name the "
                                                         "tasks that you want with --task, or give rows with --input",
                                                         quote(column)));
    }
  }
  return row;
}

/// How far it is, twice a second on a terminal: how many rows there are nobody knows before they are read.
class RowsDone {
 public:
  void show(std::size_t n_rows) {
    auto const now = std::chrono::steady_clock::now();
    if (!is_terminal_ || now - last_ < std::chrono::milliseconds(500)) return;
    std::chrono::duration<double> const taken = now - start_;
    std::cerr << fmt::format("\r{} rows, {:.0f} a second\x1b[K", n_rows, static_cast<double>(n_rows) / taken.count())
              << std::flush;
    last_ = now;
    is_open_ = true;
  }
  ~RowsDone() {
    if (is_open_) std::cerr << "\r\x1b[K" << std::flush;
  }

 private:
  bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool is_open_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_ = start_;
};

/// Opens the rows and answers them as they come.
void answer_input(CommandLine const& line, std::vector<std::string> const& columns, Answerer& answerer,
                  AnswerSink& sink) {
  constexpr std::size_t kRowsPerBatch = 1'024;
  StoppableInput input(STDIN_FILENO);
  std::istream stream(&input);
  data::RowReaderOptions const options{.format = data::parse_format(line.format), .columns = columns};
  auto reader = line.input == "-"
                    ? data::read_rows(stream, options.format.value_or(data::Format::Jsonl), "standard input", options)
                    : data::open_rows(line.input, options);
  RowQueue queue(std::move(reader), [&] { input.stop(); });
  for (std::size_t left = sink.n_answered(); left > 0;) {
    auto const rows = queue.take(std::min(left, kRowsPerBatch));
    if (rows.empty())
      throw Error(ErrorCode::Conflict,
                  fmt::format("{}: has fewer rows than were answered before the interruption", line.input));
    left -= rows.size();
  }
  RowsDone done;
  for (auto rows = queue.take(kRowsPerBatch); !rows.empty(); rows = queue.take(kRowsPerBatch)) {
    sink.print(answerer.answer(rows));
    if (line.output_file != "-") done.show(answerer.n_rows);
  }
}

/// The columns of a table without a header, for the tasks that are answered.
std::vector<std::string> columns_of(RunInfo const& run, model::ModelSpec const& spec,
                                    std::vector<Question> const& questions) {
  auto const path = run.folder / "config.json";
  std::vector<std::string> datasets;
  for (auto const& question : questions)
    for (auto const head : question.heads)
      datasets.insert(datasets.end(), spec.heads[head].task.datasets.begin(), spec.heads[head].task.datasets.end());
  return input_columns(parse_json(read_file(path), path.string()).value(), datasets);
}

/// SHA-256 over the files of a model folder, their names and hashes.
std::string hash_of_files(fs::path const& folder) {
  std::map<std::string, std::string> hashes;
  for (auto const& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) hashes[entry.path().lexically_relative(folder).string()] = sha256_file(entry.path());
  Sha256 whole;
  for (auto const& [path, hash] : hashes) whole.update(hash + "  " + path + "\n");
  return whole.hex_digest();
}

AnswerJob job_of(CommandLine const& line, ModelPlace const& place, engine::Engine const& engine,
                 std::vector<engine::Question> const& questions, std::vector<std::string> const& columns) {
  std::set<std::string> tasks;
  for (auto const& question : questions)
    for (auto const head : question.heads) tasks.insert(engine.spec().heads[head].task.name);
  auto const& options = engine.options();
  return {place.run ? hash_of_files(place.folder) : place.package_id,
          fmt::format("{} of {}, {}; long texts {}; columns {}; format {}; polytask {} on {}",
                      to_string(options.precision.value()), fmt::join(tasks, ", "),
                      line.precision.empty() ? "as packaged" : "as asked", to_string(options.long_texts),
                      fmt::join(columns, ", "), line.format, POLYTASK_VERSION, to_string(options.instructions)),
          line.input};
}

bool has_several_complete_runs(fs::path const& project_folder) {
  auto const runs = list_runs(project_folder);
  return std::count_if(runs.begin(), runs.end(), [](auto const& run) { return run.status == RunStatus::Complete; }) > 1;
}

}  // namespace

int predict(CommandLine const& line) {
  if (line.texts.size() > 1 + task::kMostChoices)
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("--text can be given once, twice for a pair, or for a text and its choices 3 to {} times",
                            1 + task::kMostChoices));
  if (line.texts.empty() == line.input.empty())
    throw Error(ErrorCode::InvalidUsage, "predict needs either --text or --input FILE (- for standard input)");
  auto const place = model_place(line);
  auto const engine = load_engine(place.folder, line);
  auto const questions = engine::questions_of(engine.spec(), line.tasks);
  if (line.texts.size() > 2 && std::none_of(questions.begin(), questions.end(),
                                            [&](auto const& question) { return question.takes(line.texts.size()); }))
    throw Error(ErrorCode::InvalidUsage,
                "--text can be given once, or twice for a pair: no task that answers reads a text and its choices");
  Answerer answerer(engine, questions);
  if (place.run && line.run.empty() && has_several_complete_runs(place.project_folder))
    std::cerr << fmt::format("note: the latest complete run answers, {}; --run chooses another\n",
                             quote(place.run->id));

  auto const columns =
      place.run && line.texts.empty() ? columns_of(*place.run, engine.spec(), questions) : std::vector<std::string>{};
  auto const sink =
      line.resume ? std::make_unique<AnswerSink>(line.output_file, job_of(line, place, engine, questions, columns))
                  : std::make_unique<AnswerSink>(line.output_file);
  if (sink->n_answered() > 0) std::cerr << fmt::format("continuing after {} answered rows\n", sink->n_answered());
  if (!line.texts.empty()) {
    sink->print(answerer.answer({{1, row_of_texts(line.texts, questions)}}));
  } else {
    answer_input(line, columns, answerer, *sink);
  }
  sink->commit();
  report_cut(answerer.n_cut, answerer.n_rows, line.long_texts);
  answerer.n_errors += sink->n_errors();
  answerer.n_rows += sink->n_answered();
  if (answerer.n_errors > 0)
    std::cerr << fmt::format("polytask: {} of {} rows could not be answered; their lines say why\n", answerer.n_errors,
                             answerer.n_rows);
  return answerer.n_errors > 0 ? exit_code(ErrorCode::InvalidInput) : 0;
}

}  // namespace polytask::cli
