#include "data/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "data/internal/columns.h"
#include "data/internal/readers.h"
#include "data/internal/sniff.h"

namespace polytask::data {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 3;
constexpr std::size_t kMostFiles = 2'000;

/// Files that are about the data, not data.
bool is_beside_the_data(fs::path const& file) {
  auto const name = lower(file.filename().string());
  for (auto const* start : {".", "readme", "licen", "changelog", "polytask.y", "cc-by", "makefile"})
    if (name.starts_with(start)) return true;
  for (auto const* end :
       {".md",   ".rst", ".html", ".htm",         ".pdf", ".py",  ".sh",  ".ipynb", ".yaml",   ".yml",
        ".toml", ".png", ".jpg",  ".safetensors", ".bin", ".zip", ".tar", ".tgz",   ".tar.gz", ".part"})
    if (name.ends_with(end)) return true;
  return false;
}

/// Runs of letters and digits of a name, without its endings: "wnut17", "train".
std::vector<std::string> words_of(std::string const& stem) {
  std::vector<std::string> words(1);
  for (char const c : stem) {
    bool const is_part = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c & 0x80) != 0;
    if (is_part)
      words.back() += c;
    else if (!words.back().empty())
      words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

std::optional<Split> split_named(std::string const& word) {
  static std::map<std::string, Split> const known{
      {"train", Split::Train},     {"training", Split::Train}, {"dev", Split::Dev},   {"devel", Split::Dev},
      {"development", Split::Dev}, {"val", Split::Dev},        {"valid", Split::Dev}, {"validation", Split::Dev},
      {"validate", Split::Dev},    {"trial", Split::Dev},      {"test", Split::Test}, {"testing", Split::Test},
      {"eval", Split::Dev},        {"evaluation", Split::Dev}};
  auto const found = known.find(lower(word));
  return found == known.end() ? std::nullopt : std::optional(found->second);
}

bool is_whole(std::string const& word) {
  return !word.empty() && word.find_first_not_of("0123456789") == std::string::npos;
}

bool is_version(std::string const& word) { return lower(word).starts_with('v') && is_whole(word.substr(1)); }

/// A file that can be read, and what its name says.
struct File {
  fs::path path;
  Sniffed sniffed;
  std::optional<Split> split;
  std::string key;               ///< the name without its split and endings
  fs::path folder;               ///< that it belongs to: above folders that are named like a split
  bool is_shard = false;         ///< "00000-of-00003"
  std::vector<fs::path> shards;  ///< the others of its split
};

/// Words that count the pieces of a file: "00001", "of", "00003".
bool is_of_a_shard(std::vector<std::string> const& words, std::size_t i) {
  auto const is_piece = [&](std::size_t at) {
    return at < words.size() && is_whole(words[at]) && words[at].size() >= 2;
  };
  if (words[i] == "of") return i > 0 && is_piece(i - 1) && is_piece(i + 1);
  return is_piece(i) && ((i + 1 < words.size() && words[i + 1] == "of") || (i > 0 && words[i - 1] == "of"));
}

bool has_words(std::optional<Format> format) { return format == Format::Conll || format == Format::Conllu; }

File file_of(fs::path const& path, Sniffed sniffed, fs::path const& root) {
  File file;
  file.path = path;
  file.sniffed = std::move(sniffed);
  file.folder = path.parent_path();
  auto stem = path.filename().string();
  for (auto const* end :
       {".gz", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".conllu", ".conll", ".bio", ".iob", ".txt"})
    if (lower(stem).ends_with(end)) stem.resize(stem.size() - std::string_view(end).size());
  auto const words = words_of(stem);
  std::size_t at = words.size();  // of the last word that is a split: "train_station_test"
  for (std::size_t i = 0; i < words.size(); ++i)
    if (split_named(words[i])) at = i;
  if (at < words.size()) file.split = split_named(words[at]);
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto word = words[i];
    if (i == at) continue;
    if (is_version(word)) {  // "v1", and the "3" of "v1.3"
      while (i + 1 < words.size() && is_whole(words[i + 1])) ++i;
      continue;
    }
    if (is_of_a_shard(words, i)) {
      file.is_shard = true;
      continue;
    }
    // "wnut17train"; other words end in "test" or "dev" by themselves.
    if (!file.split && word.size() > 5 && lower(word).ends_with("train")) {
      file.split = Split::Train;
      word.resize(word.size() - 5);
    }
    file.key += (file.key.empty() ? "" : "-") + word;
  }
  if (auto const of_folder = split_named(file.folder.filename().string()); of_folder && file.folder != root) {
    if (!file.split) file.split = of_folder;
    file.folder = file.folder.parent_path();
  }
  return file;
}

/// Names that every folder could have.
bool says_nothing(std::string const& name) {
  static std::set<std::string> const plain{"", "data", "dataset", "all", "full", "rows", "labelled", "labeled"};
  return plain.contains(lower(name));
}

std::string name_of(fs::path const& folder) {
  auto const name = fs::weakly_canonical(folder).filename().string();
  return find_invalid_utf8(name) ? "data" : name;
}

class Finder {
 public:
  Finder(fs::path root, std::size_t max_rows) : root_(std::move(root)), max_rows_(max_rows) {}

