#include "data/language_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <variant>

#include "base/error.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "data/internal/line_source.h"
#include "data/row_reader.h"

namespace polytask::data {
namespace {

namespace fs = std::filesystem;

/// Inside a document, shorter paragraphs may repeat ("Yes.", a heading).
constexpr std::size_t kShortParagraph = 32;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  auto const begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

/// Where a text that is too long is cut: at the last space of its first `kLongestText` bytes, or between characters.
std::size_t cut_of(std::string_view text) {
  if (text.size() <= kLongestText) return text.size();
  auto const space = text.substr(0, kLongestText).find_last_of(" \t");
  if (space != std::string_view::npos && space > 0) return space;
  std::size_t end = kLongestText;
  while (end > kLongestText - 4 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return end;
}

/// The length of a mark that ends a sentence at byte `at`; 0 when there is none. A Western one wants a space behind it.
std::size_t sentence_mark(std::string_view text, std::size_t at) {
  for (std::string_view const mark : {"。", "！", "？"})
    if (text.substr(at, mark.size()) == mark) return mark.size();
  bool const western = text[at] == '.' || text[at] == '!' || text[at] == '?';
  return western && (at + 1 == text.size() || text[at + 1] == ' ') ? 1 : 0;
}

class Collector {
 public:
  Collector(TextSource const& source, SeenTexts& seen, LanguageTexts& out) : source_(source), seen_(seen), out_(out) {}

  void add(std::string_view text, std::string_view teacher_text, bool begins) {
    if (source_.unit != TextUnit::Sentence || !teacher_text.empty()) return add_cut(text, teacher_text, begins);
    for (std::size_t begin = 0, at = 0; at <= text.size();) {
      auto const mark = at < text.size() ? sentence_mark(text, at) : 0;
      if (at == text.size() || mark > 0) {
        add_cut(text.substr(begin, at + mark - begin), {}, true);
        begin = at + mark;
      }
      at += std::max<std::size_t>(1, mark);
    }
  }

 private:
  void add_cut(std::string_view text, std::string_view teacher_text, bool begins) {
    for (text = trimmed(text); !text.empty();) {
      auto const n = cut_of(text);
      add_one(trimmed(text.substr(0, n)), teacher_text, begins);
      text = trimmed(text.substr(n));
      begins = false;
      teacher_text = {};
    }
  }

  void add_one(std::string_view text, std::string_view teacher_text, bool begins) {
    if (text.empty()) return;
    if ((begins || text.size() >= kShortParagraph) && !seen_.insert(fingerprint(text)).second) {
      ++out_.n_repeated;
      return;
    }
    out_.n_bytes += text.size();
    out_.texts.push_back({std::string(text), std::string(teacher_text.substr(0, kLongestText)), begins});
  }

  TextSource const& source_;
  SeenTexts& seen_;
  LanguageTexts& out_;
};

/// A line, or a part of one that has no end, of a plain file.
class PlainLines {
 public:
  explicit PlainLines(fs::path const& path) : characters_(open_bytes(path)), path_(path) {}

  struct Part {
    std::string text;
    std::size_t line = 0;
    bool goes_on = false;  ///< the line began before
  };

  std::optional<Part> next() {
    Part part{.line = line_, .goes_on = goes_on_};
    bool ended = false;
    while (!ended && part.text.size() <= kBlock) {
      auto const bytes = characters_.buffered();
      if (bytes.empty()) break;
      auto const end = bytes.find('\n');
      auto const n = std::min(end == std::string_view::npos ? bytes.size() : end, kBlock + 1 - part.text.size());
      ended = end != std::string_view::npos && n == end;
      part.text.append(bytes.substr(0, n));
      characters_.skip(n + (ended ? 1 : 0));
    }
    bool const at_end = !ended && characters_.buffered().empty();
    if (at_end && part.text.empty()) return std::nullopt;
    if (!ended && !at_end) give_back_half_character(part.text);
    part.text.insert(0, rest_);
    rest_ = std::exchange(next_rest_, {});
    goes_on_ = !ended;
    if (ended) ++line_;
    check(part);
    return part;
  }

 private:
  static constexpr std::size_t kBlock = std::size_t{1} << 20;

  /// The bytes of a character that the block cuts go to the next part.
  void give_back_half_character(std::string& text) {
    std::size_t n = 0;
    while (n < 3 && n < text.size() && (static_cast<unsigned char>(text[text.size() - 1 - n]) & 0xC0U) == 0x80U) ++n;
    if (n >= text.size()) return;
    auto const start = text.size() - 1 - n;
    auto const lead = static_cast<unsigned char>(text[start]);
    std::size_t const wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (wanted <= n + 1) return;
    next_rest_ = text.substr(start);
    text.resize(start);
  }

  void check(Part const& part) const {
    auto const bad = find_invalid_utf8(part.text);
    bool const binary = part.text.find('\0') != std::string::npos;
    if (!bad && !binary) return;
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format("{}:{}: {}; expected text in UTF-8: convert the file (iconv -f ENCODING -t UTF-8), or take it "
                    "out of the texts",
                    path_.string(), part.line, binary ? "holds a zero byte" : "is not UTF-8"));
  }

  CharacterSource characters_;
  fs::path path_;
  std::string rest_, next_rest_;
  std::size_t line_ = 1;
  bool goes_on_ = false;
};

void read_plain(fs::path const& path, TextSource const& source, Collector& collector) {
  struct Paragraph {
    std::string text;
    bool after_empty;
    bool goes_on;
  };
  std::vector<Paragraph> paragraphs;
  bool has_empty = false;
  bool after_empty = true;
  PlainLines lines(path);
  while (auto part = lines.next()) {
    if (trimmed(part->text).empty()) {
      after_empty = after_empty || !part->goes_on;
      continue;
    }
    has_empty = has_empty || (after_empty && !paragraphs.empty());
    paragraphs.push_back({std::move(part->text), after_empty, part->goes_on});
    after_empty = false;
  }
  bool const joins = source.unit == TextUnit::Document && has_empty;
  for (auto const& paragraph : paragraphs)
    collector.add(paragraph.text, {}, !paragraph.goes_on && (paragraph.after_empty || !joins));
}

std::string_view text_in(Row const& row, std::string const& column) {
  auto const* const value = row.find(column);
  auto const* const text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

void read_table(fs::path const& path, TextSource const& source, Collector& collector, LanguageTexts& out) {
  auto const reader = open_rows(path, {});
  std::size_t n_rows = 0;
  std::string columns;
  std::size_t n_texts = 0;
  while (auto const row = reader->next()) {
    if (!*row) throw row->error();
    ++n_rows;
    if (columns.empty())
      for (auto const& [name, value] : (*row)->fields) columns += (columns.empty() ? "" : ", ") + name;
    auto const text = trimmed(text_in(**row, source.column));
    if (text.empty()) {
      ++out.n_empty;
      continue;
    }
    ++n_texts;
    collector.add(text, source.teacher_column.empty() ? std::string_view() : text_in(**row, source.teacher_column),
                  true);
  }
  if (n_rows > 0 && n_texts == 0)
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format("{}: no row has text in the column {}; its columns are {}: name one of them with \"column\"",
                    path.string(), quote(source.column), columns.empty() ? "none" : columns));
}

}  // namespace

std::uint64_t fingerprint(std::string_view text) {
  auto const digest = Sha256().update(text).digest();
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | digest[i];
  return value;
}

void add_text(std::string_view text, SeenTexts& seen, LanguageTexts& out) {
  TextSource const source{.name = "", .files = {}, .unit = TextUnit::Line};
  if (text.empty())
    ++out.n_empty;
  else
    Collector(source, seen, out).add(text, {}, true);
}

LanguageTexts read_language_texts(TextSource const& source, SeenTexts& seen) {
  LanguageTexts out;
  Collector collector(source, seen, out);
  for (auto const& file : source.files) {
    if (is_columnar(file)) throw Error(ErrorCode::InvalidInput, fmt::format("{}: {}", file.string(), kColumnarAdvice));
    auto const format = format_of(file);
    if (format == Format::Conll)
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: is a file of tagged words; expected plain text, JSONL, CSV or TSV", file.string()));
    if (format)
      read_table(file, source, collector, out);
    else
      read_plain(file, source, collector);
  }
  return out;
}

}  // namespace polytask::data
