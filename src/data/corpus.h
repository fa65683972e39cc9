// Files -> examples of every task, with everything that is wrong in them.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/problem.h"
#include "data/row_reader.h"
#include "data/stored_examples.h"
#include "task/example.h"
#include "task/label_set.h"
#include "task/task_spec.h"
#include "text/tokenizer.h"

namespace polytask::data {

enum class Split { Train, Dev, Test };
inline constexpr std::array kSplits{Split::Train, Split::Dev, Split::Test};
[[nodiscard]] std::string_view to_string(Split split);
[[nodiscard]] std::optional<Split> parse_split(std::string_view word);  // "validation" and "valid" mean dev

/// A split that is cut from the training rows: seeded, stratified by the labels, whole groups on one side.
struct DeclaredSplit {
  double dev = 0.0;         ///< share of the training rows, 0..1
  double test = 0.0;        ///< share of the training rows, 0..1; dev + test < 1
  std::string group_by;     ///< column whose equal values stay together; empty = every row alone
  std::string stratify_by;  ///< column; empty = the label of the first classification task of the dataset
  std::string
      by_time;  ///< column of dates or numbers: the newest rows become test, those before them dev; empty = drawn
  std::uint64_t seed = 0;  ///< set from the project's seed unless given
};

struct DatasetSpec {
  std::string name;
  std::map<Split, std::vector<std::filesystem::path>> files;  ///< absolute, or relative to the working folder; of a
                                                              ///< folder all files in it, by name
  std::optional<DeclaredSplit> split;
  std::optional<Format> format;      ///< of all its files; none = their extensions say it
  std::vector<std::string> columns;  ///< CSV/TSV: names of the columns of a file without a header
};

/// The rows of one dataset read through one choice of text columns, with the labels of every task that reads them so.
/// A row goes through the encoder once, whatever the number of its tasks.
struct Stream {
  std::string dataset;
  std::vector<std::string> text;                       ///< columns; empty for CoNLL
  std::vector<std::size_t> tasks;                      ///< indices into Corpus::tasks, in the order of Example::labels
  std::array<std::vector<task::Example>, 3> examples;  ///< by Split
  std::shared_ptr<StoredExamples const> stored;        ///< training rows that are on disk; then none is in `examples`
  /// In memory: to be asked for training rows only where nothing was stored.
  [[nodiscard]] std::vector<task::Example> const& of(Split split) const;
  [[nodiscard]] std::size_t n_rows(Split split) const;
  /// Wherever they are.
  void for_each(Split split, VisitExample const& visit) const;
  /// The same; texts, words and ids need not be there.
  void for_each_labels(Split split, VisitExample const& visit) const;
};

/// Texts that are read without labels, of rows with labels too.
struct UnlabelledSpec {
  std::string name;                   ///< of the task that they are for
  std::vector<std::string> datasets;  ///< at least one
  std::vector<std::string> text;      ///< columns, each a text of its own; empty: the words of CoNLL files
  std::optional<int> tokens_column;   ///< of CoNLL files: 1-based; default the first
};

struct DatasetFacts {
  std::string name;
  std::string sha256;                   ///< over the names' roles and the bytes of its files (as stored), in order
  std::array<std::size_t, 3> n_rows{};  ///< by Split, after the declared split
};

struct Corpus {
  std::vector<task::TaskSpec> tasks;
  std::vector<task::LabelSet>
      label_sets;  ///< by task; empty for regression, span and multiple choice; span labels for tagging
  std::vector<Stream> streams;
  std::vector<std::vector<Stream>> unlabelled;  ///< by ReadOptions::unlabelled: one per dataset, without tasks
  std::vector<DatasetFacts> datasets;
  std::vector<std::string> files;  ///< what Example::file counts
  std::vector<Problem> problems;   ///< everything found while reading; rows with errors are left out
  /// Number of labelled rows of a task in a split.
  [[nodiscard]] std::size_t n_labelled(std::size_t task_index, Split split) const;
  /// "file:line" of an example.
  [[nodiscard]] std::string where(task::Example const& example) const;
};

/// What a corpus does not keep of a row: its other columns. `file` is what Example::file counts; the rows of a file
/// come in order.
using SeeRow = std::function<void(std::size_t file, Row const& row)>;

/// Training rows that come to more than `memory_bytes` lie in files without a name in `folder`, from the stream on with
/// which they do. An empty folder: all are kept in memory.
struct RowStorage {
  std::filesystem::path folder{};
  std::uint64_t memory_bytes = std::uint64_t{256} << 20;
};

struct ReadOptions {
  SeeRow see{};  ///< is shown every row that can be read, of datasets with a labelled task
  std::vector<UnlabelledSpec> unlabelled{};
  RowStorage storage{};
  /// Now and then, of the file that is read.
  std::function<void(std::filesystem::path const& file, std::size_t n_rows)> on_progress{};
};

/// Reads everything; findings about the files are in `problems`. Throws only when the specs contradict themselves
/// (InvalidUsage), or no row can be stored (Unavailable). `--only` is expressed by passing fewer tasks.
[[nodiscard]] Corpus load_corpus(std::vector<DatasetSpec> const& datasets, std::vector<task::TaskSpec> const& tasks,
                                 std::uint64_t seed, ReadOptions const& options = {});

/// Warnings that need the whole corpus: duplicates, contradicting labels, leakage between splits and across tasks,
/// rare labels, stray I- (found while reading), in the order of what they cost the user.
[[nodiscard]] std::vector<Problem> check_corpus(Corpus const& corpus);

/// A warning for every text that loses tokens at `max_length`, with how many, one for each tagging task with spans
/// whose borders are not those of tokens, and some for each span task with answers or questions that do not fit.
[[nodiscard]] std::vector<Problem> check_tokens(Corpus const& corpus, text::Tokenizer const& tokenizer,
                                                std::size_t max_length);

}  // namespace polytask::data
