#include "model/head_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/utf8.h"

namespace polytask::model {
namespace {

bool has_temperature(HeadSpec const& head) {
  return head.task.type == task::TaskType::Classification || head.task.type == task::TaskType::Multilabel ||
         head.task.type == task::TaskType::MultipleChoice;
}

OrderedJson to_json(HeadSpec const& head) {
  OrderedJson json;
  json["name"] = head.task.name;
  json["type"] = task::to_string(head.task.type);
  json["datasets"] = head.task.datasets;
  json["text"] = head.task.text;
  if (!head.task.choices.empty()) json["choices"] = head.task.choices;
  if (!head.task.label.empty()) json["label"] = head.task.label;
  if (!head.task.spans.empty()) json["spans"] = head.task.spans;
  if (!head.task.start.empty()) json["start"] = head.task.start;
  if (head.task.stride) json["stride"] = *head.task.stride;
  if (head.task.type == task::TaskType::Span) json["longest_answer"] = head.task.longest_answer;
  if (head.task.tokens_column) json["tokens"] = *head.task.tokens_column;
  if (head.task.tags_column) json["tags"] = *head.task.tags_column;
  if (head.task.text.size() == 2 && head.task.type != task::TaskType::Tagging && head.task.type != task::TaskType::Span)
    json["pair_encoding"] = task::to_string(head.task.encoding());
  json["labels"] = head.labels.names();
  json["metric"] = head.task.metric;
  json["owner"] = head.task.owner;
  if (head.task.type == task::TaskType::Regression) {
    json["target_offset"] = head.target_offset;
    json["target_scale"] = head.target_scale;
  }
  if (head.task.type == task::TaskType::Multilabel) json["threshold"] = head.threshold;
  if (has_temperature(head)) json["temperature"] = head.temperature;
  if (head.pooler == Pooler::Tanh) json["pooler"] = "tanh";
  if (head.private_layers > 0) json["private_layers"] = head.private_layers;
  if (head.null_threshold) json["null_threshold"] = *head.null_threshold;
  return json;
}

std::optional<int> count_of(Json const& json, char const* key, std::string_view expected, std::string const& where) {
  if (!json.contains(key)) return std::nullopt;
  auto const& value = json[key];
  if (!value.is_number_integer() || value.get<double>() < 1 || value.get<double>() > 1e6)
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: \"{}\" is {}; expected {}", where, key, quote(value.dump()), expected));
  return value.get<int>();
}

HeadSpec head_from_json(Json const& json, std::string const& where) {
  auto const contradicts = [&](std::string const& task, std::string const& reason) {
    return Error(ErrorCode::InvalidInput,
                 fmt::format("{}: task {} {}; the file is damaged", where, quote(task), reason));
  };
  HeadSpec head;
  head.task.name = json.at("name").get<std::string>();
  auto const type = json.at("type").get<std::string>();
  auto const known = task::parse_task_type(type);
  if (!known)
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: task {} has type {}, which this version does not know", where,
                                                     quote(head.task.name), quote(type)));
  head.task.type = *known;
  head.task.datasets = json.at("datasets").get<std::vector<std::string>>();
  head.task.text = json.at("text").get<std::vector<std::string>>();
  head.task.choices = json.value("choices", std::vector<std::string>());
  head.task.label = json.value("label", "");
  head.task.spans = json.value("spans", "");
  if (auto const word = json.value("pair_encoding", ""); !word.empty()) {
    head.task.pair_encoding = task::parse_pair_encoding(word);
    if (!head.task.pair_encoding)
      throw contradicts(head.task.name,
                        fmt::format("has the pair encoding {}, which this version does not know", quote(word)));
  }
  constexpr std::string_view kColumn = "the number of a column, the first is 1";
  head.task.tokens_column = count_of(json, "tokens", kColumn, where);
  head.task.tags_column = count_of(json, "tags", kColumn, where);
  head.task.start = json.value("start", "");
  head.task.stride = count_of(json, "stride", "a number of tokens, 1 or more", where);
  head.task.longest_answer =
      count_of(json, "longest_answer", "a number of tokens, 1 or more", where).value_or(task::kLongestAnswer);
  head.private_layers = count_of(json, "private_layers", "a number of layers, 1 or more", where).value_or(0);
  if (json.contains("null_threshold")) head.null_threshold = json["null_threshold"].get<double>();
  try {
    head.labels = task::LabelSet(json.at("labels").get<std::vector<std::string>>());
  } catch (Error const& error) {
    throw contradicts(head.task.name, fmt::format("has labels that cannot be used ({})", error.what()));
  }
  head.task.metric = json.value("metric", task::default_metric(*known));
  head.task.owner = json.value("owner", "");
  if (head.task.type == task::TaskType::Regression) {
    head.target_offset = json.at("target_offset").get<double>();
    head.target_scale = json.at("target_scale").get<double>();
  }
  head.threshold = json.value("threshold", 0.5);
  head.temperature = json.value("temperature", 1.0);
  if (json.contains("pooler")) {
    auto const word = json["pooler"].get<std::string>();
    if (word != "tanh")
      throw contradicts(head.task.name, fmt::format("has the pooler {}; expected \"tanh\"", quote(word)));
    head.pooler = Pooler::Tanh;
  }
  bool const is_span = head.task.type == task::TaskType::Span;
  bool const needs_labels = task::has_labels(*known);
  if (head.task.name.empty()) throw contradicts(head.task.name, "has no name");
  if (has_control_characters(head.task.name)) throw contradicts(head.task.name, "has control characters in its name");
  if (head.labels.empty() == needs_labels)
    throw contradicts(head.task.name, fmt::format("is of type {} and has {} labels", type, head.labels.size()));
  if (!std::isfinite(head.target_offset) || !(head.target_scale > 0) || !std::isfinite(head.target_scale))
    throw contradicts(head.task.name, "has an offset or a scale that no number can have");
  if (!(head.threshold >= 0 && head.threshold <= 1))
    throw contradicts(head.task.name, fmt::format("has the threshold {}; expected 0 to 1", head.threshold));
  if (!(head.temperature > 0) || !std::isfinite(head.temperature))
    throw contradicts(head.task.name, fmt::format("has the temperature {}; expected more than 0", head.temperature));
  if (head.temperature != 1.0 && !has_temperature(head))
    throw contradicts(head.task.name,
                      fmt::format("has the temperature {}, which {} does not use", head.temperature, type));
  if (head.task.text.size() > 2)
    throw contradicts(head.task.name,
                      fmt::format("reads {} columns; expected one text or a pair", head.task.text.size()));
  if (is_span && head.task.text.size() != 2)
    throw contradicts(head.task.name,
                      fmt::format("reads {} columns; expected a question and its context", head.task.text.size()));
  bool const has_choices = task::reads_choices(head.task);
  if (has_choices && head.task.text.size() != 1)
    throw contradicts(head.task.name,
                      fmt::format("reads {} columns; expected one text beside its choices", head.task.text.size()));
  if (has_choices == head.task.choices.empty() || head.task.choices.size() > task::kMostChoices)
    throw contradicts(head.task.name,
                      fmt::format("is of type {} and has {} columns of choices", type, head.task.choices.size()));
  if (head.null_threshold && !(is_span && std::isfinite(*head.null_threshold)))
    throw contradicts(head.task.name, fmt::format("has the null threshold {}; expected a number, of a span task alone",
                                                  *head.null_threshold));
  if (auto const reading = head.reading(); head.pooler == Pooler::Tanh && reading != Reading::Text &&
                                           reading != Reading::Pair && reading != Reading::Choices)
    throw contradicts(head.task.name, fmt::format("has a pooler, which no head over {} has",
                                                  reading == Reading::Words     ? "words"
                                                  : reading == Reading::Passage ? "passages"
                                                                                : "two texts by themselves"));
  auto const& metrics = task::metrics_of(*known);
  if (std::find(metrics.begin(), metrics.end(), head.task.metric) == metrics.end())
    throw contradicts(head.task.name,
                      fmt::format("has the metric {}, which {} does not know{}", quote(head.task.metric), type,
                                  did_you_mean(head.task.metric, metrics)));
  return head;
}

}  // namespace

