#include "text/internal/wordpiece.h"

namespace polytask::text {

WordPieces::WordPieces(std::vector<std::string> tokens, std::string_view prefix, std::int32_t unknown_id,
                       std::uint32_t max_code_points)
    : tokens_(std::move(tokens)), unknown_id_(unknown_id), max_code_points_(max_code_points) {
  std::vector<Trie::Key> first, continuing;
  first.reserve(tokens_.size());
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    auto const id = static_cast<std::int32_t>(i);
    std::string_view const token = tokens_[i];
    first.push_back({token, id});
    if (token.starts_with(prefix)) continuing.push_back({token.substr(prefix.size()), id});
  }
  first_ = Trie(std::move(first));
  continuing_ = Trie(std::move(continuing));
}

void WordPieces::cut(std::string_view word, std::uint32_t n_code_points, std::vector<Piece>& pieces) const {
  auto const whole = static_cast<std::uint32_t>(word.size());
  std::size_t const n_before = pieces.size();
  bool known = n_code_points <= max_code_points_;
  for (std::uint32_t begin = 0; known && begin < whole;) {
    auto const& trie = begin == 0 ? first_ : continuing_;
    Piece longest{Trie::kNone, begin, begin};
    std::uint32_t node = Trie::kRoot;
    for (std::uint32_t end = begin; end < whole;) {
      node = trie.child(node, static_cast<unsigned char>(word[end++]));
      if (node == Trie::kRoot) break;
      if (auto const id = trie.value(node); id != Trie::kNone) longest = {id, begin, end};
    }
    known = longest.id != Trie::kNone;
    if (known) pieces.push_back(longest);
    begin = longest.end;
  }
  if (known) return;
  pieces.resize(n_before);
  pieces.push_back({unknown_id_, 0, whole});
}

}  // namespace polytask::text
