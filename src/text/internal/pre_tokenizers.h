// How a normalised text becomes words: the pre-tokenizers of Hugging Face tokenizers, one after another.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "text/internal/splits.h"

namespace polytask::text {

/// Words as GPT-2 cuts them (Radford et al. 2019): contractions, letters, numbers and other characters, each with the
/// space before it, and what is left of the white space. The bytes of a word are what byte-level BPE merges.
struct ByteLevel {
  bool add_prefix_space = true;  ///< before each split that has none
  bool use_regex = true;         ///< false: splits are not cut
};

/// Spaces become `replacement`, and words begin with it.
struct Metaspace {
  enum class Prefix { Always, First, Never };
  std::string replacement = "\u2581";
  Prefix prefix = Prefix::Always;  ///< where one is added that the text does not have; First: at its beginning
  bool split = true;
};

struct WhitespaceSplit {};
struct IsolatePunctuation {};  ///< each punctuation character is a word

using PreTokenizer = std::variant<ByteLevel, Metaspace, WhitespaceSplit, IsolatePunctuation>;

[[nodiscard]] SplitText pre_tokenize(std::vector<PreTokenizer> const& pre_tokenizers, SplitText text);

}  // namespace polytask::text
