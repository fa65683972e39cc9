// Raw text -> token ids with the way back to its bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

#include "task/encoding.h"

namespace polytask::text {

/// Which text of a pair loses tokens when both do not fit; named as in Hugging Face tokenizers. Where the named text
/// alone is too short to give enough, which is an error there, both lose tokens, the longer one first.
enum class Truncation { LongestFirst, OnlyFirst, OnlySecond };

struct EncodeOptions {
  std::size_t max_length = 128;  ///< tokens, special tokens included; >= 8
  Truncation truncation = Truncation::LongestFirst;
};

/// Immutable after construction; safe to share between threads.
class Tokenizer {
 public:
  virtual ~Tokenizer();

  /// Token ids of one text with special tokens around it. Never fails: an unknown word becomes the unknown token,
  /// invalid bytes become U+FFFD. Offsets are bytes of `utf8`.
  [[nodiscard]] virtual task::Encoding encode(std::string_view utf8, EncodeOptions const& options) const = 0;
  /// The same for a pair; type id 0 for the first text and 1 for the second.
  [[nodiscard]] virtual task::Encoding encode_pair(std::string_view first, std::string_view second,
                                                   EncodeOptions const& options) const = 0;
  [[nodiscard]] virtual std::size_t vocabulary_size() const noexcept = 0;
  /// SHA-256 of what decides the ids and is in no file of the folder: MeCab's dictionary. Empty where there is none.
  [[nodiscard]] virtual std::string outside_digest() const { return {}; }
  /// Writes the files from which `load_tokenizer` makes an equal tokenizer, in Hugging Face layout, atomically each.
  virtual void save(std::filesystem::path const& folder) const = 0;
};

/// Reads `tokenizer.json`, or `vocab.txt`, `sentencepiece.bpe.model` (XLM-R) or `spm.model` (DeBERTa) with
/// `tokenizer_config.json`, from a Hugging Face folder. Models are WordPiece, byte-level BPE and Unigram.
/// A Japanese encoder of words needs the dictionary of MeCab's that it learned with, which is found where the
/// environment or Debian has it (docs/reference/tokenizers.md).
/// Throws Error{NotFound} when none is there, InvalidInput naming the component when one is not supported.
[[nodiscard]] std::unique_ptr<Tokenizer const> load_tokenizer(std::filesystem::path const& folder);

}  // namespace polytask::text
