#include "report/internal/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/internal/html.h"
#include "report/internal/words.h"

namespace polytask::report {
namespace {

constexpr double kWidth = 340;
constexpr double kHeight = 150;
constexpr double kLeft = 46;
constexpr double kRight = 20;
constexpr double kTop = 16;
constexpr double kBottom = 24;

/// Round numbers that span a range.
struct Ticks {
  double low = 0;
  double high = 1;
  double step = 0.5;
  [[nodiscard]] int count() const { return static_cast<int>(std::lround((high - low) / step)); }
  [[nodiscard]] double at(int index) const {
    double const value = low + index * step;
    return std::abs(value) < step * 1e-9 ? 0.0 : value;
  }
};

double nice_step(double rough) {
  double const power = std::pow(10.0, std::floor(std::log10(rough)));
  double const mantissa = rough / power;
  return power * (mantissa <= 1 ? 1 : mantissa <= 2 ? 2 : mantissa <= 5 ? 5 : 10);
}

Ticks ticks_over(double low, double high, int about) {
  double const span = high - low;
  // A curve that does not move gets room around it, as much as doubles of this size can tell apart.
  if (!(span > std::max(std::abs(low), std::abs(high)) * 1e-6)) {
    double const room = std::max(std::abs(low) * 0.1, 1e-6);
    low -= room;
    high += room;
  }
  double const step = nice_step((high - low) / about);
  return {.low = std::floor(low / step + 1e-9) * step, .high = std::ceil(high / step - 1e-9) * step, .step = step};
}

std::string tick_text(double value, double step) {
  if (step >= 1e6 || (step < 1e-4 && step > 0)) return fmt::format("{:.3g}", value);
  int const digits = step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
  return fmt::format("{:.{}f}", value, digits);
}

std::string step_text(double step) {
  return std::abs(step) < 1e15 ? count_text(std::llround(step)) : number_text(step);
}

struct Range {
  double low = 0;
  double high = 0;
};

/// What the axis has to show. Of faint lines only the middle 96 %: one wild step must not flatten the curve.
std::optional<Range> range_of(std::vector<Line> const& lines) {
  std::vector<double> ends;
  for (auto const& line : lines) {
    std::vector<double> values;
    for (auto const& point : line.points)
      if (std::isfinite(point.value)) values.push_back(point.value);
    if (values.empty()) continue;
    std::sort(values.begin(), values.end());
    std::size_t const cut = line.style == LineStyle::Faint ? values.size() / 50 : 0;
    ends.push_back(values[cut]);
    ends.push_back(values[values.size() - 1 - cut]);
  }
  if (ends.empty()) return std::nullopt;
  auto const [low, high] = std::minmax_element(ends.begin(), ends.end());
  if (!std::isfinite(*high - *low)) return std::nullopt;
  return Range{*low, *high};
}

class Plot {
 public:
  Plot(Ticks x, Ticks y) : x_ticks_(x), y_ticks_(y) {}
  [[nodiscard]] double x(double step) const {
    return kLeft +
           (kWidth - kLeft - kRight) * std::clamp((step - x_ticks_.low) / (x_ticks_.high - x_ticks_.low), 0.0, 1.0);
  }
  [[nodiscard]] double y(double value) const {
    return kTop + (kHeight - kTop - kBottom) *
                      (1 - std::clamp((value - y_ticks_.low) / (y_ticks_.high - y_ticks_.low), 0.0, 1.0));
  }

  [[nodiscard]] std::string axes() const {
    std::string out;
    for (int i = 0; i <= y_ticks_.count(); ++i) {
      double const at = y(y_ticks_.at(i));
      out += fmt::format(
          R"(<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>)",
          kLeft, kWidth - kRight, at, at, kLeft - 6, at + 3.5, tick_text(y_ticks_.at(i), y_ticks_.step));
    }
    for (int i = 0; i <= x_ticks_.count(); ++i) {
      double const value = x_ticks_.at(i);
      out += fmt::format(R"(<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>)", x(value),
                         kHeight - 8, step_text(value));
    }
    return out;
  }

