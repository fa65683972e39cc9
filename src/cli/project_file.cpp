#include "cli/project_file.h"

#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "cli/internal/project_section.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestFile = 1 << 20;
constexpr std::size_t kMostValues = 100'000;

/// In the current folder a file is named as the user names it, without "./".
fs::path path_in(Project const& project, std::string const& file) {
  return project.folder == "." ? fs::path(file) : project.folder / file;
}

void read_dataset(std::string const& name, YAML::Node const& node, Findings& findings, Project& project) {
  data::DatasetSpec dataset{.name = name};
  Section section(node, "datasets." + name, findings);
  for (auto const& [key, split] : std::vector<std::pair<std::string, data::Split>>{{"train", data::Split::Train},
                                                                                   {"dev", data::Split::Dev},
                                                                                   {"validation", data::Split::Dev},
                                                                                   {"test", data::Split::Test}}) {
    std::vector<std::string> files;
    section.texts(key, files);
    for (auto const& file : files) dataset.files[split].push_back(path_in(project, file));
  }
  section.choice<std::optional<data::Format>>("format", dataset.format,
                                              {{"jsonl", data::Format::Jsonl},
                                               {"csv", data::Format::Csv},
                                               {"tsv", data::Format::Tsv},
                                               {"conll", data::Format::Conll},
                                               {"conllu", data::Format::Conllu},
                                               {"lines", data::Format::Lines},
                                               {"text", data::Format::Text}});
  section.texts("columns", dataset.columns);
  if (auto const split = section.get("split"); split.IsDefined() && !split.IsNull()) {
    Section part(split, "datasets." + name + ".split", findings);
    data::DeclaredSplit declared;
    part.number("dev", declared.dev);
    part.number("test", declared.test);
    part.text("group_by", declared.group_by);
    part.text("stratify_by", declared.stratify_by);
    part.text("by_time", declared.by_time);
    part.whole("seed", declared.seed);
    part.finish();
    if (declared.dev < 0 || declared.test < 0 || declared.dev + declared.test >= 1)
      findings.add(split, fmt::format("\"datasets.{}.split\" takes {} for dev and {} for test; expected shares of at "
                                      "least 0 that add up to less than 1",
                                      name, declared.dev, declared.test));
    dataset.split = declared;
  }
  section.finish();
  if (section.is_map() && !dataset.files.contains(data::Split::Train))
    section.missing("train", "name a file of training rows");
  project.datasets.push_back(std::move(dataset));
}

