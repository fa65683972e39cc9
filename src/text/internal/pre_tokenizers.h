// How a normalised text becomes words: the pre-tokenizers of Hugging Face tokenizers, one after another.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "text/internal/cut_pattern.h"
#include "text/internal/mecab_words.h"
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

/// What becomes of the pieces that are looked for: they are left out, are words of their own, one word with their
/// neighbours of the same kind, or go to the word before or behind.
enum class Matches { Removed, Isolated, Contiguous, MergedWithPrevious, MergedWithNext };

/// At each character of a kind.
struct CutCharacters {
  enum class Kind { Punctuation, Digit, Delimiter };
  Kind kind = Kind::Punctuation;
  Matches matches = Matches::Isolated;
  char32_t delimiter = 0;
};

/// Runs of letters, digits, marks and their like, and runs of what else is no white space: \w+|[^\w\s]+
struct Words {};

/// At what a pattern finds; `invert`: at what is between.
struct CutPattern {
  Pattern pattern;
  Matches matches = Matches::Isolated;
  bool invert = false;
};

using PreTokenizer = std::variant<ByteLevel, Metaspace, WhitespaceSplit, CutCharacters, Words, CutPattern, MecabWords>;

[[nodiscard]] SplitText pre_tokenize(std::vector<PreTokenizer> const& pre_tokenizers, SplitText text);

}  // namespace polytask::text
