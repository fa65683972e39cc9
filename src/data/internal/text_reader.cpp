// Plain texts: one a line, or one a file. Who put them into a folder has labelled them by it.
#include <fmt/format.h>

#include <filesystem>

#include "base/utf8.h"
#include "data/internal/readers.h"

namespace polytask::data {
namespace {

class TextReader final : public RowReader {
 public:
  enum class Unit { Line, File };

  TextReader(std::unique_ptr<ByteSource> bytes, std::string name, RowReaderOptions const& options, Unit unit)
      : lines_(std::move(bytes), options.max_row_bytes),
        name_(std::move(name)),
        max_row_bytes_(options.max_row_bytes),
        unit_(unit) {
    std::filesystem::path const path(name_);
    file_ = valid_utf8(path.filename().string());
    folder_ = valid_utf8(path.parent_path().filename().string());
  }

  std::optional<Result<Row>> next() override {
    if (unit_ == Unit::File) return whole_file();
    while (auto const line = lines_.next()) {
      if (!line->too_long && line->text.find_first_not_of(" \t") == std::string_view::npos) continue;
      return line->too_long ? fail(lines_.number()) : row_of(std::string(line->text), lines_.number());
    }
    return std::nullopt;
  }

 private:
  std::optional<Result<Row>> whole_file() {
    if (is_read_) return std::nullopt;
    is_read_ = true;
    std::string text;
    while (auto const line = lines_.next()) {
      if (line->too_long || text.size() + line->text.size() > max_row_bytes_) return fail(1);
      if (lines_.number() > 1) text.push_back('\n');
      text.append(line->text);
    }
    if (text.find_first_not_of(" \t\n") == std::string::npos) return std::nullopt;
    return row_of(std::move(text), 1);
  }

  [[nodiscard]] Result<Row> row_of(std::string text, std::size_t line) const {
    if (auto const bad = find_invalid_utf8(text))
      return Error(ErrorCode::InvalidInput,
                   fmt::format("{}:{}: byte {} of the text ({}) is not UTF-8; save the file as UTF-8", name_, line,
                               *bad + 1, quote(std::string_view(text).substr(*bad, 1))));
    return Row{.line = line, .fields = {{"text", std::move(text)}, {"file", file_}, {"folder", folder_}}};
  }

  [[nodiscard]] Result<Row> fail(std::size_t line) const {
    return Error(ErrorCode::InvalidInput,
                 fmt::format("{}:{}: the text is longer than {} bytes, the most that is read; cut it", name_, line,
                             max_row_bytes_));
  }

  LineReader lines_;
  std::string name_, file_, folder_;
  std::size_t max_row_bytes_;
  Unit unit_;
  bool is_read_ = false;
};

}  // namespace

std::unique_ptr<RowReader> make_lines_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                             RowReaderOptions const& options) {
  return std::make_unique<TextReader>(std::move(bytes), std::move(name), options, TextReader::Unit::Line);
}

std::unique_ptr<RowReader> make_text_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                            RowReaderOptions const& options) {
  return std::make_unique<TextReader>(std::move(bytes), std::move(name), options, TextReader::Unit::File);
}

}  // namespace polytask::data
