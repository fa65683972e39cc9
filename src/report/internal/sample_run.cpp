#include "report/internal/sample_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "task/task_spec.h"

namespace polytask::report {
namespace {

namespace fs = std::filesystem;

struct SampleTask {
  std::string name;
  std::string type;
  std::string metric;
  std::string dataset;
  std::string owner;
  std::vector<std::string> labels;
  double score = 0.8;  ///< about where it ends
};

constexpr int kSteps = 600;
constexpr int kStepsPerEvaluation = 60;
constexpr int kBestStep = 480;

double rounded(double value) { return std::round(value * 1e6) / 1e6; }

OrderedJson score_json(double value, double half_width) {
  if (!std::isfinite(value)) return {{"value", nullptr}, {"interval", {nullptr, nullptr}}};
  return {{"value", rounded(value)},
          {"interval", {rounded(std::max(-1.0, value - half_width)), rounded(std::min(1.0, value + half_width))}}};
}

/// Most answers right, errors drawn towards a few popular labels.
std::vector<std::vector<std::size_t>> confusion(std::size_t n_labels, std::size_t rows_a_label, double share_right,
                                                Rng& rng) {
  std::vector<std::vector<std::size_t>> counts(n_labels, std::vector<std::size_t>(n_labels, 0));
  for (std::size_t gold = 0; gold < n_labels; ++gold) {
    std::size_t const n = 1 + rng.below(2 * rows_a_label);
    for (std::size_t i = 0; i < n; ++i) {
      bool const right = rng.uniform() < share_right;
      double const u = rng.uniform();
      ++counts[gold][right ? gold : static_cast<std::size_t>(u * u * static_cast<double>(n_labels))];
    }
  }
  return counts;
}

OrderedJson scores_json(SampleTask const& task, double value, Rng& rng) {
  std::size_t const n = 300 + rng.below(900);
  double const half = 1 / std::sqrt(static_cast<double>(n));
  OrderedJson json = score_json(value, half);
  json["metric"] = task.metric;
  json["n"] = n;
  json["all"] = OrderedJson::object();
  auto names = task::metrics_of(*task::parse_task_type(task.type));
  if (task.type == "classification") names.emplace_back("ece");
  for (auto const& name : names)
    json["all"][name] = name == task.metric ? score_json(value, half)
                        : name == "ece"     ? score_json(0.04, 0.012)
                                            : score_json(value - 0.08 * rng.uniform(), half * 1.2);
  auto labels = task.labels;
  if (task.type == "multilabel")
    for (auto const& label : labels)
      json["confusion_by_label"][label] = {
          {"tp", 5 + rng.below(90)}, {"fp", rng.below(20)}, {"fn", rng.below(30)}, {"tn", n}};
  if (task.type == "tagging") labels.emplace_back("O");
  if (task.type == "classification" || task.type == "tagging") {
    json["confusion_labels"] = labels;
    json["confusion"] = confusion(labels.size(), std::max<std::size_t>(2, n / labels.size() / 2),
                                  std::isfinite(value) ? value : 0.5, rng);
    if (task.type == "tagging") json["confusion"].back().back() = 0;
  }
  return json;
}

OrderedJson config_json(std::string const& project, std::vector<SampleTask> const& tasks) {
  OrderedJson json{{"project", project},
                   {"encoder", nullptr},
                   {"seed", 1},
                   {"only", OrderedJson::array()},
                   {"datasets", OrderedJson::object()},
                   {"tasks", OrderedJson::object()}};
  for (auto const& task : tasks) {
    json["datasets"][task.dataset] = {{"train", {task.dataset + ".train.jsonl"}},
                                      {"dev", {task.dataset + ".dev.jsonl"}},
                                      {"test", {task.dataset + ".test.jsonl"}}};
    json["tasks"][task.name] = {
        {"type", task.type},  {"dataset", {task.dataset}},      {"text", {"text"}},      {"label", "label"},
        {"spans", ""},        {"labels", OrderedJson::array()}, {"metric", task.metric}, {"owner", task.owner},
        {"loss_weight", 1.0}, {"class_weights", "none"}};
  }
  json["train"] = {{"architecture", "shared"},
                   {"sampling", {{"type", "temperature"}, {"temperature", 2.0}, {"weights", OrderedJson::object()}}},
                   {"selection", {{"rule", "mean"}, {"weights", OrderedJson::object()}}},
                   {"scratch", {{"layers", 2}, {"hidden_size", 128}}},
                   {"epochs", 5.0},
                   {"learning_rate", 0.001},
                   {"batch_tokens", 1024},
                   {"max_length", 128}};
  json["threads"] = 2;
  json["device"] = "cpu";
  json["data_sha256"] = OrderedJson::object();
  for (auto const& task : tasks)
    json["data_sha256"][task.dataset] = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  json["encoder_sha256"] = nullptr;
  return json;
}

/// Losses that fall with noise, dev metrics that rise and, for some tasks, sink again.
std::string metrics_jsonl(std::vector<SampleTask> const& tasks, int n_steps, Rng& rng) {
  std::string out;
  double best = -1;
  for (int step = 1; step <= n_steps; ++step) {
    double const done = static_cast<double>(step) / kSteps;
    OrderedJson json{{"step", step},
                     {"loss", rounded(0.35 + 0.9 * std::exp(-4 * done) + 0.06 * rng.normal())},
                     {"task_loss", OrderedJson::object()}};
    for (auto const& task : tasks)
      if (rng.uniform() < 0.8)
        json["task_loss"][task.name] =
            std::isfinite(task.score)
                ? OrderedJson(
                      rounded(std::abs(2.4 * (1.05 - task.score) + 1.6 * std::exp(-5 * done) + 0.15 * rng.normal())))
                : OrderedJson();
    json["learning_rate"] = 0.001 * std::min(done * 10, (1 - done) / 0.9);
    json["grad_norm"] = 1.0;
    json["tokens"] = step * 1010;
    json["seconds"] = step * 0.31;
    out += json.dump() + "\n";
    if (step % kStepsPerEvaluation != 0) continue;
    OrderedJson evaluation{{"step", step}, {"dev", OrderedJson::object()}};
    double sum = 0;
    for (std::size_t t = 0; t < tasks.size(); ++t) {
      double const overfitting = t % 3 == 1 ? 0.08 * done * done : 0;
      double const value = tasks[t].score * (1 - std::exp(-5 * done)) - overfitting + 0.008 * rng.normal();
      evaluation["dev"][tasks[t].name] = std::isfinite(value) ? OrderedJson(value) : OrderedJson();
      sum += std::isfinite(value) ? value : 0.0;
    }
    evaluation["selection"] = sum / static_cast<double>(tasks.size());
    evaluation["is_best"] = sum > best;
    best = std::max(best, sum);
    out += evaluation.dump() + "\n";
  }
  return out;
}

void write_json(fs::path const& path, OrderedJson const& json) { write_file_atomically(path, json.dump(1) + "\n"); }

void write_start(fs::path const& folder, std::string const& project, std::vector<SampleTask> const& tasks,
                 char const* status) {
  write_json(folder / "config.json", config_json(project, tasks));
  write_json(folder / "environment.json", {{"polytask", "0.1.0"},
                                           {"libtorch", "2.6.0"},
                                           {"processor", "Example CPU @ 2.40GHz"},
                                           {"threads", 2},
                                           {"device", "cpu"}});
  write_json(folder / "state.json", {{"status", status}, {"started", "2026-01-17T09:30:12Z"}});
}

void write_result(fs::path const& folder, std::vector<SampleTask> const& tasks, Rng& rng) {
  OrderedJson scores;
  OrderedJson drawn;
  for (char const* split : {"dev", "test"}) {
    scores[split] = OrderedJson::object();
    for (auto const& task : tasks)
      if (task.name.find(std::string("no ") + split) == std::string::npos)
        scores[split][task.name] = scores_json(task, task.score + 0.01 * rng.normal(), rng);
  }
  for (auto const& task : tasks) drawn[task.name] = 9000 + rng.below(9000);
  write_file_atomically(folder / "scores.json", scores.dump() + "\n");
  write_json(folder / "result.json", {{"run", folder.filename().string()},
                                      {"split", "test"},
                                      {"seconds", 192.6},
                                      {"tokens_per_second", 3268.4},
                                      {"examples_drawn", drawn},
                                      {"resumed_from_step", 0},
                                      {"steps", kSteps},
                                      {"best_step", kBestStep},
                                      {"parameters", 1'417'322},
                                      {"stopped_early", false}});
}

OrderedJson miss(std::string const& task, std::size_t row, OrderedJson text, OrderedJson gold, OrderedJson predicted) {
  return {{"task", task},
          {"where", fmt::format("data/packages.dev.jsonl:{}", row)},
          {"text", std::move(text)},
          {"gold", std::move(gold)},
          {"predicted", std::move(predicted)}};
}

/// Sentences as catalogues have them.
std::string sentence(Rng& rng) {
  static std::vector<std::string> const subjects{"a small editor", "fast library",   "network daemon",
                                                 "documentation",  "plugin",         "command-line tool",
                                                 "game of skill",  "Python bindings"};
  static std::vector<std::string> const purposes{
      "for images in PNG and TIFF format",      "that converts mail folders",
      "to watch the temperature of disks",      "with support for Unicode and many languages",
      "for playing chess against the computer", "used by GNOME applications",
      "for reading and writing archives"};
  static std::vector<std::string> const ends{"", " This package contains the header files.",
                                             " It is written in C and has few dependencies.",
                                             " The server listens on a local socket and needs no configuration."};
  return subjects[rng.below(subjects.size())] + " " + purposes[rng.below(purposes.size())] + "." +
         ends[rng.below(ends.size())];
}

std::string class_misses(SampleTask const& task, std::size_t n, Rng& rng) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) {
    auto const gold = rng.below(task.labels.size());
    auto const predicted = (gold + 1 + rng.below(task.labels.size() - 1)) % task.labels.size();
    auto const texts = task.dataset == "pairs" ? OrderedJson::array({sentence(rng), sentence(rng)})
                                               : OrderedJson::array({sentence(rng)});
    out += miss(task.name, 17 + i * 3, texts, task.labels[gold],
                {{"label", task.labels[predicted]},
                 {"score", rounded(0.99 - 0.6 * static_cast<double>(i) / static_cast<double>(n))}})
               .dump() +
           "\n";
  }
  return out;
}

