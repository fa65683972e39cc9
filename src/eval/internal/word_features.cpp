#include "eval/internal/word_features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/utf8.h"

namespace polytask::eval {
namespace {

constexpr char32_t kFirstWithoutSpaces = 0x2E80;  // CJK, kana and what follows; Hangul is written with spaces
constexpr bool is_hangul(char32_t c) { return c >= 0xAC00 && c <= 0xD7A3; }

constexpr bool is_word_character(char32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c >= 0xAA && c != 0xAB && c != 0xB7 && c != 0xBB && c != 0xD7 && c != 0xF7 && (c < 0x2000 || c > 0x206F) &&
          (c < 0x3000 || c > 0x3003));
}

std::string lower(std::string_view word) {
  std::string text(word);
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

using Counts = std::map<std::string, int>;

/// Words and pairs of neighbours, each with its count.
Counts grams_of(std::string_view text) {
  Counts counts;
  std::string before;
  for (auto const& word : words_of(text)) {
    ++counts[word];
    if (!before.empty()) ++counts[before + " " + word];
    before = word;
  }
  return counts;
}

/// One text: its grams. A pair: which grams both have, which only one has, and the share of common words in ten steps.
Counts counts_of(task::Example const& example) {
  if (example.texts.size() < 2) return grams_of(example.texts.at(0));
  std::array const sides{grams_of(example.texts[0]), grams_of(example.texts[1])};
  Counts counts;
  int n_common = 0;
  int n_all = 0;
  for (std::size_t side = 0; side < 2; ++side)
    for (auto const& [gram, n] : sides[side]) {
      bool const common = sides[1 - side].contains(gram);
      if (common && side == 1) continue;
      counts[(common ? "both " : "one ") + gram] += 1;
      if (gram.find(' ') != std::string::npos) continue;
      ++n_all;
      n_common += common;
    }
  // One feature for each step that is reached: the model learns a curve.
  for (int step = 1; step <= 10; ++step)
    if (n_common * 10 >= n_all * step && n_all > 0) ++counts["share " + std::to_string(step)];
  return counts;
}

}  // namespace

std::vector<task::ByteRange> word_ranges(std::string_view text) {
  std::vector<task::ByteRange> ranges;
  bool open = false;
  for (std::size_t at = 0; at < text.size();) {
    auto const c = decode_utf8(text, at);
    bool const alone = c.code_point >= kFirstWithoutSpaces && !is_hangul(c.code_point);
    if (!is_word_character(c.code_point)) {
      open = false;
    } else if (open && !alone) {
      ranges.back().end = at + c.n_bytes;
    } else {
      ranges.push_back({at, at + c.n_bytes});
      open = !alone;
    }
    at += c.n_bytes;
  }
  return ranges;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (auto const range : word_ranges(text)) words.push_back(lower(text.substr(range.begin, range.end - range.begin)));
  return words;
}

WordFeatures::WordFeatures(std::vector<task::Example const*> const& examples) {
  std::vector<std::uint32_t> n_documents;
  for (auto const* example : examples)
    for (auto const& [gram, n] : counts_of(*example)) {
      auto const [place, is_new] = index_.emplace(gram, static_cast<std::uint32_t>(index_.size()));
      if (is_new) n_documents.push_back(0);
      ++n_documents[place->second];
    }
  // idf = ln((1 + n) / (1 + df)) + 1: a word that was never seen would not divide by zero (Manning et al. 2008, ch. 6).
  for (auto const df : n_documents)
    weights_.push_back(static_cast<float>(std::log((1.0 + static_cast<double>(examples.size())) / (1.0 + df)) + 1.0));
}

Features WordFeatures::of(task::Example const& example) const {
  Features features;
  double squares = 0;
  for (auto const& [gram, n] : counts_of(example)) {
    auto const found = index_.find(gram);
    if (found == index_.end()) continue;
    float const value = (1.0F + std::log(static_cast<float>(n))) * weights_[found->second];
    squares += static_cast<double>(value) * value;
    features.push_back({found->second, value});
  }
  auto const scale = squares > 0 ? static_cast<float>(1.0 / std::sqrt(squares)) : 0.0F;
  for (auto& feature : features) feature.value *= scale;
  return features;
}

}  // namespace polytask::eval
