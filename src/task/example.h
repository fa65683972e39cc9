// One row as the rooms above the files see it: its texts, and what each task says about them.
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

namespace polytask::task {

/// Half-open range of bytes in a text.
struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(ByteRange const&, ByteRange const&) = default;
};

/// A labelled piece of a text, in bytes. Files and answers speak in code points; the borders translate.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string label;
  friend bool operator==(Span const&, Span const&) = default;
};

/// A piece of a text: its bytes and what stands there.
struct TextPiece {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string text;
  friend bool operator==(TextPiece const&, TextPiece const&) = default;
};

/// Pieces of a context that answer a question, each of them rightly; none = the context does not answer it.
struct Answers {
  std::vector<TextPiece> pieces;
  friend bool operator==(Answers const&, Answers const&) = default;
};

/// Which of a row's choices is right.
struct Choice {
  std::size_t index = 0;  ///< the first is 0
  friend bool operator==(Choice const&, Choice const&) = default;
};

/// What one task says about one row; monostate = the row carries no label for it.
using Label = std::variant<std::monostate,            // not labelled
                           std::string,               // classification
                           std::vector<std::string>,  // multilabel, sorted, each once
                           double,                    // regression
                           std::vector<Span>,         // tagging, sorted, not overlapping
                           Answers,                   // span; of texts[1]
                           Choice>;                   // multiple choice; of texts[1], texts[2], ...

[[nodiscard]] inline bool is_labelled(Label const& label) { return label.index() != 0; }

struct Example {
  std::string id;                  ///< as JSON text (`7`, `"a-3"`); the row's number where the file gives none
  std::vector<std::string> texts;  ///< one, two for a pair, or one and at least two choices behind it; valid UTF-8
  std::vector<ByteRange> words;    ///< the given tokens of texts[0] (CoNLL); empty when the text was not cut
  bool apart = false;              ///< a pair whose texts are encoded each by itself
  std::vector<Label> labels;       ///< one per task of the stream that the example belongs to
  std::size_t line = 0;            ///< 1-based line of its file where the row starts
  std::size_t file = 0;            ///< index of that file among the corpus' files
};

}  // namespace polytask::task
