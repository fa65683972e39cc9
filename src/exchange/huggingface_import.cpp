#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "exchange/huggingface.h"
#include "exchange/internal/huggingface_files.h"
#include "exchange/internal/huggingface_labels.h"
#include "exchange/internal/polytask_section.h"
#include "exchange/internal/tokenizer_agreement.h"
#include "exchange/linear_pooler.h"

namespace polytask::exchange {
namespace {

namespace fs = std::filesystem;
using model::Tensor;
using task::TaskType;

constexpr auto kTokenClassifier = "BertForTokenClassification";
constexpr auto kSequenceClassifier = "BertForSequenceClassification";
constexpr auto kMultipleChoice = "BertForMultipleChoice";

/// A folder, looked at as far as it takes to know what it is.
struct Folder {
  fs::path path;
  fs::path config_path;
  Json config;
  std::string architecture;  ///< of the head; empty for a sentence encoder
  std::optional<PolytaskSection> section;
  model::EncoderConfig encoder;
};

std::string architecture_of(Json const& config, fs::path const& path) {
  auto const expected = fmt::format(
      "expected {}, {} or {}, or a folder that `polytask export` wrote; an encoder without a head is named by "
      "\"encoder\" in a project file",
      kSequenceClassifier, kTokenClassifier, kMultipleChoice);
  if (!config.contains("architectures") || !config["architectures"].is_array() || config["architectures"].size() != 1 ||
      !config["architectures"][0].is_string())
    throw refused(path, "does not name one architecture in \"architectures\"; " + expected);
  auto const name = config["architectures"][0].get<std::string>();
  if (name == kTokenClassifier || name == kSequenceClassifier || name == kMultipleChoice) return name;
  if (name == "BertModel" && is_there(path.parent_path() / "modules.json") && config.contains("polytask")) return "";
  throw refused(path, fmt::format("is of a {}, which is not read; {}", quote(name), expected));
}

Folder look_at(fs::path const& path) {
  check_files(path);
  Folder folder{.path = path, .config_path = path / "config.json"};
  folder.config = read_json_file(folder.config_path);
  if (!folder.config.is_object()) throw refused(folder.config_path, "is no JSON object");
  if (folder.config.contains("auto_map"))
    throw refused(folder.config_path,
                  "has an \"auto_map\": the model needs program code of its own, which is never run");
  folder.architecture = architecture_of(folder.config, folder.config_path);
  folder.encoder = model::parse_encoder_config(folder.config.dump(), folder.config_path.string());
  if (folder.encoder.model_type != "bert")
    throw refused(folder.config_path, fmt::format("\"model_type\" is {}, of which no head is read; expected \"bert\"",
                                                  quote(folder.encoder.model_type)));
  folder.section = parse_section(folder.config, folder.config_path.string());
  return folder;
}

std::string list_of(std::vector<std::string> const& names) {
  constexpr std::size_t kShown = 8;
  auto const n = std::min(names.size(), kShown);
  return fmt::format("{}{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(n), ", "),
                     n < names.size() ? ", ..." : "");
}

/// What "problem_type" says; nothing where it says nothing.
std::optional<TaskType> type_said(Folder const& folder) {
  auto const& config = folder.config;
  if (!config.contains("problem_type") || config["problem_type"].is_null()) return std::nullopt;
  if (config["problem_type"] == "single_label_classification") return TaskType::Classification;
  if (config["problem_type"] == "multi_label_classification") return TaskType::Multilabel;
  if (config["problem_type"] == "regression") return TaskType::Regression;
  throw refused(folder.config_path,
                fmt::format("\"problem_type\" is {}; expected single_label_classification, multi_label_classification "
                            "or regression",
                            quote(config["problem_type"].dump())));
}

/// What the user says, else the section, else the file. Without any, the library takes one output for a regression.
TaskType type_of(Folder const& folder, std::size_t n_outputs, ImportOptions const& options) {
  bool const of_words = folder.architecture == kTokenClassifier;
  auto const said = of_words ? TaskType::Tagging : type_said(folder);
  auto const own = folder.section ? std::optional(folder.section->head.task.type) : said;
  if (options.type && own && folder.section && *options.type != *own)
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("--type {}: \"polytask\" in {} says {}; leave --type out, or remove the section",
                            task::to_string(*options.type), folder.config_path.string(), task::to_string(*own)));
  if (said && own && *said != *own)
    throw refused(folder.config_path,
                  fmt::format("\"polytask\" says that the task is of type {}, the rest of the file {}; remove the "
                              "section, or correct it",
                              task::to_string(*own), task::to_string(*said)));
  auto const type =
      options.type.value_or(own.value_or(n_outputs == 1 ? TaskType::Regression : TaskType::Classification));
  if (type == TaskType::MultipleChoice)
    throw Error(
        ErrorCode::InvalidUsage,
        fmt::format("{}: the task would be of the type multiple_choice, which a {} does not hold; expected a {}",
                    folder.config_path.string(), folder.architecture, kMultipleChoice));
  if (type == TaskType::Span)
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("{}: the task would be of the type span, which is not imported yet; train one",
                            folder.config_path.string()));
  if (of_words != (type == TaskType::Tagging)) {
    auto const* const expected = of_words ? "tagging" : "classification, multilabel or regression";
    if (folder.section)
      throw refused(folder.config_path,
                    fmt::format("\"polytask\" says that the task is of type {}, \"architectures\" that the model is a "
                                "{}; expected {}; remove the section, or correct it",
                                task::to_string(type), folder.architecture, expected));
    throw Error(ErrorCode::InvalidUsage, fmt::format("--type {}: {} is a {}; expected {}", task::to_string(type),
                                                     folder.path.string(), folder.architecture, expected));
  }
  if (type == TaskType::Regression && n_outputs != 1)
    throw refused(folder.config_path, fmt::format("names {} outputs, a regression has one; {}", n_outputs,
                                                  folder.section ? "remove its \"polytask\", or correct it"
                                                                 : "say with --type what the task is"));
  return type;
}

