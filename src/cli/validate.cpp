#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/data_audit.h"
#include "cli/encoder_probe.h"
#include "cli/live_line.h"
#include "cli/project_file.h"
#include "cli/verbs.h"
#include "data/corpus.h"
#include "data/language_sequences.h"
#include "engine/engine.h"
#include "model/encoder_files.h"
#include "report/data_page.h"
#include "text/tokenizer.h"
#include "train/config.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

std::size_t count_rows(std::vector<data::Stream> const& streams, data::Split split) {
  std::size_t n = 0;
  for (auto const& stream : streams) n += stream.n_rows(split);
  return n;
}

OrderedJson to_json(Project const& project, data::Corpus const& corpus, std::vector<Problem> const& problems,
                    audit::Audit const& audit) {
  OrderedJson json;
  json["problems"] = OrderedJson::array();
  std::size_t n_errors = 0;
  for (auto const& problem : problems) {
    bool const is_error = problem.severity == Severity::Error;
    n_errors += is_error;
    json["problems"].push_back({{"severity", is_error ? "error" : "warning"},
                                {"kind", problem.kind},
                                {"where", problem.where},
                                {"message", problem.message}});
  }
  json["errors"] = n_errors;
  json["warnings"] = problems.size() - n_errors;
  json["datasets"] = OrderedJson::array();
  for (auto const& dataset : corpus.datasets)
    json["datasets"].push_back({{"name", dataset.name},
                                {"sha256", dataset.sha256},
                                {"train", dataset.n_rows[0]},
                                {"dev", dataset.n_rows[1]},
                                {"test", dataset.n_rows[2]}});
  json["tasks"] = OrderedJson::array();
  for (std::size_t t = 0; t < corpus.tasks.size(); ++t)
    json["tasks"].push_back({{"name", corpus.tasks[t].name},
                             {"type", task::to_string(corpus.tasks[t].type)},
                             {"labels", corpus.label_sets[t].size()},
                             {"train", corpus.n_labelled(t, data::Split::Train)},
                             {"dev", corpus.n_labelled(t, data::Split::Dev)},
                             {"test", corpus.n_labelled(t, data::Split::Test)}});
  for (std::size_t i = 0; i < corpus.unlabelled.size(); ++i)
    json["tasks"].push_back({{"name", project.train.hidden_words[i].texts.name},
                             {"type", "mlm"},
                             {"train", count_rows(corpus.unlabelled[i], data::Split::Train)},
                             {"dev", count_rows(corpus.unlabelled[i], data::Split::Dev)}});
  json["audit"] = cli::to_json(audit);
  return json;
}

/// " (40 duplicate, 18 leakage)": a long list is easier to judge by its kinds.
std::string kinds_of(std::vector<Problem> const& problems, Severity severity) {
  std::map<std::string, std::size_t> n_by_kind;
  for (auto const& problem : problems)
    if (problem.severity == severity) ++n_by_kind[problem.kind];
  std::string text;
  for (auto const& [kind, n] : n_by_kind) text += fmt::format("{}{} {}", text.empty() ? " (" : ", ", n, kind);
  return text.empty() ? text : text + ")";
}

void print_tables(data::Corpus const& corpus, Project const& project) {
  std::cout << fmt::format("{:<20} {:>8} {:>8} {:>8}\n", "dataset", "train", "dev", "test");
  for (auto const& dataset : corpus.datasets)
    std::cout << fmt::format("{:<20} {:>8} {:>8} {:>8}\n", dataset.name, dataset.n_rows[0], dataset.n_rows[1],
                             dataset.n_rows[2]);
  std::cout << fmt::format("\n{:<20} {:<15} {:>7} {:>8} {:>8} {:>8}\n", "task", "type", "labels", "train", "dev",
                           "test");
  for (std::size_t t = 0; t < corpus.tasks.size(); ++t)
    std::cout << fmt::format("{:<20} {:<15} {:>7} {:>8} {:>8} {:>8}\n", corpus.tasks[t].name,
                             task::to_string(corpus.tasks[t].type), corpus.label_sets[t].size(),
                             corpus.n_labelled(t, data::Split::Train), corpus.n_labelled(t, data::Split::Dev),
                             corpus.n_labelled(t, data::Split::Test));
  for (std::size_t i = 0; i < corpus.unlabelled.size(); ++i)
    std::cout << fmt::format("{:<20} {:<15} {:>7} {:>8} {:>8} {:>8}\n", project.train.hidden_words[i].texts.name, "mlm",
                             "-", count_rows(corpus.unlabelled[i], data::Split::Train),
                             count_rows(corpus.unlabelled[i], data::Split::Dev), "-");
}

