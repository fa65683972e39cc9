#include "cli/internal/project_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace polytask::cli {

void Findings::add(YAML::Node const& node, std::string const& message) {
  auto const mark = node.Mark();
  // A value given by --set has no place in the file (see without_marks).
  add_at(mark.is_null() ? file_ : fmt::format("{}:{}", file_, mark.line + 1), message);
}

Section::Section(YAML::Node node, std::string path, Findings& findings)
    : node_(std::move(node)), path_(std::move(path)), findings_(findings) {
  if (!node_.IsDefined() || node_.IsNull()) return;
  if (!node_.IsMap()) {
    findings_.add(node_, fmt::format("{} is not a map; expected \"key: value\" lines", name()));
    return;
  }
  is_map_ = true;
  std::set<std::string> seen;
  for (auto const& entry : node_) {
    if (!entry.first.IsScalar()) {
      findings_.add(entry.first, fmt::format("a key of {} is not a word", name()));
      continue;
    }
    if (!seen.insert(entry.first.Scalar()).second)
      findings_.add(entry.first,
                    fmt::format("the key {} stands twice in {}; keep one", quote(entry.first.Scalar()), name()));
  }
}

YAML::Node Section::get(std::string const& key) {
  known_.push_back(key);
  if (!is_map_) return YAML::Node(YAML::NodeType::Undefined);
  for (auto const& entry : node_)
    if (entry.first.IsScalar() && entry.first.Scalar() == key) return entry.second;
  return YAML::Node(YAML::NodeType::Undefined);
}

std::vector<std::pair<std::string, YAML::Node>> Section::entries() {
  std::vector<std::pair<std::string, YAML::Node>> result;
  if (!is_map_) return result;
  for (auto const& entry : node_)
    if (entry.first.IsScalar()) result.emplace_back(entry.first.Scalar(), entry.second);
  return result;
}

void Section::text(std::string const& key, std::string& value) {
  auto const node = get(key);
  if (!present(node)) return;
  if (node.IsScalar())
    value = node.Scalar();
  else
    wrong(node, key, "a word");
}

void Section::texts(std::string const& key, std::vector<std::string>& values) {
  auto const node = get(key);
  if (!present(node)) return;
  values.clear();
  if (node.IsScalar()) {
    values.push_back(node.Scalar());
  } else if (node.IsSequence()) {
    for (auto const& item : node) {
      if (item.IsScalar())
        values.push_back(item.Scalar());
      else
        wrong(item, key, "a word or a list of words");
    }
  } else {
    wrong(node, key, "a word or a list of words");
  }
}

bool Section::number(std::string const& key, double& value) {
  auto const node = get(key);
  if (!present(node)) return false;
  double read = 0;
  if (node.IsScalar() && YAML::convert<double>::decode(node, read) && std::isfinite(read)) {
    value = read;
    return true;
  }
  wrong(node, key, "a number");
  return false;
}

void Section::whole_or(std::string const& word, std::string const& key, std::optional<std::int64_t>& value,
                       bool& is_word) {
  auto const node = get(key);
  if (!present(node)) return;
  std::int64_t read = 0;
  if (node.IsScalar() && node.Scalar() == word)
    is_word = true;
  else if (node.IsScalar() && YAML::convert<std::int64_t>::decode(node, read))
    value = read;
  else
    wrong(node, key,
          "a whole number or " + word +
              (node.IsScalar() ? did_you_mean(node.Scalar(), std::vector{word}) : std::string()));
}

void Section::wrong(YAML::Node const& node, std::string const& key, std::string const& expected) {
  findings_.add(node, fmt::format("{} is {}; expected {}", quote(path_of(key)),
                                  node.IsScalar() ? quote(node.Scalar())
                                  : node.IsMap()  ? "a map"
                                                  : "a list",
                                  expected));
}

void Section::missing(std::string const& key, std::string const& what) {
  auto const where = node_.IsDefined() ? node_ : YAML::Node();
  findings_.add(where, fmt::format("{} has no {}; {}", name(), quote(key), what));
}

void Section::finish() {
  if (!is_map_) return;
  for (auto const& entry : node_) {
    if (!entry.first.IsScalar()) continue;
    auto const& key = entry.first.Scalar();
    if (std::find(known_.begin(), known_.end(), key) == known_.end())
      findings_.add(entry.first, fmt::format("{} is not a key of {}{}", quote(key), name(), did_you_mean(key, known_)));
  }
}

}  // namespace polytask::cli
