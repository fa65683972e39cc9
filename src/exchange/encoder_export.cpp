#include "exchange/encoder_export.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/file.h"
#include "exchange/internal/new_folders.h"
#include "model/encoder_config.h"
#include "model/encoder_files.h"
#include "model/new_folder.h"

namespace polytask::exchange {
namespace {

namespace fs = std::filesystem;

/// What stands beside the weights: configuration, tokenizer, papers. Weights of other programs do not count.
bool is_kept(fs::path const& file) {
  constexpr std::array<std::string_view, 4> kEndings{".json", ".txt", ".md", ".model"};
  auto const ending = file.extension().string();
  return file.filename() != "model.safetensors.index.json" &&
         std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

}  // namespace

std::size_t export_encoder(fs::path const& encoder, fs::path const& folder) {
  (void)model::read_encoder_config(encoder);  // says what is wrong with a folder that is none
  auto const target = exported_folder(folder, encoder);
  auto const weights = model::read_all_tensors(encoder);
  model::NewFolder written(target);
  std::vector<model::TensorToWrite> tensors;
  for (auto const& [name, tensor] : weights) tensors.push_back(model::to_write(name, tensor));
  model::write_safetensors(written.path() / "model.safetensors", std::move(tensors), {{"format", "pt"}});
  for (auto const& entry : fs::directory_iterator(encoder))
    if (entry.is_regular_file() && is_kept(entry.path()))
      write_file_atomically(written.path() / entry.path().filename(), read_file(entry.path()));
  written.commit();
  return weights.size();
}

}  // namespace polytask::exchange