/// The task as the section tells it, checked against the labels beside it; without a section, as the folder does.
model::HeadSpec head_of(Folder const& folder, TaskType type, std::vector<std::string> const& labels) {
  model::HeadSpec head;
  if (folder.section) {
    head = folder.section->head;
    if (head.labels.names() != labels)
      throw refused(folder.config_path,
                    fmt::format("\"polytask\" has the labels {}, \"id2label\" {}; remove the section, or correct it",
                                list_of(head.labels.names()), list_of(labels)));
    return head;
  }
  head.task.name = valid_utf8(fs::weakly_canonical(folder.path).filename().string());
  head.task.type = type;
  head.task.text = {"text"};
  if (type == TaskType::MultipleChoice) head.task.choices = {"choices"};
  (type == TaskType::Tagging ? head.task.spans : head.task.label) = type == TaskType::Tagging ? "spans" : "label";
  head.task.metric = task::default_metric(type);
  try {
    head.labels = task::LabelSet(labels);
  } catch (Error const& error) {
    throw refused(folder.config_path, fmt::format("has labels that cannot be used ({})", error.what()));
  }
  return head;
}

/// They will stand in JSON.
void check_words(ImportOptions const& options) {
  if (options.text.size() > 2)
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("--text was given {} times; expected one text, or two for a pair", options.text.size()));
  if (options.text.size() == 2 && options.text[0] == options.text[1])
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("--text names the column {} twice; expected the two columns of a pair, or one text",
                            quote(options.text[0])));
  auto words = options.text;
  words.insert(words.end(), {options.task, options.label});
  for (auto const& word : words)
    if (find_invalid_utf8(word))
      throw Error(ErrorCode::InvalidUsage,
                  fmt::format("{} is not valid UTF-8; expected a name of a task or column", quote(word)));
  if (has_control_characters(options.task))
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("--task {}: has control characters; expected a line of text", quote(options.task)));
}

void check_positions(Folder const& folder, std::size_t max_length) {
  if (auto const positions = folder.encoder.max_position_embeddings; static_cast<std::int64_t>(max_length) > positions)
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("--max-length {}: the encoder in {} has {} positions; expected at most as many tokens",
                            max_length, folder.path.string(), positions));
}

void apply(ImportOptions const& options, task::TaskSpec& task) {
  if (!options.task.empty()) task.name = options.task;
  if (!options.text.empty()) {
    task.text = options.text;
    task.tokens_column.reset();
    task.tags_column.reset();
  }
  if (!options.label.empty()) (task.type == TaskType::Tagging ? task.spans : task.label) = options.label;
  if (task.type == TaskType::Tagging && task.text.size() > 1)
    throw Error(ErrorCode::InvalidUsage, "--text: a task that tags words reads one text, 2 columns were given");
  auto const& answer = task.type == TaskType::Tagging ? task.spans : task.label;
  if (std::find(task.text.begin(), task.text.end(), answer) != task.text.end())
    throw Error(
        ErrorCode::InvalidUsage,
        fmt::format("the column {} would be a text and its label; name others with --text and --label", quote(answer)));
}

