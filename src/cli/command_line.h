// What the user typed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace polytask::cli {

enum class Verb { Init, Validate, Pretrain, Train, Evaluate, Predict, Bench, Runs, Package, Quantize, Export, Import };
enum class Output { Text, Json };
enum class PackageAction { Make, Diff, Verify };

struct CommandLine {
  Verb verb = Verb::Init;
  std::filesystem::path project = "polytask.yaml";
  std::vector<std::string> overrides;  ///< --set key=value, in order
  Output output = Output::Text;
  int n_threads = 0;      ///< 0 = all cores of the process
  std::string run;        ///< --run; empty = made (train) or the latest complete one
  std::string package;    ///< --package of predict and bench; empty = a run
  std::string precision;  ///< evaluate, predict: what the engine computes in; empty = as the package says
  engine::LongTexts long_texts = engine::LongTexts::Cut;  ///< evaluate, predict
  // init
  std::filesystem::path data = ".";  ///< the folder that is looked at
  std::string encoder;               ///< --encoder; empty = none
  // validate
  std::filesystem::path page;  ///< --page; empty = none
  double difference = 2;       ///< --difference, points (hundredths) of a score
  bool probe = false;
  // train
  bool resume = false;  ///< predict too
  std::vector<std::string> only;
  std::string device = "cpu";
  int n_workers = 1;  ///< processes that train together
  // pretrain, with `texts` as files, `encoder`, `to`, `resume`, and `data` as the folder of what the recipe names
  std::string recipe;        ///< empty = none
  std::string teacher;       ///< --teacher; empty = as the recipe says
  double minutes = 0;        ///< --minutes; 0 = as the recipe says
  bool adapt = false;        ///< --adapt: the project's encoder to the project's texts
  std::int64_t n_seeds = 3;  ///< --seeds: fine-tunings before and after
  // evaluate
  std::string split = "test";
  // predict
  std::vector<std::string> tasks;
  std::vector<std::string> texts;  ///< --text, one, or two for a pair
  std::string input;               ///< a file, or "-"
  std::string format;              ///< of the input; empty = by its extension, JSONL on standard input
  std::string output_file = "-";
  // bench
  std::vector<std::string> precisions;  ///< empty = all
  double seconds = 5;                   ///< of each measurement of throughput
  // runs
  std::vector<std::string> compared;  ///< `runs compare A B ...`: the joint run first
  bool baselines = false;
  // package
  PackageAction package_action = PackageAction::Make;
  std::string from;                  ///< --from; empty = a run
  std::string to;                    ///< --to
  std::vector<std::string> dropped;  ///< --drop; with `tasks` as "task=package"
  // import; export with `format`, import with `texts` as columns
  std::string type;                   ///< --type; empty = as the folder says
  std::string label;                  ///< --label
  std::size_t max_length = 0;         ///< --max-length, tokens; 0 = as the folder says
  double max_drop = 0.5;              ///< quantize: hundredths
  std::vector<std::string> packages;  ///< `package diff A B`, `package verify A`
};

/// --threads, or the cores that this process may use.
[[nodiscard]] int n_threads_of(CommandLine const& line);

/// Nothing when help or the version was printed. Throws Error{InvalidUsage} naming the nearest verb or option.
[[nodiscard]] std::optional<CommandLine> parse_command_line(int argc, char const* const* argv);

}  // namespace polytask::cli