std::string_view to_string(Reading reading) {
  switch (reading) {
    case Reading::Text: return "text";
    case Reading::Words: return "words";
    case Reading::Pair: return "pair";
    case Reading::Comparison: return "comparison";
    case Reading::Passage: return "passage";
    case Reading::Choices: return "choices";
  }
  expects(false, "every reading has a name");
  return "";
}

std::optional<Reading> parse_reading(std::string_view word) {
  for (auto const reading : kReadings)
    if (word == to_string(reading)) return reading;
  return std::nullopt;
}

Reading HeadSpec::reading() const {
  if (task.type == task::TaskType::Tagging) return Reading::Words;
  if (task.type == task::TaskType::Span) return Reading::Passage;
  if (task::reads_choices(task)) return Reading::Choices;
  if (task.encodes_apart()) return Reading::Comparison;
  return task.text.size() == 2 ? Reading::Pair : Reading::Text;
}

std::size_t HeadSpec::n_outputs() const {
  switch (task.type) {
    case task::TaskType::Classification:
    case task::TaskType::Multilabel: return labels.size();
    case task::TaskType::Regression:
    case task::TaskType::MultipleChoice: return 1;
    case task::TaskType::Tagging: return 1 + 2 * labels.size();
    case task::TaskType::Span: return 2;
  }
  expects(false, "every task type has outputs");
  return 0;
}

std::int64_t HeadSpec::n_inputs(std::int64_t hidden_size) const {
  if (sees_cosine()) return 1;
  return compares(reading()) ? 3 * hidden_size : hidden_size;
}

std::string head_json(HeadSpec const& head) { return to_json(head).dump(2) + "\n"; }

HeadSpec parse_head_spec(std::string_view text, std::string const& where, std::string_view task_name) {
  auto const json = parse_json(text, where).value();
  try {
    auto head = head_from_json(json, where);
    if (head.task.name != task_name)
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: is of the task {}, model.json names {} here; the files do not "
                              "belong together",
                              where, quote(head.task.name), quote(task_name)));
    return head;
  } catch (Json::exception const& error) {
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: is not a task description ({}); the file is damaged", where, json_problem(error)));
  }
}

std::string head_file_name(std::string const& task_name) {
  constexpr std::size_t kLongest = 100;
  bool plain = !task_name.empty() && task_name.size() <= kLongest;
  std::string safe;
  for (char const c : task_name) {
    // Capital letters are escaped too: some file systems take "A" and "a" for one.
    bool const kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    plain = plain && kept;
    if (kept && safe.size() < kLongest) safe.push_back(c);
  }
  if (plain) return task_name;
  if (safe.empty()) safe = "task";  // of a Japanese name: a name that begins with a dot would be hidden
  return fmt::format("{}.{}", safe, sha256_hex(task_name).substr(0, 16));
}

}  // namespace polytask::model
