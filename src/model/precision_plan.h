// What a package computes in where its reader does not say otherwise: precision.json, which `polytask quantize` writes.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/encoder_files.h"
#include "model/model_folder.h"
#include "model/package_contents.h"

namespace polytask::model {

/// What a task's primary score was in float32 and is now, on the same rows.
struct PrecisionLoss {
  std::string metric;
  double exact = 0;
  double now = 0;
  std::array<double, 2> difference_interval{};  ///< of now - exact, 95 %, paired
  std::int64_t n = 0;                           ///< rows
  std::string split;
};

/// Precisions are "f32", "bf16" and "int8".
struct PrecisionPlan {
  std::string precision = "f32";                ///< of every layer group but those of `higher`
  std::map<std::string, std::string> higher;    ///< layer group -> its precision
  std::map<std::string, PrecisionLoss> losses;  ///< by task: what was measured when the plan was made
};

/// The products of a model that can have precisions of their own, four a layer: "encoder.layer.0.attention.self",
/// "encoder.layer.0.attention.output", "encoder.layer.0.intermediate", "encoder.layer.0.output", and where there is a
/// convolution "encoder.layer.0.convolution"; those of a reading's private layers with "private/<reading>/" in front,
/// those of a task's with `layer_group_prefix`.
[[nodiscard]] std::vector<std::string> layer_groups(EncoderConfig const& config, ModelSpec const& spec);

/// "tasks/<folder of the task>/".
[[nodiscard]] std::string layer_group_prefix(std::string const& task);

/// Throws Error{InvalidInput} naming the group of `higher` that the model does not have; `where` starts the message.
void check_precision_plan(PrecisionPlan const& plan, EncoderConfig const& config, ModelSpec const& spec,
                          std::string const& where);

[[nodiscard]] std::string precision_plan_text(PrecisionPlan const& plan);
/// Throws Error{InvalidInput, Corrupt} for another schema, an unknown precision, a number that is none.
[[nodiscard]] PrecisionPlan parse_precision_plan(std::string_view text, std::string const& where);
/// Nothing when the folder has none.
[[nodiscard]] std::optional<PrecisionPlan> read_precision_plan(std::filesystem::path const& folder);

/// The plan of a package that is being made; nothing when it has none. Throws as parse_precision_plan does, and
/// Error{Corrupt} when the file was changed since the package was opened.
[[nodiscard]] std::optional<PrecisionPlan> precision_of(PackageContents const& contents);
/// The package with this plan, which the cards of its tasks say too; everything else stays.
void set_precision(PackageContents& contents, PrecisionPlan const& plan);

}  // namespace polytask::model
