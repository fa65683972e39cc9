#include "cli/project_file.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "cli/internal/project_section.h"
#include "cli/internal/yaml_document.h"
#include "cli/shipped_encoders.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

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
                                               {"squad", data::Format::Squad},
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

constexpr std::string_view kTaskTypes = "classification, multilabel, regression, tagging, span, multiple_choice or mlm";

/// Of the type mlm: it has no label, no score and no owner, as it answers nobody.
constexpr std::string_view kHiddenWords = "mlm";

void check_datasets(std::string const& name, YAML::Node const& node, std::vector<std::string> const& datasets,
                    Section& section, Findings& findings, Project const& project) {
  if (datasets.empty()) section.missing("dataset", "name the dataset that it reads");
  std::vector<std::string> known;
  for (auto const& dataset : project.datasets) known.push_back(dataset.name);
  for (auto const& dataset : datasets)
    if (std::find(known.begin(), known.end(), dataset) == known.end())
      findings.add(node, fmt::format("task {} reads the dataset {}, which is not under \"datasets\"{}", quote(name),
                                     quote(dataset), did_you_mean(dataset, known)));
}

void read_hidden_words(std::string const& name, YAML::Node const& node, Section& section, Findings& findings,
                       Project& project) {
  train::HiddenWordsTask task{.texts = {.name = name, .datasets = {}, .text = {}}};
  section.texts("dataset", task.texts.datasets);
  section.texts("text", task.texts.text);
  section.number("loss_weight", task.loss_weight);
  section.number("share", task.share);
  if (int number = 0; section.whole("tokens", number)) {
    if (number < 1) section.wrong(section.get("tokens"), "tokens", "the number of a column, the first is 1");
    task.texts.tokens_column = number;
  }
  section.finish();
  check_datasets(name, node, task.texts.datasets, section, findings, project);
  project.train.hidden_words.push_back(std::move(task));
}