  Discovery find() {
    std::map<fs::path, std::vector<File>> by_folder;
    for (auto const& path : files()) {
      if (find_invalid_utf8(path.string())) {
        leave_out(path, "its name is not UTF-8");
        continue;
      }
      auto sniffed = sniff(path);
      if (!sniffed.format) {
        leave_out(path, sniffed.reason);
        continue;
      }
      auto file = file_of(path, std::move(sniffed), root_);
      auto const home = file.folder;
      by_folder[home].push_back(std::move(file));
    }
    for (auto& [folder, files] : by_folder) add_folder(folder, std::move(files));
    name_tasks();
    std::sort(found_.left_out.begin(), found_.left_out.end(),
              [](auto const& a, auto const& b) { return a.file < b.file; });
    return std::move(found_);
  }

 private:
  using Group = std::map<Split, File>;

  std::vector<fs::path> files() {
    std::vector<fs::path> files;
    std::error_code failed;
    (void)fs::directory_iterator(root_, failed);
    if (failed)
      throw Error(ErrorCode::NotFound,
                  fmt::format("{}: the folder cannot be read ({})", root_.string(), failed.message()));
    fs::recursive_directory_iterator entry(root_, failed);
    while (!failed && entry != fs::recursive_directory_iterator()) {
      auto const path = entry->path();
      std::error_code unknown;
      if (entry->is_directory(unknown)) {
        if (auto const reason = why_not_entered(path, entry.depth()); !reason.empty()) {
          if (reason != kHidden) leave_out(path, reason);
          entry.disable_recursion_pending();
        }
      } else if (entry->is_regular_file(unknown) && !is_beside_the_data(path)) {
        if (files.size() == kMostFiles) {
          leave_out(path, fmt::format("more than {} files are not looked at", kMostFiles));
          break;
        }
        files.push_back(path);
      }
      entry.increment(failed);
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  static constexpr std::string_view kHidden = "hidden";

  static std::string why_not_entered(fs::path const& folder, int depth) {
    if (folder.filename().string().starts_with(".")) return std::string(kHidden);
    std::error_code failed;
    if (fs::is_symlink(fs::symlink_status(folder, failed))) return "is a link to a folder";
    (void)fs::directory_iterator(folder, failed);
    if (failed) return fmt::format("the folder cannot be read ({})", failed.message());
    if (fs::exists(folder / "config.json", failed)) return "has a config.json: taken for a model";
    if (depth + 1 >= kDeepest) return fmt::format("is more than {} folders deep", kDeepest - 1);
    return "";
  }

  void leave_out(fs::path const& file, std::string reason) { found_.left_out.push_back({file, std::move(reason)}); }

  /// Files of one folder into datasets: those whose names are the same but for the split belong together.
  void add_folder(fs::path const& folder, std::vector<File> files) {
    std::map<std::pair<Format, std::string>, Group> groups;
    for (auto& file : files) {
      auto& group = groups[{*file.sniffed.format, file.key}];
      auto const split = file.split.value_or(Split::Train);
      if (!group.contains(split))
        group.emplace(split, std::move(file));
      else if (file.is_shard && group.at(split).is_shard)
        group.at(split).shards.push_back(file.path);
      else
        leave_out(file.path, fmt::format("{} is {} already; write both as a list if they belong together",
                                         group.at(split).path.filename().string(), to_string(split)));
    }
    gather_orphans(groups);
    bool const says_train = std::any_of(groups.begin(), groups.end(), [](auto const& group) {
      auto const train = group.second.find(Split::Train);
      return train != group.second.end() && train->second.split.has_value();
    });
    for (auto const& [key, group] : groups) {
      auto const train = group.find(Split::Train);
      if (train == group.end()) {
        for (auto const& [split, file] : group) leave_out(file.path, "no training file goes with it");
      } else if (says_train && !train->second.split && group.size() == 1 && resembles_others(train->second, groups)) {
        leave_out(train->second.path,
                  "has rows of the same kind as others that say which split they are; add it to one of them if it "
                  "belongs there");
      } else {
        add_dataset(says_nothing(key.second) ? name_of(folder) : key.second, group);
      }
    }
  }

  /// Where one dataset of a format has training rows, and others of it have none, these are its dev and test:
  /// "wnut17train", "emerging.dev".
  static void gather_orphans(std::map<std::pair<Format, std::string>, Group>& groups) {
    for (auto const format : {Format::Jsonl, Format::Csv, Format::Tsv, Format::Conll, Format::Conllu, Format::Squad}) {
      std::vector<std::pair<Format, std::string>> with, without;
      for (auto const& [key, group] : groups)
        if (key.first == format) {
          auto const train = group.find(Split::Train);
          if (train == group.end())
            without.push_back(key);
          else if (train->second.split)
            with.push_back(key);
        }
      if (with.size() != 1) continue;
      auto& target = groups.at(with.front());
      for (auto const& key : without) {
        auto& orphans = groups.at(key);
        bool const fits =
            std::none_of(orphans.begin(), orphans.end(), [&](auto const& file) { return target.contains(file.first); });
        if (!fits) continue;
        for (auto& [split, file] : orphans) target.emplace(split, std::move(file));
        groups.erase(key);
      }
    }
  }

  /// Whether a file without a split in its name looks like one that has it.
  bool resembles_others(File const& file, std::map<std::pair<Format, std::string>, Group> const& groups) {
    return std::any_of(groups.begin(), groups.end(), [&](auto const& group) {
      auto const train = group.second.find(Split::Train);
      return train != group.second.end() && train->second.split && kind_of(train->second) == kind_of(file);
    });
  }

  /// The names of the columns, or the labels of the spans, of the first rows.
  std::set<std::string> const& kind_of(File const& file) {
    constexpr std::size_t kFirst = 500;
    auto const [at, is_new] = kinds_.try_emplace(file.path);
    auto& kind = at->second;
    if (!is_new) return kind;
    kind.insert(std::string(to_string(*file.sniffed.format)));
    Columns columns;
    std::vector<Row> rows;
    read(file, kFirst, [&](Row const& row) {
      columns.add(row);
      rows.push_back(row);
    });
    kind.merge(columns.names());
    if (has_words(file.sniffed.format))
      for (auto const& [label, n] : span_labels(rows, file.sniffed.tags_column)) kind.insert(label);
    return kind;
  }

  template <typename Use>
  static std::size_t read(File const& file, std::size_t max_rows, Use const& use) {
    std::size_t n = 0;
    try {
      auto reader = open_rows(file.path, {.format = file.sniffed.format, .columns = file.sniffed.columns});
      for (auto row = reader->next(); row && n < max_rows; row = reader->next())
        if (*row) {
          use(**row);
          ++n;
        }
    } catch (Error const&) {  // a damaged end: `validate` says it
    }
    return n;
  }

  void add_dataset(std::string const& name, Group const& group) {
    auto const& train = group.at(Split::Train);
    DiscoveredDataset dataset;
    auto& spec = dataset.spec;
    spec.name = free_name(name);
    spec.columns = train.sniffed.columns;
    Columns columns;
    std::vector<Row> words;
    auto const n_rows = read(train, max_rows_, [&](Row const& row) {
      columns.add(row);
      if (!row.words.empty()) words.push_back(row);
    });
    if (n_rows == 0) {
      leave_out(train.path, "has no row that can be read; `validate` on a project that names it says why");
      return;
    }
    dataset.facts = fmt::format("{}{} training rows", n_rows, n_rows == max_rows_ ? " or more" : "");
    bool const is_conll = has_words(train.sniffed.format);
    dataset.tasks = is_conll ? tagging_of(train, words) : columns.tasks();
    if (dataset.tasks.empty()) {
      leave_out(train.path, is_conll ? "has words and no tagged spans" : columns.why_no_tasks());
      return;
    }
    for (auto const& [split, file] : group) {
      if (split != Split::Train && lacks_labels(file, dataset.tasks, columns)) {
        leave_out(file.path, "has no labels in the columns that the training rows have");
        continue;
      }
      spec.files[split] = {file.path};
      spec.files[split].insert(spec.files[split].end(), file.shards.begin(), file.shards.end());
      if (format_of(file.path) != *file.sniffed.format) spec.format = file.sniffed.format;
    }
    auto const& first = dataset.tasks.front().spec;
    // Questions about one context stay on one side.
    auto const together = first.type == task::TaskType::Span ? first.text[1] : std::string();
    if (!spec.files.contains(Split::Dev))
      spec.split = DeclaredSplit{.dev = 0.1, .group_by = together, .stratify_by = ""};
    if (spec.files.size() == 1) spec.split->test = 0.1;
    for (auto& task : dataset.tasks) task.spec.datasets = {spec.name};
    found_.datasets.push_back(std::move(dataset));
  }

  /// One task, or none where no word is tagged.
  static std::vector<DiscoveredTask> tagging_of(File const& train, std::vector<Row> const& rows) {
    DiscoveredTask task;
    task.spec.type = task::TaskType::Tagging;
    task.spec.tokens_column = train.sniffed.tokens_column;
    task.spec.tags_column = train.sniffed.tags_column;
    auto const labels = span_labels(rows, train.sniffed.tags_column);
    if (labels.empty()) return {};
    std::size_t n = 0;
    for (auto const& [label, count] : labels) {
      task.facts += (task.facts.empty() ? "" : ", ") + label;
      n += count;
    }
    task.facts = fmt::format("{} spans: {}", n, task.facts);
    return {task};
  }

  /// Test files of competitions often have no labels, or the same sign for all of them.
  static bool lacks_labels(File const& file, std::vector<DiscoveredTask> const& tasks, Columns const& train) {
    if (has_words(file.sniffed.format)) return false;
    Columns columns;
    read(file, 1'000, [&](Row const& row) { columns.add(row); });
    auto const has = [&](std::string const& name) {
      auto const* column = columns.find(name);
      return column != nullptr && column->has_values();
    };
    return std::any_of(tasks.begin(), tasks.end(), [&](DiscoveredTask const& task) {
      if (task.doubtful) return false;
      auto const& label = task.spec.type == task::TaskType::Tagging ? task.spec.spans : task.spec.label;
      if (!has(label) || !std::all_of(task.spec.text.begin(), task.spec.text.end(), has)) return true;
      if (!task.spec.choices.empty() && !has(task.spec.choices.front())) return true;
      auto const& known = train.find(label)->values();
      auto const& found = columns.find(label)->values();
      if (task.spec.type == task::TaskType::MultipleChoice) return found.size() == 1 && found.contains("-1");
      return task::has_labels(task.spec.type) && !found.empty() &&
             std::none_of(found.begin(), found.end(), [&](auto const& value) { return known.contains(value.first); });
    });
  }

  std::string free_name(std::string const& wanted) {
    auto name = wanted.empty() ? std::string("data") : wanted;
    for (char& c : name)
      if (c == ' ' || c == ':' || c == '/') c = '-';
    auto const free = name;
    for (int n = 2; !names_.insert(name).second; ++n) name = fmt::format("{}-{}", free, n);
    return name;
  }

  /// After the column where its name says something, after the dataset elsewhere; both where several would be the same.
  void name_tasks() {
    std::map<std::string, int> n_wanted;
    auto const wanted = [](DiscoveredDataset const& dataset, DiscoveredTask const& task) {
      auto const& column = task.spec.type == task::TaskType::Tagging ? task.spec.spans : task.spec.label;
      static std::set<std::string> const plain{"",     "label", "labels", "class", "target", "y",
                                               "gold", "score", "spans",  "tags",  "answer", "answers"};
      return plain.contains(lower(column)) || column.starts_with("column") ? dataset.spec.name : column;
    };
    for (auto const& dataset : found_.datasets)
      for (auto const& task : dataset.tasks) ++n_wanted[wanted(dataset, task)];
    std::set<std::string> taken;
    for (auto& dataset : found_.datasets)
      for (auto& task : dataset.tasks) {
        auto name = wanted(dataset, task);
        if (n_wanted[name] > 1 && name != dataset.spec.name) name = dataset.spec.name + "-" + name;
        auto const free = name;
        for (int n = 2; !taken.insert(name).second; ++n) name = fmt::format("{}-{}", free, n);
        task.spec.name = name;
      }
  }

  fs::path root_;
  std::size_t max_rows_;
  std::set<std::string> names_;
  std::map<fs::path, std::set<std::string>> kinds_;
  Discovery found_;
};

}  // namespace

Discovery discover(fs::path const& folder, std::size_t max_rows) { return Finder(folder, max_rows).find(); }

}  // namespace polytask::data
