// Japanese words as MeCab finds them with a dictionary (Kudo et al. 2004), which encoders of Tohoku University cut into
// pieces.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polytask::text {

/// Immutable; safe to share between threads. Copies share the dictionary.
class MecabWords {
 public:
  /// MeCab is given at most so many bytes at once, behind white space or a full stop where there is some: its costs
  /// have 32 bits, and its memory grows with a text.
  static constexpr std::size_t kLongestSentence = 1 << 14;
  /// The same for characters of one kind without a break, over which it takes quadratic time.
  static constexpr std::size_t kLongestRun = 1 << 10;

  /// `dictionary`: "ipadic", "unidic_lite" or "unidic", as tokenizer_config.json names it. Its folder is the one that
  /// the environment names (POLYTASK_MECAB_IPADIC for "ipadic"), or where Debian puts one of that name. `sha256`: what
  /// `digest` must be; empty for any. Fails with the reason and what to do; the error has no place. A dictionary is
  /// trusted as a program is.
  [[nodiscard]] static Result<MecabWords> open(std::string const& dictionary, std::string const& sha256);

  /// Bytes [begin, end) of each word of `text`, which is valid UTF-8, in their order; white space is part of none.
  void find(std::string_view text, std::function<void(std::size_t begin, std::size_t end)> const& found) const;

  /// SHA-256 of what decides the words: the files of the dictionary.
  [[nodiscard]] std::string const& digest() const noexcept;

 private:
  struct Dictionary;
  explicit MecabWords(std::shared_ptr<Dictionary const> dictionary) : dictionary_(std::move(dictionary)) {}
  [[nodiscard]] static Result<std::shared_ptr<Dictionary const>> load(std::string const& folder);

  std::shared_ptr<Dictionary const> dictionary_;
};

}  // namespace polytask::text
