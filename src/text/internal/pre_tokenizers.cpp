#include "text/internal/pre_tokenizers.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "text/internal/unicode.h"

namespace polytask::text {
namespace {

struct ClassOfByte {
  std::array<WordClass, 128> of{};
  ClassOfByte() {
    for (char32_t c = 0; c < 128; ++c) of[c] = word_class(c);
  }
};

struct Classified {
  WordClass word_class = WordClass::Other;
  std::size_t end = 0;
};

Classified class_at(std::string_view text, std::size_t at) {
  static ClassOfByte const ascii;
  auto const c = static_cast<unsigned char>(text[at]);
  if (c < 0x80) return {ascii.of[c], at + 1};
  auto const decoded = decode_utf8(text, at);
  return {word_class(decoded.code_point), at + decoded.n_bytes};
}

/// End of the run of one class that goes on at `at`.
std::size_t run_end(std::string_view text, std::size_t at, WordClass word_class) {
  while (at < text.size()) {
    auto const next = class_at(text, at);
    if (next.word_class != word_class) break;
    at = next.end;
  }
  return at;
}

std::size_t contraction_end(std::string_view text, std::size_t at) {
  if (text[at] != '\'') return at;
  auto const rest = text.substr(at + 1, 2);
  if (rest.empty()) return at;
  if (rest[0] == 's' || rest[0] == 't' || rest[0] == 'm' || rest[0] == 'd') return at + 2;
  return rest == "re" || rest == "ve" || rest == "ll" ? at + 3 : at;
}

/// White space that no word takes: all of it at the end, else all but its last character, or that one alone.
std::size_t space_end(std::string_view text, std::size_t at) {
  std::size_t last = at, end = at;
  while (end < text.size()) {
    auto const next = class_at(text, end);
    if (next.word_class != WordClass::Space) break;
    last = end;
    end = next.end;
  }
  return end == text.size() || last == at ? end : last;
}

/// End of the word that begins at `at`:
/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t word_end(std::string_view text, std::size_t at) {
  if (auto const end = contraction_end(text, at); end != at) return end;
  auto first = class_at(text, at);
  if (first.word_class == WordClass::Space) {
    if (text[at] != ' ' || at + 1 == text.size()) return space_end(text, at);
    first = class_at(text, at + 1);
    if (first.word_class == WordClass::Space) return space_end(text, at);
  }
  return run_end(text, first.end, first.word_class);
}

void add(std::vector<Split>& splits, std::size_t begin, std::size_t end) {
  if (begin < end) splits.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
}

/// The text with a space before each split that begins with none.
SplitText with_prefix_space(SplitText old) {
  SplitText result;
  result.text.bytes.reserve(old.text.bytes.size() + 1);
  result.text.sources.reserve(old.text.bytes.size() + 1);
  for (auto const& split : old.splits) {
    auto const begin = static_cast<std::uint32_t>(result.text.bytes.size());
    if (split.token_id == Split::kText && old.text.bytes[split.begin] != ' ')
      result.text.append(" ", old.text.sources[split.begin]);
    result.text.append(old.text, split.begin, split.end);
    result.splits.push_back({begin, static_cast<std::uint32_t>(result.text.bytes.size()), split.token_id});
  }
  return result;
}

/// Replaces each split of text by those that `cut(splits, begin, end)` makes of it.
template <typename Cut>
void cut_splits(std::vector<Split>& splits, Cut const& cut) {
  std::vector<Split> result;
  result.reserve(splits.size());
  for (auto const& split : splits) {
    if (split.token_id == Split::kText)
      cut(result, split.begin, split.end);
    else
      result.push_back(split);
  }
  splits = std::move(result);
}

SplitText apply(ByteLevel const& step, SplitText text) {
  if (step.add_prefix_space) text = with_prefix_space(std::move(text));
  if (!step.use_regex) return text;
  cut_splits(text.splits, [&](auto& splits, std::size_t begin, std::size_t end) {
    auto const part = text.text.view(begin, end);
    for (std::size_t at = 0; at < part.size();) {
      std::size_t const next = word_end(part, at);
      add(splits, begin + at, begin + next);
      at = next;
    }
  });
  return text;
}

SplitText apply(Metaspace const& step, SplitText old) {
  SplitText result;
  auto& [text, splits] = result;
  text.bytes.reserve(old.text.bytes.size() * 3 / 2);
  text.sources.reserve(old.text.bytes.size() * 3 / 2);
  for (auto const& split : old.splits) {
    std::size_t begin = text.bytes.size();
    auto const source = old.text.sources[split.begin];
    if (split.token_id != Split::kText) {
      text.append(old.text, split.begin, split.end);
      splits.push_back(
          {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(text.bytes.size()), split.token_id});
      continue;
    }
    auto const part = old.text.view(split.begin, split.end);
    bool const has_prefix = part[0] == ' ' || part.starts_with(step.replacement);
    bool const wants_prefix =
        step.prefix == Metaspace::Prefix::Always || (step.prefix == Metaspace::Prefix::First && source.begin == 0);
    if (wants_prefix && !has_prefix) text.append(step.replacement, source);
    for (std::size_t at = 0; at < part.size();) {
      bool const is_space = part[at] == ' ';
      if (step.split && (is_space || part.substr(at).starts_with(step.replacement)) && at > 0) {
        add(splits, begin, text.bytes.size());
        begin = text.bytes.size();
      }
      if (is_space) {
        text.append(step.replacement, old.text.sources[split.begin + at]);
        ++at;
        continue;
      }
      std::size_t end = at + 1;
      while (end < part.size() && part[end] != ' ' && part[end] != step.replacement[0]) ++end;
      text.append(old.text, split.begin + at, split.begin + end);
      at = end;
    }
    add(splits, begin, text.bytes.size());
  }
  return result;
}

SplitText apply(WhitespaceSplit, SplitText text) {
  cut_splits(text.splits, [&](auto& splits, std::size_t begin, std::size_t end) {
    std::size_t from = begin;
    for (std::size_t at = begin; at < end;) {
      auto const next = class_at(text.text.bytes, at);
      if (next.word_class == WordClass::Space) {
        add(splits, from, at);
        from = next.end;
      }
      at = next.end;
    }
    add(splits, from, end);
  });
  return text;
}

/// A piece of a split, and whether it was looked for.
struct Found {
  std::size_t begin = 0, end = 0;
  bool is_match = false;
};

/// As `split` of the reference library: which pieces become one, which none.
void add_found(std::vector<Split>& splits, std::vector<Found> const& pieces, Matches matches) {
  auto const first = splits.size();
  bool after_match = false;
  auto const add_piece = [&](Found const& piece, bool joins) {
    if (joins && splits.size() > first)
      splits.back().end = static_cast<std::uint32_t>(piece.end);
    else
      add(splits, piece.begin, piece.end);
    after_match = piece.is_match;
  };
  switch (matches) {
    case Matches::Removed:
      for (auto const& piece : pieces)
        if (!piece.is_match) add(splits, piece.begin, piece.end);
      return;
    case Matches::Isolated:
      for (auto const& piece : pieces) add(splits, piece.begin, piece.end);
      return;
    case Matches::Contiguous:
      for (auto const& piece : pieces) add_piece(piece, piece.is_match == after_match);
      return;
    case Matches::MergedWithPrevious:
      for (auto const& piece : pieces) add_piece(piece, piece.is_match && !after_match);
      return;
    case Matches::MergedWithNext:
      // From the end: a match begins the piece behind it.
      for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
        if (piece->is_match && !after_match && splits.size() > first)
          splits.back().begin = static_cast<std::uint32_t>(piece->begin);
        else
          add(splits, piece->begin, piece->end);
        after_match = piece->is_match;
      }
      std::reverse(splits.begin() + static_cast<std::ptrdiff_t>(first), splits.end());
      return;
  }
}

bool is_of(CutCharacters const& step, char32_t c) {
  switch (step.kind) {
    case CutCharacters::Kind::Punctuation: return is_bert_punctuation(c);
    case CutCharacters::Kind::Digit: return is_numeric(c);
    case CutCharacters::Kind::Delimiter: return c == step.delimiter;
  }
  return false;
}

SplitText apply(CutCharacters const& step, SplitText text) {
  std::vector<Found> pieces;
  cut_splits(text.splits, [&](auto& splits, std::size_t begin, std::size_t end) {
    pieces.clear();
    std::size_t from = begin;
    for (std::size_t at = begin; at < end;) {
      auto const decoded = decode_utf8(text.text.bytes, at);
      auto const next = at + decoded.n_bytes;
      if (is_of(step, decoded.code_point)) {
        if (from < at) pieces.push_back({from, at, false});
        pieces.push_back({at, next, true});
        from = next;
      }
      at = next;
    }
    if (from < end) pieces.push_back({from, end, false});
    add_found(splits, pieces, step.matches);
  });
  return text;
}

SplitText apply(Words, SplitText text) {
  enum class Kind { Space, Word, Other };
  auto const kind_of = [](char32_t c) {
    if (is_word_character(c)) return Kind::Word;
    return is_white_space(c) ? Kind::Space : Kind::Other;
  };
  cut_splits(text.splits, [&](auto& splits, std::size_t begin, std::size_t end) {
    std::size_t from = begin;
    auto kind = Kind::Space;
    for (std::size_t at = begin; at < end;) {
      auto const decoded = decode_utf8(text.text.bytes, at);
      if (auto const here = kind_of(decoded.code_point); here != kind) {
        if (kind != Kind::Space) add(splits, from, at);
        from = at;
        kind = here;
      }
      at += decoded.n_bytes;
    }
    if (kind != Kind::Space) add(splits, from, end);
  });
  return text;
}

SplitText apply(CutPattern const& step, SplitText text) {
  std::vector<Found> pieces;
  cut_splits(text.splits, [&](auto& splits, std::size_t begin, std::size_t end) {
    pieces.clear();
    std::size_t from = begin;
    step.pattern.find(text.text.view(begin, end), [&](std::size_t found, std::size_t found_end) {
      if (from < begin + found) pieces.push_back({from, begin + found, step.invert});
      from = begin + found_end;
      pieces.push_back({begin + found, from, !step.invert});
    });
    if (from < end) pieces.push_back({from, end, step.invert});
    add_found(splits, pieces, step.matches);
  });
  return text;
}

SplitText apply(MecabWords const& step, SplitText text) {
  cut_splits(text.splits, [&](auto& splits, std::size_t begin, std::size_t end) {
    step.find(text.text.view(begin, end),
              [&](std::size_t word, std::size_t word_end) { add(splits, begin + word, begin + word_end); });
  });
  return text;
}

}  // namespace

SplitText pre_tokenize(std::vector<PreTokenizer> const& pre_tokenizers, SplitText text) {
  for (auto const& step : pre_tokenizers)
    text = std::visit([&](auto const& one) { return apply(one, std::move(text)); }, step);
  return text;
}

}  // namespace polytask::text
