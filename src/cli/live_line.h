// One line that says how far a long work is: on a terminal it replaces itself, elsewhere it comes now and then.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace polytask::cli {

class LiveLine {
 public:
  LiveLine();
  /// Whether it is time for another one.
  [[nodiscard]] bool is_due();
  void show(std::string const& text);
  /// A line that stays.
  void print(std::string const& text);
  /// Ends the live line.
  void finish();

 private:
  bool is_terminal_;
  bool is_open_ = false;
  std::chrono::steady_clock::time_point last_;
};

/// "2 h 05 min", "3 min 10 s", "12 s".
[[nodiscard]] std::string duration_text(double seconds);

/// "471.0 MB", "13 kB", "22 bytes".
[[nodiscard]] std::string size_text(std::uint64_t n_bytes);

}  // namespace polytask::cli
