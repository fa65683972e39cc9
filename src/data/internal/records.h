// Numbers and texts one after another in a string, and back: for files that this program alone reads, on the machine
// that wrote them.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace polytask::data {

class RecordWriter {
 public:
  template <typename Number>
  void number(Number value) {
    static_assert(std::is_arithmetic_v<Number>);
    bytes_.append(reinterpret_cast<char const*>(&value), sizeof value);
  }
  void text(std::string_view text) {
    number(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  template <typename Number>
  void numbers(std::span<Number const> values) {
    number(static_cast<std::uint32_t>(values.size()));
    bytes_.append(reinterpret_cast<char const*>(values.data()), values.size_bytes());
  }
  [[nodiscard]] std::string const& bytes() const noexcept { return bytes_; }
  void clear() noexcept { bytes_.clear(); }

 private:
  std::string bytes_;
};

/// What ends too early throws Error{Corrupt}: sizes are checked before anything is allocated.
class RecordReader {
 public:
  explicit RecordReader(std::string_view bytes) : bytes_(bytes) {}

  template <typename Number>
  [[nodiscard]] Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  [[nodiscard]] std::string_view text() { return take(number<std::uint32_t>()); }
  template <typename Number>
  [[nodiscard]] std::vector<Number> numbers() {
    std::size_t const n = number<std::uint32_t>();
    auto const bytes = take(n * sizeof(Number));
    std::vector<Number> values(n);
    if (n > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  /// A number of things that take at least one byte each.
  [[nodiscard]] std::size_t count() {
    std::size_t const n = number<std::uint32_t>();
    if (n > bytes_.size()) fail();
    return n;
  }
  [[nodiscard]] bool at_end() const noexcept { return bytes_.empty(); }

 private:
  [[noreturn]] static void fail() { throw Error(ErrorCode::Corrupt, "a stored row ends too early"); }
  std::string_view take(std::size_t n) {
    if (n > bytes_.size()) fail();
    auto const taken = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return taken;
  }
  std::string_view bytes_;
};

}  // namespace polytask::data
