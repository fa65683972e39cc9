// A map of the project file, read key by key: every mistake is collected with its place.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"
#include "base/problem.h"

namespace polytask::cli {

/// Collects what is wrong, with the place in the file.
class Findings {
 public:
  /// `kind`: what the file is, for messages.
  explicit Findings(std::filesystem::path const& file, std::string kind = "project file")
      : file_(file.string()), kind_(std::move(kind)) {}
  void add(YAML::Node const& node, std::string const& message);
  void add_at(std::string where, std::string const& message) {
    problems_.push_back({Severity::Error, "project-file", std::move(where), message});
  }
  [[nodiscard]] std::vector<Problem> const& problems() const { return problems_; }
  [[nodiscard]] std::string const& file() const { return file_; }
  [[nodiscard]] std::string const& kind() const { return kind_; }

 private:
  std::string file_;
  std::string kind_;
  std::vector<Problem> problems_;
};

/// A map of the file: hands out its values by key and, at its end, names the keys that nobody asked for. A value that
/// is absent or null leaves the variable as it is; so does one of the wrong kind, which is a finding.
class Section {
 public:
  Section(YAML::Node node, std::string path, Findings& findings);
  Section(Section const&) = delete;
  Section& operator=(Section const&) = delete;
  ~Section() = default;

  [[nodiscard]] bool is_map() const { return is_map_; }
  [[nodiscard]] std::string name() const { return path_.empty() ? "the " + findings_.kind() : quote(path_); }
  [[nodiscard]] std::string path_of(std::string const& key) const { return path_.empty() ? key : path_ + "." + key; }

  YAML::Node get(std::string const& key);
  /// Keys that the user chose: names of datasets, tasks, weights.
  std::vector<std::pair<std::string, YAML::Node>> entries();
  void text(std::string const& key, std::string& value);
  /// One word or a list of them.
  void texts(std::string const& key, std::vector<std::string>& values);
  /// True when there was one.
  bool number(std::string const& key, double& value);

  /// True when there was one.
  template <typename Integer>
  bool whole(std::string const& key, Integer& value) {
    auto const node = get(key);
    if (!present(node)) return false;
    Integer read = 0;
    if (node.IsScalar() && YAML::convert<Integer>::decode(node, read)) {
      value = read;
      return true;
    }
    wrong(node, key, std::is_unsigned_v<Integer> ? "a whole number of at least 0" : "a whole number");
    return false;
  }
  /// A whole number, or a word that stands in its place.
  void whole_or(std::string const& word, std::string const& key, std::optional<std::int64_t>& value, bool& is_word);

  /// One of a few words.
  template <typename Value>
  void choice(std::string const& key, Value& value, std::vector<std::pair<std::string, Value>> const& choices) {
    auto const node = get(key);
    if (!present(node)) return;
    std::vector<std::string> names;
    for (auto const& [word, meaning] : choices) {
      if (node.IsScalar() && node.Scalar() == word) {
        value = meaning;
        return;
      }
      names.push_back(word);
    }
    std::string expected;
    for (auto const& word : names) expected += (expected.empty() ? "" : ", ") + word;
    wrong(node, key, expected + (node.IsScalar() ? did_you_mean(node.Scalar(), names) : ""));
  }

  void wrong(YAML::Node const& node, std::string const& key, std::string const& expected);
  void missing(std::string const& key, std::string const& what);
  /// To be called when everything has been asked for.
  void finish();

 private:
  static bool present(YAML::Node const& node) { return node.IsDefined() && !node.IsNull(); }
  YAML::Node node_;
  std::string path_;
  Findings& findings_;
  bool is_map_ = false;
  std::vector<std::string> known_;
};

}  // namespace polytask::cli