void read_task(std::string const& name, YAML::Node const& node, Findings& findings, Project& project) {
  task::TaskSpec task{.name = name};
  Section section(node, "tasks." + name, findings);
  if (has_control_characters(valid_utf8(name)))
    findings.add(node,
                 fmt::format("the task {} has control characters in its name; expected a line of text", quote(name)));
  std::string type;
  section.text("type", type);
  auto const known = task::parse_task_type(type);
  if (known)
    task.type = *known;
  else if (type.empty())
    section.missing("type", "expected classification, multilabel, regression or tagging");
  else
    section.wrong(section.get("type"), "type",
                  "classification, multilabel, regression or tagging" + did_you_mean(type, task::task_type_names()));
  section.texts("dataset", task.datasets);
  section.texts("text", task.text);
  section.text("label", task.label);
  section.text("spans", task.spans);
  section.texts("labels", task.labels);
  section.text("metric", task.metric);
  section.text("owner", task.owner);
  section.number("loss_weight", task.loss_weight);
  section.choice<task::ClassWeights>("class_weights", task.class_weights,
                                     {{"none", task::ClassWeights::None}, {"balanced", task::ClassWeights::Balanced}});
  section.choice<std::optional<task::PairEncoding>>(
      "pair_encoding", task.pair_encoding, {{"cross", task::PairEncoding::Cross}, {"bi", task::PairEncoding::Bi}});
  for (auto const& [key, column] : {std::pair{"tokens", &task.tokens_column}, std::pair{"tags", &task.tags_column}})
    if (int number = 0; section.whole(key, number)) {
      if (number < 1) section.wrong(section.get(key), key, "the number of a column, the first is 1");
      *column = number;
    }
  section.finish();
  if (!section.is_map()) return;
  if (task.datasets.empty()) section.missing("dataset", "name the dataset that it reads");
  std::vector<std::string> dataset_names;
  for (auto const& dataset : project.datasets) dataset_names.push_back(dataset.name);
  for (auto const& dataset : task.datasets)
    if (std::find(dataset_names.begin(), dataset_names.end(), dataset) == dataset_names.end())
      findings.add(node, fmt::format("task {} reads the dataset {}, which is not under \"datasets\"{}", quote(name),
                                     quote(dataset), did_you_mean(dataset, dataset_names)));
  if (task.text.size() > 2) section.wrong(section.get("text"), "text", "one column, or two for a pair");
  if (task.pair_encoding && (task.text.size() != 2 || (known && *known == task::TaskType::Tagging)))
    section.wrong(section.get("pair_encoding"), "pair_encoding",
                  "none, as it belongs to tasks on a pair of texts that do not tag words");
  if (!(task.loss_weight > 0)) section.wrong(section.get("loss_weight"), "loss_weight", "a number above 0");
  bool const tags = known && *known == task::TaskType::Tagging;
  if (known && !tags && task.label.empty()) section.missing("label", "name the column that holds its label");
  if (known && !tags && task.text.empty()) section.missing("text", "name the column that holds its text");
  // Without both, the words and tags of CoNLL files are meant.
  if (tags && !task.label.empty())
    section.wrong(section.get("label"), "label", "no label for tagging; its column is named under \"spans\"");
  if (tags && !task.text.empty() && task.spans.empty())
    section.missing("spans", "name the column that holds its spans, or leave \"text\" out for CoNLL files");
  if (tags && task.text.empty() && !task.spans.empty())
    section.missing("text", "name the column that holds its text, or leave \"spans\" out for CoNLL files");
  if (known && *known != task::TaskType::Classification && task.class_weights != task::ClassWeights::None)
    section.wrong(section.get("class_weights"), "class_weights", "none, as only classification has class weights");
  if (known && !task.metric.empty()) {
    auto const& metrics = task::metrics_of(*known);
    if (std::find(metrics.begin(), metrics.end(), task.metric) == metrics.end()) {
      std::string expected;
      for (auto const& metric : metrics) expected += (expected.empty() ? "" : ", ") + metric;
      section.wrong(section.get("metric"), "metric",
                    fmt::format("{} for {}{}", expected, type, did_you_mean(task.metric, metrics)));
    }
  }
  if (task.metric.empty() && known) task.metric = task::default_metric(*known);
  std::set<std::string> labels;
  for (auto const& label : task.labels)
    if (label.empty() || !labels.insert(label).second)
      findings.add(node, fmt::format("task {}: the label {} under \"labels\" is empty or stands twice", quote(name),
                                     quote(label)));
  project.tasks.push_back(std::move(task));
}

/// Weights by name; `known` are the names that there are.
void read_weights(YAML::Node const& node, std::string const& path, std::vector<std::string> const& known,
                  Findings& findings, std::map<std::string, double>& weights) {
  Section section(node, path, findings);
  for (auto const& [name, value] : section.entries()) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      findings.add(value, fmt::format("{} weighs {}, which this project does not have{}", quote(path), quote(name),
                                      did_you_mean(name, known)));
    double weight = 0;
    section.number(name, weight);
    weights[name] = weight;
  }
}