/// Rows of a weight or bias in another order.
Tensor with_rows(Tensor const& tensor, std::vector<std::size_t> const& rows) {
  auto const width = static_cast<std::ptrdiff_t>(tensor.values.size()) / tensor.shape[0];
  Tensor ordered{tensor.shape, {}};
  for (auto const row : rows) {
    auto const begin = tensor.values.begin() + static_cast<std::ptrdiff_t>(row) * width;
    ordered.values.insert(ordered.values.end(), begin, begin + width);
  }
  return ordered;
}

/// For a head that could see how a pair's texts differ, and does not: zeros there.
Tensor widened(Tensor const& weight) {
  auto const hidden = weight.shape[1];
  Tensor wide{{weight.shape[0], 3 * hidden}, {}};
  for (auto at = weight.values.begin(); at != weight.values.end(); at += hidden) {
    wide.values.insert(wide.values.end(), at, at + hidden);
    wide.values.insert(wide.values.end(), static_cast<std::size_t>(2 * hidden), 0.0F);
  }
  return wide;
}

/// A pooler and a layer over the first token's state.
void take_pooled_head(std::map<std::string, Tensor> tensors, TaskModel& model) {
  model.pooling = model::Pooling::First;
  model.weights.weight = std::move(tensors.at("classifier.weight"));
  model.weights.bias = std::move(tensors.at("classifier.bias"));
  model::LinearWeights pooler{std::move(tensors.at("pooler.dense.weight")), std::move(tensors.at("pooler.dense.bias"))};
  // What the weights are decides, not what the section says.
  auto const exponent = exponent_of_linear_pooler(pooler, largest_state(model.encoder, model.config));
  if (exponent)
    model.weights.weight = scaled(std::move(model.weights.weight), -*exponent);
  else
    model.weights.pooler = std::move(pooler);
  model.head.pooler = exponent ? model::Pooler::None : model::Pooler::Tanh;
}

void read_token_classifier(Folder const& folder, ImportOptions const& options, TaskModel& model) {
  auto const names = read_output_names(folder.config, folder.config_path.string());
  auto const type = type_of(folder, names.size(), options);
  auto const bio = parse_bio(names, folder.config_path.string());
  auto const n = static_cast<std::int64_t>(names.size());
  auto const tensors = model::read_named_tensors(
      folder.path, {{"classifier.weight", {n, model.config.hidden_size}}, {"classifier.bias", {n}}},
      fmt::format("config.json with its {} labels", n));
  model.head = head_of(folder, type, bio.labels);
  apply(options, model.head.task);
  model.weights = {with_rows(tensors.at("classifier.weight"), bio.rows),
                   with_rows(tensors.at("classifier.bias"), bio.rows), std::nullopt};
}

void read_sequence_classifier(Folder const& folder, ImportOptions const& options, TaskModel& model) {
  auto const names = read_output_names(folder.config, folder.config_path.string());
  auto const type = type_of(folder, names.size(), options);
  auto const n = static_cast<std::int64_t>(names.size());
  auto const hidden = model.config.hidden_size;
  auto tensors = model::read_named_tensors(folder.path,
                                           {{"classifier.weight", {n, hidden}},
                                            {"classifier.bias", {n}},
                                            {"pooler.dense.weight", {hidden, hidden}},
                                            {"pooler.dense.bias", {hidden}}},
                                           fmt::format("config.json with its {} label{}", n, n == 1 ? "" : "s"));
  model.head = head_of(folder, type, type == TaskType::Regression ? std::vector<std::string>() : names);
  apply(options, model.head.task);
  // Unless it is said to be otherwise, two numbers' texts are encoded apart; here they never are.
  if (!folder.section || !options.text.empty()) model.head.task.pair_encoding = task::PairEncoding::Cross;
  if (auto const reading = model.head.reading(); reading != model::Reading::Text && reading != model::Reading::Pair)
    throw refused(folder.config_path,
                  "\"polytask\" says that two texts are encoded by themselves, a BertForSequenceClassification reads "
                  "them as one; remove the section, or correct it");
  take_pooled_head(std::move(tensors), model);
  if (model.head.reading() == model::Reading::Pair) model.weights.weight = widened(model.weights.weight);
}

