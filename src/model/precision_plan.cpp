#include "model/precision_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "model/internal/package_files.h"
#include "model/task_card.h"

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

Error not_ours(std::string const& where, std::string const& reason) {
  return {ErrorCode::Corrupt,
          fmt::format("{}: is not what `polytask quantize` writes ({}); quantize again", where, reason)};
}

Json const& object_at(Json const& json, char const* key, std::string const& where) {
  auto const& value = json.at(key);
  if (!value.is_object()) throw not_ours(where, fmt::format("\"{}\" is no object", key));
  return value;
}

double finite(Json const& json, std::string const& where) {
  auto const value = json.get<double>();
  if (!std::isfinite(value)) throw not_ours(where, "a score is not finite");
  return value;
}

void check_schema(Json const& schema, std::string const& where) {
  if (schema == kSchema) return;
  if (schema.is_number_integer() && schema > Json(kSchema))
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: has schema {}, this version reads {}; use a newer Polytask",
                                                     where, schema.dump(), kSchema));
  throw not_ours(where, fmt::format("its schema is {}, expected {}", quote(schema.dump()), kSchema));
}

PrecisionLoss loss_of(Json const& json, std::string const& where) {
  PrecisionLoss loss{.metric = json.at("metric").get<std::string>(),
                     .exact = finite(json.at("exact"), where),
                     .now = finite(json.at("now"), where),
                     .split = json.at("split").get<std::string>()};
  auto const& interval = json.at("difference_interval");
  loss.difference_interval = {finite(interval.at(0), where), finite(interval.at(1), where)};
  auto const& n = json.at("n");
  loss.n = n.get<std::int64_t>();
  if (!n.is_number_integer() || loss.n < 0)
    throw not_ours(where, fmt::format("{} is no number of rows", quote(n.dump())));
  return loss;
}

}  // namespace

std::vector<std::string> layer_groups(EncoderConfig const& config, ModelSpec const& spec) {
  std::vector<std::string> names;
  auto const add = [&](std::string const& prefix, std::int64_t layer) {
    for (auto const* part : {"attention.self", "attention.output", "intermediate", "output"})
      names.push_back(fmt::format("{}encoder.layer.{}.{}", prefix, layer, part));
    if (layer == 0 && config.convolution) names.push_back(prefix + "encoder.layer.0.convolution");
  };
  for (std::int64_t layer = 0; layer < config.num_hidden_layers; ++layer) add("", layer);
  for (auto const reading : spec.private_readings())
    for (auto layer = config.num_hidden_layers - spec.private_layers; layer < config.num_hidden_layers; ++layer)
      add(fmt::format("private/{}/", to_string(reading)), layer);
  for (auto const& head : spec.heads)
    for (auto layer = config.num_hidden_layers - head.private_layers; layer < config.num_hidden_layers; ++layer)
      add(layer_group_prefix(head.task.name), layer);
  return names;
}

std::string layer_group_prefix(std::string const& task) { return task_folder("", task).string() + "/"; }

void check_precision_plan(PrecisionPlan const& plan, EncoderConfig const& config, ModelSpec const& spec,
                          std::string const& where) {
  auto const groups = layer_groups(config, spec);
  for (auto const& [group, precision] : plan.higher)
    if (std::find(groups.begin(), groups.end(), group) == groups.end())
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: gives {} a precision, which the model does not have; it belongs to another model",
                              where, quote(group)));
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
    check_schema(json.at("schema"), where);
    PrecisionPlan plan{.precision = checked_precision(json.at("precision"), where)};
    for (auto const& [group, precision] : object_at(json, "higher", where).items())
      plan.higher[group] = checked_precision(precision, where);
    for (auto const& [task, loss] : object_at(json, "losses", where).items()) plan.losses[task] = loss_of(loss, where);
    return plan;
  } catch (Json::exception const& error) {
    throw not_ours(where, json_problem(error));
  }
}

std::optional<PrecisionPlan> read_precision_plan(fs::path const& folder) {
  auto const path = folder / kPlan;
  if (std::error_code absent; !fs::exists(path, absent)) return std::nullopt;
  return parse_precision_plan(read_file(path, kLargestPlan), path.string());
}

std::optional<PrecisionPlan> precision_of(PackageContents const& contents) {
  if (auto const own = contents.written.find(kPlan); own != contents.written.end())
    return parse_precision_plan(own->second, kPlan);
  auto const copied = contents.copied.find(kPlan);
  if (copied == contents.copied.end()) return std::nullopt;
  auto const where = (copied->second / kPlan).string();
  auto const text = PackageFile(copied->second, kPlan).rest(kLargestPlan);
  if (sha256_hex(text) != contents.manifest.files.at(kPlan))
    throw Error(ErrorCode::Corrupt, where + ": was changed while it was read; run the same command again");
  return parse_precision_plan(text, where);
}

void set_precision(PackageContents& contents, PrecisionPlan const& plan) {
  auto const put = [&](std::string const& path, std::string text) {
    contents.copied.erase(path);
    contents.manifest.files[path] = sha256_hex(text);
    contents.written[path] = std::move(text);
  };
  put(kPlan, precision_plan_text(plan));
  for (auto const& head : contents.spec.heads) {
    auto const& task = contents.manifest.tasks.at(head.task.name);
    put(task.folder + "/card.md", card_text(head, task.origin, plan));
  }
}

}  // namespace polytask::model
