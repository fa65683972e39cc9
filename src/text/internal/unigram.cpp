#include "text/internal/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/utf8.h"

namespace polytask::text {
namespace {

constexpr double kUnknownPenalty = 10;  ///< below the least likely piece

}  // namespace

Result<Unigram> Unigram::make(std::vector<Token> const& vocabulary, std::size_t unknown_id, bool byte_fallback) {
  if (unknown_id >= vocabulary.size())
    return Error(ErrorCode::InvalidInput,
                 fmt::format("the unknown token has the id {}, but the vocabulary has {} tokens", unknown_id,
                             vocabulary.size()));
  Unigram model;
  std::vector<Trie::Key> keys;
  double lowest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    auto const& [text, score] = vocabulary[i];
    if (!std::isfinite(score))
      return Error(ErrorCode::InvalidInput, fmt::format("the score of the token {} is not a number", quote(text)));
    keys.push_back({text, static_cast<std::int32_t>(i)});
    model.scores_.push_back(score);
    lowest = std::min(lowest, score);
  }
  model.tokens_ = Trie(std::move(keys));
  model.unknown_id_ = static_cast<std::int32_t>(unknown_id);
  model.unknown_score_ = lowest - kUnknownPenalty;
  model.byte_fallback_ = byte_fallback;
  for (std::size_t byte = 0; byte < 256; ++byte)
    model.of_byte_[byte] = model.tokens_.find(fmt::format("<0x{:02X}>", byte));
  return model;
}

void Unigram::cut(std::string_view word, Scratch& scratch, std::vector<Piece>& pieces) const {
  if (word.empty()) return;
  auto& best = scratch.best;
  best.assign(word.size() + 1, {0, 0, kUnreached});
  for (std::size_t at = 0; at < word.size();) {
    double const so_far = best[at].score;
    std::size_t const n_bytes = static_cast<unsigned char>(word[at]) < 0x80 ? 1 : decode_utf8(word, at).n_bytes;
    bool has_character = false;
    auto const offer = [&](std::size_t end, double score, std::int32_t id) {
      auto& node = best[end];
      if (node.id == kUnreached || so_far + score > node.score)
        node = {so_far + score, static_cast<std::uint32_t>(at), id};
    };
    std::uint32_t trie_node = Trie::kRoot;
    for (std::size_t end = at; end < word.size();) {
      trie_node = tokens_.child(trie_node, static_cast<unsigned char>(word[end++]));
      if (trie_node == Trie::kRoot) break;
      auto const id = tokens_.value(trie_node);
      if (id == Trie::kNone) continue;
      offer(end, scores_[static_cast<std::size_t>(id)], id);
      has_character |= end - at == n_bytes;
    }
    if (!has_character) offer(at + n_bytes, unknown_score_, unknown_id_);
    at += n_bytes;
  }
  // Back along the best way; what is unknown grows until something known stands before it.
  auto& way = scratch.way;
  way.clear();
  for (auto end = static_cast<std::uint32_t>(word.size()); end > 0;) {
    auto const& node = best[end];
    if (node.id == unknown_id_ && !way.empty() && way.back().id == unknown_id_)
      way.back().begin = node.begin;
    else
      way.push_back({node.id, node.begin, end});
    end = node.begin;
  }
  for (auto piece = way.rbegin(); piece != way.rend(); ++piece) {
    if (piece->id == unknown_id_)
      append_unknown(word, *piece, pieces);
    else
      pieces.push_back(*piece);
  }
}

void Unigram::append_unknown(std::string_view word, Piece unknown, std::vector<Piece>& pieces) const {
  auto const bytes = word.substr(unknown.begin, unknown.end - unknown.begin);
  // Unknown characters together can be a token that no single way led to.
  if (auto const id = tokens_.find(bytes); id != Trie::kNone) {
    unknown.id = id;
  } else if (byte_fallback_ && std::all_of(bytes.begin(), bytes.end(), [&](char c) {
               return of_byte_[static_cast<unsigned char>(c)] != Trie::kNone;
             })) {
    for (char const c : bytes) pieces.push_back({of_byte_[static_cast<unsigned char>(c)], unknown.begin, unknown.end});
    return;
  }
  pieces.push_back(unknown);
}

}  // namespace polytask::text
