#include "text/internal/added_tokens.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/internal/unicode.h"

namespace polytask::text {
namespace {

/// Start of the last character of a text that is not empty.
std::size_t last_character(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool ends_with_word(std::string_view text) {
  return !text.empty() && is_word_character(decode_utf8(text, last_character(text)).code_point);
}

bool starts_with_word(std::string_view text) {
  return !text.empty() && is_word_character(decode_utf8(text, 0).code_point);
}

std::size_t without_space_at_end(std::string_view text) {
  while (!text.empty()) {
    auto const at = last_character(text);
    if (!is_white_space(decode_utf8(text, at).code_point)) break;
    text = text.substr(0, at);
  }
  return text.size();
}

std::size_t space_at_start(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    auto const decoded = decode_utf8(text, at);
    if (!is_white_space(decoded.code_point)) break;
    at += decoded.n_bytes;
  }
  return at;
}

void add(std::vector<Split>& splits, std::size_t begin, std::size_t end, std::int32_t id) {
  if (begin < end) splits.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), id});
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens, std::vector<std::string> const& patterns)
    : tokens_(std::move(tokens)) {
  std::vector<Trie::Key> keys;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    keys.push_back({patterns[i], static_cast<std::int32_t>(i)});
    if (!patterns[i].empty()) starts_[static_cast<unsigned char>(patterns[i][0])] = true;
  }
  patterns_ = Trie(std::move(keys));
}

void AddedTokenFinder::cut(std::string_view text, std::size_t begin, std::size_t end,
                           std::vector<Split>& splits) const {
  text = text.substr(0, end);
  std::size_t from = begin;
  for (std::size_t at = begin; at < end;) {
    if (!starts_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    std::int32_t best = Trie::kNone;
    std::size_t best_end = at;
    std::uint32_t node = Trie::kRoot;
    for (std::size_t next = at; next < end;) {
      node = patterns_.child(node, static_cast<unsigned char>(text[next++]));
      if (node == Trie::kRoot) break;
      if (auto const found = patterns_.value(node); found != Trie::kNone) {
        best = found;
        best_end = next;
      }
    }
    if (best == Trie::kNone) {
      ++at;
      continue;
    }
    auto const& token = tokens_[static_cast<std::size_t>(best)];
    std::size_t first = at, last = best_end;
    at = best_end;
    if (token.single_word && (ends_with_word(text.substr(begin, first - begin)) || starts_with_word(text.substr(last))))
      continue;
    if (token.lstrip) first = std::max(begin + without_space_at_end(text.substr(begin, first - begin)), from);
    if (token.rstrip) last += space_at_start(text.substr(last));
    add(splits, from, first, Split::kText);
    add(splits, first, last, token.id);
    from = last;
  }
  add(splits, from, end, Split::kText);
}

}  // namespace polytask::text