void read_task(std::string const& name, YAML::Node const& node, Findings& findings, Project& project) {
  task::TaskSpec task{.name = name};
  Section section(node, "tasks." + name, findings);
  if (has_control_characters(valid_utf8(name)))
    findings.add(node,
                 fmt::format("the task {} has control characters in its name; expected a line of text", quote(name)));
  std::string type;
  section.text("type", type);
  if (type == kHiddenWords) return read_hidden_words(name, node, section, findings, project);
  auto const known = task::parse_task_type(type);
  if (known) {
    task.type = *known;
  } else if (type.empty()) {
    section.missing("type", fmt::format("expected {}", kTaskTypes));
  } else {
    auto types = task::task_type_names();
    types.emplace_back(kHiddenWords);
    section.wrong(section.get("type"), "type", std::string(kTaskTypes) + did_you_mean(type, types));
  }
  section.texts("dataset", task.datasets);
  section.texts("text", task.text);
  section.texts("choices", task.choices);
  section.text("label", task.label);
  section.text("spans", task.spans);
  section.text("start", task.start);
  if (int stride = 0; section.whole("stride", stride)) task.stride = stride;
  bool const has_longest = section.whole("longest_answer", task.longest_answer);
  section.texts("labels", task.labels);
  section.text("metric", task.metric);
  section.text("owner", task.owner);
  section.number("loss_weight", task.loss_weight);
  if (std::int64_t layers = 0; section.whole("private_layers", layers)) project.train.task_layers[name] = layers;
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
  check_datasets(name, node, task.datasets, section, findings, project);
  if (task.text.size() > 2) section.wrong(section.get("text"), "text", "one column, or two for a pair");
  bool const is_span = known && *known == task::TaskType::Span;
  if (task.pair_encoding && (task.text.size() != 2 || is_span || (known && *known == task::TaskType::Tagging)))
    section.wrong(section.get("pair_encoding"), "pair_encoding",
                  "none, as it belongs to tasks on a pair of texts that do not tag words or give spans");
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
  if (is_span && task.text.size() == 1)
    section.wrong(section.get("text"), "text", "two columns: the question and its context");
  bool const is_choice = known && *known == task::TaskType::MultipleChoice;
  if (is_choice && task.text.size() == 2) section.wrong(section.get("text"), "text", "one column, beside the choices");
  if (is_choice && task.choices.empty())
    section.missing("choices", "name the column that holds the list of its choices, or one column for each");
  if (task.choices.size() > task::kMostChoices)
    section.wrong(section.get("choices"), "choices", fmt::format("at most {} columns", task::kMostChoices));
  if (known && !is_choice && !task.choices.empty())
    section.wrong(section.get("choices"), "choices", "none, as it belongs to tasks of the type multiple_choice");
  if (is_choice && !task.labels.empty())
    section.wrong(section.get("labels"), "labels", "none, as every row has choices of its own");
  for (auto const& [key, is_given] :
       {std::pair{"start", !task.start.empty()}, std::pair{"stride", task.stride.has_value()},
        std::pair{"longest_answer", has_longest}})
    if (is_given && known && !is_span)
      section.wrong(section.get(key), key, "none, as it belongs to tasks of the type span");
  if (is_span && task.stride && (*task.stride < 1 || *task.stride > 65'536))
    section.wrong(section.get("stride"), "stride", "1 to 65536 tokens");
  if (is_span && (task.longest_answer < 1 || task.longest_answer > 65'536))
    section.wrong(section.get("longest_answer"), "longest_answer", "1 to 65536 tokens");
  if (is_span && !task.labels.empty())
    section.wrong(section.get("labels"), "labels", "none, as its answers are pieces of the text");
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
                  Project const& project, Findings& findings, std::map<std::string, double>& weights) {
  Section section(node, path, findings);
  for (auto const& [name, value] : section.entries()) {
    bool const is_known = std::find(known.begin(), known.end(), name) != known.end();
    auto const& mlm = project.train.hidden_words;
    auto const of_mlm = std::find_if(mlm.begin(), mlm.end(), [&](auto const& task) {
      auto const& datasets = task.texts.datasets;
      return task.texts.name == name || std::find(datasets.begin(), datasets.end(), name) != datasets.end();
    });
    if (!is_known && of_mlm != mlm.end())
      findings.add(value, fmt::format("{} weighs {}, which only hidden words (type mlm) are learnt from: they have no "
                                      "score and are not drawn with the rows of others; their weight is tasks.{}.share",
                                      quote(path), quote(name), of_mlm->texts.name));
    else if (!is_known)
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
  for (auto const& dataset : project.datasets) {
    auto const reads = [&](std::vector<std::string> const& datasets) {
      return std::find(datasets.begin(), datasets.end(), dataset.name) != datasets.end();
    };
    bool const is_drawn =
        std::any_of(project.tasks.begin(), project.tasks.end(), [&](auto const& task) { return reads(task.datasets); });
    bool const is_for_mlm = std::any_of(config.hidden_words.begin(), config.hidden_words.end(),
                                        [&](auto const& task) { return reads(task.texts.datasets); });
    if (is_drawn || !is_for_mlm) names.push_back(dataset.name);
  }
  Section section(node, "train", findings);
  section.choice<train::Architecture>("architecture", config.architecture,
                                      {{"shared", train::Architecture::Shared}, {"split", train::Architecture::Split}});
  section.whole_or("auto", "private_layers", config.private_layers, config.chooses_private_layers);
  section.whole("frozen_layers", config.frozen_layers);
  section.number("frozen_states_gb", config.frozen_states_gb);
  if (double epochs = 0; section.number("epochs", epochs)) config.epochs = epochs;
  section.number("learning_rate", config.learning_rate);
  section.number("head_learning_rate_factor", config.head_learning_rate_factor);
  section.number("layer_decay", config.layer_decay);
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
  section.whole("task_stopping_patience", config.task_stopping_patience);
  section.whole("checkpoint_steps", config.checkpoint_steps);

  Section sampling(section.get("sampling"), "train.sampling", findings);
  sampling.choice<train::SamplingType>("type", config.sampling.type,
                                       {{"uniform", train::SamplingType::Uniform},
                                        {"proportional", train::SamplingType::Proportional},
                                        {"temperature", train::SamplingType::Temperature},
                                        {"specified", train::SamplingType::Specified}});
  sampling.number("temperature", config.sampling.temperature);
  sampling.whole("examples_cap", config.sampling.examples_cap);
  read_weights(sampling.get("weights"), "train.sampling.weights", names, project, findings, config.sampling.weights);
  sampling.finish();

  std::vector<std::pair<std::string, train::SelectionRule>> const rules{{"mean", train::SelectionRule::Mean},
                                                                        {"weighted", train::SelectionRule::Weighted}};
  if (auto const selection = section.get("selection"); selection.IsDefined() && selection.IsMap()) {
    Section part(selection, "train.selection", findings);
    part.choice("rule", config.selection.rule, rules);
    read_weights(part.get("weights"), "train.selection.weights", task_names, project, findings,
                 config.selection.weights);
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

void read_root(YAML::Node const& root, Findings& findings, Project& project) {
  Section section(root, "", findings);
  section.text("project", project.name);
  section.text("encoder", project.encoder_word);
  if (!project.encoder_word.empty())
    project.encoder = encoder_folder(project.encoder_word, path_in(project, project.encoder_word));
  section.whole("seed", project.seed);
  auto const datasets = section.get("datasets");
  auto const tasks = section.get("tasks");
  if (!datasets.IsDefined() || datasets.IsNull()) section.missing("datasets", "describe at least one");
  if (!tasks.IsDefined() || tasks.IsNull()) section.missing("tasks", "describe at least one");
  Section dataset_section(datasets, "datasets", findings);
  for (auto const& [name, node] : dataset_section.entries()) read_dataset(name, node, findings, project);
  Section task_section(tasks, "tasks", findings);
  for (auto const& [name, node] : task_section.entries()) read_task(name, node, findings, project);
  if (!project.train.hidden_words.empty() && project.train.hidden_words.size() == task_section.entries().size())
    task_section.missing("labelled tasks",
                         "hidden words (type mlm) are learnt beside some; alone, `polytask pretrain`");
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

}  // namespace

ProjectProblems::ProjectProblems(std::vector<Problem> all)
    : Error(ErrorCode::InvalidUsage, all.empty() ? "the project file cannot be used"
                                                 : fmt::format("{}: {}", all.front().where, all.front().message)),
      problems(std::move(all)) {}

Project parse_project(std::string_view yaml, fs::path const& file, std::vector<std::string> const& overrides) {
  Project project{.file = file, .folder = file.has_parent_path() ? file.parent_path() : fs::path(".")};
  read_document({yaml, file, "project file"}, overrides,
                [&](YAML::Node const& root, Findings& findings) { read_root(root, findings, project); });
  if (project.name.empty()) project.name = "project";
  return project;
}

Project read_project(fs::path const& file, std::vector<std::string> const& overrides) {
  std::string text;
  try {
    text = read_file(file, kLargestDocument + 1);
  } catch (Error const& error) {
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("{}; a project is described in polytask.yaml, name another file with --project FILE",
                            error.what()));
  }
  return parse_project(text, file, overrides);
}

Project with_encoder(Project project, std::function<std::stop_token()> const& on_download) {
  if (!project.encoder) return project;
  auto source = encoder_source(project.encoder_word, *project.encoder, on_download);
  project.encoder = std::move(source.folder);
  project.hub = std::move(source.hub);
  return project;
}

std::vector<data::UnlabelledSpec> unlabelled_texts(Project const& project) {
  std::vector<data::UnlabelledSpec> texts;
  for (auto const& task : project.train.hidden_words) texts.push_back(task.texts);
  return texts;
}

Project only_tasks(Project project, std::vector<std::string> const& only) {
  if (only.empty()) return project;
  std::vector<std::string> names;
  for (auto const& task : project.tasks) names.push_back(task.name);
  for (auto const& task : project.train.hidden_words) names.push_back(task.texts.name);
  for (auto const& name : only)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Error(ErrorCode::InvalidUsage,
                  fmt::format("there is no task {}{}", quote(name), did_you_mean(name, names)));
  auto const is_in = [](std::vector<std::string> const& all, std::string const& name) {
    return std::find(all.begin(), all.end(), name) != all.end();
  };
  auto& hidden_words = project.train.hidden_words;
  std::erase_if(project.tasks, [&](auto const& task) { return !is_in(only, task.name); });
  std::erase_if(hidden_words, [&](auto const& task) { return !is_in(only, task.texts.name); });
  if (project.tasks.empty())
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("{} learns hidden words (type mlm) beside labelled tasks; name one of them too, or use "
                            "`polytask pretrain`",
                            quote(only.front())));
  std::erase_if(project.datasets, [&](auto const& dataset) {
    return std::none_of(project.tasks.begin(), project.tasks.end(),
                        [&](auto const& task) { return is_in(task.datasets, dataset.name); }) &&
           std::none_of(hidden_words.begin(), hidden_words.end(),
                        [&](auto const& task) { return is_in(task.texts.datasets, dataset.name); });
  });
  return project;
}

}  // namespace polytask::cli
