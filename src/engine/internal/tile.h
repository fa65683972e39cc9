// Texts that go through the encoder together, their tokens one after another.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "task/example.h"
#include "task/tagging.h"
#include "text/encode_passage.h"
#include "text/tokenizer.h"

namespace polytask::engine {

/// A text, a pair, or a text with its choices, as the encoder reads it.
struct EncodedText {
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> type_ids;
  std::int32_t second_text = 0;      ///< text::second_text_of
  std::int32_t second_sequence = 0;  ///< task::Encoding::second_sequence
  std::vector<task::TaggedUnit> units;
  std::size_t n_cut = 0;                        ///< tokens that were cut away
  std::size_t n_texts = 1;                      ///< two for a pair, more where there are choices
  std::optional<text::EncodedPassage> passage;  ///< a question and its context; `ids` are then empty
  std::vector<EncodedText> choices;             ///< the pairs of a text with each; `ids` are then empty
};

enum class Units { None, Tagged };

/// The first `max_length` tokens (text::encode_example). Units are only looked for where heads tag them.
[[nodiscard]] EncodedText encode_text(text::Tokenizer const& tokenizer, task::Example const& example,
                                      std::size_t max_length, Units units);

/// A text with each of its choices.
[[nodiscard]] EncodedText encode_choices(text::Tokenizer const& tokenizer, task::Example const& example,
                                         std::size_t max_length);

/// A question and its whole context, with the windows that fit.
[[nodiscard]] EncodedText encode_context(text::Tokenizer const& tokenizer, task::Example const& example,
                                         text::PassageOptions const& options);
/// What the encoder reads of one window.
[[nodiscard]] EncodedText window_of(EncodedText const& text, task::TokenRange const& window);

/// Enough rows for the products to run at the processor's peak, few enough for a layer's rows to stay in its cache.
constexpr std::int64_t kTokensPerTile = 128;

struct Tile {
  std::size_t first = 0;  ///< index of its first text among all
  std::span<EncodedText const> texts;
  std::vector<std::int32_t> ids, positions, types;  ///< [tokens]
  std::vector<std::int32_t> offsets;                ///< [texts + 1]: where each text's tokens begin
  std::vector<std::int32_t> sequences;              ///< bounds that attention stays inside

  [[nodiscard]] std::int64_t n_tokens() const { return static_cast<std::int64_t>(ids.size()); }
  [[nodiscard]] std::int64_t n_texts() const { return static_cast<std::int64_t>(texts.size()); }
};

/// Texts in their order, as many a tile as `max_tokens` hold; one text always fits.
[[nodiscard]] std::vector<Tile> tiles_of(std::span<EncodedText const> texts, std::int64_t max_tokens);

}  // namespace polytask::engine
