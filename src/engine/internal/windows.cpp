#include "engine/internal/windows.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace polytask::engine {

std::vector<Window> windows_of(std::size_t n_tokens, std::size_t n_shown) {
  expects(n_shown > 0 && n_shown < n_tokens, "a text has windows where it does not fit");
  std::size_t const step = n_shown - n_shown / 4;
  std::vector<Window> windows;
  for (std::size_t begin = 0; windows.empty() || windows.back().end < n_tokens; begin += step) {
    std::size_t const first = std::min(begin, n_tokens - n_shown);
    std::size_t border = 0;
    if (!windows.empty()) {  // the middle of what both show
      border = (windows.back().end + first + 1) / 2;
      windows.back().own_end = border;
    }
    windows.push_back({first, first + n_shown, border, first + n_shown});
  }
  return windows;
}

EncodedText window_of(EncodedText const& text, Window const& window) {
  EncodedText result;
  auto const copy = [&](auto const& of_text, auto& of_window) {
    auto const first = of_text.begin() + 1 + static_cast<std::ptrdiff_t>(window.begin);
    of_window.reserve(window.end - window.begin + 2);
    of_window.push_back(of_text.front());
    of_window.insert(of_window.end(), first, first + static_cast<std::ptrdiff_t>(window.end - window.begin));
    of_window.push_back(of_text.back());
  };
  copy(text.ids, result.ids);
  copy(text.type_ids, result.type_ids);
  result.second_text = static_cast<std::int32_t>(result.ids.size());
  auto const before = [](task::TaggedUnit const& unit, std::size_t token) { return unit.token < token; };
  auto unit = std::lower_bound(text.units.begin(), text.units.end(), window.own_begin + 1, before);
  for (; unit != text.units.end() && unit->token < window.own_end + 1; ++unit)
    result.units.push_back({unit->token - window.begin, unit->bytes});
  return result;
}

void LogitsOfWindows::add(std::span<float const> logits, Window const& window) {
  sums_.resize(logits.size());
  auto const weight = static_cast<double>(window.n_own());
  for (std::size_t i = 0; i < logits.size(); ++i) sums_[i] += weight * static_cast<double>(logits[i]);
  n_tokens_ += window.n_own();
}

std::vector<float> LogitsOfWindows::take() {
  auto logits = std::exchange(units_, {});
  for (double const sum : sums_) logits.push_back(static_cast<float>(sum / static_cast<double>(n_tokens_)));
  sums_.clear();
  n_tokens_ = 0;
  return logits;
}

}  // namespace polytask::engine
