#include "text/internal/wordpiece.h"

#include <algorithm>

namespace polytask::text {

WordPieces::WordPieces(std::vector<std::string> tokens, std::string_view prefix, std::int32_t unknown_id,
                       std::uint32_t max_code_points)
    : tokens_(std::move(tokens)), unknown_id_(unknown_id), max_code_points_(max_code_points) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    auto const id = static_cast<std::int32_t>(i);
    first_.emplace(tokens_[i], id);
    longest_first_ = std::max(longest_first_, tokens_[i].size());
    if (!tokens_[i].starts_with(prefix)) continue;
    continuing_.emplace(tokens_[i].substr(prefix.size()), id);
    longest_continuing_ = std::max(longest_continuing_, tokens_[i].size() - prefix.size());
  }
}

void WordPieces::cut(std::string_view word, std::uint32_t n_code_points, std::vector<Piece>& pieces) const {
  auto const whole = static_cast<std::uint32_t>(word.size());
  std::size_t const n_before = pieces.size();
  bool known = n_code_points <= max_code_points_;
  for (std::size_t begin = 0; known && begin < word.size();) {
    auto const& map = begin == 0 ? first_ : continuing_;
    std::size_t const longest = begin == 0 ? longest_first_ : longest_continuing_;
    std::size_t end = std::min(word.size(), begin + longest);
    for (;; --end) {
      while (end > begin && end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80)
        --end;  // whole characters
      if (end == begin) break;
      if (auto const found = map.find(word.substr(begin, end - begin)); found != map.end()) {
        pieces.push_back({found->second, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
        break;
      }
    }
    known = end > begin;
    begin = end;
  }
  if (known) return;
  pieces.resize(n_before);
  pieces.push_back({unknown_id_, 0, whole});
}

}  // namespace polytask::text
