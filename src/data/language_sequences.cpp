#include "data/language_sequences.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::data {
namespace {

/// Special tokens around a text.
constexpr std::size_t kAround = 2;
/// Fewer tokens teach nothing about one another.
constexpr std::size_t kFewestTokens = 3;

/// Fills one sequence after another with the tokens of a document.
class Filler {
 public:
  Filler(PretrainingVocabulary const& vocabulary, std::size_t room, bool keep_texts, SeenTexts& seen,
         LanguageSequences& out)
      : vocabulary_(vocabulary), room_(room), keep_texts_(keep_texts), seen_(seen), out_(out) {}

  void add(LanguageText const& text, task::Encoding const& encoding) {
    if (text.begins) flush();
    if (!text.teacher_text.empty()) teacher_text_ = text.teacher_text;
    std::size_t i = 1;
    std::size_t const end = encoding.ids.size() - 1;
    while (i < end) {
      std::size_t word_end = i + 1;
      while (word_end < end && continues(encoding.ids[word_end])) ++word_end;
      if (ids_.size() + (word_end - i) > room_) {
        // What was taken of this text so far belongs to the sequence that ends here.
        close_text(text, encoding, i);
        flush();
      }
      word_end = std::min(word_end, i + room_);
      if (!text_is_open_) first_ = i, text_is_open_ = true;
      ids_.insert(ids_.end(), encoding.ids.begin() + static_cast<std::ptrdiff_t>(i),
                  encoding.ids.begin() + static_cast<std::ptrdiff_t>(word_end));
      i = word_end;
    }
    close_text(text, encoding, end);
  }

  void flush() {
    if (ids_.size() >= kFewestTokens && is_new()) {
      out_.ids.push_back(vocabulary_.cls);
      out_.ids.insert(out_.ids.end(), ids_.begin(), ids_.end());
      out_.ids.push_back(vocabulary_.sep);
      out_.begins.push_back(out_.ids.size());
      for (auto const id : ids_) out_.n_words += continues(id) ? 0 : 1, out_.n_unknown += id == vocabulary_.unknown;
      if (keep_texts_) out_.teacher_texts.push_back(teacher_text_.empty() ? raw_ : teacher_text_);
    }
    ids_.clear();
    raw_.clear();
    teacher_text_.clear();
  }

 private:
  [[nodiscard]] bool continues(std::int32_t id) const {
    return vocabulary_.continues[static_cast<std::size_t>(id)] != 0;
  }

  bool is_new() {
    std::string_view const bytes(reinterpret_cast<char const*>(ids_.data()), ids_.size() * sizeof(std::int32_t));
    bool const inserted = seen_.insert(fingerprint(bytes)).second;
    out_.n_repeated += inserted ? 0 : 1;
    return inserted;
  }

  void close_text(LanguageText const& text, task::Encoding const& encoding, std::size_t end) {
    if (text_is_open_ && keep_texts_) {
      auto const begin = encoding.offsets[first_].begin;
      if (!raw_.empty()) raw_ += ' ';
      raw_ += text.text.substr(begin, encoding.offsets[end - 1].end - begin);
    }
    text_is_open_ = false;
  }

  PretrainingVocabulary const& vocabulary_;
  std::size_t room_;
  bool keep_texts_;
  SeenTexts& seen_;
  LanguageSequences& out_;
  std::vector<std::int32_t> ids_;
  std::string raw_;
  std::string teacher_text_;
  std::size_t first_ = 0;
  bool text_is_open_ = false;
};

}  // namespace

