#include "model/precision_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;

constexpr int kSchema = 1;
constexpr auto kPlan = "precision.json";
constexpr std::uintmax_t kLargestPlan = 1 << 22;

std::string checked_precision(Json const& json, std::string const& where) {
  auto const word = json.get<std::string>();
  if (word != "f32" && word != "bf16" && word != "int8")
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: {} is no precision; expected f32, bf16 or int8", where, quote(word)));
  return word;
}

double finite(Json const& json) {
  auto const value = json.get<double>();
  if (!std::isfinite(value)) throw Json::other_error::create(501, "a score is not finite", nullptr);
  return value;
}

}  // namespace

std::vector<std::string> layer_groups(EncoderConfig const& config, ModelSpec const& spec) {
  std::vector<std::string> names;
  auto const add = [&](std::string const& prefix, std::int64_t layer) {
    for (auto const* part : {"attention.self", "attention.output", "intermediate", "output"})
      names.push_back(fmt::format("{}encoder.layer.{}.{}", prefix, layer, part));
  };
  for (std::int64_t layer = 0; layer < config.num_hidden_layers; ++layer) add("", layer);
  for (auto const reading : spec.private_readings())
    for (auto layer = config.num_hidden_layers - spec.private_layers; layer < config.num_hidden_layers; ++layer)
      add(fmt::format("private/{}/", to_string(reading)), layer);
  return names;
}

std::string precision_plan_text(PrecisionPlan const& plan) {
  OrderedJson json{{"schema", kSchema}, {"precision", plan.precision}, {"higher", plan.higher}};
  json["losses"] = OrderedJson::object();
  for (auto const& [task, loss] : plan.losses)
    json["losses"][task] = {{"metric", loss.metric}, {"exact", loss.exact},
                            {"now", loss.now},       {"difference_interval", loss.difference_interval},
                            {"n", loss.n},           {"split", loss.split}};
  return json.dump(1) + "\n";
}

PrecisionPlan parse_precision_plan(std::string_view text, std::string const& where) {
  auto const json = parse_json(text, where).value();
  try {
    if (auto const schema = json.at("schema").get<int>(); schema > kSchema)
      throw Error(
          ErrorCode::InvalidInput,
          fmt::format("{}: has schema {}, this version reads up to {}; use a newer Polytask", where, schema, kSchema));
    PrecisionPlan plan{.precision = checked_precision(json.at("precision"), where)};
    for (auto const& [group, precision] : json.at("higher").items())
      plan.higher[group] = checked_precision(precision, where);
    for (auto const& [task, loss] : json.at("losses").items())
      plan.losses[task] = {.metric = loss.at("metric").get<std::string>(),
                           .exact = finite(loss.at("exact")),
                           .now = finite(loss.at("now")),
                           .difference_interval = {finite(loss.at("difference_interval").at(0)),
                                                   finite(loss.at("difference_interval").at(1))},
                           .n = loss.at("n").get<std::int64_t>(),
                           .split = loss.at("split").get<std::string>()};
    return plan;
  } catch (Json::exception const& error) {
    throw Error(ErrorCode::Corrupt,
                fmt::format("{}: is not what `polytask quantize` writes ({}); quantize again", where, error.what()));
  }
}

std::optional<PrecisionPlan> read_precision_plan(fs::path const& folder) {
  auto const path = folder / kPlan;
  if (std::error_code absent; !fs::exists(path, absent)) return std::nullopt;
  return parse_precision_plan(read_file(path, kLargestPlan), path.string());
}

void set_precision(PackageContents& contents, PrecisionPlan const& plan) {
  auto text = precision_plan_text(plan);
  contents.copied.erase(kPlan);
  contents.manifest.files[kPlan] = sha256_hex(text);
  contents.written[kPlan] = std::move(text);
}

}  // namespace polytask::model
