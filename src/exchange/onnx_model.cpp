#include "exchange/onnx_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "base/error.h"
#include "exchange/internal/onnx_graph.h"
#include "exchange/internal/onnx_sizes.h"

namespace polytask::exchange {
namespace {

constexpr int kIrVersion = 8;
constexpr auto kProducer = "polytask";
constexpr std::string_view kKeys = "polytask.";
constexpr auto kVersionKey = "polytask.version";
constexpr auto kConfigKey = "polytask.config.json";
constexpr auto kModelKey = "polytask.model.json";

std::string task_key(std::string const& task) {
  return fmt::format("polytask.tasks.{}.task.json", model::head_file_name(task));
}

Error refused(std::string const& where, std::string const& reason) {
  return {ErrorCode::InvalidInput, fmt::format("{}: {}", where, reason)};
}

void add_metadata(onnx::ModelProto& file, std::string const& key, std::string value) {
  auto& entry = *file.add_metadata_props();
  entry.set_key(key);
  entry.set_value(std::move(value));
}

/// The texts by their keys; those of other programs are left out.
std::map<std::string, std::string> read_metadata(onnx::ModelProto const& file, std::string const& where) {
  std::map<std::string, std::string> texts;
  for (auto const& entry : file.metadata_props())
    if (entry.key().starts_with(kKeys) && !texts.emplace(entry.key(), entry.value()).second)
      throw refused(where, fmt::format("has {} twice in its metadata; the file is damaged", quote(entry.key())));
  if (file.producer_name() != kProducer)
    throw refused(where,
                  fmt::format("was written by {}; only ONNX files that `polytask export` wrote are imported, as a "
                              "graph alone does not say what its answers mean: import the model's Hugging Face "
                              "folder (config.json, model.safetensors, tokenizer.json)",
                              file.producer_name().empty() ? "an unnamed program" : quote(file.producer_name())));
  return texts;
}

void check_has_graph(model::EncoderConfig const& config, std::string const& where) {
  if (config.model_type != "bert")
    throw refused(where,
                  fmt::format("is of an encoder of the type {}, of which no graph is written; expected \"bert\": "
                              "answer from the package",
                              quote(config.model_type)));
}

/// What the metadata says of the model, by the parsers of its own files.
void read_description(onnx::ModelProto const& file, std::string const& where, OnnxModel& model) {
  auto texts = read_metadata(file, where);
  texts.erase(kVersionKey);
  auto const take = [&](std::string const& key) {
    auto taken = texts.extract(key);
    if (taken.empty()) throw refused(where, fmt::format("has no {} in its metadata; the file is damaged", quote(key)));
    return std::move(taken.mapped());
  };
  auto const place = [&](std::string const& key) { return fmt::format("{}, {}", where, key); };
  model.config = model::parse_encoder_config(take(kConfigKey), place(kConfigKey));
  check_has_graph(model.config, where);
  model.spec = model::parse_model_spec(take(kModelKey), place(kModelKey), [&](std::string const& task) {
    auto const key = task_key(task);
    return model::parse_head_spec(take(key), place(key), task);
  });
  if (!texts.empty())
    throw refused(where, fmt::format("has {} in its metadata, which its model.json does not name; the file is damaged",
                                     quote(texts.begin()->first)));
  if (model.spec.heads.empty()) throw refused(where, "has no task; a model without tasks answers nothing");
  model::check_belongs(where, model.spec, model.config, 0);  // of the tokenizer nothing is known here
}

std::string name_of_type(int type) {
  return onnx::TensorProto::DataType_IsValid(type)
             ? onnx::TensorProto::DataType_Name(static_cast<onnx::TensorProto::DataType>(type))
             : fmt::format("{}", type);
}

/// A few dimensions: their number is not checked yet.
std::string shape_text(onnx::TensorProto const& tensor) {
  constexpr int kShown = 4;
  auto const shown = std::min(kShown, tensor.dims_size());
  return fmt::format("[{}{}]", fmt::join(tensor.dims().begin(), tensor.dims().begin() + shown, ", "),
                     tensor.dims_size() > kShown ? ", ..." : "");
}

model::Tensor read_tensor(onnx::TensorProto const& found, std::vector<std::int64_t> const& expected,
                          std::string const& where) {
  auto const refuse = [&](std::string const& reason) {
    throw refused(where, fmt::format("initializer {} {}", quote(found.name()), reason));
  };
  if (found.data_location() == onnx::TensorProto::EXTERNAL || found.external_data_size() > 0)
    refuse("has its values in another file; expected all weights in this one, as `polytask export` writes them");
  if (found.data_type() != onnx::TensorProto::FLOAT)
    refuse(fmt::format("is of type {}; expected FLOAT (32 bits), as `polytask export` writes them",
                       name_of_type(found.data_type())));
  if (!std::equal(found.dims().begin(), found.dims().end(), expected.begin(), expected.end()))
    refuse(fmt::format("has shape {}, the model's description asks for [{}]; the file is damaged", shape_text(found),
                       fmt::join(expected, ", ")));
  std::size_t n = 1;  // no overflow: a configuration's sizes are checked, and shapes have two of them at the most
  for (auto const size : expected) n *= static_cast<std::size_t>(size);
  auto const& bytes = found.raw_data();
  if (bytes.size() != n * sizeof(float) || found.float_data_size() > 0)
    refuse(
        fmt::format("has {} bytes of raw data and {} values beside them; expected {} bytes, as `polytask export` "
                    "writes them",
                    bytes.size(), found.float_data_size(), n * sizeof(float)));
  model::Tensor tensor{expected, std::vector<float>(n)};
  std::memcpy(tensor.values.data(), bytes.data(), bytes.size());
  for (std::size_t i = 0; i < n; ++i)
    if (!std::isfinite(tensor.values[i]))
      refuse(fmt::format("holds {} at position {}; the weights are damaged", tensor.values[i], i));
  return tensor;
}

/// Takes the values out of the file as they are read: they are most of it.
void read_weights(onnx::ModelProto& file, std::string const& where, OnnxModel& model) {
  std::map<std::string, onnx::TensorProto*> found;
  for (auto& initializer : *file.mutable_graph()->mutable_initializer())
    if (!found.emplace(initializer.name(), &initializer).second)
      throw refused(where, fmt::format("has the initializer {} twice; the file is damaged", quote(initializer.name())));
  visit_weights(model.config, model.spec, model.weights,
                [&](std::string const& name, std::vector<std::int64_t> const& shape, model::Tensor& tensor) {
                  auto const taken = found.extract(name);
                  if (taken.empty())
                    throw refused(where, fmt::format("has no initializer {} of shape [{}], which the model's "
                                                     "description asks for; the file is incomplete",
                                                     quote(name), fmt::join(shape, ", ")));
                  tensor = read_tensor(*taken.mapped(), shape, where);
                  // Cleared alone, the string would keep its memory.
                  std::unique_ptr<std::string> const freed(taken.mapped()->release_raw_data());
                });
  if (!found.empty())
    throw refused(where, fmt::format("has the initializer {}, which no model of this description has; the file was "
                                     "changed",
                                     quote(found.begin()->first)));
}

constexpr auto kChanged =
    "the graph was changed and would answer something else than its weights do in polytask: import the file as "
    "`polytask export` wrote it";

/// `what` is "node", "input" or "output"; `details` is what one has beside its name.
template <typename Messages, typename Describe>
void check_equal(Messages const& found, Messages const& expected, std::string const& where, char const* what,
                 char const* details, Describe const& describe) {
  auto const n = std::min(found.size(), expected.size());
  for (int i = 0; i < n; ++i) {
    if (found.Get(i).SerializeAsString() == expected.Get(i).SerializeAsString()) continue;
    auto const name = describe(found.Get(i));
    auto const wanted = describe(expected.Get(i));
    throw refused(
        where, fmt::format("{} {} is {}, expected {}; {}", what, i + 1,
                           name == wanted ? fmt::format("{} with other {}", name, details) : name, wanted, kChanged));
  }
  if (found.size() != expected.size())
    throw refused(where, fmt::format("has {} {}s, expected {}; {}", found.size(), what, expected.size(), kChanged));
}

void check_graph(onnx::ModelProto const& file, std::string const& where, OnnxModel const& model) {
  if (file.opset_import_size() != 1 || !file.opset_import(0).domain().empty() ||
      file.opset_import(0).version() != kOperatorSet)
    throw refused(where, fmt::format("does not use operator set {} alone; {}", kOperatorSet, kChanged));
  auto const& graph = file.graph();
  if (file.functions_size() > 0 || file.training_info_size() > 0 || graph.sparse_initializer_size() > 0)
    throw refused(where, fmt::format("has functions, training information or sparse initializers; {}", kChanged));
  auto const expected = build_graph(model.config, model.spec);
  auto const name_of = [](auto const& value) { return quote(value.name()); };
  check_equal(graph.input(), expected.input(), where, "input", "types or sizes", name_of);
  check_equal(graph.node(), expected.node(), where, "node", "inputs or attributes", [](onnx::NodeProto const& node) {
    return fmt::format("{} {}", quote(node.op_type()), quote(node.name()));
  });
  check_equal(graph.output(), expected.output(), where, "output", "types or sizes", name_of);
}

}  // namespace

std::string onnx_output(model::HeadSpec const& head) {
  return fmt::format("logits.{}", model::head_file_name(head.task.name));
}

void check_fits_onnx(model::EncoderConfig const& config, model::ModelSpec const& spec, std::string const& where) {
  check_has_graph(config, where);
  if (spec.heads.empty()) throw refused(where, "has no task; a graph needs an answer");
  double n_bytes = 0;  // the sum may be beyond any integer
  model::ModelWeights no_weights;
  visit_weights(config, spec, no_weights, [&](auto const&, std::vector<std::int64_t> const& shape, auto&) {
    double n = sizeof(float);
    for (auto const size : shape) n *= static_cast<double>(size);
    n_bytes += n;
  });
  if (n_bytes + static_cast<double>(kMostStructureBytes) > static_cast<double>(kMostOnnxBytes))
    throw refused(where, fmt::format("has {:.2f} GiB of weights, an ONNX file holds less than 2 GiB; export it for "
                                     "Hugging Face libraries instead (--format huggingface)",
                                     n_bytes / static_cast<double>(1 << 30)));
}

std::string onnx_bytes(OnnxModel model, std::string const& polytask, std::string const& where) {
  check_fits_onnx(model.config, model.spec, where);
  onnx::ModelProto file;
  file.set_ir_version(kIrVersion);
  file.set_producer_name(kProducer);
  file.set_producer_version(polytask);
  auto& operators = *file.add_opset_import();
  operators.set_domain("");
  operators.set_version(kOperatorSet);
  add_metadata(file, kVersionKey, polytask);
  add_metadata(file, kConfigKey, model::encoder_config_text(model.config));
  add_metadata(file, kModelKey, model::model_json(model.spec));
  for (auto const& head : model.spec.heads) add_metadata(file, task_key(head.task.name), model::head_json(head));
  *file.mutable_graph() = build_graph(model.config, model.spec);
  visit_weights(model.config, model.spec, model.weights,
                [&](std::string const& name, std::vector<std::int64_t> const& shape, model::Tensor& tensor) {
                  expects(tensor.shape == shape, "weights were checked when they were read");
                  auto& initializer = *file.mutable_graph()->add_initializer();
                  initializer.set_name(name);
                  initializer.set_data_type(onnx::TensorProto::FLOAT);
                  for (auto const size : shape) initializer.add_dims(size);
                  auto const values = std::as_bytes(std::span(tensor.values));
                  // set_raw_data would make one copy more.
                  initializer.mutable_raw_data()->assign(reinterpret_cast<char const*>(values.data()), values.size());
                  tensor.values = std::vector<float>();  // frees them (`= {}` does not): no model is in memory thrice
                });
  std::string bytes;
  expects(file.SerializeToString(&bytes), "a message below 2 GiB is written");
  check_onnx_sizes(bytes, where);  // what is written can be read
  return bytes;
}

OnnxModel parse_onnx(std::string bytes, std::string const& where) {
  check_onnx_sizes(bytes, where);
  onnx::ModelProto file;
  if (!file.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    throw refused(where, "is no ONNX file, or a damaged one; get the file again");
  std::string().swap(bytes);  // the message has all of it; an assignment would keep the memory
  OnnxModel model;
  read_description(file, where, model);
  read_weights(file, where, model);
  check_graph(file, where, model);
  return model;
}

}  // namespace polytask::exchange
