// Which products of a package can be of bytes without its tasks' scores on dev falling: first all; then those that
// disturb the answers most go back to bfloat16, twice as many at each try.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "cli/fewest_kept.h"
#include "cli/load_engine.h"
#include "cli/project_file.h"
#include "cli/scored_corpus.h"
#include "cli/scoring.h"
#include "cli/verbs.h"
#include "eval/scores.h"
#include "model/package_contents.h"
#include "model/precision_plan.h"

namespace polytask::cli {
namespace {

using kernels::Precision;
using Exceptions = std::map<std::string, Precision>;

constexpr std::size_t kTextsOfAGroup = 128;  ///< per reading, that the groups are compared on
constexpr int kGateSaysNo = 4;

struct TaskLoss {
  std::string task;
  model::PrecisionLoss loss;
  [[nodiscard]] double drop_points() const { return 100 * (loss.exact - loss.now); }
};

class Quantization {
 public:
  Quantization(CommandLine const& line, model::Package const& package, data::Corpus const& corpus)
      : package_(package),
        corpus_(corpus),
        n_workers_(n_threads_of(line)),
        target_(kernels::parse_precision(line.precision.empty() ? "int8" : line.precision).value()),
        max_drop_(line.max_drop),
        exact_(load(Precision::Float32, {})),
        answers_(answer_split(answering(exact_), corpus, data::Split::Dev)) {
    std::vector<std::string> unmeasured;
    for (auto const& head : package.spec.heads) {
      auto const has_rows = [&](TaskAnswers const& answers) {
        return corpus.tasks[answers.task].name == head.task.name;
      };
      if (std::none_of(answers_.begin(), answers_.end(), has_rows)) unmeasured.push_back(quote(head.task.name));
    }
    if (!unmeasured.empty())
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("the project has no labelled dev row of {}; nobody can say what is lost there: declare "
                              "`dev` or `split` for its dataset, or drop the task from the package first",
                              fmt::join(unmeasured, ", ")));
  }

  [[nodiscard]] Precision target() const { return target_; }
  [[nodiscard]] std::vector<std::string> groups() const {
    return model::layer_groups(model::read_encoder_config(package_.folder / "encoder"), package_.spec);
  }

  /// What every task's score loses with the groups of `kept` in bfloat16 and all others in the target's precision.
  [[nodiscard]] std::vector<TaskLoss> losses(Exceptions const& kept) const {
    auto const engine = load(target_, kept);
    auto const now = answer_split(answering(engine), corpus_, data::Split::Dev);
    std::vector<TaskLoss> losses;
    for (std::size_t i = 0; i < now.size(); ++i) {
      auto const& task = corpus_.tasks[now[i].task];
      auto const& labels = package_.spec.heads[package_.spec.find(task.name).value()].labels;
      auto const& gold = answers_[i].gold;
      auto const difference = eval::score_difference(task, labels, gold, answers_[i].predicted, now[i].predicted, {});
      double const exact = eval::primary_score(task, labels, gold, answers_[i].predicted);
      if (std::isnan(exact) || std::isnan(difference.value))
        throw Error(ErrorCode::InvalidInput,
                    fmt::format("the {} of task {} is not defined on its {} dev rows; nobody can say what is lost",
                                task.metric, quote(task.name), gold.size()));
      losses.push_back({task.name,
                        {.metric = task.metric,
                         .exact = exact,
                         .now = exact + difference.value,
                         .difference_interval = {difference.interval.low, difference.interval.high},
                         .n = static_cast<std::int64_t>(gold.size()),
                         .split = "dev"}});
    }
    return losses;
  }

  [[nodiscard]] bool is_allowed(std::vector<TaskLoss> const& losses) const {
    return std::all_of(losses.begin(), losses.end(),
                       [&](TaskLoss const& loss) { return loss.drop_points() <= max_drop_ + 1e-9; });
  }

  /// The groups, those first whose products disturb the logits most when they alone are in the target's precision.
  [[nodiscard]] std::vector<std::string> most_disturbing(std::vector<std::string> const& groups) const {
    auto const samples = sample();
    std::vector<std::vector<std::vector<std::vector<float>>>> expected;
    for (auto const& [examples, heads] : samples) expected.push_back(exact_.logits(examples, heads));
    std::vector<std::pair<double, std::string>> ranked;
    for (auto const& group : groups) {
      auto const engine = load(Precision::Float32, {{group, target_}});
      double worst = 0;  // over the tasks: relative to the size of the task's own logits
      for (std::size_t s = 0; s < samples.size(); ++s) {
        auto const found = engine.logits(samples[s].first, samples[s].second);
        for (std::size_t h = 0; h < samples[s].second.size(); ++h) {
          double error = 0, size = 0;
          for (std::size_t i = 0; i < found.size(); ++i)
            for (std::size_t k = 0; k < found[i][h].size(); ++k) {
              error += std::pow(static_cast<double>(found[i][h][k]) - expected[s][i][h][k], 2);
              size += std::pow(static_cast<double>(expected[s][i][h][k]), 2);
            }
          if (size > 0) worst = std::max(worst, error / size);
        }
      }
      ranked.emplace_back(-worst, group);
    }
    std::sort(ranked.begin(), ranked.end());
    std::vector<std::string> groups_in_order;
    for (auto const& [worst, group] : ranked) groups_in_order.push_back(group);
    return groups_in_order;
  }

