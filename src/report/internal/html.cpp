#include "report/internal/html.h"

#include <fmt/format.h>

#include <cmath>

#include "base/utf8.h"

namespace polytask::report {
namespace {

constexpr char const* kDash = "–";

bool is_harmful(char32_t c) {
  bool const control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7F && c <= 0x9F);
  bool const direction = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  bool const noncharacter = (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
  return control || direction || noncharacter;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (std::size_t at = 0; at < text.size();) {
    auto const decoded = decode_utf8(text, at);
    if (!decoded.valid || is_harmful(decoded.code_point)) {
      append_utf8(out, 0xFFFD);
    } else {
      switch (decoded.code_point) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        case '\'': out += "&#39;"; break;
        default: out += text.substr(at, decoded.n_bytes);
      }
    }
    at += decoded.n_bytes;
  }
  return out;
}

std::string escaped_head(std::string_view text, std::size_t max) {
  std::size_t end = 0;
  for (std::size_t n = 0; n < max && end < text.size(); ++n) end += decode_utf8(text, end).n_bytes;
  auto out = escaped(text.substr(0, end));
  if (end < text.size())
    out += fmt::format("… (+{})", count_text(static_cast<std::int64_t>(count_code_points(text.substr(end)))));
  return out;
}

std::string score_text(double value) {
  if (!std::isfinite(value)) return kDash;
  auto const digits = fmt::format("{:.3f}", std::abs(value));
  return std::signbit(value) && digits != "0.000" ? "−" + digits : digits;  // a true minus: it stands beside dashes
}

std::string number_text(double value) { return std::isfinite(value) ? fmt::format("{:.4g}", value) : kDash; }

std::string count_text(std::int64_t count) {
  auto digits = fmt::format("{}", count);
  std::size_t const first = digits.front() == '-' ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string short_count_text(std::int64_t count) {
  if (count >= 1'000'000'000) return fmt::format("{:.2f} G", static_cast<double>(count) / 1e9);
  if (count >= 1'000'000) return fmt::format("{:.1f} M", static_cast<double>(count) / 1e6);
  return count_text(count);
}

}  // namespace polytask::report
