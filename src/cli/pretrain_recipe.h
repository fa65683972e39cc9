// recipe.yaml -> how an encoder is pretrained, with every mistake in it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/encoder_source.h"
#include "data/language_texts.h"
#include "train/pretrain_config.h"

namespace polytask::cli {

/// An encoder that a recipe names: as it was written, and where it comes from once with_encoders() has found it.
struct RecipeEncoder {
  std::string word;
  std::optional<HubOrigin> hub;
};

struct PretrainRecipe {
  std::vector<data::TextSource> sources;
  train::PretrainConfig config;
  std::vector<std::filesystem::path> probes;  ///< project files whose classification tasks are looked at
  RecipeEncoder from, teacher, vocabulary;    ///< of `config.from`, `.distillation.teacher`, `.vocabulary.folder`
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

/// The recipe with the folders of encoders that are models of the hub; see encoder_source().
[[nodiscard]] PretrainRecipe with_encoders(PretrainRecipe recipe, std::function<std::stop_token()> const& on_download);

/// Everything that decides the result, defaults written out; hashes of texts and encoders are not in it.
[[nodiscard]] OrderedJson effective_recipe(PretrainRecipe const& recipe);

}  // namespace polytask::cli