void read_train(YAML::Node const& node, Findings& findings, Project& project) {
  auto& config = project.train;
  std::vector<std::string> names;  // that may carry a weight
  for (auto const& task : project.tasks) names.push_back(task.name);
  auto const task_names = names;
  for (auto const& dataset : project.datasets) names.push_back(dataset.name);
  Section section(node, "train", findings);
  section.choice<train::Architecture>("architecture", config.architecture,
                                      {{"shared", train::Architecture::Shared}, {"split", train::Architecture::Split}});
  if (std::int64_t layers = 0; section.whole("private_layers", layers)) config.private_layers = layers;
  section.whole("frozen_layers", config.frozen_layers);
  section.number("frozen_states_gb", config.frozen_states_gb);
  section.number("epochs", config.epochs);
  section.number("learning_rate", config.learning_rate);
  section.number("head_learning_rate_factor", config.head_learning_rate_factor);
  if (std::int64_t tokens = 0; section.whole("batch_tokens", tokens)) config.batch_tokens = tokens;
  if (std::int64_t size = 0; section.whole("batch_size", size)) config.batch_size = size;
  section.whole("max_length", config.max_length);
  section.choice<model::Pooling>("pooling", config.pooling,
                                 {{"mean", model::Pooling::Mean}, {"first", model::Pooling::First}});
  section.text("precision", config.precision);
  section.number("weight_decay", config.weight_decay);
  section.number("warmup_ratio", config.warmup_ratio);
  section.choice<train::Schedule>("schedule", config.schedule,
                                  {{"linear", train::Schedule::Linear},
                                   {"cosine", train::Schedule::Cosine},
                                   {"constant", train::Schedule::Constant}});
  section.number("max_grad_norm", config.max_grad_norm);
  section.number("label_smoothing", config.label_smoothing);
  section.number("head_dropout", config.head_dropout);
  if (double dropout = 0; section.number("dropout", dropout)) config.dropout = dropout;
  section.number("evaluations_per_epoch", config.evaluations_per_epoch);
  section.whole("early_stopping_patience", config.early_stopping_patience);
  section.whole("checkpoint_steps", config.checkpoint_steps);

  Section sampling(section.get("sampling"), "train.sampling", findings);
  sampling.choice<train::SamplingType>("type", config.sampling.type,
                                       {{"uniform", train::SamplingType::Uniform},
                                        {"proportional", train::SamplingType::Proportional},
                                        {"temperature", train::SamplingType::Temperature},
                                        {"specified", train::SamplingType::Specified}});
  sampling.number("temperature", config.sampling.temperature);
  sampling.whole("examples_cap", config.sampling.examples_cap);
  read_weights(sampling.get("weights"), "train.sampling.weights", names, findings, config.sampling.weights);
  sampling.finish();

  std::vector<std::pair<std::string, train::SelectionRule>> const rules{{"mean", train::SelectionRule::Mean},
                                                                        {"weighted", train::SelectionRule::Weighted}};
  if (auto const selection = section.get("selection"); selection.IsDefined() && selection.IsMap()) {
    Section part(selection, "train.selection", findings);
    part.choice("rule", config.selection.rule, rules);
    read_weights(part.get("weights"), "train.selection.weights", task_names, findings, config.selection.weights);
    part.finish();
  } else {
    section.choice("selection", config.selection.rule, rules);
  }

  Section scratch(section.get("scratch"), "train.scratch", findings);
  scratch.whole("layers", config.scratch.layers);
  scratch.whole("hidden_size", config.scratch.hidden_size);
  scratch.whole("heads", config.scratch.heads);
  scratch.whole("vocab_size", config.scratch.vocab_size);
  scratch.finish();
  section.finish();
}

/// The library's words; for one kind of mistake it has none that help.
std::string reason_of(YAML::Exception const& error) {
  return dynamic_cast<YAML::DeepRecursion const*>(&error) != nullptr ? "nested too deeply" : error.msg;
}

/// Whether a tree is larger than a project file can be, or has no end: each use of an alias counts anew, as every use
/// is read anew.
bool is_too_large(YAML::Node const& root) {
  std::vector<YAML::Node> open{root};
  for (std::size_t n = 0; !open.empty(); ++n) {
    if (n + open.size() > kMostValues) return true;
    auto const node = open.back();
    open.pop_back();
    if (!node.IsMap() && !node.IsSequence()) continue;
    if (n + open.size() + node.size() > kMostValues) return true;
    for (auto const& entry : node) {
      if (node.IsMap()) open.push_back(entry.first);
      open.push_back(node.IsMap() ? entry.second : static_cast<YAML::Node const&>(entry));
    }
  }
  return false;
}