 private:
  using Sample = std::pair<std::vector<task::Example>, std::vector<std::size_t>>;

  [[nodiscard]] engine::Engine load(Precision precision, Exceptions exceptions) const {
    return engine::Engine::load(package_.folder,
                                {.precision = precision, .n_workers = n_workers_, .exceptions = std::move(exceptions)});
  }

  /// Some dev rows of every stream, with the heads that answer them.
  [[nodiscard]] std::vector<Sample> sample() const {
    std::vector<Sample> samples;
    for (auto const& stream : corpus_.streams) {
      Sample own;
      for (auto const task : stream.tasks)
        if (auto const head = package_.spec.find(corpus_.tasks[task].name)) own.second.push_back(*head);
      auto const& dev = stream.of(data::Split::Dev);
      own.first.assign(dev.begin(),
                       dev.begin() + std::min(std::ssize(dev), static_cast<std::ptrdiff_t>(kTextsOfAGroup)));
      if (!own.first.empty() && !own.second.empty()) samples.push_back(std::move(own));
    }
    return samples;
  }

  model::Package const& package_;
  data::Corpus const& corpus_;
  int n_workers_;
  Precision target_;
  double max_drop_;
  engine::Engine exact_;
  std::vector<TaskAnswers> answers_;
};

void print(std::vector<TaskLoss> const& losses, std::size_t n_kept, std::ostream& out) {
  out << fmt::format("{:<24} {:<10} {:>8} {:>8} {:>8}  {:<18} {:>6}\n", "task", "metric", "f32", "now", "points",
                     "interval", "rows");
  for (auto const& [task, loss] : losses)
    out << fmt::format(
        "{:<24} {:<10} {:>8.4f} {:>8.4f} {:>+8.2f}  {:<18} {:>6}\n", task, loss.metric, loss.exact, loss.now,
        100 * (loss.now - loss.exact),
        fmt::format("{:+.2f} to {:+.2f}", 100 * loss.difference_interval[0], 100 * loss.difference_interval[1]),
        loss.n);
  out << fmt::format("{} layer groups kept in bf16\n", n_kept);
}

OrderedJson to_json(model::PrecisionPlan const& plan) { return OrderedJson::parse(model::precision_plan_text(plan)); }

}  // namespace

int quantize(CommandLine const& line) {
  auto const package = model::open_package(line.package, model::WeightCheck::ByTheirReader);
  auto const project = read_project(line.project, line.overrides);
  auto const corpus = scored_corpus(project, package.spec, "package " + model::short_id(package.id));
  Quantization const quantization(line, package, corpus);
  Exceptions kept;
  std::vector<TaskLoss> losses;
  std::vector<std::string> order;  // of the groups, found out only where it is needed
  auto const groups = quantization.groups();
  auto const n_groups = quantization.target() == Precision::Int8 ? groups.size() : 0;
  auto const n_kept = fewest_kept(n_groups, [&](std::size_t n) {
    if (n > 0 && order.empty()) order = quantization.most_disturbing(groups);
    if (n > 0)
      std::cerr << fmt::format("more is lost than --max-drop allows; trying with {} of {} layer groups in bf16\n", n,
                               order.size());
    for (std::size_t i = 0; i < n; ++i) kept[order[i]] = Precision::BFloat16;
    losses = quantization.losses(kept);
    return quantization.is_allowed(losses);
  });
  bool const is_allowed = n_kept.has_value();
  model::PrecisionPlan plan{.precision = std::string(to_string(quantization.target()))};
  for (auto const& [group, precision] : kept) plan.higher[group] = to_string(precision);
  for (auto const& [task, loss] : losses) plan.losses[task] = loss;
  std::string id;
  if (is_allowed) {
    auto contents = model::contents_of(package);
    model::set_precision(contents, plan);
    id = model::write_package(contents, line.to, POLYTASK_VERSION).id;
  }
  if (line.output == Output::Json) {
    auto json = to_json(plan);
    json["package"] = is_allowed ? OrderedJson(id) : OrderedJson();
    json["max_drop"] = line.max_drop;
    std::cout << json.dump(1) << '\n';
  } else {
    print(losses, kept.size(), std::cout);
    for (auto const& [group, precision] : plan.higher) std::cout << fmt::format("  {}\n", group);
  }
  if (!is_allowed) {
    std::cerr << fmt::format(
        "polytask: even with all layers in {} a task loses more than {} points; no package was "
        "written (raise --max-drop, or answer in f32)\n",
        kept.empty() ? plan.precision : "bf16", line.max_drop);
    return kGateSaysNo;
  }
  for (auto const& [task, loss] : losses)
    if (-100 * loss.difference_interval[0] > line.max_drop)
      std::cerr << fmt::format("note: {} rows of dev cannot exclude that {} loses {:.2f} points\n", loss.n, quote(task),
                               -100 * loss.difference_interval[0]);
  if (line.output == Output::Text)
    std::cout << fmt::format("{} is ready: package {}, computes in {}\n", line.to, model::short_id(id), plan.precision);
  return 0;
}

}  // namespace polytask::cli
