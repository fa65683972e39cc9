#include "text/internal/sentencepiece_model.h"

#include <fmt/format.h>

#include <bit>
#include <functional>

#include "base/error.h"
#include "base/utf8.h"
#include "text/internal/json_fields.h"

namespace polytask::text {
namespace {

struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;  ///< of a number; the bits of a 32-bit one
  std::string_view bytes;   ///< of a text or a message
};

/// The fields of one message, in the wire format of protocol buffers.
class Message {
 public:
  explicit Message(std::string_view bytes) : rest_(bytes) {}

  /// The next field; false at the end. Throws Error{InvalidInput}.
  bool next(Field& field) {
    if (rest_.empty()) return false;
    auto const key = varint();
    field = {.number = key >> 3};
    switch (key & 7) {
      case 0: field.value = varint(); return true;
      case 1: (void)take(8); return true;
      case 2: field.bytes = take(varint()); return true;
      case 5: {
        auto const four = take(4);
        for (int i = 3; i >= 0; --i)
          field.value = field.value << 8 | static_cast<unsigned char>(four[static_cast<std::size_t>(i)]);
        return true;
      }
      default: fail(fmt::format("has a field of the wire type {}", key & 7));
    }
  }

 private:
  [[noreturn]] static void fail(std::string const& reason) {
    throw Error(ErrorCode::InvalidInput, reason + "; expected a SentencePiece model");
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      auto const byte = static_cast<unsigned char>(take(1)[0]);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    fail("has a number of more than ten bytes");
  }

  std::string_view take(std::uint64_t n) {
    if (n > rest_.size()) fail(fmt::format("ends early: a field has {} bytes, {} are left", n, rest_.size()));
    auto const taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }

  std::string_view rest_;
};

Unigram::Token read_piece(std::string_view bytes, std::size_t id) {
  Unigram::Token piece;
  Message message(bytes);
  for (Field field; message.next(field);) {
    if (field.number == 1) piece.text = field.bytes;
    if (field.number == 2) piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
  }
  if (find_invalid_utf8(piece.text))
    throw Error(ErrorCode::InvalidInput, fmt::format("has a piece {} that is not UTF-8", id));
  return piece;
}

}  // namespace

Result<SentencePieceModel> parse_sentencepiece(std::string_view bytes) {
  try {
    SentencePieceModel model;
    Message message(bytes);
    for (Field field; message.next(field);) {
      if (field.number == 1) {
        if (model.pieces.size() == JsonFields::kLargestVocabulary)
          return Error(ErrorCode::InvalidInput, fmt::format("has more than {} pieces", model.pieces.size()));
        model.pieces.push_back(read_piece(field.bytes, model.pieces.size()));
      }
      Message part(field.bytes);
      if (field.number == 2)  // trainer_spec
        for (Field inner; part.next(inner);)
          if (inner.number == 3) model.model_type = inner.value;
      if (field.number == 3)  // normalizer_spec
        for (Field inner; part.next(inner);)
          if (inner.number == 2) model.charsmap = inner.bytes;
    }
    return model;
  } catch (Error const& error) {
    return error;
  }
}

}  // namespace polytask::text