/// The same value without a place in a file.
YAML::Node without_marks(YAML::Node const& node) {
  if (node.IsScalar()) return YAML::Node(node.Scalar());
  if (!node.IsMap() && !node.IsSequence()) return YAML::Node(YAML::NodeType::Null);
  YAML::Node copy(node.Type());
  for (auto const& entry : node) {
    if (node.IsMap())
      copy.force_insert(without_marks(entry.first), without_marks(entry.second));
    else
      copy.push_back(without_marks(entry));
  }
  return copy;
}

/// Sets `a.b.c` in the tree; missing maps on the way are made.
void apply_override(YAML::Node root, std::string const& text, Findings& findings) {
  auto const equals = text.find('=');
  auto const fail = [&](std::string const& reason) { findings.add_at("--set " + text, reason); };
  if (equals == std::string::npos || equals == 0) return fail("expected key=value, for example train.epochs=3");
  YAML::Node value;
  try {
    auto const parsed = YAML::Load(text.substr(equals + 1));
    if (is_too_large(parsed)) return fail("the value has too many parts for a project file");
    value = without_marks(parsed);
  } catch (YAML::Exception const& error) {
    return fail(fmt::format("the value is not YAML ({})", reason_of(error)));
  }
  std::string const path = text.substr(0, equals);
  YAML::Node at = root;
  for (std::size_t begin = 0;;) {
    auto const dot = path.find('.', begin);
    auto const key = path.substr(begin, dot == std::string::npos ? dot : dot - begin);
    if (key.empty()) return fail("the key has an empty part");
    if (at.IsDefined() && !at.IsNull() && !at.IsMap())
      return fail(fmt::format("{} is a value, it has no keys", quote(path.substr(0, begin > 0 ? begin - 1 : 0))));
    if (dot == std::string::npos) {
      at[key] = value;
      return;
    }
    if (!at[key].IsDefined() || at[key].IsNull()) at[key] = YAML::Node(YAML::NodeType::Map);
    at.reset(at[key]);
    begin = dot + 1;
  }
}

/// The value at `a.b.c`; where there is none, the nearest map above it.
YAML::Node node_at(YAML::Node const& root, std::string const& path) {
  YAML::Node at = root;
  for (std::size_t begin = 0; begin < path.size() && at.IsMap();) {
    std::size_t const end = std::min(path.find('.', begin), path.size());
    auto const entry = std::find_if(at.begin(), at.end(), [&](auto const& one) {
      return one.first.IsScalar() && one.first.Scalar() == path.substr(begin, end - begin);
    });
    if (entry == at.end()) return at;
    at.reset(entry->second);
    begin = end + 1;
  }
  return at;
}

void read_root(YAML::Node const& root, Findings& findings, Project& project) {
  Section section(root, "", findings);
  section.text("project", project.name);
  std::string encoder;
  section.text("encoder", encoder);
  if (!encoder.empty()) project.encoder = path_in(project, encoder);
  section.whole("seed", project.seed);
  auto const datasets = section.get("datasets");
  auto const tasks = section.get("tasks");
  if (!datasets.IsDefined() || datasets.IsNull()) section.missing("datasets", "describe at least one");
  if (!tasks.IsDefined() || tasks.IsNull()) section.missing("tasks", "describe at least one");
  Section dataset_section(datasets, "datasets", findings);
  for (auto const& [name, node] : dataset_section.entries()) read_dataset(name, node, findings, project);
  Section task_section(tasks, "tasks", findings);
  for (auto const& [name, node] : task_section.entries()) read_task(name, node, findings, project);
  auto const train = section.get("train");
  read_train(train, findings, project);
  for (auto const& problem : train::problems(project.train))
    findings.add(node_at(root, problem.where), fmt::format("{} {}", problem.where, problem.message));
  if (project.train.frozen_layers > 0 && !project.encoder)
    findings.add(node_at(root, "train.frozen_layers"),
                 fmt::format("train.frozen_layers is {}; expected 0, as there is no encoder: layers that have learnt "
                             "nothing yet must be trained; name a pretrained encoder",
                             project.train.frozen_layers));
  section.finish();
}

