// Raw text -> words as BERT's normaliser and pre-tokenizer cut them, each byte with the bytes it came from.
// Method: BertNormalizer and BertPreTokenizer of Hugging Face tokenizers (after the original BERT code, Devlin et al.
// 2019, arXiv:1810.04805), in one pass: clean, isolate CJK, decompose and strip accents, lower case, cut at white space
// and punctuation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace polytask::text {

struct NormalizerConfig {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
};

/// A word in normal form. Byte i of `bytes` came from [source_begin[i], source_end[i]) of the raw text.
struct Word {
  std::string bytes;
  std::vector<std::uint32_t> source_begin;
  std::vector<std::uint32_t> source_end;
  std::uint32_t n_code_points = 0;
};

/// Cuts raw text into words; reuses its buffers. Not thread-safe. Invalid bytes count as U+FFFD.
class WordCutter {
 public:
  explicit WordCutter(NormalizerConfig const& config) : config_(config) {}

  /// Starts on [begin, end) of `utf8`, which must outlive the words. Offsets are bytes of `utf8`.
  void start(std::string_view utf8, std::size_t begin, std::size_t end);
  /// The next word, valid until the next call; null at the end.
  [[nodiscard]] Word const* next();

 private:
  struct Character {
    char32_t code_point;
    std::uint32_t begin, end;
    std::uint8_t combining_class;
    bool is_first = true;  ///< of the parts that its source decomposed into
  };

  /// Normalises characters until a whole one, with its marks in order, is in `ready_`; false at the end of the text.
  bool refill();
  void normalize(char32_t code_point, std::uint32_t begin, std::uint32_t end);
  void settle_marks();
  void append(Character const& character);
  bool take_ascii();
  void append_ascii(std::size_t n);
  [[nodiscard]] Word const* finish();

  NormalizerConfig config_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::vector<Character> decomposed_;  ///< a character and its marks, not yet in canonical order
  std::vector<Character> ready_;
  std::size_t ready_at_ = 0;
  Word word_;
};

}  // namespace polytask::text
