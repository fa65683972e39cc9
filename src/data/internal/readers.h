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

/// A JSON value as a column: lists of texts and numbers, lists of [start, end, "LABEL"], or OtherJson.
/// Fails with the library's reason when `json` is not JSON.
[[nodiscard]] Result<Value> parse_value(std::string_view json);

}  // namespace polytask::data