/// By line, as an editor goes through them. What has no line came by --set, or is not there.
std::vector<Problem> in_order(std::vector<Problem> problems, fs::path const& file, bool has_overrides) {
  auto const line_of = [&](Problem const& problem) {
    int line = 0;
    if (auto const start = file.string().size() + 1; problem.where.size() > start)
      std::from_chars(problem.where.data() + start, problem.where.data() + problem.where.size(), line);
    return line;
  };
  std::stable_sort(problems.begin(), problems.end(),
                   [&](auto const& a, auto const& b) { return line_of(a) < line_of(b); });
  if (has_overrides)
    for (auto& problem : problems)
      if (problem.where == file.string()) problem.where += " with --set";
  return problems;
}

}  // namespace

ProjectProblems::ProjectProblems(std::vector<Problem> all)
    : Error(ErrorCode::InvalidUsage, all.empty() ? "the project file cannot be used"
                                                 : fmt::format("{}: {}", all.front().where, all.front().message)),
      problems(std::move(all)) {}

Project parse_project(std::string_view yaml, fs::path const& file, std::vector<std::string> const& overrides) {
  Project project{.file = file, .folder = file.has_parent_path() ? file.parent_path() : fs::path(".")};
  Findings findings(file);
  if (yaml.size() > kLargestFile) {
    findings.add_at(file.string(),
                    fmt::format("is {} bytes long; a project file has at most {}", yaml.size(), kLargestFile));
  } else if (auto const bad = find_invalid_utf8(yaml)) {
    findings.add_at(file.string(), fmt::format("byte {} is not UTF-8; save the file as UTF-8", *bad + 1));
  } else {
    try {
      auto const documents = YAML::LoadAll(std::string(yaml));
      auto root = documents.empty() ? YAML::Node() : documents.front();
      if (documents.size() > 1) {
        findings.add(documents[1], "a second document begins here (\"---\"); a project file is one");
      } else if (is_too_large(root)) {
        findings.add_at(
            file.string(),
            fmt::format(
                "has more than {} values, counting what its aliases (\"*name\") repeat; a project file is smaller",
                kMostValues));
      } else {
        for (auto const& override_text : overrides) apply_override(root, override_text, findings);
        read_root(root, findings, project);
      }
    } catch (YAML::Exception const& error) {
      findings.add_at(fmt::format("{}:{}", file.string(), error.mark.line + 1),
                      fmt::format("is not valid YAML ({})", reason_of(error)));
    }
  }
  if (!findings.problems().empty()) throw ProjectProblems(in_order(findings.problems(), file, !overrides.empty()));
  if (project.name.empty()) project.name = "project";
  return project;
}

Project read_project(fs::path const& file, std::vector<std::string> const& overrides) {
  std::string text;
  try {
    text = read_file(file, kLargestFile + 1);
  } catch (Error const& error) {
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("{}; a project is described in polytask.yaml, name another file with --project FILE",
                            error.what()));
  }
  return parse_project(text, file, overrides);
}

Project only_tasks(Project project, std::vector<std::string> const& only) {
  if (only.empty()) return project;
  std::vector<std::string> names;
  for (auto const& task : project.tasks) names.push_back(task.name);
  for (auto const& name : only)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Error(ErrorCode::InvalidUsage,
                  fmt::format("there is no task {}{}", quote(name), did_you_mean(name, names)));
  std::erase_if(project.tasks,
                [&](auto const& task) { return std::find(only.begin(), only.end(), task.name) == only.end(); });
  std::erase_if(project.datasets, [&](auto const& dataset) {
    return std::none_of(project.tasks.begin(), project.tasks.end(), [&](auto const& task) {
      return std::find(task.datasets.begin(), task.datasets.end(), dataset.name) != task.datasets.end();
    });
  });
  return project;
}

}  // namespace polytask::cli
