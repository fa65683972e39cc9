// The tokens of one text or a pair -> an encoding: cut to the length that was asked for, with special tokens around.
#pragma once

#include <cstdint>
#include <vector>

#include "task/encoding.h"
#include "text/tokenizer.h"

namespace polytask::text {

/// The first `at_most` tokens of one text, before special tokens, and how many there would be in all: what is cut away
/// is counted, and never held.
struct Tokens {
  std::size_t at_most = 0;
  std::vector<std::int32_t> ids = {};
  std::vector<task::ByteRange> offsets = {};
  std::size_t n_all = 0;

  void add(std::int32_t id, task::ByteRange bytes) {
    if (n_all++ >= at_most) return;
    ids.push_back(id);
    offsets.push_back(bytes);
  }
};

/// One place of a template: a special token, or all tokens of a text.
struct TemplatePart {
  enum class Kind { Special, First, Second };
  Kind kind = Kind::Special;
  std::int32_t id = 0;  ///< of a special token
  std::uint8_t type_id = 0;
};

/// "[CLS] $A [SEP]" and "[CLS] $A [SEP] $B [SEP]".
struct Template {
  std::vector<TemplatePart> single;  ///< with the first text once
  std::vector<TemplatePart> pair;    ///< with the first text once, then the second
};

/// Tokens of texts that fit between the special ones; no text has to hold more.
[[nodiscard]] std::size_t room_for_text(Template const& shape, EncodeOptions const& options);
[[nodiscard]] std::size_t room_for_pair(Template const& shape, EncodeOptions const& options);

[[nodiscard]] task::Encoding assemble(Template const& shape, Tokens const& tokens, EncodeOptions const& options);
[[nodiscard]] task::Encoding assemble(Template const& shape, Tokens const& first, Tokens const& second,
                                      EncodeOptions const& options);

}  // namespace polytask::text