std::string ordinary_misses(std::vector<SampleTask> const& tasks, Rng& rng) {
  std::string out;
  for (auto const& task : tasks) {
    if (task.type == "classification") out += class_misses(task, 73, rng);
    for (std::size_t i = 0; i < 14; ++i) {
      auto const text = sentence(rng);
      if (task.type == "multilabel") {
        auto const& l = task.labels;
        out += miss(task.name, 5 + i, {text}, {l[i % l.size()], l[(i + 2) % l.size()]},
                    {{"labels", {l[i % l.size()], l[(i + 3) % l.size()]}}, {"scores", {{l[0], 0.9}}}})
                   .dump() +
               "\n";
      } else if (task.type == "regression") {
        out += miss(task.name, 5 + i, {text}, 1.5 + 0.2 * static_cast<double>(i % 5),
                    {{"value", rounded(3.9 - 0.1 * static_cast<double>(i))}})
                   .dump() +
               "\n";
      }
    }
    if (task.type != "tagging") continue;
    out += miss(task.name, 8, {"画像を libpng と ImageMagick で変換する小さな道具。gcc 12 で構築できる。"},
                {{4, 10, "LIBRARY"}, {13, 24, "PROGRAM"}, {36, 42, "PROGRAM"}},
                {{"spans", {{4, 10, "LIBRARY", 0.97}, {33, 35, "LIBRARY", 0.4}, {36, 39, "PROGRAM", 0.71}}}})
               .dump() +
           "\n";
    out += miss(task.name, 21,
                {"Converts between PNG files and OpenDocument sheets with LibreOffice. " + sentence(rng) + " " +
                 sentence(rng) + " " + sentence(rng) + " Uses poppler."},
                {{56, 67, "PROGRAM"}}, {{"spans", {{31, 43, "PROGRAM", 0.8}, {56, 67, "PROGRAM", 0.99}}}})
               .dump() +
           "\n";
  }
  return out;
}

