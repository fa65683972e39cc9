// A YAML file of ours, with --set applied: read as one map, every mistake in it with its place.
#pragma once

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/internal/project_section.h"

namespace polytask::cli {

inline constexpr std::size_t kLargestDocument = 1 << 20;  ///< bytes

struct YamlDocument {
  std::string_view yaml;
  std::filesystem::path file;
  char const* kind;  ///< "project file": for messages
};

/// Hands the root, after `overrides` ("train.epochs=3", values in YAML), to `read`, which collects what it finds wrong.
/// Throws ProjectProblems with all of it, in the order of the file.
void read_document(YamlDocument const& document, std::vector<std::string> const& overrides,
                   std::function<void(YAML::Node const& root, Findings& findings)> const& read);

/// The value at `a.b.c`; where there is none, the nearest map above it.
[[nodiscard]] YAML::Node node_at(YAML::Node const& root, std::string const& path);

}  // namespace polytask::cli
