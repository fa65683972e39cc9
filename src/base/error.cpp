#include "base/error.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace polytask {

int exit_code(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::InvalidUsage: return 2;
    case ErrorCode::InvalidInput:
    case ErrorCode::NotFound:
    case ErrorCode::Corrupt: return 3;
    case ErrorCode::Conflict: return 5;
    case ErrorCode::Unavailable: return 10;
    case ErrorCode::Interrupted: return 20;
  }
  return 42;
}

void expects(bool condition, char const* what, char const* file, int line) {
  if (!condition) throw std::logic_error(fmt::format("{}:{}: broken expectation: {}", file, line, what));
}

std::string quote(std::string_view text, std::size_t max_code_points) {
  std::string out = "\"";
  std::size_t n_code_points = 0;
  for (std::size_t at = 0; at < text.size(); ++n_code_points) {
    if (n_code_points == max_code_points) return out + "...\"";
    auto const decoded = decode_utf8(text, at);
    if (!decoded.valid) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    } else if (decoded.code_point < 0x20 || decoded.code_point == 0x7f) {
      switch (decoded.code_point) {
        case '\n': out += "\\n"; break;
        case '\t': out += "\\t"; break;
        case '\r': out += "\\r"; break;
        default: out += fmt::format("\\x{:02x}", static_cast<unsigned>(decoded.code_point));
      }
    } else {
      out += text.substr(at, decoded.n_bytes);
    }
    at += decoded.n_bytes;
  }
  return out + "\"";
}

}  // namespace polytask