std::vector<std::string> numbered(std::string const& stem, std::size_t n) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < n; ++i) names.push_back(fmt::format("{}{}", stem, i));
  return names;
}

std::vector<SampleTask> ordinary_tasks() {
  return {
      {"section",
       "classification",
       "accuracy",
       "packages",
       "archive",
       {"admin",      "comm",  "database", "devel",    "doc",      "editors", "education",    "electronics",  "fonts",
        "games",      "gnome", "golang",   "graphics", "hamradio", "haskell", "httpd",        "interpreters", "java",
        "javascript", "kde",   "kernel",   "libdevel", "libs",     "lisp",    "localization", "mail",         "math",
        "misc",       "net",   "news",     "perl",     "python",   "ruby",    "science",      "shells",       "sound",
        "tex",        "text",  "utils",    "vcs",      "video"},
       0.71},
      {"role",
       "classification",
       "accuracy",
       "packages",
       "archive",
       {"app-data", "data", "debug-symbols", "devel-lib", "documentation", "dummy", "kernel", "metapackage", "plugin",
        "program", "shared-lib", "source"},
       0.88},
      {"language",
       "classification",
       "macro_f1",
       "packages",
       "archive",
       {"c", "c++", "go", "haskell", "java", "perl", "python", "ruby", "shell"},
       0.64},
      {"purpose",
       "multilabel",
       "average_precision",
       "packages",
       "users",
       {"browsing", "chatting", "editing", "gaming", "learning", "viewing"},
       0.73},
      {"size", "regression", "pearson", "packages", "mirrors", {}, 0.58},
      {"software", "tagging", "span_f1", "packages", "users", {"LIBRARY", "PROGRAM"}, 0.81},
      {"same_source", "classification", "accuracy", "pairs", "archive", {"no", "yes"}, 0.93},
  };
}

