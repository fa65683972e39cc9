// Unlabelled texts as the token sequences that an encoder is pretrained on, and how their words are hidden.
// Method: sequences filled with consecutive paragraphs of one document (Liu et al. 2019, arXiv:1907.11692, section 4.2,
// DOC-SENTENCES); masking as BERT's (Devlin et al. 2019, arXiv:1810.04805, section 3.1), by whole words, drawn anew
// each time a sequence is seen.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/random.h"
#include "data/language_texts.h"
#include "text/tokenizer.h"

namespace polytask::data {

/// What pretraining has to know of a WordPiece vocabulary.
struct PretrainingVocabulary {
  std::int32_t unknown = 0, cls = 0, sep = 0, mask = 0;
  std::vector<std::uint8_t> continues;  ///< by id: 1 for a piece that goes on with a word
  std::vector<std::int32_t> ordinary;   ///< ids of tokens that are not special
};

/// Throws Error{InvalidInput}: not WordPiece, no [MASK]. `where` starts the message.
[[nodiscard]] PretrainingVocabulary pretraining_vocabulary(text::Tokenizer const& tokenizer, std::string const& where);

/// The sequences of one source, one after another.
struct LanguageSequences {
  std::vector<std::int32_t> ids;           ///< [CLS] ... [SEP] of each
  std::vector<std::size_t> begins{0};      ///< sequences + 1
  std::vector<std::string> teacher_texts;  ///< by sequence; empty vector where no teacher reads them
  std::size_t n_words = 0;                 ///< tokens that begin a word
  std::size_t n_unknown = 0;               ///< of all tokens
  std::size_t n_repeated = 0;              ///< sequences that stood before, left out
  [[nodiscard]] std::size_t size() const noexcept { return begins.size() - 1; }
  [[nodiscard]] std::span<std::int32_t const> operator[](std::size_t i) const {
    return std::span(ids).subspan(begins[i], begins[i + 1] - begins[i]);
  }
};

/// At most `max_length` tokens each, special ones included. A word is not cut, unless it alone is longer.
/// `keep_texts`: teacher_texts are filled. Returns early once `stop` is requested.
[[nodiscard]] LanguageSequences sequences_of(LanguageTexts const& texts, text::Tokenizer const& tokenizer,
                                             PretrainingVocabulary const& vocabulary, std::size_t max_length,
                                             bool keep_texts, SeenTexts& seen, std::stop_token const& stop);

/// Adds those of more texts.
void add_sequences(LanguageTexts const& texts, text::Tokenizer const& tokenizer,
                   PretrainingVocabulary const& vocabulary, std::size_t max_length, bool keep_texts, SeenTexts& seen,
                   std::stop_token const& stop, LanguageSequences& out);

struct MaskingConfig {
  double rate = 0.15;       ///< share of the tokens that is predicted, 0..1
  double as_mask = 0.8;     ///< of them, shown as [MASK]
  double as_random = 0.1;   ///< of them, shown as another token; the rest is shown as it is
  bool whole_words = true;  ///< all pieces of a word, or none
};

/// A sequence as it is shown. `positions` ascend; at least one unless there is no word.
struct MaskedSequence {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> positions;  ///< of tokens that are predicted
  std::vector<std::int32_t> targets;    ///< what stands there
};
[[nodiscard]] MaskedSequence mask(std::span<std::int32_t const> ids, PretrainingVocabulary const& vocabulary,
                                  MaskingConfig const& config, Rng& rng);

}  // namespace polytask::data
