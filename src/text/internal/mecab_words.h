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
  /// The environment variable that names the folder of a dictionary.
  static constexpr char const* kFolderVariable = "POLYTASK_MECAB_DICTIONARY";

  /// `dictionary` as tokenizer_config.json names it ("ipadic", "unidic_lite"); may be empty. Its folder is the one that
  /// the environment names, or where Debian puts one of that name. `sha256`: what `digest` must be; empty for any.
  /// Fails with the reason and what to do; the error has no place. A dictionary is trusted as a program is.
  [[nodiscard]] static Result<MecabWords> open(std::string const& dictionary, std::string const& sha256);

  /// Bytes [begin, end) of each word of `text`, which is valid UTF-8, in their order; white space is part of none.
  void find(std::string_view text, std::function<void(std::size_t begin, std::size_t end)> const& found) const;

  /// SHA-256 of what decides the words: the files of the dictionary.
  [[nodiscard]] std::string const& digest() const noexcept;

 private:
  struct Dictionary;
  std::shared_ptr<Dictionary const> dictionary_;
};

}  // namespace polytask::text
