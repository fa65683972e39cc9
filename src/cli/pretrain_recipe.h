// recipe.yaml -> how an encoder is pretrained, with every mistake in it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/language_texts.h"
#include "train/pretrain_config.h"

namespace polytask::cli {

struct PretrainRecipe {
  std::vector<data::TextSource> sources;
  train::PretrainConfig config;
  std::vector<std::filesystem::path> probes;  ///< project files whose classification tasks are looked at
};

/// What the command line names in the place of the file.
struct NamedEncoders {
  std::optional<std::filesystem::path> from;
  std::optional<std::filesystem::path> teacher;
};

/// Reads and checks the file after `overrides`; files that it names start from `data_folder`. Throws ProjectProblems,
/// or Error{InvalidUsage} when there is no such file.
[[nodiscard]] PretrainRecipe read_recipe(std::filesystem::path const& file, std::filesystem::path const& data_folder,
                                         std::vector<std::string> const& overrides, NamedEncoders const& named = {});
/// The same from text in memory.
[[nodiscard]] PretrainRecipe parse_recipe(std::string_view yaml, std::filesystem::path const& file,
                                          std::filesystem::path const& data_folder,
                                          std::vector<std::string> const& overrides, NamedEncoders const& named = {});

/// Everything that decides the result, defaults written out; hashes of texts and encoders are not in it.
[[nodiscard]] OrderedJson effective_recipe(PretrainRecipe const& recipe);

}  // namespace polytask::cli