PretrainingVocabulary pretraining_vocabulary(text::Tokenizer const& tokenizer, std::string const& where) {
  auto const parts = text::wordpiece_parts(tokenizer);
  if (!parts)
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format(
            "{}: the words of the tokenizer are not those of BERT's WordPiece, the only ones that can be hidden so "
            "far; take an encoder of the BERT family without MeCab",
            where));
  PretrainingVocabulary vocabulary;
  auto const id_of = [&](std::string const& token) {
    auto const found = std::find(parts->tokens.begin(), parts->tokens.end(), token);
    if (found == parts->tokens.end())
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: the vocabulary of {} tokens has no {}; words cannot be hidden without it", where,
                              parts->tokens.size(), quote(token)));
    return static_cast<std::int32_t>(found - parts->tokens.begin());
  };
  vocabulary.unknown = id_of(parts->config.unknown);
  vocabulary.cls = id_of(parts->config.cls);
  vocabulary.sep = id_of(parts->config.sep);
  vocabulary.mask = id_of("[MASK]");
  for (std::size_t i = 0; i < parts->tokens.size(); ++i) {
    auto const& token = parts->tokens[i];
    vocabulary.continues.push_back(token.size() > parts->config.prefix.size() &&
                                   token.starts_with(parts->config.prefix));
    auto const& special = parts->config.special;
    bool const ordinary = !(token.starts_with('[') && token.ends_with(']') && token.size() > 2) &&
                          std::find(special.begin(), special.end(), token) == special.end();
    if (ordinary) vocabulary.ordinary.push_back(static_cast<std::int32_t>(i));
  }
  if (vocabulary.ordinary.empty())
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: the vocabulary has special tokens alone", where));
  return vocabulary;
}

LanguageSequences sequences_of(LanguageTexts const& texts, text::Tokenizer const& tokenizer,
                               PretrainingVocabulary const& vocabulary, std::size_t max_length, bool keep_texts,
                               SeenTexts& seen, std::stop_token const& stop) {
  LanguageSequences out;
  add_sequences(texts, tokenizer, vocabulary, max_length, keep_texts, seen, stop, out);
  return out;
}

void add_sequences(LanguageTexts const& texts, text::Tokenizer const& tokenizer,
                   PretrainingVocabulary const& vocabulary, std::size_t max_length, bool keep_texts, SeenTexts& seen,
                   std::stop_token const& stop, LanguageSequences& out) {
  expects(max_length >= 8, "a sequence has room for words");
  Filler filler(vocabulary, max_length - kAround, keep_texts, seen, out);
  for (auto const& text : texts.texts) {
    if (stop.stop_requested()) break;
    filler.add(text, tokenizer.encode(text.text, {.max_length = kLongestText + kAround}));
  }
  filler.flush();
}

MaskedSequence mask(std::span<std::int32_t const> ids, PretrainingVocabulary const& vocabulary,
                    MaskingConfig const& config, Rng& rng) {
  MaskedSequence masked{.ids = {ids.begin(), ids.end()}};
  struct Word {
    std::uint32_t begin, end;
  };
  std::vector<Word> words;
  std::size_t n_tokens = 0;
  for (std::uint32_t i = 0; i < ids.size(); ++i) {
    auto const id = ids[i];
    if (id == vocabulary.cls || id == vocabulary.sep || id == vocabulary.unknown) continue;
    ++n_tokens;
    bool const goes_on = config.whole_words && vocabulary.continues[static_cast<std::size_t>(id)] != 0 &&
                         !words.empty() && words.back().end == i;
    if (goes_on)
      words.back().end = i + 1;
    else
      words.push_back({i, i + 1});
  }
  if (words.empty()) return masked;
  rng.shuffle(std::span(words));
  // The share holds on average: what is left of it after whole tokens is decided by chance.
  double const wanted = config.rate * static_cast<double>(n_tokens);
  auto budget = static_cast<std::size_t>(std::floor(wanted + rng.uniform()));
  budget = std::max<std::size_t>(1, budget);
  for (auto const& word : words) {
    if (masked.positions.size() >= budget) break;
    if (!masked.positions.empty() && masked.positions.size() + (word.end - word.begin) > budget) continue;
    for (auto i = word.begin; i < word.end; ++i) masked.positions.push_back(static_cast<std::int32_t>(i));
  }
  std::sort(masked.positions.begin(), masked.positions.end());
  for (auto const position : masked.positions) {
    auto& shown = masked.ids[static_cast<std::size_t>(position)];
    masked.targets.push_back(shown);
    double const draw = rng.uniform();
    if (draw < config.as_mask)
      shown = vocabulary.mask;
    else if (draw < config.as_mask + config.as_random)
      shown = vocabulary.ordinary[rng.below(vocabulary.ordinary.size())];
  }
  return masked;
}

}  // namespace polytask::data
