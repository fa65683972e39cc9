#include "exchange/encoder_export.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/file.h"
#include "base/json.h"
#include "exchange/internal/new_folders.h"
#include "model/encoder_config.h"
#include "model/encoder_files.h"
#include "model/new_folder.h"

namespace polytask::exchange {
namespace {

namespace fs = std::filesystem;

/// What goes along: the tokenizer and the papers.
bool is_kept(std::string const& name) {
  constexpr std::array<std::string_view, 13> kNames{"tokenizer.json",
                                                    "tokenizer_config.json",
                                                    "special_tokens_map.json",
                                                    "added_tokens.json",
                                                    "vocab.txt",
                                                    "vocab.json",
                                                    "merges.txt",
                                                    "spiece.model",
                                                    "spm.model",
                                                    "sentencepiece.bpe.model",
                                                    "README.md",
                                                    "pretraining.json",
                                                    "recipe.json"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() || name.starts_with("LICENSE") ||
         name.starts_with("NOTICE");
}

/// Libraries believe what it says of the weights' type.
std::string config_of_floats(fs::path const& encoder) {
  auto const path = encoder / "config.json";
  auto const text = read_file(path);
  auto json = OrderedJson::parse(text);
  for (auto const* key : {"torch_dtype", "dtype"})
    if (json.contains(key)) json[key] = "float32";
  return json.dump(2) + "\n";
}

}  // namespace

std::size_t export_encoder(fs::path const& encoder, fs::path const& folder) {
  // Says what is wrong with a folder that is none, or whose weights are another configuration's.
  (void)model::read_encoder_weights(encoder, model::read_encoder_config(encoder));
  auto const target = exported_folder(folder, encoder);
  auto const weights = model::read_all_tensors(encoder);
  model::NewFolder written(target);
  std::vector<model::TensorToWrite> tensors;
  for (auto const& [name, tensor] : weights) tensors.push_back(model::to_write(name, tensor));
  model::write_safetensors(written.path() / "model.safetensors", std::move(tensors), {{"format", "pt"}});
  for (auto const& entry : fs::directory_iterator(encoder))
    if (entry.is_regular_file() && is_kept(entry.path().filename().string()))
      write_file_atomically(written.path() / entry.path().filename(), read_file(entry.path()));
  write_file_atomically(written.path() / "config.json", config_of_floats(encoder));
  written.commit();
  return weights.size();
}

}  // namespace polytask::exchange
