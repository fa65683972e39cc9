#include "exchange/internal/huggingface_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace polytask::exchange {
namespace {

constexpr std::size_t kMostOutputs = 100'000;

std::vector<std::string> default_names(Json const& config, std::string const& where) {
  std::size_t n = 2;
  if (config.contains("num_labels")) {
    auto const& value = config["num_labels"];
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() < 1 || value.get<std::uint64_t>() > kMostOutputs)
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: \"num_labels\" is {}; expected 1 to {}", where, quote(value.dump()), kMostOutputs));
    n = value.get<std::size_t>();
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < n; ++i) names.push_back(fmt::format("LABEL_{}", i));
  return names;
}

}  // namespace

std::vector<std::string> output_names(model::HeadSpec const& head) {
  switch (head.task.type) {
    case task::TaskType::Classification:
    case task::TaskType::Multilabel: return head.labels.names();
    case task::TaskType::Regression: return {head.task.name};
    case task::TaskType::Tagging:
    case task::TaskType::Span:
    case task::TaskType::MultipleChoice: break;
  }
  std::vector<std::string> names{"O"};
  for (auto const& label : head.labels.names()) names.insert(names.end(), {"B-" + label, "I-" + label});
  return names;
}

void add_output_names(OrderedJson& config, std::vector<std::string> const& names) {
  config["id2label"] = OrderedJson::object();
  config["label2id"] = OrderedJson::object();
  for (std::size_t i = 0; i < names.size(); ++i) {
    config["id2label"][std::to_string(i)] = names[i];
    config["label2id"][names[i]] = i;
  }
}

std::vector<std::string> read_output_names(Json const& config, std::string const& where) {
  auto const refuse = [&](std::string const& reason) {
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: {}; correct the file", where, reason));
  };
  auto const is_missing = [&](char const* key) { return !config.contains(key) || config[key].is_null(); };
  if (is_missing("id2label")) return default_names(config, where);
  auto const& by_id = config["id2label"];
  if (!by_id.is_object() || by_id.empty() || by_id.size() > kMostOutputs)
    refuse(fmt::format("\"id2label\" is {}; expected an object of ids and names, at most {}", quote(by_id.dump()),
                       kMostOutputs));
  std::vector<std::string> names;
  std::map<std::string, std::size_t> ids;
  for (std::size_t i = 0; i < by_id.size(); ++i) {
    auto const found = by_id.find(std::to_string(i));
    if (found == by_id.end())
      refuse(fmt::format("\"id2label\" has {} names and none for the id {}; expected the ids 0 to {}", by_id.size(), i,
                         by_id.size() - 1));
    if (!found->is_string() || found->get<std::string>().empty())
      refuse(fmt::format("the id {} of \"id2label\" has the name {}; expected text", i, quote(found->dump())));
    names.push_back(found->get<std::string>());
    if (auto const [first, is_new] = ids.emplace(names.back(), i); !is_new)
      refuse(fmt::format("the ids {} and {} of \"id2label\" have one name, {}", first->second, i, quote(names.back())));
  }
  // The library would go on with one of the two, and names of its own.
  if (!is_missing("num_labels") && config["num_labels"] != names.size())
    refuse(fmt::format("\"num_labels\" is {}, \"id2label\" has {} names", quote(config["num_labels"].dump()),
                       names.size()));
  if (is_missing("label2id")) return names;
  if (!config["label2id"].is_object())
    refuse(fmt::format("\"label2id\" is {}; expected an object", quote(config["label2id"].dump())));
  for (auto const& [name, id] : config["label2id"].items())
    if (auto const found = ids.find(name); found == ids.end() || id != found->second)
      refuse(fmt::format("\"label2id\" gives {} the id {}, \"id2label\" {}", quote(name), quote(id.dump()),
                         found == ids.end() ? "does not have it" : fmt::format("the id {}", found->second)));
  return names;
}

BioOutputs parse_bio(std::vector<std::string> const& names, std::string const& where) {
  std::map<std::string, std::size_t> row_of;
  for (std::size_t i = 0; i < names.size(); ++i) row_of[names[i]] = i;
  auto const refuse = [&](std::string const& reason) {
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: {}; expected BIO tags: O, and B-x and I-x for every label x. Other schemes are not "
                            "read: rename the tags in \"id2label\" where they mean the same",
                            where, reason));
  };
  if (!row_of.contains("O")) refuse(fmt::format("\"id2label\" has no O, its first tag is {}", quote(names.front())));
  BioOutputs outputs;
  outputs.rows.push_back(row_of.at("O"));
  for (auto const& name : names) {
    if (name == "O") continue;
    if (name.size() < 3 || (!name.starts_with("B-") && !name.starts_with("I-")))
      refuse(fmt::format("\"id2label\" has the tag {}", quote(name)));
    auto const label = name.substr(2);
    if (std::find(outputs.labels.begin(), outputs.labels.end(), label) != outputs.labels.end()) continue;
    outputs.labels.push_back(label);
    for (auto const* prefix : {"B-", "I-"}) {
      auto const row = row_of.find(prefix + label);
      if (row == row_of.end()) refuse(fmt::format("\"id2label\" has {} and no {}", quote(name), quote(prefix + label)));
      outputs.rows.push_back(row->second);
    }
  }
  if (outputs.labels.empty()) refuse("\"id2label\" has no tag but O");
  return outputs;
}

}  // namespace polytask::exchange
