#include "cli/internal/yaml_document.h"

#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>

#include <algorithm>
#include <charconv>

#include "base/utf8.h"
#include "cli/project_file.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostValues = 100'000;

/// The library's words; for one kind of mistake it has none that help.
std::string reason_of(YAML::Exception const& error) {
  return dynamic_cast<YAML::DeepRecursion const*>(&error) != nullptr ? "nested too deeply" : error.msg;
}

/// Whether a tree is larger than a file can be, or has no end: each use of an alias counts anew, as every use
/// is read anew.
bool is_too_large(YAML::Node const& root) {
  std::vector<YAML::Node> open{root};
  for (std::size_t n = 0; !open.empty(); ++n) {
    if (n + open.size() > kMostValues) return true;
    auto const node = open.back();
    open.pop_back();
    if (!node.IsMap() && !node.IsSequence()) continue;
    if (n + open.size() + node.size() > kMostValues) return true;
    for (auto const& entry : node) {
      if (node.IsMap()) open.push_back(entry.first);
      open.push_back(node.IsMap() ? entry.second : static_cast<YAML::Node const&>(entry));
    }
  }
  return false;
}

/// The same value without a place in a file.
YAML::Node without_marks(YAML::Node const& node) {
  if (node.IsScalar()) return YAML::Node(node.Scalar());
  if (!node.IsMap() && !node.IsSequence()) return YAML::Node(YAML::NodeType::Null);
  YAML::Node copy(node.Type());
  for (auto const& entry : node) {
    if (node.IsMap())
      copy.force_insert(without_marks(entry.first), without_marks(entry.second));
    else
      copy.push_back(without_marks(entry));
  }
  return copy;
}

/// Sets `a.b.c` in the tree; missing maps on the way are made.
void apply_override(YAML::Node root, std::string const& text, Findings& findings) {
  auto const equals = text.find('=');
  auto const fail = [&](std::string const& reason) { findings.add_at("--set " + text, reason); };
  if (equals == std::string::npos || equals == 0) return fail("expected key=value, for example train.epochs=3");
  YAML::Node value;
  try {
    auto const parsed = YAML::Load(text.substr(equals + 1));
    if (is_too_large(parsed)) return fail("the value has too many parts");
    value = without_marks(parsed);
  } catch (YAML::Exception const& error) {
    return fail(fmt::format("the value is not YAML ({})", reason_of(error)));
  }
  std::string const path = text.substr(0, equals);
  YAML::Node at = root;
  for (std::size_t begin = 0;;) {
    auto const dot = path.find('.', begin);
    auto const key = path.substr(begin, dot == std::string::npos ? dot : dot - begin);
    if (key.empty()) return fail("the key has an empty part");
    if (at.IsDefined() && !at.IsNull() && !at.IsMap())
      return fail(fmt::format("{} is a value, it has no keys", quote(path.substr(0, begin > 0 ? begin - 1 : 0))));
    if (dot == std::string::npos) {
      at[key] = value;
      return;
    }
    if (!at[key].IsDefined() || at[key].IsNull()) at[key] = YAML::Node(YAML::NodeType::Map);
    at.reset(at[key]);
    begin = dot + 1;
  }
}

/// By line, as an editor goes through them. What has no line came by --set, or is not there.
std::vector<Problem> in_order(std::vector<Problem> problems, fs::path const& file, bool has_overrides) {
  auto const line_of = [&](Problem const& problem) {
    int line = 0;
    if (auto const start = file.string().size() + 1; problem.where.size() > start)
      std::from_chars(problem.where.data() + start, problem.where.data() + problem.where.size(), line);
    return line;
  };
  std::stable_sort(problems.begin(), problems.end(),
                   [&](auto const& a, auto const& b) { return line_of(a) < line_of(b); });
  if (has_overrides)
    for (auto& problem : problems)
      if (problem.where == file.string()) problem.where += " with --set";
  return problems;
}

}  // namespace

YAML::Node node_at(YAML::Node const& root, std::string const& path) {
  YAML::Node at = root;
  for (std::size_t begin = 0; begin < path.size() && at.IsMap();) {
    std::size_t const end = std::min(path.find('.', begin), path.size());
    auto const entry = std::find_if(at.begin(), at.end(), [&](auto const& one) {
      return one.first.IsScalar() && one.first.Scalar() == path.substr(begin, end - begin);
    });
    if (entry == at.end()) return at;
    at.reset(entry->second);
    begin = end + 1;
  }
  return at;
}

void read_document(YamlDocument const& document, std::vector<std::string> const& overrides,
                   std::function<void(YAML::Node const& root, Findings& findings)> const& read) {
  auto const& [yaml, file, kind] = document;
  Findings findings(file, kind);
  if (yaml.size() > kLargestDocument) {
    findings.add_at(file.string(),
                    fmt::format("is {} bytes long; a {} has at most {}", yaml.size(), kind, kLargestDocument));
  } else if (auto const bad = find_invalid_utf8(yaml)) {
    findings.add_at(file.string(), fmt::format("byte {} is not UTF-8; save the file as UTF-8", *bad + 1));
  } else {
    try {
      auto const documents = YAML::LoadAll(std::string(yaml));
      // A map from the start where there is nothing: what has no node yet could not be set from elsewhere.
      bool const is_empty = documents.empty() || documents.front().IsNull();
      auto root = !is_empty ? documents.front() : overrides.empty() ? YAML::Node() : YAML::Node(YAML::NodeType::Map);
      if (documents.size() > 1) {
        findings.add(documents[1], fmt::format("a second document begins here (\"---\"); a {} is one", kind));
      } else if (is_too_large(root)) {
        findings.add_at(file.string(),
                        fmt::format("has more than {} values, counting what its aliases (\"*name\") repeat; a {} is "
                                    "smaller",
                                    kMostValues, kind));
      } else {
        for (auto const& override_text : overrides) apply_override(root, override_text, findings);
        read(root, findings);
      }
    } catch (YAML::Exception const& error) {
      findings.add_at(fmt::format("{}:{}", file.string(), error.mark.line + 1),
                      fmt::format("is not valid YAML ({})", reason_of(error)));
    }
  }
  if (!findings.problems().empty()) throw ProjectProblems(in_order(findings.problems(), file, !overrides.empty()));
}

}  // namespace polytask::cli