void print_totals(std::vector<Problem> const& problems, std::size_t n_errors) {
  std::size_t const n_warnings = problems.size() - n_errors;
  std::cout << fmt::format("\n{} error{}{}, {} warning{}{}\n", n_errors, n_errors == 1 ? "" : "s",
                           kinds_of(problems, Severity::Error), n_warnings, n_warnings == 1 ? "" : "s",
                           kinds_of(problems, Severity::Warning));
}

/// What `check` finds; that a file of the encoder cannot be read is a finding beside the others.
std::vector<Problem> findings_of(fs::path const& encoder, std::function<std::vector<Problem>()> const& check) {
  try {
    return check();
  } catch (Error const& error) {
    if (error.code() == ErrorCode::Interrupted) throw;
    std::string const message = error.what();
    auto const at = message.find(": ");
    return {{Severity::Error, "unreadable-encoder", message.substr(0, at),
             at == std::string::npos ? message : message.substr(at + 2)}};
  } catch (fs::filesystem_error const& error) {
    return {{Severity::Error, "unreadable-encoder", encoder.string(),
             "cannot be read (" + error.code().message() + "); check the path and its permissions"}};
  }
}

/// Contexts that no model would read: a training takes them, and what scores it does not.
std::vector<Problem> check_passages(data::Corpus const& corpus) {
  std::vector<Problem> problems;
  for (auto const& stream : corpus.streams) {
    if (!task::reads_passages(corpus.tasks[stream.tasks.front()])) continue;
    for (auto const split : data::kSplits)
      for (auto const& example : stream.of(split))
        if (auto const reason = engine::why_unreadable_passage(example))
          problems.push_back({Severity::Error, "context-too-long", corpus.where(example), "the row " + *reason});
  }
  return problems;
}