std::string const kMarkup = "<script>hacked=1</script>\"'><img src=x onerror=hacked=1>&amp;";
std::string const kTurning = "\u202Eright to left\u202C \u0007 \u200B שלום 日本語";

std::vector<SampleTask> hostile_tasks() {
  auto labels = numbered("label ", 151);
  labels[0] = kMarkup;
  labels[1] = kTurning;
  labels[2] = std::string(400, 'W');
  labels[3] = "とても長い日本語のラベル名がここにあります";
  std::vector<SampleTask> tasks{
      {kMarkup, "classification", "mcc", "data " + kMarkup, kMarkup, labels, 0.4},
      {"日本語の意図分類",
       "classification",
       "accuracy",
       "問い合わせ",
       "窓口チーム",
       {"返金", "配送", "解約", kMarkup},
       0.9},
      {"undefined everywhere", "regression", "pearson", "numbers", "", {}, std::nan("")},
      {"below zero", "regression", "spearman", "numbers", "", {}, -0.3},
      {"no dev no test", "multilabel", "micro_f1", "none", "", {"a", "b"}, 0.5},
      {"no test " + std::string(180, 'x'), "tagging", "span_f1", "spans", std::string(300, 'o'), {kMarkup, "B"}, 0.5},
  };
  for (std::size_t i = tasks.size(); i < 30; ++i)
    tasks.push_back({fmt::format("task {}", i), "classification", "accuracy", "many", "somebody", numbered("l", 2 + i),
                     0.3 + 0.02 * static_cast<double>(i)});
  return tasks;
}

std::string hostile_misses(std::vector<SampleTask> const& tasks, Rng& rng) {
  std::string out = class_misses(tasks[0], 220, rng);
  std::string const long_text = kMarkup + std::string(20'000, 'a') + kTurning;
  out +=
      miss(tasks[1].name, 1, {long_text, kMarkup, ""}, kMarkup, {{"label", "返金"}, {"score", nullptr}}).dump() + "\n";
  out += miss(tasks[2].name, 2, {"text"}, 1e300, {{"value", nullptr}}).dump() + "\n";
  OrderedJson many = OrderedJson::array();
  for (std::size_t i = 0; i < 60; ++i) many.push_back({i * 300, i * 300 + 9, kMarkup});
  out += miss(tasks[5].name, 3, {long_text}, many, {{"spans", {{0, 25, "B", 0.5}, {8, 8, "B", 0.1}}}}).dump() + "\n";
  return out;
}

}  // namespace

void write_ordinary_run(fs::path const& folder) {
  Rng rng(7);
  auto const tasks = ordinary_tasks();
  write_start(folder, "debian-catalogue", tasks, "complete");
  write_file_atomically(folder / "metrics.jsonl", metrics_jsonl(tasks, kSteps, rng));
  write_result(folder, tasks, rng);
  write_file_atomically(folder / "misses.jsonl", ordinary_misses(tasks, rng));
}

void write_hostile_run(fs::path const& folder) {
  Rng rng(8);
  auto const tasks = hostile_tasks();
  write_start(folder, kMarkup, tasks, "complete");
  write_file_atomically(folder / "metrics.jsonl", metrics_jsonl(tasks, kSteps, rng));
  write_result(folder, tasks, rng);
  write_file_atomically(folder / "misses.jsonl", hostile_misses(tasks, rng));
}

void write_interrupted_run(fs::path const& folder) {
  Rng rng(9);
  auto const tasks = ordinary_tasks();
  write_start(folder, "debian-catalogue", tasks, "interrupted");
  auto metrics = metrics_jsonl(tasks, kSteps / 2, rng);
  metrics.resize(metrics.size() - 40);
  write_file_atomically(folder / "metrics.jsonl", metrics);
}

}  // namespace polytask::report
