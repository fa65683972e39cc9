#include "task/passage.h"

#include <algorithm>

#include "base/error.h"

namespace polytask::task {

std::size_t Passage::n_tokens() const {
  std::size_t n = 0;
  for (auto const& window : windows) n += n_tokens(window);
  return n;
}

std::vector<TokenRange> windows_over(std::size_t n_tokens, std::size_t room, std::optional<std::size_t> stride) {
  expects(room >= 1 && stride.value_or(1) >= 1, "windows show something and move");
  if (n_tokens <= room) return {{0, n_tokens}};
  std::size_t const step = std::min(room, stride.value_or((room + 1) / 2));
  std::vector<TokenRange> windows;
  for (std::size_t begin = 0; windows.empty() || windows.back().end < n_tokens; begin += step) {
    std::size_t const first = std::min(begin, n_tokens - room);
    windows.push_back({first, first + room});
  }
  return windows;
}

std::optional<TokenRange> tokens_of(Passage const& passage, ByteRange piece) {
  // Tokens are in the order of the text; some have no bytes of their own, and stand where those would be.
  auto const first = std::partition_point(passage.tokens.begin(), passage.tokens.end(),
                                          [&](ByteRange const& token) { return token.end <= piece.begin; });
  std::optional<TokenRange> found;
  for (auto i = static_cast<std::size_t>(first - passage.tokens.begin()); i < passage.tokens.size(); ++i) {
    auto const& token = passage.tokens[i];
    if (token.begin >= piece.end) break;
    if (token.end <= piece.begin || token.begin == token.end) continue;
    if (!found) found = TokenRange{i, i};
    found->end = i + 1;
  }
  return found;
}

}  // namespace polytask::task
