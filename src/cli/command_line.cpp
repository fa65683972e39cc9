#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/nearest.h"
#include "engine/engine.h"
#include "task/task_spec.h"

namespace polytask::cli {
namespace {

/// CLI11's own range lets NaN through.
CLI::Validator number_in(double low, double high) {
  return {[low, high](std::string const& word) {
            char* end = nullptr;
            double const value = std::strtod(word.c_str(), &end);
            bool const fits = !word.empty() && *end == '\0' && value >= low && value <= high;
            return fits ? std::string()
                        : fmt::format("found {}, expected a number from {} to {}", quote(word), low, high);
          },
          ""};
}

/// A word of a short list; CLI11's own checks also take numbers and say it in their own notation.
CLI::Validator one_of(std::vector<std::string> const& words) {
  return {[words](std::string const& word) {
            if (std::find(words.begin(), words.end(), word) != words.end()) return std::string();
            std::string expected;
            for (std::size_t i = 0; i < words.size(); ++i)
              expected += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
            return fmt::format("found {}, expected {}{}", quote(word), expected, did_you_mean(word, words));
          },
          ""};
}

void add_common(CLI::App& verb, CommandLine& line) {
  verb.add_option("--project", line.project, "the project file")->type_name("FILE")->capture_default_str();
  verb.add_option("--set", line.overrides, "overrides a value of the project file")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->take_all();
  verb.add_option_function<std::string>(
          "--output", [&line](std::string const& word) { line.output = word == "json" ? Output::Json : Output::Text; },
          "text, or json alone on standard output")
      ->check(one_of({"text", "json"}))
      ->type_name("text|json");
  verb.add_option("--threads", line.n_threads, "threads that compute; all cores when not given")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
}

/// In the order of `Verb`.
std::vector<std::string> const kVerbs{"init",  "validate", "pretrain", "train",    "evaluate", "predict",
                                      "bench", "runs",     "package",  "quantize", "export",   "import"};

/// An option with an empty value is a variable that nobody has set. Without this, `--package "$MODEL"` would be taken
/// for no --package at all, and another model would answer.
void refuse_empty_values(CLI::App const& verb) {
  for (auto const* option : verb.get_options())
    for (auto const& value : option->results())
      if (value.empty() && !option->get_lnames().empty() && option->get_expected_max() > 0 &&
          (option->get_lnames().front() != "text" || verb.get_name() != "predict"))
        throw Error(ErrorCode::InvalidUsage,
                    fmt::format("--{} is empty; give it a value, or leave it out", option->get_lnames().front()));
  for (auto const* inner : verb.get_subcommands()) refuse_empty_values(*inner);
}

/// CLI11's words for a mistake, with the nearest verb or option.
std::string explain(CLI::App const& app, CLI::ParseError const& error, int argc, char const* const* argv) {
  auto const* chosen = &app;  // the verb, and below it `compare`
  std::string name = app.get_name();
  while (!chosen->get_subcommands().empty()) {
    chosen = chosen->get_subcommands().front();
    name += " " + chosen->get_name();
  }
  if (chosen == &app && argc > 1 && argv[1][0] != '-')
    return fmt::format("there is no verb {}{}; `polytask --help` lists them", quote(argv[1]),
                       did_you_mean(argv[1], kVerbs));
  std::vector<std::string> known;
  for (auto const* option : chosen->get_options())
    for (auto const& long_name : option->get_lnames()) known.push_back("--" + long_name);
  for (int i = 1; i < argc; ++i) {
    std::string_view const argument = argv[i];
    std::string const word(argument.substr(0, argument.find('=')));
    if (word.starts_with("--") && word != "--" && std::find(known.begin(), known.end(), word) == known.end())
      return fmt::format("`{}` has no option {}{}; `{} --help` lists them", name, quote(word),
                         did_you_mean(word, known), name);
  }
  if (chosen == &app) return "a verb is missing; `polytask --help` lists them";
  std::string message = error.what();
  if (!message.empty() && message.front() >= 'A' && message.front() <= 'Z')
    message.front() = static_cast<char>(message.front() + 32);
  while (!message.empty() && (message.back() == '.' || message.back() == '\n')) message.pop_back();
  return fmt::format("{}; see `{} --help`", message, name);
}

void add_init(CLI::App& app, CommandLine& line) {
  auto& verb = *app.add_subcommand("init", "looks at a folder of data and proposes a project file");
  verb.add_option("folder", line.data, "where the data is")->type_name("FOLDER")->capture_default_str();
  verb.add_option("--encoder", line.encoder,
                  "a pretrained encoder's folder or name on the hub, to be written into the project; else the one that "
                  "comes with polytask")
      ->type_name("FOLDER");
  add_common(verb, line);
  verb.footer("Example: polytask init data --encoder models/all-MiniLM-L6-v2");
}

void add_validate(CLI::App& app, CommandLine& line) {
  auto& verb = *app.add_subcommand("validate", "reads every file and says everything that is wrong, and what it costs");
  add_common(verb, line);
  verb.add_option("--page", line.page, "writes what was found as one HTML page, in English and Japanese")
      ->type_name("FILE");
  verb.add_option("--difference", line.difference,
                  "points (hundredths) of a score that matter to you: are there test rows enough?")
      ->type_name("POINTS")
      ->check(number_in(0.01, 50.0))
      ->capture_default_str();
  verb.add_flag("--probe", line.probe,
                "asks the encoder of the project, frozen, what it knows of each task; takes minutes");
  verb.footer("Example: polytask validate --page data.html");
}

void add_run(CLI::App& verb, CommandLine& line) {
  verb.add_option("--run", line.run, "the run; the latest complete one when not given")->type_name("ID");
}

void add_model(CLI::App& verb, CommandLine& line) {
  add_run(verb, line);
  verb.add_option("--package", line.package, "a package, in place of a run; no project file is needed")
      ->type_name("FOLDER");
}

void add_precision(CLI::App& verb, CommandLine& line) {
  verb.add_option("--precision", line.precision,
                  "what products are computed in: f32, bf16 (faster where the processor has it) or int8 (fastest); as "
                  "quantized, or f32, when not given")
      ->type_name("f32|bf16|int8")
      ->check(one_of({"f32", "bf16", "int8"}));
}

void add_long_texts(CLI::App& verb, CommandLine& line) {
  verb.add_option_function<std::string>(
          "--long-texts",
          [&line](std::string const& word) { line.long_texts = engine::parse_long_texts(word).value(); },
          "texts that are longer than the model reads: cut, or read whole in overlapping windows")
      ->type_name("cut|windows")
      ->check(one_of({"cut", "windows"}));
}

void add_pretrain(CLI::App& app, CommandLine& line) {
  auto& verb = *app.add_subcommand("pretrain", "makes an encoder from unlabelled texts, or goes on with one");
  verb.add_option("recipe", line.recipe, "a recipe (docs/reference/pretraining.md); none = defaults and --texts")
      ->type_name("RECIPE");
  verb.add_option("--to", line.to, "the new encoder's folder")->type_name("FOLDER")->required();
  verb.add_option("--texts", line.texts, "a file of texts: plain, JSONL, CSV or TSV, also as .gz (repeatable)")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->take_all();
  verb.add_option("--data", line.data, "where the files lie that the recipe names; its own folder when not given")
      ->type_name("FOLDER");
  verb.add_option("--encoder", line.encoder, "goes on with this encoder, a folder or a model of the hub")
      ->type_name("ENCODER");
  verb.add_option("--teacher", line.teacher, "a larger encoder whose sentence vectors are learnt")
      ->type_name("ENCODER");
  verb.add_option("--minutes", line.minutes, "as many steps as fit, measured before the first one")
      ->type_name("N")
      ->check(number_in(0.01, 1e5));
  verb.add_flag("--adapt", line.adapt,
                "goes on with the project's encoder on the project's texts, and keeps it only where its tasks gain");
  verb.add_option("--seeds", line.n_seeds, "adapt: fine-tunings before and after")
      ->type_name("N")
      ->check(CLI::Range(1, 20))
      ->capture_default_str();
  verb.add_option("--device", line.device, "cpu or cuda")->type_name("cpu|cuda")->check(one_of({"cpu", "cuda"}));
  verb.add_flag("--resume", line.resume, "continues an interrupted pretraining, bit-identically");
  add_common(verb, line);
  verb.footer(
      "Examples: polytask pretrain --texts notes.txt --minutes 20 --to encoders/notes\n"
      "          polytask pretrain --adapt --project polytask.yaml --texts mails.jsonl --to encoders/helpdesk");
}

void add_train(CLI::App& app, CommandLine& line) {
  auto& verb = *app.add_subcommand("train", "trains one model for all tasks");
  add_common(verb, line);
  verb.add_option("--run", line.run, "name of the run; made from time and project when not given")->type_name("ID");
  verb.add_flag("--resume", line.resume, "continues an interrupted run, bit-identically");
  verb.add_option("--only", line.only, "trains this task alone (repeatable)")
      ->type_name("TASK")
      ->allow_extra_args(false)
      ->take_all();
  verb.add_option("--device", line.device, "cpu or cuda")->type_name("cpu|cuda")->check(one_of({"cpu", "cuda"}));
  verb.add_option("--workers", line.n_workers,
                  "processes on this machine that train together, each on a part of every batch")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  verb.footer("Example: polytask train --run first --set train.epochs=3");
}

void add_evaluate(CLI::App& app, CommandLine& line) {
  auto& verb = *app.add_subcommand("evaluate", "scores a run on a split, with intervals");
  add_common(verb, line);
  add_model(verb, line);
  verb.add_option("--split", line.split, "train, dev or test")
      ->type_name("SPLIT")
      ->check(one_of({"train", "dev", "test"}))
      ->capture_default_str();
  add_precision(verb, line);
  add_long_texts(verb, line);
  verb.footer("Example: polytask evaluate --run first --split dev --output json");
}

void add_predict(CLI::App& app, CommandLine& line) {
  auto& verb = *app.add_subcommand("predict", "answers rows, one JSON line each");
  add_common(verb, line);
  add_model(verb, line);
  verb.add_option("--task", line.tasks, "answers this task alone (repeatable)")
      ->type_name("TASK")
      ->allow_extra_args(false)
      ->take_all();
  verb.add_option("--text", line.texts, "a text; give it twice for a pair")
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->take_all();
  verb.add_option("--input", line.input, "a file of rows, or - for standard input")->type_name("FILE|-");
  verb.add_option("--format", line.format, "format of the input; by its extension, or jsonl, when not given")
      ->type_name("FORMAT")
      ->check(one_of({"jsonl", "csv", "tsv", "conll", "conllu", "squad", "lines", "text"}));
  verb.add_option("--output-file", line.output_file, "where the answers go, - for standard output")
      ->type_name("FILE|-");
  verb.add_flag("--resume", line.resume,
                "keeps what is answered in FILE.unfinished, and continues there after an interruption");
  add_precision(verb, line);
  add_long_texts(verb, line);
  verb.footer("Example: polytask predict --run first --text \"my card has not arrived\"");
}

void add_bench(CLI::App& app, CommandLine& line) {
  auto& verb = *app.add_subcommand("bench", "measures how fast a model answers on this machine");
  add_common(verb, line);
  add_model(verb, line);
  verb.add_option("--precision", line.precisions, "measures this one alone (repeatable)")
      ->type_name("f32|bf16|int8")
      ->allow_extra_args(false)
      ->take_all()
      ->check(one_of({"f32", "bf16", "int8"}));
  verb.add_option("--input", line.input, "a file of rows to answer; made-up texts when not given")->type_name("FILE");
  verb.add_option("--seconds", line.seconds, "how long each row's throughput is measured; the best pass counts")
      ->type_name("N")
      ->check(number_in(0.1, 3600.0))
      ->capture_default_str();
  verb.footer("Example: polytask bench --run first --threads 2");
}

void add_runs(CLI::App& app, CommandLine& line) {
  auto& verb = *app.add_subcommand("runs", "lists the runs of the project, or compares some");
  add_common(verb, line);
  auto& compare = *verb.add_subcommand("compare", "the first run against the others, task by task");
  add_common(compare, line);
  compare.add_option("run", line.compared, "runs; the joint one first")->required();
  compare.add_flag("--baselines", line.baselines, "adds majority and bag-of-words");
  verb.footer("Example: polytask runs compare together intent-alone urgency-alone");
}

void add_package(CLI::App& app, CommandLine& line) {
  auto& verb = *app.add_subcommand("package", "makes a model that can be handed on, from a run or from other packages");
  add_common(verb, line);
  add_run(verb, line);
  verb.add_option("--to", line.to, "the new folder")->type_name("FOLDER");
  verb.add_option("--from", line.from, "a package to start from, instead of a run")->type_name("PACKAGE");
  verb.add_option("--task", line.tasks, "takes this task as another package has it (repeatable)")
      ->type_name("TASK=PACKAGE")
      ->allow_extra_args(false)
      ->take_all();
  verb.add_option("--drop", line.dropped, "leaves this task out (repeatable)")
      ->type_name("TASK")
      ->allow_extra_args(false)
      ->take_all();
  auto& diff = *verb.add_subcommand("diff", "what differs between two packages, and whose answers can change");
  add_common(diff, line);
  diff.add_option("package", line.packages, "two packages")->type_name("PACKAGE PACKAGE")->required()->expected(2);
  diff.callback([&line] { line.package_action = PackageAction::Diff; });
  auto& check = *verb.add_subcommand("verify", "checks every byte of a package");
  add_common(check, line);
  check.add_option("package", line.packages, "a package")->type_name("PACKAGE")->required()->expected(1);
  check.callback([&line] { line.package_action = PackageAction::Verify; });
  verb.footer("Example: polytask package --run first --to models/helpdesk-1");
}

void add_quantize(CLI::App& app, CommandLine& line) {
  auto& verb = *app.add_subcommand("quantize", "a package that computes in int8 where dev shows that nothing is lost");
  add_common(verb, line);
  verb.add_option("--package", line.package, "the package to start from")->type_name("FOLDER")->required();
  verb.add_option("--to", line.to, "the new folder")->type_name("FOLDER")->required();
  verb.add_option("--precision", line.precision, "what is tried: int8, or bf16")
      ->type_name("int8|bf16")
      ->check(one_of({"int8", "bf16"}));
  verb.add_option("--max-drop", line.max_drop, "points (hundredths) that any task's score may lose on dev")
      ->type_name("POINTS")
      ->check(number_in(0.0, 100.0))
      ->capture_default_str();
  verb.footer("Example: polytask quantize --package models/helpdesk-1 --to models/helpdesk-1-int8 --max-drop 0.5");
}

void add_export(CLI::App& app, CommandLine& line) {
  auto& verb = *app.add_subcommand("export", "writes tasks for another program to load");
  add_common(verb, line);
  add_model(verb, line);
  verb.add_option(
          "--task", line.tasks,
          "huggingface: the task, may be left out where the model has one; onnx: may be given several times, all "
          "of them when not given")
      ->type_name("TASK")
      ->allow_extra_args(false)
      ->take_all();
  verb.add_option(
          "--format", line.format,
          "huggingface: one task as a folder for transformers or sentence-transformers; onnx: tasks as one file "
          "for ONNX Runtime")
      ->type_name("FORMAT")
      ->required()
      ->check(one_of({"huggingface", "onnx"}));
  verb.add_option("--encoder", line.encoder,
                  "huggingface: an encoder without tasks, such as the one that comes with polytask, as floats")
      ->type_name("ENCODER");
  verb.add_option("--to", line.to, "the new folder")->type_name("FOLDER")->required();
  verb.footer("Example: polytask export --package models/helpdesk-1 --task intent --format huggingface --to intent-hf");
}

void add_import(CLI::App& app, CommandLine& line) {
  auto& verb = *app.add_subcommand("import", "makes a package of a model that another program trained");
  add_common(verb, line);
  verb.add_option("--from", line.from,
                  "a folder of transformers: a BertForSequenceClassification or "
                  "BertForTokenClassification, or what `polytask export` wrote")
      ->type_name("FOLDER")
      ->required();
  verb.add_option("--to", line.to, "the new folder")->type_name("FOLDER")->required();
  verb.add_option("--task", line.tasks, "name of the task; the folder's when not given")
      ->type_name("TASK")
      ->expected(1);
  verb.add_option("--type", line.type, "what the task is; as the folder says when not given")
      ->type_name("TYPE")
      ->check(one_of(task::task_type_names()));
  verb.add_option("--text", line.texts, "column of the text; give it twice for a pair")
      ->type_name("COLUMN")
      ->allow_extra_args(false)
      ->take_all();
  verb.add_option("--label", line.label, "column of the label, or of the spans")->type_name("COLUMN");
  verb.add_option("--max-length", line.max_length, "tokens of the longest text; as the folder says when not given")
      ->type_name("N")
      ->check(CLI::Range(8, 1 << 20));
  verb.footer("Example: polytask import --from bert-sentiment --to models/sentiment --task sentiment --text review");
}

/// In the order that the library wants, the last first. "--text=" is an empty text; the library would take the next
/// argument for its value.
std::vector<std::string> arguments_of(int argc, char const* const* argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    std::string argument = argv[i];
    bool const is_empty = argument.starts_with("--") && argument.find('=') == argument.size() - 1;
    if (is_empty) arguments.emplace_back(), argument.pop_back();
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

}  // namespace

std::optional<CommandLine> parse_command_line(int argc, char const* const* argv) {
  CommandLine line;
  CLI::App app("Polytask: one Transformer encoder for all your text tasks.", "polytask");
  app.set_version_flag("--version", "polytask " POLYTASK_VERSION);
  app.require_subcommand(1);
  app.footer(
      "`polytask VERB --help` shows a verb's options and an example.\n"
      "Exit codes: 0 done, 2 wrong command line or project file, 3 wrong or missing data, 4 a gate said no, 5 "
      "conflict,\n"
      "10 try again later, 20 interrupted and resumable, 42 our mistake.");
  add_init(app, line);
  add_validate(app, line);
  add_pretrain(app, line);
  add_train(app, line);
  add_evaluate(app, line);
  add_predict(app, line);
  add_bench(app, line);
  add_runs(app, line);
  add_package(app, line);
  add_quantize(app, line);
  add_export(app, line);
  add_import(app, line);
  try {
    app.parse(arguments_of(argc, argv));
  } catch (CLI::CallForHelp const& call) {
    app.exit(call);
    return std::nullopt;
  } catch (CLI::CallForVersion const& call) {
    app.exit(call);
    return std::nullopt;
  } catch (CLI::ParseError const& error) {
    throw Error(ErrorCode::InvalidUsage, explain(app, error, argc, argv));
  }
  refuse_empty_values(*app.get_subcommands().front());
  auto const chosen = std::find(kVerbs.begin(), kVerbs.end(), app.get_subcommands().front()->get_name());
  line.verb = static_cast<Verb>(chosen - kVerbs.begin());
  return line;
}

int n_threads_of(CommandLine const& line) { return line.n_threads > 0 ? line.n_threads : engine::n_cores_of_process(); }

}  // namespace polytask::cli
