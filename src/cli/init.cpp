// `polytask init`: a project file from a look at the data.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "cli/project_file.h"
#include "cli/shipped_encoders.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "data/discovery.h"
#include "hub/hub_name.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

/// A word as YAML writes it; in quotes where it could be read as something else.
std::string scalar(std::string const& word) {
  static std::set<std::string> const reserved{"y", "n", "yes", "no", "true", "false", "on", "off", "null"};
  auto lower = word;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  bool const is_plain =
      !word.empty() && !(word[0] >= '0' && word[0] <= '9') && word[0] != '-' &&
      (word[0] != '.' || word.starts_with("./") || word.starts_with("../")) && !reserved.contains(lower) &&
      word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") == std::string::npos;
  if (is_plain) return word;
  // Readers of YAML differ in what they take for a line end or a character.
  bool const is_odd = word.find("\xC2\x85") != std::string::npos || word.find("\xE2\x80\xA8") != std::string::npos ||
                      word.find("\xE2\x80\xA9") != std::string::npos || word.find('\x7F') != std::string::npos;
  return OrderedJson(word).dump(-1, ' ', is_odd);
}

/// Of an encoder that comes with polytask, or of a model of the hub; a folder of that name would be meant.
bool is_name(std::string const& encoder) {
  return encoder_folder(encoder, encoder) != encoder || (!is_there(encoder) && hub::parse_hub_name(encoder));
}

std::string list_of(std::vector<std::string> const& words) {
  std::string list;
  for (auto const& word : words) list += (list.empty() ? "" : ", ") + scalar(word);
  return words.size() == 1 ? list : "[" + list + "]";
}

/// What is not UTF-8 becomes "?".
std::string shown(std::string text) {
  while (auto const bad = find_invalid_utf8(text)) text[*bad] = '?';
  return text;
}

/// A comment, or a line on a terminal, may hold names that the files gave.
std::string one_line(std::string text) {
  for (auto const* end : {"\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"})
    for (std::size_t at = 0; (at = text.find(end, at)) != std::string::npos;)
      text.replace(at, std::string_view(end).size(), " ");
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = ' ';
  return shown(std::move(text));
}

class ProjectWriter {
 public:
  ProjectWriter(fs::path const& project, std::string const& encoder)
      : folder_(fs::weakly_canonical(fs::absolute(project).parent_path())), encoder_(encoder) {
    if (auto const names = shipped_encoders(); !names.empty()) shipped_ = names.front();
  }

  std::string write(data::Discovery const& found, fs::path const& data) {
    auto const name = shown(fs::weakly_canonical(data).filename().string());
    yaml_ =
        "# Proposed by `polytask init` after a look at the files: what is a text, a label or a test file was guessed "
        "from\n"
        "# names and first rows. Read it once, then let `polytask validate` look at every row.\n";
    line("project: " + scalar(name.empty() ? "project" : name));
    if (encoder_.empty() && shipped_)
      line(fmt::format("encoder: {}   # comes with polytask; or a folder of another one in Hugging Face layout",
                       scalar(*shipped_)));
    else if (encoder_.empty())
      line(
          "# encoder: FOLDER   # a pretrained encoder in Hugging Face layout reads far better than the "
          "small one\n"
          "#                   # that is trained from scratch without it; then remove \"train\" below");
    else
      line("encoder: " + scalar(is_name(encoder_) ? encoder_ : relative(encoder_)));
    line("\ndatasets:");
    for (auto const& dataset : found.datasets) add(dataset);
    line("\ntasks:");
    for (auto const& dataset : found.datasets)
      for (auto const& task : dataset.tasks) add(task);
    if (encoder_.empty() && !shipped_)
      line("\ntrain: {learning_rate: 0.001, head_learning_rate_factor: 5}   # for an encoder that starts from nothing");
    if (!found.left_out.empty()) line("\n# Left out:");
    for (auto const& file : found.left_out) line(one_line(fmt::format("#   {}: {}", relative(file.file), file.reason)));
    return yaml_;
  }

  [[nodiscard]] std::string relative(fs::path const& file) const {
    // Not by the words of the paths: a folder may be a link.
    auto const path = fs::weakly_canonical(file);
    auto const from_here = path.lexically_relative(folder_);
    return shown(from_here.empty() ? path.string() : from_here.string());
  }

 private:
  void line(std::string const& text) { yaml_ += text + "\n"; }

  void add(data::DiscoveredDataset const& dataset) {
    auto const& spec = dataset.spec;
    line(one_line("  # " + dataset.facts));
    std::string parts;
    for (auto const& [split, files] : spec.files) {
      std::vector<std::string> names;
      for (auto const& file : files) names.push_back(relative(file));
      parts += fmt::format("{}{}: {}", parts.empty() ? "" : ", ", data::to_string(split), list_of(names));
    }
    if (spec.format) parts += fmt::format(", format: {}", data::to_string(*spec.format));
    if (!spec.columns.empty()) parts += fmt::format(", columns: {}", list_of(spec.columns));
    std::string note;
    if (spec.split && spec.split->test > 0) {
      parts += fmt::format(", split: {{dev: 0.1, test: 0.1{}}}", group_of(*spec.split));
      note = "   # no files of their own: cut from train";
    } else if (spec.split) {
      parts += fmt::format(", split: {{dev: 0.1{}}}", group_of(*spec.split));
      note = "   # no dev file: cut from train";
    } else if (!spec.files.contains(data::Split::Test)) {
      note = "   # no test file: scores will be of dev";
    }
    line(fmt::format("  {}: {{{}}}{}", scalar(spec.name), parts, note));
  }

