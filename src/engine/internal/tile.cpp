#include "engine/internal/tile.h"

#include <utility>

#include "text/encode_choices.h"
#include "text/encode_example.h"

namespace polytask::engine {
namespace {

void append(Tile& tile, EncodedText const& text) {
  auto const first = static_cast<std::int32_t>(tile.ids.size());
  auto const n = static_cast<std::int32_t>(text.ids.size());
  if (text.second_sequence > 0) tile.sequences.push_back(first + text.second_sequence);
  for (std::int32_t i = 0; i < n; ++i) {
    bool const starts_anew = text.second_sequence > 0 && i >= text.second_sequence;
    tile.positions.push_back(starts_anew ? i - text.second_sequence : i);
  }
  tile.ids.insert(tile.ids.end(), text.ids.begin(), text.ids.end());
  tile.types.insert(tile.types.end(), text.type_ids.begin(), text.type_ids.end());
  tile.offsets.push_back(first + n);
  tile.sequences.push_back(first + n);
}

}  // namespace

EncodedText encode_text(text::Tokenizer const& tokenizer, task::Example const& example, std::size_t max_length,
                        Units units) {
  auto encoding = text::encode_example(tokenizer, example, max_length);
  auto tagged = units == Units::Tagged ? task::tagged_units(encoding, example) : std::vector<task::TaggedUnit>();
  auto const second_text = text::second_text_of(encoding, example);
  return {std::move(encoding.ids),
          std::move(encoding.type_ids),
          second_text,
          static_cast<std::int32_t>(encoding.second_sequence),
          std::move(tagged),
          encoding.n_dropped,
          example.texts.size()};
}

EncodedText encode_choices(text::Tokenizer const& tokenizer, task::Example const& example, std::size_t max_length) {
  EncodedText text;
  auto encodings = text::encode_choices(tokenizer, example, max_length);
  text.n_cut = text::n_dropped(encodings);
  text.n_texts = example.texts.size();
  for (auto& encoding : encodings) {
    auto const end = static_cast<std::int32_t>(encoding.size());
    auto& choice = text.choices.emplace_back();
    choice.ids = std::move(encoding.ids);
    choice.type_ids = std::move(encoding.type_ids);
    choice.second_text = end;
    choice.n_texts = 2;
  }
  return text;
}

EncodedText encode_context(text::Tokenizer const& tokenizer, task::Example const& example,
                           text::PassageOptions const& options) {
  EncodedText text;
  text.passage = text::encode_passage(tokenizer, example, options);
  text.n_cut = text.passage->n_dropped;
  text.n_texts = 2;
  return text;
}

EncodedText window_of(EncodedText const& text, task::TokenRange const& window) {
  auto tokens = text.passage.value().window(window);
  EncodedText result;
  result.ids = std::move(tokens.ids);
  result.type_ids = std::move(tokens.type_ids);
  result.second_text = static_cast<std::int32_t>(text.passage->passage.n_before);
  result.n_texts = 2;
  return result;
}

std::vector<Tile> tiles_of(std::span<EncodedText const> texts, std::int64_t max_tokens) {
  std::vector<Tile> tiles;
  for (std::size_t first = 0, end = 0; first < texts.size(); first = end) {
    auto& tile = tiles.emplace_back(Tile{.first = first, .offsets = {0}, .sequences = {0}});
    do append(tile, texts[end++]);
    while (end < texts.size() && tile.n_tokens() + static_cast<std::int64_t>(texts[end].ids.size()) <= max_tokens);
    tile.texts = texts.subspan(first, end - first);
  }
  return tiles;
}

}  // namespace polytask::engine
