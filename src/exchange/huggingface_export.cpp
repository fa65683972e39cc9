#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "exchange/huggingface.h"
#include "exchange/internal/huggingface_labels.h"
#include "exchange/internal/new_folders.h"
#include "exchange/internal/polytask_section.h"
#include "exchange/linear_pooler.h"
#include "model/new_folder.h"

namespace polytask::exchange {
namespace {

namespace fs = std::filesystem;
using model::Pooling;
using model::Reading;
using model::Tensor;

enum class Form { TokenClassification, SequenceClassification, MultipleChoice, SentenceTransformer };

std::string_view to_string(Form form) {
  switch (form) {
    case Form::TokenClassification: return "BertForTokenClassification";
    case Form::SequenceClassification: return "BertForSequenceClassification";
    case Form::MultipleChoice: return "BertForMultipleChoice";
    case Form::SentenceTransformer: return "SentenceTransformer";
  }
  expects(false, "every form has a name");
  return "";
}

/// Whether the head looks at a pair's pooled state alone, not at |u - v| and u * v behind it.
bool sees_pooled_alone(TaskModel const& model) {
  auto const hidden = static_cast<std::size_t>(model.config.hidden_size);
  auto const& values = model.weights.weight.values;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (i % (3 * hidden) >= hidden && values[i] != 0) return false;
  return true;
}

[[noreturn]] void refuse_span(std::string const& task) {
  throw Error(ErrorCode::InvalidUsage,
              fmt::format("task {} is of the type span, which is not written for other libraries yet; answer from the "
                          "package",
                          quote(task)));
}

Form form_of(TaskModel const& model) {
  auto const refuse = [&](std::string const& reason) {
    throw Error(ErrorCode::InvalidUsage, fmt::format("task {} cannot be written for Hugging Face: {}; ONNX holds it",
                                                     quote(model.head.task.name), reason));
  };
  bool const is_first = model.pooling == Pooling::First;
  switch (model.head.reading()) {
    case Reading::Words: return Form::TokenClassification;
    case Reading::Passage: refuse_span(model.head.task.name);
    case Reading::Choices:
      if (!is_first)
        refuse("its head sees the mean state of a text and a choice, where the library sees that of the first token");
      return Form::MultipleChoice;
    case Reading::Text:
      if (is_first) return Form::SequenceClassification;
      if (model.weights.pooler) refuse("its head has a pooler over the mean state, which no class of the library has");
      return Form::SentenceTransformer;
    case Reading::Pair:
      if (!sees_pooled_alone(model))
        refuse("its head sees how the two texts differ (|u - v| and u * v), which no class of the library does");
      if (!is_first) refuse("its head sees the mean state of a pair, where the library sees that of the first token");
      return Form::SequenceClassification;
    case Reading::Comparison:
      if (!model.head.sees_cosine())
        refuse("its head compares two texts that are encoded by themselves, which no class of the library does");
      return Form::SentenceTransformer;
  }
  expects(false, "every reading has a form");
  return Form::SentenceTransformer;
}

/// A head that sees sqrt(hidden) cos and answers (value - offset) / scale, as a line in the units of the labels.
CosineLine line_of(TaskModel const& model) {
  auto const& head = model.head;
  double const root = std::sqrt(static_cast<double>(model.config.hidden_size));
  return {.slope = static_cast<double>(model.weights.weight.values.front()) * root * head.target_scale,
          .intercept = static_cast<double>(model.weights.bias.values.front()) * head.target_scale + head.target_offset};
}

std::string_view problem_type(task::TaskType type) {
  switch (type) {
    case task::TaskType::Classification: return "single_label_classification";
    case task::TaskType::Multilabel: return "multi_label_classification";
    case task::TaskType::Regression: return "regression";
    case task::TaskType::Tagging:
    case task::TaskType::Span:
    case task::TaskType::MultipleChoice: break;
  }
  expects(false, "only heads over whole texts have a problem type");
  return "";
}

void write_config(TaskModel const& model, Form form, fs::path const& folder) {
  auto json = OrderedJson::parse(model::encoder_config_text(model.config));
  if (form != Form::SentenceTransformer) {
    json["architectures"] = OrderedJson::array({to_string(form)});
    if (form == Form::SequenceClassification) json["problem_type"] = problem_type(model.head.task.type);
    if (form != Form::MultipleChoice) add_output_names(json, output_names(model.head));
  }
  PolytaskSection section{.max_length = model.max_length, .pooling = model.pooling, .head = model.head};
  if (model.head.sees_cosine()) section.cosine = line_of(model);
  json["polytask"] = section_json(section);
  write_file_atomically(folder / "config.json", json.dump(2) + "\n");
}

/// With the length at which the library then cuts texts as we do.
void write_tokenizer(TaskModel const& model, fs::path const& folder) {
  model.tokenizer->save(folder);
  auto const path = folder / "tokenizer_config.json";
  auto json = OrderedJson::parse(read_file(path));
  json["model_max_length"] = model.max_length;
  write_file_atomically(path, json.dump(1) + "\n");
}

void write_tensors(fs::path const& path, std::vector<model::TensorToWrite> tensors) {
  model::write_safetensors(path, std::move(tensors), {{"format", "pt"}});
}

/// The columns of a pair's weight that see the pooled state; any other weight as it is.
Tensor weight_of_pooled(TaskModel const& model) {
  auto const& weight = model.weights.weight;
  if (model.head.reading() != Reading::Pair) return weight;
  auto const hidden = static_cast<std::size_t>(model.config.hidden_size);
  Tensor pooled{{weight.shape[0], model.config.hidden_size}, {}};
  for (std::size_t at = 0; at < weight.values.size(); at += 3 * hidden) {
    auto const row = weight.values.begin() + static_cast<std::ptrdiff_t>(at);
    pooled.values.insert(pooled.values.end(), row, row + static_cast<std::ptrdiff_t>(hidden));
  }
  return pooled;
}

void write_classifier(TaskModel const& model, Form form, fs::path const& folder) {
  std::vector<model::TensorToWrite> tensors;
  for (auto const& [name, tensor] : model.encoder) tensors.push_back(model::to_write("bert." + name, tensor));
  auto weight = weight_of_pooled(model);
  auto pooler = model.weights.pooler;
  if (form == Form::SequenceClassification || form == Form::MultipleChoice) {
    if (!pooler) {
      auto const exponent = linear_pooler_exponent(largest_state(model.encoder, model.config));
      pooler = linear_pooler(model.config.hidden_size, exponent);
      weight = scaled(std::move(weight), exponent);
    }
    tensors.push_back(model::to_write("bert.pooler.dense.weight", pooler->weight));
    tensors.push_back(model::to_write("bert.pooler.dense.bias", pooler->bias));
  }
  tensors.push_back(model::to_write("classifier.weight", weight));
  tensors.push_back(model::to_write("classifier.bias", model.weights.bias));
  write_tensors(folder / "model.safetensors", std::move(tensors));
}

void write_json(fs::path const& path, OrderedJson const& json) { write_file_atomically(path, json.dump(2) + "\n"); }

/// Paths and names of modules as all versions of the library since 2.0 read them.
void write_sentence_transformer(TaskModel const& model, fs::path const& folder) {
  model::write_encoder_weights(folder, model.config, model.encoder);
  auto modules = OrderedJson::array();
  auto const add_module = [&](std::string const& path, std::string const& type) {
    modules.push_back({{"idx", modules.size()},
                       {"name", std::to_string(modules.size())},
                       {"path", path},
                       {"type", "sentence_transformers.models." + type}});
  };
  add_module("", "Transformer");
  add_module("1_Pooling", "Pooling");
  write_json(folder / "sentence_bert_config.json", {{"max_seq_length", model.max_length}, {"do_lower_case", false}});
  write_json(folder / "1_Pooling" / "config.json", {{"word_embedding_dimension", model.config.hidden_size},
                                                    {"pooling_mode_cls_token", false},
                                                    {"pooling_mode_mean_tokens", true},
                                                    {"pooling_mode_max_tokens", false},
                                                    {"pooling_mode_mean_sqrt_len_tokens", false}});
  if (!model.head.sees_cosine()) {
    add_module("2_Dense", "Dense");
    auto const& weight = model.weights.weight;
    write_json(folder / "2_Dense" / "config.json", {{"in_features", weight.shape[1]},
                                                    {"out_features", weight.shape[0]},
                                                    {"bias", true},
                                                    {"activation_function", "torch.nn.modules.linear.Identity"}});
    std::vector<model::TensorToWrite> tensors;
    tensors.push_back(model::to_write("linear.weight", weight));
    tensors.push_back(model::to_write("linear.bias", model.weights.bias));
    write_tensors(folder / "2_Dense" / "model.safetensors", std::move(tensors));
  }
  write_json(folder / "modules.json", modules);
}

}  // namespace

std::string export_huggingface(TaskModel const& model, fs::path const& folder) {
  if (model.config.model_type != "bert")
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("task {} cannot be written for Hugging Face: its encoder is of the type {}, of which heads "
                            "are not written; expected \"bert\": the package itself holds the encoder in that layout",
                            quote(model.head.task.name), quote(model.config.model_type)));
  auto const form = form_of(model);
  auto const target = exported_folder(folder, model.source);
  model::NewFolder unfinished(target);
  write_config(model, form, unfinished.path());
  write_tokenizer(model, unfinished.path());
  if (form == Form::SentenceTransformer)
    write_sentence_transformer(model, unfinished.path());
  else
    write_classifier(model, form, unfinished.path());
  unfinished.commit();
  return std::string(to_string(form));
}

}  // namespace polytask::exchange
