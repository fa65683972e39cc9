// One line that says how far a long work is: on a terminal it replaces itself, elsewhere it comes now and then.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
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

/// Of fewer rows there is nothing to wait for.
inline constexpr std::size_t kManyRows = 50'000;

/// For data::ReadOptions::on_progress: how many rows of a file are read, where they are many. Borrows the line.
[[nodiscard]] std::function<void(std::filesystem::path const& file, std::size_t n_rows)> reading_rows(LiveLine& line);

/// "2 h 05 min", "3 min 10 s", "12 s".
[[nodiscard]] std::string duration_text(double seconds);

/// "471.0 MB", "13 kB", "22 bytes".
[[nodiscard]] std::string size_text(std::uint64_t n_bytes);

}  // namespace polytask::cli