/// The encoder's files, and where the settings and the texts do not fit it.
std::vector<Problem> check_encoder(Project const& project, data::Corpus const& corpus) {
  auto const settings = [&](model::EncoderConfig const& config) {
    auto found = train::problems(project.train, config);
    auto of_tasks = train::problems(project.train, project.tasks, config);
    found.insert(found.end(), std::make_move_iterator(of_tasks.begin()), std::make_move_iterator(of_tasks.end()));
    for (std::size_t task = 0; task < corpus.tasks.size() && project.train.chooses_private_layers; ++task)
      if (auto const& name = corpus.tasks[task].name;
          !project.train.task_layers.contains(name) && corpus.n_labelled(task, data::Split::Dev) == 0)
        found.push_back(train::no_dev_rows(name));
    return found;
  };
  if (!project.encoder) return settings(train::scratch_encoder(project.train));
  auto const& folder = *project.encoder;
  std::optional<model::EncoderConfig> config;
  std::vector<Problem> problems;
  auto const look = [&](std::function<std::vector<Problem>()> const& check) {
    auto found = findings_of(folder, check);
    problems.insert(problems.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  };
  look([&] {
    config = model::read_encoder_config(folder);
    return settings(*config);
  });
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return problems;  // said once
  if (config)
    look([&] {
      (void)model::read_encoder_weights(folder, *config);
      return std::vector<Problem>();
    });
  look([&] {
    auto const tokenizer = text::load_tokenizer(folder);
    if (config) model::check_vocabulary(folder, *config, tokenizer->vocabulary_size());
    if (!project.train.hidden_words.empty()) (void)data::pretraining_vocabulary(*tokenizer, folder.string());
    return data::check_tokens(corpus, *tokenizer, static_cast<std::size_t>(project.train.max_length));
  });
  return problems;
}

/// More than a few seconds.
bool takes_long(data::Corpus const& corpus) {
  constexpr std::size_t kManyAnswers = 1'000'000;  // rows times labels, of the search for doubtful ones
  std::size_t n_rows = 0, n_answers = 0;
  for (auto const& dataset : corpus.datasets)
    n_rows += std::accumulate(dataset.n_rows.begin(), dataset.n_rows.end(), std::size_t{0});
  for (auto const& labels : corpus.label_sets) n_answers += n_rows * labels.size();
  return n_rows >= kManyRows || n_answers >= kManyAnswers;
}

/// What the data as a whole is like; of the encoder what can be read of it.
audit::Audit audit_of(Project const& project, data::Corpus const& corpus, audit::RowColumns const& columns,
                      CommandLine const& line) {
  std::unique_ptr<text::Tokenizer const> tokenizer;
  std::optional<audit::TokenLimit> limit;
  auto const max_length = static_cast<std::size_t>(project.train.max_length);
  if (project.encoder && !line.probe) {
    try {
      tokenizer = text::load_tokenizer(*project.encoder);
    } catch (Error const&) {                 // is a finding of check_encoder already
    } catch (fs::filesystem_error const&) {  // a folder that may not be entered: the same
    }
  } else if (line.probe) {
    if (!project.encoder)
      throw Error(ErrorCode::InvalidUsage,
                  "--probe asks the pretrained encoder, and the project names none; add \"encoder\"");
    tokenizer = text::load_tokenizer(*project.encoder);
  }
  if (tokenizer) limit.emplace(audit::TokenLimit{*tokenizer, max_length});
  LiveLine live;
  std::function<void(std::string const&)> on_part;
  if (takes_long(corpus)) on_part = [&](std::string const& what) { live.show("looking for " + what); };
  auto audit = audit::audit(corpus, columns, limit,
                            {.difference = line.difference / 100, .seed = project.seed, .on_part = std::move(on_part)});
  live.finish();
  if (line.probe)
    probe_encoder(*project.encoder, corpus,
                  {.max_length = max_length, .n_workers = n_threads_of(line), .seed = project.seed}, audit);
  return audit;
}

/// A page may take the place of another one, and of nothing else: not of data, say.
void check_page(fs::path const& path) {
  if (!is_there(path)) return;
  constexpr std::string_view kBeginning = "<!doctype html>";
  std::string beginning(kBeginning.size(), ' ');
  bool const is_file = fs::is_regular_file(path);
  if (is_file) std::ifstream(path, std::ios::binary).read(beginning.data(), std::ssize(beginning));
  for (char& c : beginning) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (!is_file || beginning != kBeginning)
    throw Error(
        ErrorCode::Conflict,
        fmt::format("{}: is there and is no page, so it is left as it is; choose another --page", path.string()));
}

}  // namespace

int validate(CommandLine const& line) {
  if (!line.page.empty()) check_page(line.page);
  auto project = read_project(line.project, line.overrides);
  audit::RowColumns columns;
  LiveLine live;
  auto const corpus = data::load_corpus(project.datasets, project.tasks, project.seed,
                                        {.see = [&](std::size_t file, data::Row const& row) { columns.add(file, row); },
                                         .unlabelled = unlabelled_texts(project),
                                         .on_progress = reading_rows(live)});
  live.finish();
  auto problems = corpus.problems;
  auto const add = [&](std::vector<Problem> more) {
    problems.insert(problems.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  add(data::check_corpus(corpus));
  add(check_passages(corpus));
  bool has_encoder = true;
  if (project.encoder) {
    auto missing = findings_of(*project.encoder, [&] {
      project = with_encoder(project);
      return std::vector<Problem>();
    });
    has_encoder = missing.empty();
    add(std::move(missing));
  }
  if (has_encoder) add(check_encoder(project, corpus));
  auto const audit = audit_of(project, corpus, columns, line);
  std::size_t n_errors = 0;
  for (auto const& problem : problems) n_errors += problem.severity == Severity::Error;
  if (line.output == Output::Json) {
    std::cout << to_json(project, corpus, problems, audit).dump(1) << '\n';
  } else {
    print_problems(std::cout, problems);
    if (!problems.empty()) std::cout << '\n';
    print_tables(corpus, project);
    std::cout << '\n';
    print(std::cout, audit);
    print_totals(problems, n_errors);
  }
  if (!line.page.empty()) write_file_atomically(line.page, report::data_page({project.name, "", audit, problems}));
  return n_errors > 0 ? exit_code(ErrorCode::InvalidInput) : 0;
}

}  // namespace polytask::cli
