// Unlabelled texts from files: what an encoder learns a language from, each once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/random.h"

namespace polytask::data {

/// What stays together. Document: the lines of a plain file up to an empty one (each line alone where a file has no
/// empty line), and a whole row elsewhere. Sentence: what ends with a mark (. ! ? 。 ！ ？) inside a line.
enum class TextUnit { Document, Line, Sentence };

/// Files that are read alike: plain text, or JSONL, CSV and TSV by their extensions, each also as .gz.
struct TextSource {
  std::string name;
  std::vector<std::filesystem::path> files;
  std::string column = "text";  ///< of JSONL, CSV and TSV
  std::string teacher_column;   ///< what a teacher reads in place of the text (a translation); empty = the text itself
  TextUnit unit = TextUnit::Document;
  double share = 0;     ///< of what is drawn, on the scale of the other shares; 0 = its number of tokens in millions
  bool teach = false;   ///< a teacher knows what these texts mean
  std::string licence;  ///< recorded with the encoder
};

/// A paragraph, a row or a sentence.
struct LanguageText {
  std::string text;
  std::string teacher_text;  ///< empty = the text itself
  bool begins = true;        ///< false: goes on with the text before it
};

struct LanguageTexts {
  std::vector<LanguageText> texts;
  std::size_t n_repeated = 0;  ///< left out: they stood before
  std::size_t n_empty = 0;     ///< rows whose column is missing, null or empty
  std::uint64_t n_bytes = 0;   ///< of the texts
};

/// Longest text that is held as one: a longer line is cut, at a space where there is one.
inline constexpr std::size_t kLongestText = std::size_t{1} << 14;

/// Texts that have been seen, of all sources together.
using SeenTexts = std::unordered_set<std::uint64_t>;

/// Reads the source; texts in `seen` are left out, those that are taken are added. Short paragraphs inside a document
/// may repeat. Throws Error{NotFound, InvalidInput} naming file and line: not UTF-8, a row that cannot be read, no
/// file.
[[nodiscard]] LanguageTexts read_language_texts(TextSource const& source, SeenTexts& seen);

/// Adds a text that is in memory, as a document of its own; cut, or left out, as one of a file would be.
void add_text(std::string_view text, SeenTexts& seen, LanguageTexts& out);

/// 64 bits of a text's SHA-256.
[[nodiscard]] std::uint64_t fingerprint(std::string_view text);

}  // namespace polytask::data