 private:
  Ticks x_ticks_;
  Ticks y_ticks_;
};

std::string points_of(Plot const& plot, Line const& line) {
  char const* style = line.style == LineStyle::Faint ? "curve faint" : "curve";
  std::string out;
  std::string points;
  auto const end_line = [&] {
    if (!points.empty()) out += fmt::format(R"(<polyline class="{}" points="{}"/>)", style, points);
    points.clear();
  };
  for (auto const& point : line.points) {
    if (!std::isfinite(point.value) || !std::isfinite(point.step)) {
      end_line();
      continue;
    }
    points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ", plot.x(point.step), plot.y(point.value));
  }
  end_line();
  if (line.style == LineStyle::Points)
    for (auto const& point : line.points)
      if (std::isfinite(point.value) && std::isfinite(point.step))
        out += fmt::format(R"(<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="2.6"><title>{}: {}</title></circle>)",
                           plot.x(point.step), plot.y(point.value), step_text(point.step), number_text(point.value));
  return out;
}

/// The vertical line at the selected step, and a ring with the value on each line of points.
std::string mark(Plot const& plot, LineChart const& chart) {
  if (!chart.marked_step) return {};
  double const at = plot.x(*chart.marked_step);
  auto out = fmt::format(R"(<line class="selected" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>)", at, kTop,
                         kHeight - kBottom);
  for (auto const& line : chart.lines) {
    if (line.style != LineStyle::Points) continue;
    for (auto const& point : line.points)
      if (point.step == *chart.marked_step && std::isfinite(point.value)) {
        bool const right_half = at > kWidth / 2;
        double const y = plot.y(point.value);
        // Above the ring, or below it where there is no room.
        out += fmt::format(
            R"(<circle class="ring" cx="{:.1f}" cy="{:.1f}" r="5"/><text class="value" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)",
            at, y, right_half ? at - 6 : at + 6, y > kTop + 14 ? y - 8 : y + 17, right_half ? "end" : "start",
            score_text(point.value));
      }
  }
  return out;
}

}  // namespace

Curve thinned(Curve const& curve, std::size_t max_points) {
  if (curve.size() <= max_points) return curve;
  Curve out;
  for (std::size_t i = 0; i < max_points; ++i) {
    std::size_t const begin = curve.size() * i / max_points;
    std::size_t const end = curve.size() * (i + 1) / max_points;
    CurvePoint sum;
    double n = 0;
    for (std::size_t k = begin; k < end; ++k) {
      if (!std::isfinite(curve[k].value)) continue;
      sum.step += curve[k].step;
      sum.value += curve[k].value;
      ++n;
    }
    out.push_back(n > 0 ? CurvePoint{sum.step / n, sum.value / n} : CurvePoint{curve[begin].step, std::nan("")});
  }
  return out;
}

Curve smoothed(Curve const& curve, std::size_t half_window) {
  Curve out = curve;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    if (!std::isfinite(curve[i].value)) continue;
    std::size_t const begin = i - std::min(half_window, i);
    std::size_t const end = std::min(curve.size(), i + half_window + 1);
    double sum = 0;
    double n = 0;
    for (std::size_t k = begin; k < end; ++k)
      if (std::isfinite(curve[k].value)) sum += curve[k].value, ++n;
    out[i].value = sum / n;
  }
  return out;
}

std::string line_chart(LineChart const& chart, std::string_view label_id) {
  auto out = fmt::format(R"(<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}">)", kWidth, kHeight,
                         label_id);
  if (auto const range = range_of(chart.lines)) {
    auto x_ticks = ticks_over(0, std::max(1.0, std::isfinite(chart.last_step) ? chart.last_step : 1.0), 4);
    x_ticks.step = std::max(1.0, x_ticks.step);
    x_ticks.low = 0;
    x_ticks.high = std::ceil(std::max(1.0, chart.last_step) / x_ticks.step - 1e-9) * x_ticks.step;
    Plot const plot(x_ticks, ticks_over(range->low, range->high, 4));
    out += plot.axes();
    for (auto const& line : chart.lines) out += points_of(plot, line);
    out += mark(plot, chart);
  } else {
    out += both_in_svg(fmt::format(R"(class="tick" x="{}" y="{}" text-anchor="middle")", kWidth / 2, kHeight / 2),
                       {"no values", "値なし"});
  }
  return out + "</svg>";
}

ScoreAxis score_axis(std::vector<eval::Score> const& scores) {
  ScoreAxis axis;
  for (auto const& score : scores)
    for (double const value : {score.value, score.interval.low})
      if (std::isfinite(value)) axis.low = std::min(axis.low, std::max(-1.0, std::floor(value * 10) / 10));
  return axis;
}

std::string score_bar(eval::Score const& score, ScoreAxis axis) {
  if (!std::isfinite(score.value)) return {};
  constexpr double width = 180;
  auto const x = [&](double value) {
    return 4 + (width - 8) * std::clamp((value - axis.low) / (axis.high - axis.low), 0.0, 1.0);
  };
  std::string out = fmt::format(R"(<svg class="bar" viewBox="0 0 {} 22" aria-hidden="true">)", width);
  for (double const at : {0.0, 0.5, 1.0})
    out += fmt::format(R"(<line class="grid" x1="{0:.1f}" x2="{0:.1f}" y1="1" y2="21"/>)", x(at));
  double const from = std::min(x(0), x(score.value));
  out += fmt::format(R"(<rect class="length" x="{:.1f}" y="6" width="{:.1f}" height="10" rx="1"/>)", from,
                     std::abs(x(score.value) - x(0)));
  if (std::isfinite(score.interval.low) && std::isfinite(score.interval.high)) {
    double const low = x(score.interval.low);
    double const high = x(score.interval.high);
    out += fmt::format(R"(<path class="whisker" d="M{0:.1f} 11H{1:.1f}M{0:.1f} 7V15M{1:.1f} 7V15"/>)", low, high);
  }
  out += fmt::format(R"(<circle class="point" cx="{:.1f}" cy="11" r="2.6"/>)", x(score.value));
  return out + "</svg>";
}

}  // namespace polytask::report
