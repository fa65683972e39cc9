#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "cli/command_line.h"
#include "cli/load_engine.h"
#include "cli/verbs.h"
#include "data/row_reader.h"
#include "engine/answer_json.h"
#include "engine/engine.h"
#include "kernels/peak.h"
#include "model/encoder_files.h"
#include "stats/bootstrap.h"

namespace polytask::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// Texts a pass of throughput takes at once, as `predict` does.
constexpr std::size_t kTexts = 1'024;
constexpr std::size_t kSingles = 300;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Made-up texts, or pairs: words of random letters, their number log-normal, about 20 tokens a text in all.
std::vector<task::Example> made_up_texts(std::size_t n, std::size_t n_texts, bool apart) {
  Rng rng(1);
  std::vector<task::Example> examples(n);
  for (auto& example : examples) {
    example.apart = apart;
    for (std::size_t t = 0; t < n_texts; ++t) {
      std::string text;
      auto const n_words = static_cast<int>(std::exp(1.6 + 0.5 * rng.normal())) + 1;
      for (int word = 0; word < n_words; ++word) {
        auto const n_letters = 2 + rng.below(5);
        for (std::uint64_t i = 0; i < n_letters; ++i) text += static_cast<char>('a' + rng.below(26));
        text += ' ';
      }
      example.texts.push_back(std::move(text));
    }
  }
  return examples;
}

/// Of a made-up example; with choices, as many as the task has columns for.
std::size_t n_texts_of(task::TaskSpec const& task) {
  constexpr std::size_t kChoicesOfList = 4;
  if (task::reads_choices(task)) return 1 + (task.choices.size() == 1 ? kChoicesOfList : task.choices.size());
  return std::max<std::size_t>(task.text.size(), 1);
}

/// The rows of a file as the task reads them; labels are not looked at.
std::vector<task::Example> read_texts(std::string const& file, task::TaskSpec const& task) {
  std::vector<task::Example> examples;
  auto reader = data::open_rows(file, {});
  for (auto row = reader->next(); row; row = reader->next()) {
    if (!*row) throw row->error();
    auto example = data::example_of(row->value(), task, file);
    if (!example) throw example.error();
    examples.push_back(std::move(example.value()));
  }
  if (examples.empty()) throw Error(ErrorCode::InvalidInput, fmt::format("{}: has no rows to measure with", file));
  return examples;
}

/// Multiplications and additions of one text of so many tokens, heads left out: they are below a hundredth.
double operations(model::EncoderConfig const& config, double n_tokens) {
  auto const h = static_cast<double>(config.hidden_size);
  auto const inner = static_cast<double>(config.intermediate_size);
  double const n_inner_products = config.is_gated ? 3 : 2;
  double const n_scores = config.relative ? 2 : 1;  // those of distances beside those of tokens
  double sum = config.convolution ? 2 * static_cast<double>(config.convolution->width) * h * h : 0;
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    auto const reach = static_cast<double>(config.attention_of(i).reach);
    double const n_seen = reach > 0 ? std::min(n_tokens, 2 * reach + 1) : n_tokens;
    sum += 8 * h * h + 2 * n_inner_products * h * inner + 2 * (1 + n_scores) * n_seen * h;
  }
  return sum * n_tokens;
}