void read_multiple_choice(Folder const& folder, ImportOptions const& options, TaskModel& model) {
  constexpr auto kType = TaskType::MultipleChoice;
  if (options.type && *options.type != kType)
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("--type {}: {} is a {}; expected {}", task::to_string(*options.type), folder.path.string(),
                            kMultipleChoice, task::to_string(kType)));
  if (folder.section && folder.section->head.task.type != kType)
    throw refused(
        folder.config_path,
        fmt::format("\"polytask\" says that the task is of type {}, \"architectures\" that the model is a {}; "
                    "remove the section, or correct it",
                    task::to_string(folder.section->head.task.type), kMultipleChoice));
  auto const hidden = model.config.hidden_size;
  auto tensors = model::read_named_tensors(folder.path,
                                           {{"classifier.weight", {1, hidden}},
                                            {"classifier.bias", {1}},
                                            {"pooler.dense.weight", {hidden, hidden}},
                                            {"pooler.dense.bias", {hidden}}},
                                           "config.json");
  model.head = head_of(folder, kType, {});
  if (options.text.size() > 1)
    throw Error(ErrorCode::InvalidUsage, "--text: multiple choice reads one text beside its choices, 2 were given");
  apply(options, model.head.task);
  take_pooled_head(std::move(tensors), model);
}

/// Encoder, mean, and a Dense where the head is not a line through the cosine.
void check_modules(Folder const& folder, bool has_dense) {
  auto const path = folder.path / "modules.json";
  std::vector<std::pair<std::string, std::string>> expected{{"", "Transformer"}, {"1_Pooling", "Pooling"}};
  if (has_dense) expected.emplace_back("2_Dense", "Dense");
  auto const modules = read_json_file(path);
  bool fits = modules.is_array() && modules.size() == expected.size();
  for (std::size_t i = 0; fits && i < expected.size(); ++i) {
    auto const word = [&](char const* key) {
      return modules[i].is_object() && modules[i].contains(key) && modules[i][key].is_string()
                 ? modules[i][key].get<std::string>()
                 : std::string();
    };
    fits = word("path") == expected[i].first && word("type").starts_with("sentence_transformers.") &&
           word("type").ends_with("." + expected[i].second);
  }
  if (!fits)
    throw refused(path,
                  fmt::format("has other modules than those of `polytask export`: expected Transformer, Pooling in "
                              "1_Pooling{}",
                              has_dense ? " and Dense in 2_Dense" : " and no more"));
  for (auto const* name : {"1_Pooling", "2_Dense"})
    if (fs::is_symlink(folder.path / name) || (is_there(folder.path / name) && fs::is_directory(folder.path / name)))
      check_files(folder.path / name);
}

/// In the words of all versions of the library: a flag for each way of pooling, or one word.
void check_mean(fs::path const& path) {
  auto const json = read_json_file(path);
  bool is_mean = json.is_object();
  if (is_mean && json.contains("pooling_mode"))
    is_mean = json["pooling_mode"] == "mean";
  else if (is_mean)
    for (auto const& [key, value] : json.items())
      if (key.starts_with("pooling_mode_")) is_mean = is_mean && value == (key == "pooling_mode_mean_tokens");
  if (!is_mean) throw refused(path, "pools otherwise than by the mean of all tokens, which is not read");
}

