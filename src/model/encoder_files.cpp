#include "model/encoder_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "model/compact_weights.h"
#include "model/internal/checked_tensor.h"
#include "model/internal/encoder_family.h"
#include "model/internal/encoder_tensors.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

/// A published name without what older or wrapped checkpoints add to it.
std::string plain_name(std::string name, std::string_view prefix) {
  if (name.starts_with(prefix)) name.erase(0, prefix.size());
  auto const replace_end = [&](std::string_view from, std::string_view to) {
    if (name.ends_with(from)) name.replace(name.size() - from.size(), from.size(), to);
  };
  replace_end("LayerNorm.gamma", "LayerNorm.weight");
  replace_end("LayerNorm.beta", "LayerNorm.bias");
  return name;
}

/// The weight files of a folder: one, or the shards that the index names.
std::vector<fs::path> weight_files(fs::path const& folder) {
  for (auto const* name : {"model.safetensors", kCompactWeights})
    if (is_there(folder / name)) return {folder / name};
  auto const index_path = folder / "model.safetensors.index.json";
  if (!is_there(index_path)) {
    constexpr auto kConvert =
        "convert it once where you trust it (transformers: model.save_pretrained(folder, safe_serialization=True)) and "
        "use model.safetensors";
    for (auto const* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
      if (is_there(folder / name))
        throw Error(ErrorCode::InvalidInput,
                    fmt::format("{}: is not read, because a pickle file can run any program when it is opened; {}",
                                (folder / name).string(), kConvert));
    for (auto const* name : {"model.ckpt.index", "tf_model.h5"})
      if (is_there(folder / name))
        throw Error(ErrorCode::InvalidInput, fmt::format("{}: is not read, because only safetensors are; {}",
                                                         (folder / name).string(), kConvert));
    throw Error(
        ErrorCode::NotFound,
        fmt::format(
            "{}: has neither model.safetensors nor model.safetensors.index.json; give a Hugging Face model folder",
            folder.string()));
  }
  auto const index = parse_json(read_file(index_path), index_path.string()).value();
  auto const bad_index = [&] {
    return Error(ErrorCode::InvalidInput,
                 index_path.string() + ": has no \"weight_map\" of tensor names to file names; get the folder again");
  };
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object() ||
      index["weight_map"].empty())
    throw bad_index();
  std::set<std::string> names;
  for (auto const& [tensor, file] : index["weight_map"].items()) {
    if (!file.is_string()) throw bad_index();
    auto const name = file.get<std::string>();
    if (name.empty() || name.find('\0') != std::string::npos || fs::path(name).filename().string() != name ||
        name == "." || name == ".." || !name.ends_with(".safetensors"))
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: names the file {}; expected the plain name of a .safetensors file beside it",
                              index_path.string(), quote(name)));
    names.insert(name);
  }
  std::vector<fs::path> files;
  for (auto const& name : names) files.push_back(folder / name);
  return files;
}

/// The tensors of `expected` by plain name; of others those that may be ignored are.
std::map<std::string, Tensor> read_tensors(fs::path const& folder, Shapes const& expected, std::string const& asked_by,
                                           std::string_view prefix,
                                           std::function<bool(std::string const&)> const& may_be_ignored) {
  std::map<std::string, Tensor> weights;
  for (auto const& path : weight_files(folder)) {
    auto const file = SafetensorsFile::open(path);
    for (auto const& [published, view] : file.tensors()) {
      if (is_scale(file.tensors(), published)) continue;
      auto const name = plain_name(published, prefix);
      auto const found = expected.find(name);
      if (found == expected.end()) {
        if (may_be_ignored(name)) continue;
        throw Error(ErrorCode::InvalidInput,
                    fmt::format("{}: holds the tensor {}, which no encoder of this config.json has; weights and "
                                "configuration do not belong together",
                                path.string(), quote(published)));
      }
      bool const is_small = path.filename() == kCompactWeights && is_compact(view);
      auto tensor = is_small ? compact_tensor(path, file.tensors(), published)
                             : checked_tensor(path, published, view, found->second, asked_by);
      if (is_small) check_shape(path, published, tensor.shape, found->second, asked_by);
      if (!weights.emplace(name, std::move(tensor)).second)
        throw Error(ErrorCode::InvalidInput,
                    fmt::format("{}: tensor {} stands twice in the folder", path.string(), quote(published)));
      file.copied(view);
    }
  }
  for (auto const& [name, shape] : expected)
    if (!weights.contains(name))
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: has no tensor {} of shape [{}], which {} asks for; the weights are incomplete",
                              folder.string(), quote(name), fmt::join(shape, ", "), asked_by));
  return weights;
}

