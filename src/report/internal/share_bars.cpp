#include "report/internal/share_bars.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "report/internal/html.h"

namespace polytask::report {
namespace {

constexpr double kWidth = 460;
constexpr double kNames = 190;  // for the names, on the left
constexpr double kValues = 56;  // for the numbers, on the right
constexpr double kRow = 20;
constexpr std::size_t kNameCharacters = 24;
constexpr std::size_t kWideNameCharacters = 13;  // Japanese

std::string name_text(std::string const& name) {
  bool const is_wide = name.size() > 2 * count_code_points(valid_utf8(name));
  return escaped_head(name, is_wide ? kWideNameCharacters : kNameCharacters);
}

}  // namespace

std::string share_bars(std::vector<std::pair<std::string, double>> const& shares, std::string_view label_id) {
  double largest = 0;
  for (auto const& [name, share] : shares) largest = std::max(largest, std::isfinite(share) ? share : 0.0);
  if (largest <= 0) return {};
  auto out = fmt::format(R"(<svg class="shares" role="img" aria-labelledby="{}" viewBox="0 0 {:g} {:g}">)", label_id,
                         kWidth, kRow * static_cast<double>(shares.size()) + 4);
  double y = 2;
  for (auto const& [name, share] : shares) {
    double const length = std::isfinite(share) ? std::max(share, 0.0) / largest * (kWidth - kNames - kValues) : 0;
    out += fmt::format(
        R"(<text class="tick name" x="{:g}" y="{:g}" text-anchor="end">{}</text><rect class="length" x="{:g}" y="{:g}" width="{:.1f}" height="{:g}"/><text class="tick" x="{:.1f}" y="{:g}">{}</text>)",
        kNames - 8, y + 14, name_text(name), kNames, y + 3, std::max(length, 1.0), kRow - 7, kNames + length + 6,
        y + 14,
        !std::isfinite(share) ? std::string("–")
        : share < 0.01        ? fmt::format("{:.2g} %", 100 * share)
                              : fmt::format("{:.1f} %", 100 * share));
    y += kRow;
  }
  return out + "</svg>";
}

std::string histogram(std::vector<std::pair<std::string, std::size_t>> const& counts, std::string_view label_id) {
  std::size_t largest = 0;
  for (auto const& [name, n] : counts) largest = std::max(largest, n);
  if (largest == 0) return {};
  constexpr double kHeight = 96, kFoot = 16, kHead = 14;
  double const step = kWidth / static_cast<double>(counts.size());
  auto out = fmt::format(R"(<svg class="shares" role="img" aria-labelledby="{}" viewBox="0 0 {:g} {:g}">)", label_id,
                         kWidth, kHead + kHeight + kFoot);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    auto const& [name, n] = counts[i];
    double const height = static_cast<double>(n) / static_cast<double>(largest) * kHeight;
    double const x = step * static_cast<double>(i);
    out += fmt::format(
        R"(<rect class="length" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/><text class="tick" x="{:.1f}" y="{:g}" text-anchor="middle">{}</text>)",
        x + 2, kHead + kHeight - height, step - 4, height, x + step / 2, kHead + kHeight + kFoot - 4, escaped(name));
    if (n > 0)
      out += fmt::format(R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)", x + step / 2,
                         kHead + kHeight - height - 3, short_count_text(static_cast<std::int64_t>(n)));
  }
  return out + "</svg>";
}

}  // namespace polytask::report
