#include "model/model_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;

// 2: target_offset for target_mean; 3: private_layers; 4: a folder for each task; 5: heads with poolers; 6: tasks with
// private layers. A model is written in the earliest that can hold it, so that older versions read what they can answer
// and refuse what they cannot.
constexpr int kSchema = 6;
constexpr int kSchemaWithPoolers = 5;
constexpr int kEarliestSchema = 4;
constexpr std::int64_t kMostLayers = 1'000;  // of any encoder

int schema_of(ModelSpec const& spec) {
  auto const any = [&](auto const& holds) { return std::any_of(spec.heads.begin(), spec.heads.end(), holds); };
  if (any([](HeadSpec const& head) { return head.private_layers > 0; })) return kSchema;
  return any([](HeadSpec const& head) { return head.pooler != Pooler::None; }) ? kSchemaWithPoolers : kEarliestSchema;
}

}  // namespace

std::string_view to_string(Pooling pooling) { return pooling == Pooling::Mean ? "mean" : "first"; }

std::optional<Pooling> parse_pooling(std::string_view word) {
  if (word == "mean") return Pooling::Mean;
  if (word == "first") return Pooling::First;
  return std::nullopt;
}

std::vector<std::string> ModelSpec::task_names() const {
  std::vector<std::string> names;
  for (auto const& head : heads) names.push_back(head.task.name);
  return names;
}

std::optional<std::size_t> ModelSpec::find(std::string_view task) const {
  auto const found =
      std::find_if(heads.begin(), heads.end(), [&](HeadSpec const& head) { return head.task.name == task; });
  return found == heads.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - heads.begin()));
}

std::vector<Reading> ModelSpec::readings() const {
  std::set<Reading> readings;
  for (auto const& head : heads)
    if (head.private_layers == 0) readings.insert(head.reading());
  return {readings.begin(), readings.end()};
}

std::vector<Branch> ModelSpec::branches() const {
  std::vector<Branch> found;
  auto const heads_that = [&](auto const& belongs) {
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < heads.size(); ++i)
      if (heads[i].private_layers == 0 && belongs(heads[i])) indices.push_back(i);
    return indices;
  };
  auto const own = private_readings();
  if (auto shared = heads_that([](auto const&) { return true; }); private_layers == 0 && !shared.empty())
    found.push_back({.heads = std::move(shared)});
  for (auto const reading : private_layers > 0 ? readings() : std::vector<Reading>()) {
    auto of_reading = heads_that([&](HeadSpec const& head) { return head.reading() == reading; });
    bool const has_file = std::find(own.begin(), own.end(), reading) != own.end();
    found.push_back({.n_own_layers = has_file ? private_layers : 0,
                     .reading = has_file ? std::optional(reading) : std::nullopt,
                     .heads = std::move(of_reading)});
  }
  for (std::size_t i = 0; i < heads.size(); ++i)
    if (heads[i].private_layers > 0) found.push_back({.n_own_layers = heads[i].private_layers, .heads = {i}});
  return found;
}

std::vector<Reading> ModelSpec::private_readings() const {
  auto own = readings();
  if (private_layers == 0 || own.empty()) return {};
  std::erase(own, encoder_reading.value_or(own.front()));
  return own;
}

ModelSpec parse_model_spec(std::string_view text, std::string const& where,
                           std::function<HeadSpec(std::string const& task)> const& head_of) {
  auto const json = parse_json(text, where).value();
  try {
    int const schema = json.at("schema").get<int>();
    if (schema < kEarliestSchema || schema > kSchema)
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: was written in schema {}, this version reads {} to {}; {}", where, schema,
                              kEarliestSchema, kSchema,
                              schema < kSchema ? "train the model again, or use the version of polytask that wrote it"
                                               : "use the version of polytask that wrote it"));
    ModelSpec spec;
    auto const pooling = parse_pooling(json.at("pooling").get<std::string>());
    if (!pooling)
      throw Error(ErrorCode::InvalidInput, fmt::format("{}: \"pooling\" is {}; expected \"mean\" or \"first\"", where,
                                                       quote(json["pooling"].get<std::string>())));
    spec.pooling = *pooling;
    auto const max_length = json.at("max_length").get<std::int64_t>();
    if (max_length < 8 || max_length > (1 << 20))
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: \"max_length\" is {}; expected 8 to {}", where, max_length, 1 << 20));
    spec.max_length = static_cast<std::size_t>(max_length);
    auto const& private_layers = json.at("private_layers");
    if (!private_layers.is_number_integer() || private_layers.get<double>() < 0 ||
        private_layers.get<double>() > static_cast<double>(kMostLayers))
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: \"private_layers\" is {}; expected a whole number of 0 to {}", where,
                              private_layers.dump(), kMostLayers));
    spec.private_layers = private_layers.get<std::int64_t>();
    if (json.contains("encoder_reading")) {
      auto const word = json["encoder_reading"].get<std::string>();
      spec.encoder_reading = parse_reading(word);
      if (!spec.encoder_reading)
        throw Error(
            ErrorCode::InvalidInput,
            fmt::format("{}: \"encoder_reading\" is {}; expected \"text\", \"words\", \"pair\", \"comparison\", "
                        "\"passage\" or \"choices\"",
                        where, quote(word)));
    }
    for (auto const& name : json.at("tasks").get<std::vector<std::string>>()) {
      if (spec.find(name))
        throw Error(ErrorCode::InvalidInput,
                    fmt::format("{}: task {} stands twice; the file is damaged", where, quote(name)));
      spec.heads.push_back(head_of(name));
    }
    if (schema != schema_of(spec))
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: was written in schema {}, its tasks ask for {}; the files do not belong together",
                              where, schema, schema_of(spec)));
    return spec;
  } catch (Json::exception const& error) {
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: is not a model description ({}); the file is damaged", where, json_problem(error)));
  }
}

ModelSpec read_model_spec(fs::path const& folder) {
  constexpr std::uintmax_t kLargest = 1 << 26;
  auto const path = folder / "model.json";
  return parse_model_spec(read_file(path, kLargest), path.string(), [&](std::string const& task) {
    auto const description = task_folder(folder, task) / "task.json";
    return parse_head_spec(read_file(description, kLargest), description.string(), task);
  });
}

std::string model_json(ModelSpec const& spec) {
  OrderedJson json;
  json["schema"] = schema_of(spec);
  json["pooling"] = to_string(spec.pooling);
  json["max_length"] = spec.max_length;
  json["private_layers"] = spec.private_layers;
  auto const readings = spec.readings();
  if (spec.private_layers > 0 && (spec.encoder_reading || !readings.empty()))  // kept where all its tasks have gone
    json["encoder_reading"] = to_string(spec.encoder_reading ? *spec.encoder_reading : readings.front());
  json["tasks"] = spec.task_names();
  return json.dump(2) + "\n";
}

void write_model_spec(fs::path const& folder, ModelSpec const& spec) {
  for (auto const& head : spec.heads)
    write_file_atomically(task_folder(folder, head.task.name) / "task.json", head_json(head));
  write_file_atomically(folder / "model.json", model_json(spec));
}

fs::path task_folder(fs::path const& model_folder, std::string const& task_name) {
  return model_folder / "tasks" / head_file_name(task_name);
}

fs::path private_file(fs::path const& model_folder, Reading reading) {
  return model_folder / "private" / (std::string(to_string(reading)) + ".safetensors");
}

fs::path private_file(fs::path const& model_folder, std::string const& task_name) {
  return task_folder(model_folder, task_name) / "private.safetensors";
}

}  // namespace polytask::model
