#include "text/vocabulary_change.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/utf8.h"
#include "text/wordpiece_trainer.h"

namespace polytask::text {
namespace {

WordPieceParts parts_or_throw(Tokenizer const& tokenizer) {
  auto parts = wordpiece_parts(tokenizer);
  if (!parts)
    throw Error(
        ErrorCode::InvalidInput,
        "the tokenizer is not BERT's WordPiece; a vocabulary of another kind can be used, but not changed, so far");
  return *std::move(parts);
}

using Ids = std::unordered_map<std::string_view, std::int32_t>;

Ids ids_of(std::span<std::string const> tokens) {
  Ids ids;
  for (std::size_t i = 0; i < tokens.size(); ++i) ids.emplace(tokens[i], static_cast<std::int32_t>(i));
  return ids;
}

/// The longest pieces, left to right; empty when some of it has none.
std::vector<std::int32_t> cut(std::string const& token, Ids const& ids, std::string const& prefix) {
  bool const goes_on = token.size() > prefix.size() && token.starts_with(prefix);
  std::string const letters = goes_on ? token.substr(prefix.size()) : token;
  std::vector<std::int32_t> pieces;
  for (std::size_t begin = 0; begin < letters.size();) {
    std::size_t end = letters.size();
    for (; end > begin; --end) {
      bool const inside_character = end < letters.size() && (static_cast<unsigned char>(letters[end]) & 0xC0U) == 0x80U;
      if (inside_character) continue;
      auto const found = ids.find((begin > 0 || goes_on ? prefix : "") + letters.substr(begin, end - begin));
      if (found == ids.end()) continue;
      pieces.push_back(found->second);
      break;
    }
    if (end == begin) return {};
    begin = end;
  }
  return pieces;
}

}  // namespace

std::vector<std::vector<std::int32_t>> pieces_in(Tokenizer const& old, Tokenizer const& changed) {
  auto const before = parts_or_throw(old);
  auto const after = parts_or_throw(changed);
  auto const ids = ids_of(before.tokens);
  std::vector<std::vector<std::int32_t>> pieces;
  for (auto const& token : after.tokens) {
    auto const same = ids.find(token);
    bool const is_special =
        std::find(after.config.special.begin(), after.config.special.end(), token) != after.config.special.end();
    if (same != ids.end())
      pieces.push_back({same->second});
    else if (is_special)
      pieces.emplace_back();
    else
      pieces.push_back(cut(token, ids, before.config.prefix));
  }
  return pieces;
}

std::vector<std::string> most_used_pieces(Tokenizer const& tokenizer, std::span<std::string_view const> texts,
                                          WordPieceConfig const& config, std::size_t n) {
  auto parts = parts_or_throw(tokenizer);
  parts.config = config;
  auto const cutter =
      make_wordpiece({parts.tokens.begin(), parts.tokens.end()}, config, "the vocabulary that is kept").value();
  std::vector<std::int64_t> counts(parts.tokens.size());
  for (auto const text : texts)
    for (auto const id : cutter->encode(text, {.max_length = std::size_t{1} << 30}).ids)
      ++counts[static_cast<std::size_t>(id)];
  auto const letters_of = [&](std::string const& token) {
    bool const goes_on = token.size() > parts.config.prefix.size() && token.starts_with(parts.config.prefix);
    return std::string_view(token).substr(goes_on ? parts.config.prefix.size() : 0);
  };
  auto const& special = parts.config.special;
  auto const is_special = [&](std::string const& token) {
    return std::find(special.begin(), special.end(), token) != special.end();
  };
  std::unordered_set<char32_t> characters;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (is_special(parts.tokens[i])) continue;
    auto const letters = letters_of(parts.tokens[i]);
    for (std::size_t at = 0; counts[i] > 0 && at < letters.size();) {
      auto const decoded = decode_utf8(letters, at);
      characters.insert(decoded.code_point);
      at += decoded.n_bytes;
    }
  }
  auto const rank = [&](std::size_t i) {
    auto const& token = parts.tokens[i];
    if (is_special(token)) return 0;
    auto const letters = letters_of(token);
    if (letters.empty()) return 2;
    auto const first = decode_utf8(letters, 0);
    return first.n_bytes == letters.size() && characters.contains(first.code_point) ? 1 : 2;
  };
  std::vector<std::tuple<int, std::int64_t, std::size_t>> order;
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (auto const of_token = rank(i); of_token < 2 || counts[i] > 0) order.emplace_back(of_token, -counts[i], i);
  std::sort(order.begin(), order.end());
  order.resize(std::min(order.size(), n));
  std::sort(order.begin(), order.end(), [](auto const& a, auto const& b) { return std::get<2>(a) < std::get<2>(b); });
  std::vector<std::string> pieces;
  for (auto const& one : order) pieces.push_back(parts.tokens[std::get<2>(one)]);
  return pieces;
}

VocabularyChange extend_wordpiece(Tokenizer const& tokenizer, std::span<std::string_view const> texts,
                                  std::size_t n_more, std::int64_t min_frequency) {
  auto const parts = parts_or_throw(tokenizer);
  // Most of what is learnt is there already: learn as many as could be needed to find enough others.
  auto const learnt = learn_pieces(texts, parts.config,
                                   {.vocab_size = parts.tokens.size() + 2 * n_more, .min_frequency = min_frequency});
  auto const known = ids_of(parts.tokens);
  std::vector<std::string> tokens(parts.tokens.begin(), parts.tokens.end());
  for (auto const& piece : learnt)
    if (tokens.size() < parts.tokens.size() + n_more && !known.contains(piece)) tokens.push_back(piece);
  VocabularyChange change{.tokenizer =
                              make_wordpiece(std::move(tokens), parts.config, "the extended vocabulary").value()};
  change.old_pieces = pieces_in(tokenizer, *change.tokenizer);
  return change;
}

}  // namespace polytask::text
