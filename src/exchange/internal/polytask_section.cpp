#include "exchange/internal/polytask_section.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"

namespace polytask::exchange {
namespace {

constexpr int kSchema = 1;

}  // namespace

OrderedJson section_json(PolytaskSection const& section) {
  OrderedJson json;
  json["schema"] = kSchema;
  json["max_length"] = section.max_length;
  json["pooling"] = model::to_string(section.pooling);
  json["task"] = OrderedJson::parse(model::head_json(section.head));
  if (section.cosine) json["cosine"] = {{"slope", section.cosine->slope}, {"intercept", section.cosine->intercept}};
  return json;
}

std::optional<PolytaskSection> parse_section(Json const& config, std::string const& where) {
  if (!config.contains("polytask")) return std::nullopt;
  auto const refuse = [&](std::string const& reason) {
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: \"polytask\" {}; correct it, or remove it and say what the task is with --type, "
                            "--text and --label",
                            where, reason));
  };
  auto const& json = config["polytask"];
  try {
    if (auto const& schema = json.at("schema"); schema != kSchema)
      refuse(fmt::format("is of schema {}, this version reads {}", quote(schema.dump()), kSchema));
    PolytaskSection section;
    auto const& max_length = json.at("max_length");
    if (!max_length.is_number_unsigned() || max_length.get<std::uint64_t>() > (1 << 20))
      refuse(fmt::format("has the max_length {}; expected tokens, up to {}", quote(max_length.dump()), 1 << 20));
    section.max_length = max_length.get<std::size_t>();
    auto const pooling = model::parse_pooling(json.at("pooling").get<std::string>());
    if (!pooling) refuse(fmt::format("has the pooling {}; expected mean or first", quote(json["pooling"].dump())));
    section.pooling = *pooling;
    auto const& task = json.at("task");
    section.head = model::parse_head_spec(task.dump(), where + ": \"polytask\"", task.at("name").get<std::string>());
    if (json.contains("cosine")) {
      section.cosine = {json["cosine"].at("slope").get<double>(), json["cosine"].at("intercept").get<double>()};
      if (!std::isfinite(section.cosine->slope) || !std::isfinite(section.cosine->intercept))
        refuse("has a cosine whose slope or intercept is no finite number");
    }
    return section;
  } catch (Json::exception const& error) {
    refuse(fmt::format("is not what polytask writes ({})", json_problem(error)));
  }
  return std::nullopt;
}

}  // namespace polytask::exchange