/// Of this process, in MiB.
double resident_memory() {
  std::ifstream file("/proc/self/statm");
  double pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

struct Measured {
  std::string precision;
  std::size_t n_tasks = 0;
  double load_seconds = 0, texts_per_second = 0, tokens_per_second = 0;
  std::optional<double> share_of_peak;  ///< where every token goes through every layer once
  double text_and_labels_share = 0;     ///< of the workers' time, what is not spent in the network
  double p50_ms = 0, p95_ms = 0, p99_ms = 0, memory_mib = 0;
};

/// Whether the heads look at all tokens, and through the same layers: then `operations` is what is computed.
bool counts_every_token(model::ModelSpec const& spec, std::vector<std::size_t> const& heads) {
  auto const reading = spec.heads[heads.front()].reading();
  auto const branches = spec.branches();
  bool const one_branch = std::any_of(branches.begin(), branches.end(), [&](model::Branch const& branch) {
    return std::all_of(heads.begin(), heads.end(), [&](auto head) { return branch.has(head); });
  });
  return one_branch && spec.pooling == model::Pooling::Mean &&
         (reading == model::Reading::Text || reading == model::Reading::Pair);
}

/// Texts -> answers -> JSON, as `predict` makes them.
void answer_all(engine::Engine const& engine, std::vector<task::Example> const& examples,
                std::vector<std::size_t> const& heads, std::string& lines) {
  lines.clear();
  auto const answers = engine.answer(examples, heads);
  for (std::size_t i = 0; i < examples.size(); ++i)
    for (std::size_t h = 0; h < heads.size(); ++h)
      lines += engine::answer_json(engine.spec().heads[heads[h]].labels, answers[i].predictions[h], examples[i].texts,
                                   answers[i].tokens_cut)
                   .dump();
}

Measured measure(engine::Engine const& engine, model::EncoderConfig const& config,
                 std::vector<task::Example> const& examples, std::vector<std::size_t> const& heads, double peak,
                 double seconds) {
  Measured result{.precision = std::string(to_string(engine.options().precision.value())), .n_tasks = heads.size()};
  double n_tokens = 0, n_operations = 0;
  for (auto const& example : examples) {
    auto const n = static_cast<double>(engine.n_tokens(example, heads));
    n_tokens += n;
    n_operations += operations(config, n);
  }
  std::string lines;
  answer_all(engine, examples, heads, lines);  // the first touch of all memory
  double best = HUGE_VAL, whole = 0;
  double const network_before = engine.network_seconds();
  for (auto const start = Clock::now(); best == HUGE_VAL || seconds_since(start) < seconds;) {
    auto const begin = Clock::now();
    answer_all(engine, examples, heads, lines);
    double const taken = seconds_since(begin);
    best = std::min(best, taken);
    whole += taken;
  }
  // What is not the network, waiting of workers for one another included: nothing can hide in it.
  result.text_and_labels_share = 1 - (engine.network_seconds() - network_before) / (whole * engine.options().n_workers);
  result.texts_per_second = static_cast<double>(examples.size()) / best;
  result.tokens_per_second = n_tokens / best;
  if (counts_every_token(engine.spec(), heads))
    result.share_of_peak = n_operations / best / (peak * engine.options().n_workers);
  std::vector<double> singles;
  auto const first_single = Clock::now();
  for (std::size_t i = 0; i < kSingles && (i < 3 || seconds_since(first_single) < seconds); ++i) {
    auto const begin = Clock::now();
    static_cast<void>(engine.predict(std::span(&examples[i % examples.size()], 1), heads));
    singles.push_back(seconds_since(begin) * 1e3);
  }
  std::sort(singles.begin(), singles.end());
  result.p50_ms = stats::quantile(singles, 0.5);
  result.p95_ms = stats::quantile(singles, 0.95);
  result.p99_ms = stats::quantile(singles, 0.99);
  result.memory_mib = resident_memory();
  return result;
}

OrderedJson to_json(Measured const& row) {
  return {{"precision", row.precision},
          {"tasks", row.n_tasks},
          {"texts_per_second", row.texts_per_second},
          {"tokens_per_second", row.tokens_per_second},
          {"share_of_peak", row.share_of_peak ? OrderedJson(*row.share_of_peak) : OrderedJson()},
          {"text_and_labels_share", row.text_and_labels_share},
          {"p50_ms", row.p50_ms},
          {"p95_ms", row.p95_ms},
          {"p99_ms", row.p99_ms},
          {"load_seconds", row.load_seconds},
          {"memory_mib", row.memory_mib}};
}

/// The largest group of tasks that `predict` answers in one pass.
std::vector<std::size_t> tasks_of_one_pass(model::ModelSpec const& spec) {
  std::vector<std::size_t> best;
  for (auto const& leader : spec.heads) {
    std::vector<std::size_t> alike;
    for (std::size_t i = 0; i < spec.heads.size(); ++i)
      if (task::read_alike(spec.heads[i].task, leader.task)) alike.push_back(i);
    if (alike.size() > best.size()) best = alike;
  }
  return best;
}

}  // namespace

int bench(CommandLine const& line) {
  auto const folder = model_place(line).folder;
  auto const config = model::read_encoder_config(folder / "encoder");
  auto const instructions = kernels::detected_instructions();
  auto precisions = line.precisions;
  if (precisions.empty()) precisions = {"f32", "bf16", "int8"};
  OrderedJson json{{"instructions", to_string(instructions)}, {"threads", n_threads_of(line)}};
  json["rows"] = OrderedJson::array();
  bool const as_text = line.output == Output::Text;
  if (as_text)
    std::cout << fmt::format(
                     "{} threads, {}; {} at once, then one at a time\n\n", n_threads_of(line), to_string(instructions),
                     line.input.empty() ? fmt::format("{} made-up texts", kTexts) : "the texts of " + line.input)
              << "precision  tasks   texts/s  tokens/s  of peak  text+labels   p50 ms  p95 ms  p99 ms   load s  memory "
                 "MiB\n";
  for (auto const& word : precisions) {
    auto const precision = kernels::parse_precision(word).value();
    double const peak = kernels::measured_peak(precision);
    auto const begin = Clock::now();
    auto const engine = engine::Engine::load(folder, {.precision = precision, .n_workers = n_threads_of(line)});
    double const load_seconds = seconds_since(begin);
    auto const all = tasks_of_one_pass(engine.spec());
    auto const& task = engine.spec().heads[all.front()].task;
    auto const examples = line.input.empty() ? made_up_texts(kTexts, n_texts_of(task), task.encodes_apart())
                                             : read_texts(line.input, task);
    std::vector<std::vector<std::size_t>> asked{{all.front()}};
    if (all.size() > 1) asked.push_back(all);
    for (auto const& heads : asked) {
      auto row = measure(engine, config, examples, heads, peak, line.seconds);
      row.load_seconds = load_seconds;
      json["rows"].push_back(to_json(row));
      if (as_text)
        std::cout
            << fmt::format(
                   "{:<9}  {:>5}  {:>8.0f}  {:>8.0f}  {:>7}  {:>11}  {:>7.2f} {:>7.2f} {:>7.2f}  {:>7.2f}  {:>10.0f}\n",
                   row.precision, row.n_tasks, row.texts_per_second, row.tokens_per_second,
                   row.share_of_peak ? fmt::format("{:.0f}%", 100 * *row.share_of_peak) : "-",
                   fmt::format("{:.1f}%", 100 * row.text_and_labels_share), row.p50_ms, row.p95_ms, row.p99_ms,
                   row.load_seconds, row.memory_mib)
            << std::flush;
    }
  }
  if (!as_text) std::cout << json.dump(1) << '\n';
  return 0;
}

}  // namespace polytask::cli
