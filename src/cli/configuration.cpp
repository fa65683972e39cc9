// The effective configuration of a run: every value that decides its result.
#include <algorithm>

#include "cli/project_file.h"

namespace polytask::cli {
namespace {

OrderedJson to_json(task::TaskSpec const& task) {
  OrderedJson json;
  json["type"] = task::to_string(task.type);
  json["dataset"] = task.datasets;
  json["text"] = task.text;
  json["label"] = task.label;
  json["spans"] = task.spans;
  if (task.tokens_column) json["tokens"] = *task.tokens_column;
  if (task.tags_column) json["tags"] = *task.tags_column;
  if (task::reads_choices(task)) json["choices"] = task.choices;
  if (task.type == task::TaskType::Span) {
    json["start"] = task.start;
    json["stride"] = task.stride ? OrderedJson(*task.stride) : OrderedJson();
    json["longest_answer"] = task.longest_answer;
  }
  if (task.text.size() == 2 && task.type != task::TaskType::Tagging && task.type != task::TaskType::Span)
    json["pair_encoding"] = task::to_string(task.encoding());
  json["labels"] = task.labels;
  json["metric"] = task.metric;
  json["owner"] = task.owner;
  json["loss_weight"] = task.loss_weight;
  json["class_weights"] = task.class_weights == task::ClassWeights::Balanced ? "balanced" : "none";
  return json;
}

OrderedJson to_json(data::DatasetSpec const& dataset) {
  OrderedJson json;
  for (auto const& [split, files] : dataset.files) {
    auto& names = json[std::string(data::to_string(split))] = OrderedJson::array();
    for (auto const& file : files) names.push_back(file.filename().string());
  }
  if (dataset.format) json["format"] = data::to_string(*dataset.format);
  if (!dataset.columns.empty()) json["columns"] = dataset.columns;
  if (dataset.split)
    json["split"] = {{"dev", dataset.split->dev},
                     {"test", dataset.split->test},
                     {"group_by", dataset.split->group_by},
                     {"stratify_by", dataset.split->stratify_by},
                     {"seed", dataset.split->seed}};
  return json;
}

char const* name_of(train::SamplingType type) {
  switch (type) {
    case train::SamplingType::Uniform: return "uniform";
    case train::SamplingType::Proportional: return "proportional";
    case train::SamplingType::Temperature: return "temperature";
    case train::SamplingType::Specified: return "specified";
  }
  return "";
}

char const* name_of(train::Schedule schedule) {
  switch (schedule) {
    case train::Schedule::Linear: return "linear";
    case train::Schedule::Cosine: return "cosine";
    case train::Schedule::Constant: return "constant";
  }
  return "";
}

OrderedJson to_json(train::TrainConfig const& config) {
  OrderedJson json;
  json["architecture"] = config.architecture == train::Architecture::Shared ? "shared" : "split";
  if (config.private_layers) json["private_layers"] = *config.private_layers;
  if (config.chooses_private_layers) json["private_layers"] = "auto";
  json["frozen_layers"] = config.frozen_layers;  // how much of their states is stored decides nothing
  json["sampling"] = {{"type", name_of(config.sampling.type)},
                      {"temperature", config.sampling.temperature},
                      {"examples_cap", config.sampling.examples_cap},
                      {"weights", config.sampling.weights}};
  json["selection"] = {{"rule", config.selection.rule == train::SelectionRule::Mean ? "mean" : "weighted"},
                       {"weights", config.selection.weights}};
  json["scratch"] = {{"layers", config.scratch.layers},
                     {"hidden_size", config.scratch.hidden_size},
                     {"heads", config.scratch.heads},
                     {"vocab_size", config.scratch.vocab_size}};
  if (config.epochs) json["epochs"] = *config.epochs;
  json["learning_rate"] = config.learning_rate;
  json["head_learning_rate_factor"] = config.head_learning_rate_factor;
  json["layer_decay"] = config.layer_decay;
  if (config.batch_tokens) json["batch_tokens"] = *config.batch_tokens;
  if (config.batch_size) json["batch_size"] = *config.batch_size;
  json["max_length"] = config.max_length;
  json["pooling"] = model::to_string(config.pooling);
  json["precision"] = config.precision;
  json["weight_decay"] = config.weight_decay;
  json["warmup_ratio"] = config.warmup_ratio;
  json["schedule"] = name_of(config.schedule);
  json["max_grad_norm"] = config.max_grad_norm;
  json["label_smoothing"] = config.label_smoothing;
  json["head_dropout"] = config.head_dropout;
  if (config.dropout) json["dropout"] = *config.dropout;
  json["evaluations_per_epoch"] = config.evaluations_per_epoch;
  json["early_stopping_patience"] = config.early_stopping_patience;
  if (config.task_stopping_patience > 0) json["task_stopping_patience"] = config.task_stopping_patience;
  json["checkpoint_steps"] = config.checkpoint_steps;
  return json;
}

}  // namespace

OrderedJson effective_configuration(Project const& project, std::vector<std::string> const& only) {
  OrderedJson json;
  json["project"] = project.name;
  json["encoder"] = project.encoder ? OrderedJson(name_of_encoder(*project.encoder, project.hub)) : OrderedJson();
  json["seed"] = project.seed;
  auto sorted = only;
  std::sort(sorted.begin(), sorted.end());
  json["only"] = sorted;
  json["datasets"] = OrderedJson::object();
  for (auto const& dataset : project.datasets) json["datasets"][dataset.name] = to_json(dataset);
  json["tasks"] = OrderedJson::object();
  for (auto const& task : project.tasks) {
    json["tasks"][task.name] = to_json(task);
    if (auto const own = project.train.task_layers.find(task.name); own != project.train.task_layers.end())
      json["tasks"][task.name]["private_layers"] = own->second;
  }
  for (auto const& task : project.train.hidden_words) {
    auto& of_task = json["hidden_words"][task.texts.name];
    of_task = {{"dataset", task.texts.datasets},
               {"text", task.texts.text},
               {"loss_weight", task.loss_weight},
               {"share", task.share}};
    if (task.texts.tokens_column) of_task["tokens"] = *task.texts.tokens_column;
  }
  json["train"] = to_json(project.train);
  return json;
}

}  // namespace polytask::cli
