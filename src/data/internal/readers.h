// One reader a format, over bytes.
#pragma once

#include <memory>
#include <string>

#include "data/internal/line_source.h"
#include "data/row_reader.h"

namespace polytask::data {

[[nodiscard]] std::unique_ptr<RowReader> make_jsonl_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                                           RowReaderOptions const& options);
[[nodiscard]] std::unique_ptr<RowReader> make_csv_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                                         char separator, RowReaderOptions const& options);
[[nodiscard]] std::unique_ptr<RowReader> make_conll_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                                           RowReaderOptions const& options);

/// Ten columns a word, as Universal Dependencies have them. The tags of single words (columns 4, 5 and 8) become tags
/// of spans: "NOUN" is "S-NOUN", "_" is "O". Ranges of words ("3-4") and empty words ("5.1") are skipped.
[[nodiscard]] std::unique_ptr<RowReader> make_conllu_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                                            RowReaderOptions const& options);
/// The documents of SQuAD (Rajpurkar et al. 2016, arXiv:1606.05250; 2018, arXiv:1806.03822): data, paragraphs, qas. A
/// row a question, with the columns "context", "title" and those of the question; "answers" is empty where it is
/// impossible. A paragraph is held at a time.
[[nodiscard]] std::unique_ptr<RowReader> make_squad_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                                           RowReaderOptions const& options);
/// Rows with the columns "text", "file" and "folder", the last parts of `name`; blank lines are skipped.
[[nodiscard]] std::unique_ptr<RowReader> make_lines_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                                           RowReaderOptions const& options);
/// The same with the whole file as its one row; an empty file has none.
[[nodiscard]] std::unique_ptr<RowReader> make_text_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                                          RowReaderOptions const& options);

/// A JSON value as a column: lists of texts and numbers, lists of [start, end, "LABEL"], or OtherJson.
/// Fails with the library's reason when `json` is not JSON.
[[nodiscard]] Result<Value> parse_value(std::string_view json);

/// A value as messages show it.
[[nodiscard]] std::string describe(Value const& value);

}  // namespace polytask::data
