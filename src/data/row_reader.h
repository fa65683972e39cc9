// One file -> its rows, one at a time, whatever the format.
#pragma once

#include <filesystem>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "task/example.h"
#include "task/task_spec.h"

namespace polytask::data {

enum class Format {
  Jsonl,  ///< one JSON object a line, or one document that is a list of them
  Csv,
  Tsv,
  Conll,   ///< words with BIO tags
  Conllu,  ///< Universal Dependencies: ten columns; tags of single words
  Squad,   ///< the nested documents of SQuAD: a row a question
  Lines,   ///< one text a line: the columns "text", "file" and "folder"
  Text     ///< one text a file: the same columns
};
/// By extension, `.gz` taken off first: .jsonl .ndjson .json(l) .csv .tsv .conll .bio .iob .conllu; nothing when
/// unknown.
[[nodiscard]] std::optional<Format> format_of(std::filesystem::path const& path);
/// By extension: Parquet and Arrow, which are not read (docs/decisions/dependencies.md).
[[nodiscard]] bool is_columnar(std::filesystem::path const& path);
inline constexpr std::string_view kColumnarAdvice =
    "Parquet and Arrow are not read; write the rows as JSONL where they are at home: datasets.load_dataset(...), then "
    "to_json(\"train.jsonl\") of each split, or duckdb -c \"COPY (FROM 'train.parquet') TO 'train.jsonl' (FORMAT "
    "json)\"";
/// "jsonl", "csv", "tsv", "conll", "conllu", "squad", "lines", "text": the words of the project file.
[[nodiscard]] std::string_view to_string(Format format);
[[nodiscard]] std::optional<Format> parse_format(std::string_view word);

/// JSON that no column can be: an object, a list of mixed things.
struct OtherJson {
  std::string text;
  friend bool operator==(OtherJson const&, OtherJson const&) = default;
};

/// A column's value; monostate = null.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::string>,
                           std::vector<task::Span>, OtherJson>;

struct Row {
  std::size_t line = 0;
  std::string id;                                     ///< JSON text of the column "id"; empty when there is none
  std::vector<std::pair<std::string, Value>> fields;  ///< JSONL, CSV, TSV; spans still in code points
  std::vector<std::vector<std::string>> words;        ///< CoNLL: the columns of each word
  [[nodiscard]] Value const* find(std::string_view column) const;
};

/// Streams rows; memory does not grow with the file. Not thread-safe.
class RowReader {
 public:
  virtual ~RowReader();
  /// The next row; an Error (with `name:line:`) for a row that cannot be read, after which reading goes on with the
  /// next one; nothing at the end. Every text it gives is valid UTF-8.
  [[nodiscard]] virtual std::optional<Result<Row>> next() = 0;
};

struct RowReaderOptions {
  std::optional<Format> format;  ///< of a file; none = its extension says it
  std::vector<std::string>
      columns;  ///< CSV/TSV without a header: names of its columns; a first row that repeats them is a header
  std::size_t max_row_bytes = std::size_t{1} << 26;  ///< longer rows are errors, skipped without being held in memory
};

/// Opens a file; `.gz` is unpacked on the way. Throws Error{NotFound, InvalidInput}.
[[nodiscard]] std::unique_ptr<RowReader> open_rows(std::filesystem::path const& path, RowReaderOptions const& options);
/// Reads from a stream (standard input) that must outlive the reader. `name` is used in messages.
[[nodiscard]] std::unique_ptr<RowReader> read_rows(std::istream& input, Format format, std::string name,
                                                   RowReaderOptions const& options);

/// What an example needs of a row: its texts (and words, or choices). Fails with InvalidInput when a text column is
/// missing or is not text, and for choices among which none can be right; `where` starts the message.
[[nodiscard]] Result<task::Example> example_of(Row const& row, task::TaskSpec const& task, std::string_view where);
/// The same without labels: each column that the row has is a text of its own; no text where it has none of them.
[[nodiscard]] Result<task::Example> unlabelled_example_of(Row const& row, task::TaskSpec const& task,
                                                          std::string_view where);
/// The task's label of the row: monostate when the column is absent, null or empty.
/// Fails with InvalidInput for a value of the wrong kind, a malformed tag, spans outside the text or overlapping, an
/// answer that does not stand in the context where it is said to, or a choice that the row does not give.
[[nodiscard]] Result<task::Label> label_of(Row const& row, task::Example const& example, task::TaskSpec const& task,
                                           std::string_view where);

}  // namespace polytask::data