std::size_t n_values(std::vector<std::int64_t> const& shape) {
  std::size_t n = 1;
  for (auto const size : shape) n *= static_cast<std::size_t>(size);
  return n;
}

Tensor joined(PublishedTensor const& tensor, std::map<std::string, Tensor> const& weights) {
  Tensor whole{tensor.shape, {}};
  for (auto const& part : tensor.parts) {
    auto const& values = weights.at(part.name).values;
    whole.values.insert(whole.values.end(), values.begin(), values.end());
  }
  return whole;
}

}  // namespace

std::map<std::string, std::vector<std::int64_t>> expected_encoder_tensors(EncoderConfig const& config) {
  Shapes shapes;
  for (auto& [name, shape] : encoder_tensors(config)) shapes[name] = std::move(shape);
  return shapes;
}

void check_vocabulary(std::filesystem::path const& folder, EncoderConfig const& config, std::size_t n_tokens) {
  if (static_cast<std::int64_t>(n_tokens) > config.vocab_size)
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: the tokenizer has {} tokens, the encoder embeds {}; the files do not belong together",
                            folder.string(), n_tokens, config.vocab_size));
}

std::map<std::string, Tensor> read_encoder_weights(fs::path const& folder, EncoderConfig const& config) {
  auto const& family = family_of(config);
  auto const may_be_ignored = [&](std::string const& name) {
    return std::any_of(family.ignored.begin(), family.ignored.end(),
                       [&](std::string_view beginning) { return name.starts_with(beginning); });
  };
  auto const published = published_tensors(config);
  Shapes shapes;
  for (auto const& tensor : published) shapes[tensor.name] = tensor.shape;
  auto read = read_tensors(folder, shapes, "config.json", family.prefix, may_be_ignored);
  std::map<std::string, Tensor> weights;
  for (auto const& tensor : published) {
    auto& values = read.at(tensor.name).values;
    if (tensor.parts.size() == 1) {
      weights[tensor.parts[0].name] = {tensor.shape, std::move(values)};
      continue;
    }
    auto at = values.begin();
    for (auto const& part : tensor.parts) {
      auto const end = at + static_cast<std::ptrdiff_t>(n_values(part.shape));
      weights[part.name] = {part.shape, std::vector<float>(at, end)};
      at = end;
    }
    values = std::vector<float>();
  }
  return weights;
}

std::map<std::string, Tensor> read_named_tensors(fs::path const& folder, Shapes const& expected,
                                                 std::string const& asked_by) {
  return read_tensors(folder, expected, asked_by, kBert.prefix, [](std::string const&) { return true; });
}

std::map<std::string, Tensor> read_all_tensors(fs::path const& folder) {
  std::map<std::string, Tensor> all;
  for (auto const& path : weight_files(folder)) {
    auto const file = SafetensorsFile::open(path);
    for (auto const& [name, view] : file.tensors()) {
      bool const is_small = path.filename() == kCompactWeights && is_compact(view);
      bool const is_of_integers = view.dtype == DType::I64 || view.dtype == DType::I32 || view.dtype == DType::Bool;
      if (is_scale(file.tensors(), name) || is_of_integers) continue;  // position ids and the like are no weights
      auto tensor = is_small ? compact_tensor(path, file.tensors(), name)
                             : checked_tensor(path, name, view, view.shape, "the file itself");
      if (!all.emplace(name, std::move(tensor)).second)
        throw Error(ErrorCode::InvalidInput,
                    fmt::format("{}: tensor {} stands twice in the folder", path.string(), quote(name)));
      file.copied(view);
    }
  }
  return all;
}

TensorToWrite to_write(std::string name, Tensor const& tensor) {
  return {std::move(name), DType::F32, tensor.shape, std::as_bytes(std::span(tensor.values))};
}

std::map<std::string, Tensor> published_weights(EncoderConfig const& config,
                                                std::map<std::string, Tensor> const& weights) {
  std::map<std::string, Tensor> published;
  for (auto const& tensor : published_tensors(config)) published[tensor.name] = joined(tensor, weights);
  return published;
}

void write_encoder_weights(fs::path const& folder, EncoderConfig const& config,
                           std::map<std::string, Tensor> const& weights) {
  std::map<std::string, Tensor> kept;  // only what lies in one tensor with others is copied
  std::vector<TensorToWrite> tensors;
  for (auto const& tensor : published_tensors(config)) {
    if (tensor.parts.size() == 1) {
      tensors.push_back(to_write(tensor.name, weights.at(tensor.parts[0].name)));
      continue;
    }
    auto const& whole = kept[tensor.name] = joined(tensor, weights);
    tensors.push_back(to_write(tensor.name, whole));
  }
  write_safetensors(folder / "model.safetensors", std::move(tensors), {{"format", "pt"}});
}

}  // namespace polytask::model
