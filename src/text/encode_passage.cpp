#include "text/encode_passage.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "task/white_space.h"

namespace polytask::text {
namespace {

constexpr std::uint8_t kQuestion = 0;
constexpr std::uint8_t kContext = 1;

/// Takes tokens of the question away, from its end, until `n_kept` are left; how many those were.
std::size_t cut_question(task::Encoding& whole, std::size_t n_kept) {
  std::size_t n_question = 0;
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < whole.size(); ++i)
    if (whole.text_index[i] != kQuestion || n_question++ < n_kept) kept.push_back(i);
  auto const keep = [&](auto& values) {
    for (std::size_t i = 0; i < kept.size(); ++i) values[i] = values[kept[i]];
    values.resize(kept.size());
  };
  std::size_t const n_dropped = whole.size() - kept.size();
  keep(whole.ids), keep(whole.type_ids), keep(whole.offsets), keep(whole.text_index);
  return n_dropped;
}

}  // namespace

EncodedPassage encode_passage(Tokenizer const& tokenizer, task::Example const& example, PassageOptions const& options) {
  expects(example.texts.size() == 2, "a passage is a question and its context");
  auto whole = tokenizer.encode_pair(example.texts[0], example.texts[1],
                                     {.max_length = std::numeric_limits<std::size_t>::max()});
  auto const n_special =
      static_cast<std::size_t>(std::count(whole.text_index.begin(), whole.text_index.end(), task::Encoding::kSpecial));
  expects(options.max_length > n_special + 1, "a window has room for a question and a context");
  EncodedPassage result;
  result.n_dropped = cut_question(whole, (options.max_length - n_special) / 2);

  auto const begin = whole.text_index.begin();
  auto const first = std::find(begin, whole.text_index.end(), kContext);
  auto const n_context =
      static_cast<std::size_t>(std::count(whole.text_index.begin(), whole.text_index.end(), kContext));
  auto& passage = result.passage;
  // A context without a token would stand in front of the closing special token.
  passage.n_before = n_context > 0 ? static_cast<std::size_t>(first - begin) : whole.size() - 1;
  passage.n_after = whole.size() - passage.n_before - n_context;
  auto const context = static_cast<std::ptrdiff_t>(passage.n_before);
  passage.tokens.assign(whole.offsets.begin() + context,
                        whole.offsets.begin() + context + static_cast<std::ptrdiff_t>(n_context));
  for (auto& token : passage.tokens) token = task::without_white_space(example.texts[1], token);
  passage.windows =
      task::windows_over(n_context, options.max_length - passage.n_before - passage.n_after, options.stride);
  result.whole = {std::move(whole.ids), std::move(whole.type_ids)};
  return result;
}

EncodedPassage::Tokens EncodedPassage::window(task::TokenRange const& window) const {
  Tokens shown;
  auto const copy = [&](auto const& of_whole, auto& of_window) {
    auto const context = of_whole.begin() + static_cast<std::ptrdiff_t>(passage.n_before);
    of_window.reserve(passage.n_tokens(window));
    of_window.assign(of_whole.begin(), context);
    of_window.insert(of_window.end(), context + static_cast<std::ptrdiff_t>(window.begin),
                     context + static_cast<std::ptrdiff_t>(window.end));
    of_window.insert(of_window.end(), of_whole.end() - static_cast<std::ptrdiff_t>(passage.n_after), of_whole.end());
  };
  copy(whole.ids, shown.ids);
  copy(whole.type_ids, shown.type_ids);
  return shown;
}

}  // namespace polytask::text
