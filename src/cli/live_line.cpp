#include "cli/live_line.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "cli/terminal.h"

namespace polytask::cli {
namespace {

constexpr auto kBetweenLines = std::chrono::seconds(10);
constexpr auto kBetweenUpdates = std::chrono::milliseconds(200);

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

}  // namespace

LiveLine::LiveLine()
    : is_terminal_(::isatty(STDERR_FILENO) == 1), last_(std::chrono::steady_clock::now() - kBetweenLines) {}

bool LiveLine::is_due() {
  auto const now = std::chrono::steady_clock::now();
  auto const pause =
      is_terminal_ ? std::chrono::milliseconds(kBetweenUpdates) : std::chrono::milliseconds(kBetweenLines);
  if (now - last_ < pause) return false;
  last_ = now;
  return true;
}

void LiveLine::show(std::string const& text) {
  if (!is_terminal_) return print(text);
  std::cerr << "\r\x1b[K" << fitting(text, terminal_width() - 1) << std::flush;
  is_open_ = true;
}

void LiveLine::print(std::string const& text) {
  finish();
  std::cerr << text << '\n' << std::flush;
}

void LiveLine::finish() {
  if (is_open_) std::cerr << '\n';
  is_open_ = false;
}

std::function<void(std::filesystem::path const&, std::size_t)> reading_rows(LiveLine& line) {
  return [&line](std::filesystem::path const& file, std::size_t n_rows) {
    if (n_rows >= kManyRows && line.is_due()) line.show(fmt::format("reading {}: {} rows", file.string(), n_rows));
  };
}

std::string duration_text(double seconds) {
  auto const whole = static_cast<long>(std::llround(std::max(0.0, seconds)));
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

std::string size_text(std::uint64_t n_bytes) {
  if (n_bytes < 1'000) return fmt::format("{} byte{}", n_bytes, n_bytes == 1 ? "" : "s");
  if (n_bytes < 1'000'000) return fmt::format("{:.0f} kB", static_cast<double>(n_bytes) / 1e3);
  return fmt::format("{:.1f} MB", static_cast<double>(n_bytes) / 1e6);
}

}  // namespace polytask::cli