  static std::string group_of(data::DeclaredSplit const& split) {
    return split.group_by.empty() ? "" : ", group_by: " + scalar(split.group_by);
  }

  void add(data::DiscoveredTask const& task) {
    auto const& spec = task.spec;
    std::string parts = fmt::format("type: {}, dataset: {}", task::to_string(spec.type), scalar(spec.datasets.front()));
    if (!spec.text.empty()) parts += ", text: " + list_of(spec.text);
    if (!spec.choices.empty()) parts += ", choices: " + list_of(spec.choices);
    if (!spec.label.empty()) parts += ", label: " + scalar(spec.label);
    if (!spec.spans.empty()) parts += ", spans: " + scalar(spec.spans);
    if (spec.tokens_column) parts += fmt::format(", tokens: {}", *spec.tokens_column);
    if (spec.tags_column) parts += fmt::format(", tags: {}", *spec.tags_column);
    if (!spec.start.empty()) parts += ", start: " + scalar(spec.start);
    if (!spec.metric.empty()) parts += ", metric: " + spec.metric;
    line(one_line(fmt::format("  # {}{}", task.doubtful ? "Perhaps a task too: " : "", task.facts)));
    line(fmt::format("  {}{}: {{{}}}", task.doubtful ? "# " : "", scalar(spec.name), parts));
  }

  fs::path folder_;
  std::string encoder_;                 ///< that was named; empty = none was
  std::optional<std::string> shipped_;  ///< proposed where none was named
  std::string yaml_;
};

OrderedJson to_json(data::Discovery const& found, fs::path const& project, ProjectWriter const& writer) {
  OrderedJson json;
  json["project"] = project.string();
  json["datasets"] = OrderedJson::array();
  json["tasks"] = OrderedJson::array();
  for (auto const& dataset : found.datasets) {
    OrderedJson files;
    for (auto const& [split, paths] : dataset.spec.files)
      for (auto const& path : paths) files[std::string(data::to_string(split))].push_back(writer.relative(path));
    json["datasets"].push_back({{"name", dataset.spec.name}, {"files", files}, {"facts", dataset.facts}});
    for (auto const& task : dataset.tasks)
      json["tasks"].push_back({{"name", task.spec.name},
                               {"type", task::to_string(task.spec.type)},
                               {"dataset", dataset.spec.name},
                               {"text", task.spec.text},
                               {"label", task.spec.type == task::TaskType::Tagging ? task.spec.spans : task.spec.label},
                               {"facts", task.facts},
                               {"doubtful", task.doubtful}});
  }
  json["left_out"] = OrderedJson::array();
  for (auto const& file : found.left_out)
    json["left_out"].push_back({{"file", writer.relative(file.file)}, {"reason", file.reason}});
  return json;
}

void print(data::Discovery const& found, fs::path const& project, ProjectWriter const& writer) {
  std::cout << fmt::format("wrote {}\n", project.string());
  for (auto const& dataset : found.datasets) {
    std::cout << '\n' << one_line(fmt::format("{}: {}", dataset.spec.name, dataset.facts)) << '\n';
    for (auto const& [split, files] : dataset.spec.files)
      for (auto const& file : files)
        std::cout << one_line(fmt::format("  {:<5} {}", data::to_string(split), writer.relative(file))) << '\n';
    for (auto const& task : dataset.tasks)
      std::cout << one_line(fmt::format("  {} {}: {}, {}", task.doubtful ? "perhaps" : "task", task.spec.name,
                                        task::to_string(task.spec.type), task.facts))
                << '\n';
  }
  if (!found.left_out.empty()) std::cout << "\nleft out:\n";
  for (auto const& file : found.left_out)
    std::cout << one_line(fmt::format("  {}: {}", writer.relative(file.file), file.reason)) << '\n';
  std::cout << "\nRead it, then: polytask validate"
            << (project == "polytask.yaml" ? "" : " --project " + shell_word(project.string())) << '\n';
}

}  // namespace

int init(CommandLine const& line) {
  auto const& project = line.project;
  if (!line.overrides.empty())
    throw Error(ErrorCode::InvalidUsage, "init takes no --set: it writes a project file; edit that");
  if (!project.has_filename())
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("--project {}: expected the name of a file", quote(project.string())));
  for (auto const& path : {project, line.data, fs::path(line.encoder)})
    if (find_invalid_utf8(path.string()))
      throw Error(ErrorCode::InvalidUsage,
                  fmt::format("the name {} is not UTF-8, as a project file has to be", quote(shown(path.string()))));
  if (is_there(project))
    throw Error(ErrorCode::Conflict,
                fmt::format("{} is there already and is left as it is; remove it, or name another file with --project",
                            project.string()));
  auto const found = data::discover(line.data);
  ProjectWriter writer(project, line.encoder);
  if (found.datasets.empty()) {
    for (auto const& file : found.left_out)
      std::cerr << one_line(fmt::format("{}: {}", file.file.string(), file.reason)) << '\n';
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format("{}: no file of training rows was understood; expected JSONL, CSV, TSV or CoNLL with texts and "
                    "labels (docs/reference/data-files.md)",
                    line.data.string()));
  }
  auto const yaml = writer.write(found, line.data);
  try {
    (void)parse_project(yaml, project, {});
  } catch (ProjectProblems const& refused) {
    expects(false, fmt::format("a proposed project is accepted: {}", refused.what()).c_str());
  }
  write_file_atomically(project, yaml);
  if (line.output == Output::Json)
    std::cout << to_json(found, project, writer).dump(1) << '\n';
  else
    print(found, project, writer);
  return 0;
}

}  // namespace polytask::cli
