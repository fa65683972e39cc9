#include "text/internal/normalizer.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "text/internal/unicode.h"

namespace polytask::text {
namespace {

enum class Ascii : std::uint8_t { Letter, Space, Punctuation, Removed, NotAscii };

constexpr std::array<Ascii, 128> make_ascii_table(bool clean) {
  std::array<Ascii, 128> table{};
  for (unsigned c = 0; c < 128; ++c) {
    bool const punctuation =
        (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
    bool const space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    bool const other_space = c == 0x0B || c == 0x0C;  // white space to the cutter, control characters to the cleaner
    if (space || (other_space && !clean))
      table[c] = Ascii::Space;
    else if (punctuation)
      table[c] = Ascii::Punctuation;
    else if (clean && (c < 32 || c == 127))
      table[c] = Ascii::Removed;
    else
      table[c] = Ascii::Letter;
  }
  return table;
}

constexpr auto kCleanAscii = make_ascii_table(true);
constexpr auto kRawAscii = make_ascii_table(false);

}  // namespace

void WordCutter::start(std::string_view utf8, std::size_t begin, std::size_t end) {
  text_ = utf8;
  at_ = begin;
  end_ = end;
  decomposed_.clear();
  ready_.clear();
  ready_at_ = 0;
}

void WordCutter::append(Character const& character) {
  append_utf8(word_.bytes, character.code_point);
  word_.source_begin.resize(word_.bytes.size(), character.begin);
  word_.source_end.resize(word_.bytes.size(), character.end);
  ++word_.n_code_points;
}

/// Takes ASCII characters while none waits to be put in order; true when the word ends there. A mark after one would
/// change it (or not), but never its place: only marks are put in order, and an ASCII character is its own
/// decomposition.
bool WordCutter::take_ascii() {
  auto const& table = config_.clean_text ? kCleanAscii : kRawAscii;
  auto const kind = [&](std::size_t at) {
    auto const c = static_cast<unsigned char>(text_[at]);
    return c < 0x80 ? table[c] : Ascii::NotAscii;
  };
  while (at_ < end_) {
    switch (kind(at_)) {
      case Ascii::NotAscii: return false;
      case Ascii::Removed: ++at_; break;
      case Ascii::Space:
        ++at_;
        if (!word_.bytes.empty()) return true;
        break;
      case Ascii::Punctuation:
        if (word_.bytes.empty()) append_ascii(1);
        return true;
      case Ascii::Letter: {
        std::size_t end = at_ + 1;
        while (end < end_ && kind(end) == Ascii::Letter) ++end;
        append_ascii(end - at_);
        break;
      }
    }
  }
  return false;
}

void WordCutter::append_ascii(std::size_t n) {
  auto const before = word_.bytes.size();
  word_.bytes.append(text_, at_, n);
  word_.source_begin.resize(before + n);
  word_.source_end.resize(before + n);
  for (std::size_t i = 0; i < n; ++i) {
    auto& c = word_.bytes[before + i];
    if (config_.lowercase && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    word_.source_begin[before + i] = static_cast<std::uint32_t>(at_ + i);
    word_.source_end[before + i] = static_cast<std::uint32_t>(at_ + i + 1);
  }
  word_.n_code_points += static_cast<std::uint32_t>(n);
  at_ += n;
}

void WordCutter::settle_marks() {
  auto const by_class = [](Character const& a, Character const& b) {
    return a.combining_class != 0 && b.combining_class != 0 && a.combining_class < b.combining_class;
  };
  if (!std::is_sorted(decomposed_.begin(), decomposed_.end(), by_class)) {
    // The reference hands out the sources in their old order to the marks in their new one, and so do we.
    auto const before = decomposed_;
    std::stable_sort(decomposed_.begin(), decomposed_.end(), by_class);
    auto source = before.begin();
    for (auto& character : decomposed_) {
      if (character.is_first) {
        while (!source->is_first) ++source;
        character.begin = source->begin;
        character.end = source->end;
        ++source;
      } else if (&character != decomposed_.data()) {
        character.begin = (&character - 1)->begin;
        character.end = (&character - 1)->end;
      }
    }
  }
  for (auto const& character : decomposed_)
    if (!is_nonspacing_mark(character.code_point)) ready_.push_back(character);
  decomposed_.clear();
}

void WordCutter::normalize(char32_t code_point, std::uint32_t begin, std::uint32_t end) {
  if (!config_.strip_accents) {
    ready_.push_back({code_point, begin, end, 0});
    return;
  }
  std::array<char32_t, 8> parts{};
  int const n = decompose(code_point, parts.data());
  for (int i = 0; i < n; ++i) {
    auto const part = parts[static_cast<std::size_t>(i)];
    auto const ccc = combining_class(part);
    if (ccc == 0) settle_marks();  // a starter ends the marks before it
    decomposed_.push_back({part, begin, end, ccc, i == 0});
  }
}

bool WordCutter::refill() {
  ready_.clear();
  ready_at_ = 0;
  while (ready_.empty()) {
    if (at_ >= end_) {
      settle_marks();
      return !ready_.empty();
    }
    auto const decoded = decode_utf8(text_.substr(0, end_), at_);
    auto const begin = static_cast<std::uint32_t>(at_);
    at_ += decoded.n_bytes;
    auto const end = static_cast<std::uint32_t>(at_);
    char32_t c = decoded.code_point;
    if (config_.clean_text) {
      bool const kept = c == '\t' || c == '\n' || c == '\r';
      if (c == 0 || c == 0xFFFD || (!kept && is_bert_control(c))) continue;
      if (is_bert_whitespace(c)) c = ' ';
    }
    normalize(c, begin, end);
  }
  return true;
}

Word const* WordCutter::finish() { return word_.bytes.empty() ? nullptr : &word_; }

Word const* WordCutter::next() {
  word_.bytes.clear();
  word_.source_begin.clear();
  word_.source_end.clear();
  word_.n_code_points = 0;
  while (true) {
    if (ready_at_ == ready_.size() && decomposed_.empty() && take_ascii()) return finish();
    if (ready_at_ == ready_.size() && !refill()) return finish();
    auto character = ready_[ready_at_];
    char32_t const c = character.code_point;
    if (is_bert_whitespace(c)) {
      ++ready_at_;
      if (!word_.bytes.empty()) return finish();
      continue;
    }
    bool const alone = is_bert_punctuation(c) || (config_.handle_chinese_chars && is_cjk_ideograph(c));
    if (alone && !word_.bytes.empty()) return finish();  // the character waits for the next call
    ++ready_at_;
    if (config_.lowercase) {
      character.code_point = lower_case(c);
      if (c == 0x0130) {  // the one letter whose lower case is two code points
        character.code_point = 'i';
        append(character);
        character.code_point = 0x0307;
      }
    }
    append(character);
    if (alone) return finish();
  }
}

}  // namespace polytask::text