void read_sentence_transformer(Folder const& folder, ImportOptions const& options, TaskModel& model) {
  auto const& section = folder.section.value();
  model.head = section.head;
  bool const sees_cosine = model.head.sees_cosine();
  if (sees_cosine != section.cosine.has_value() || (!sees_cosine && model.head.reading() != model::Reading::Text) ||
      model.head.pooler != model::Pooler::None)
    throw refused(folder.config_path,
                  fmt::format("\"polytask\" describes the task {}, which no folder of sentence-transformers holds; the "
                              "file is damaged",
                              quote(model.head.task.name)));
  if (options.type && *options.type != model.head.task.type)
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("--type {}: \"polytask\" in {} says {}; leave --type out", task::to_string(*options.type),
                            folder.config_path.string(), task::to_string(model.head.task.type)));
  if (!options.text.empty() && options.text.size() != model.head.task.text.size())
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("--text: the task reads {} column{}, {} given", model.head.task.text.size(),
                            sees_cosine ? "s" : "", options.text.size()));
  apply(options, model.head.task);
  check_modules(folder, !sees_cosine);
  check_mean(folder.path / "1_Pooling" / "config.json");
  if (sees_cosine) {
    double const scale = model.head.target_scale;
    double const root = std::sqrt(static_cast<double>(model.config.hidden_size));
    auto const number = [&](double value) {
      if (!(std::abs(value) <= std::numeric_limits<float>::max()))
        throw refused(folder.config_path, "\"polytask\" has a line that no head can hold; the file is damaged");
      return static_cast<float>(value);
    };
    model.weights.weight = {{1, 1}, {number(section.cosine->slope / (root * scale))}};
    model.weights.bias = {{1}, {number((section.cosine->intercept - model.head.target_offset) / scale)}};
    return;
  }
  auto const path = folder.path / "2_Dense";
  auto const dense = read_json_file(path / "config.json");
  auto const activation =
      dense.is_object() && dense.contains("activation_function") ? dense["activation_function"] : Json();
  if (!activation.is_string() || !activation.get<std::string>().ends_with(".Identity"))
    throw refused(path / "config.json", fmt::format("has the activation {}; expected torch.nn.modules.linear.Identity",
                                                    quote(activation.dump())));
  auto const n = static_cast<std::int64_t>(model.head.n_outputs());
  auto tensors =
      model::read_named_tensors(path, {{"linear.weight", {n, model.config.hidden_size}}, {"linear.bias", {n}}},
                                fmt::format("\"polytask\" in config.json with its {} outputs", n));
  model.pooling = model::Pooling::Mean;
  model.weights = {std::move(tensors.at("linear.weight")), std::move(tensors.at("linear.bias")), std::nullopt};
}

/// Where the library cuts texts: at what the tokenizer says, at the last position where it says nothing of use.
std::size_t length_said(Folder const& folder) {
  auto const positions = static_cast<std::size_t>(folder.encoder.longest_text());
  auto const said = length_in(folder.path / "tokenizer_config.json", "model_max_length").value_or(0);
  return said > 0 && said < static_cast<double>(positions) ? static_cast<std::size_t>(said) : positions;
}

/// The library cuts texts where these files say, not where the section does.
void check_lengths(Folder const& folder) {
  auto const expected = folder.section->max_length;
  for (auto const& [file, key] : {std::pair("tokenizer_config.json", "model_max_length"),
                                  std::pair("sentence_bert_config.json", "max_seq_length")})
    if (auto const said = length_in(folder.path / file, key); said && *said != static_cast<double>(expected))
      throw refused(folder.path / file,
                    fmt::format("\"{}\" is {} tokens, \"polytask\" in config.json has the max_length {}; correct the "
                                "one that is wrong, or say with --max-length how many the model reads",
                                key, *said, expected));
}

/// The library makes texts lower-case where this file says, before its tokenizer sees them.
void check_case(Folder const& folder) {
  auto const path = folder.path / "sentence_bert_config.json";
  if (!is_there(path)) return;
  auto const json = read_json_file(path);
  if (json.is_object() && json.value("do_lower_case", Json()) == true)
    throw refused(path,
                  "\"do_lower_case\" is true: texts would become lower-case before the tokenizer sees them, which is "
                  "not read; expected false, as `polytask export` wrote it: put it back");
}

}  // namespace

TaskModel import_huggingface(fs::path const& path, ImportOptions const& options) {
  check_words(options);
  auto const folder = look_at(path);
  check_positions(folder, options.max_length);
  TaskModel model{.tokenizer = text::load_tokenizer(path),
                  .config = folder.encoder,
                  .encoder = model::read_encoder_weights(path, folder.encoder),
                  .pooling = folder.section ? folder.section->pooling : model::Pooling::First,
                  .source = path};
  model::check_vocabulary(path, model.config, model.tokenizer->vocabulary_size());
  if (folder.section && options.max_length == 0) check_lengths(folder);
  if (folder.section) check_case(folder);
  check_tokenizer_agrees(path);
  model.max_length = options.max_length > 0 ? options.max_length
                     : folder.section       ? folder.section->max_length
                                            : length_said(folder);
  if (folder.architecture == kTokenClassifier)
    read_token_classifier(folder, options, model);
  else if (folder.architecture == kSequenceClassifier)
    read_sequence_classifier(folder, options, model);
  else if (folder.architecture == kMultipleChoice)
    read_multiple_choice(folder, options, model);
  else
    read_sentence_transformer(folder, options, model);
  return model;
}

}  // namespace polytask::exchange
