// Figures as SVG: curves over the steps, and a score with its interval as a bar.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/scores.h"
#include "report/run_page.h"

namespace polytask::report {

/// At most `max_points`: neighbours are averaged, undefined values left out of the mean.
[[nodiscard]] Curve thinned(Curve const& curve, std::size_t max_points);
/// Centred moving mean over 2 * `half_window` + 1 points, fewer at the ends; NaN stays out of it.
[[nodiscard]] Curve smoothed(Curve const& curve, std::size_t half_window);

enum class LineStyle {
  Faint,  ///< the single values behind a smoothed curve
  Line,
  Points,  ///< a line with a dot at each value
};

struct Line {
  Curve points;
  LineStyle style = LineStyle::Line;
};

struct LineChart {
  std::vector<Line> lines;
  double last_step = 0;               ///< right end of the axis
  std::optional<double> marked_step;  ///< the selected checkpoint's
};

/// `label_id` is the id of the element that says what the figure shows. A value that is not finite is a gap; a chart
/// without any value says so. At most 1 point of a line is drawn for 1 value; nothing is interpolated.
[[nodiscard]] std::string line_chart(LineChart const& chart, std::string_view label_id);

/// The common axis of score bars: 0 to 1, further to the left when an interval reaches below 0.
struct ScoreAxis {
  double low = 0;
  double high = 1;
};
[[nodiscard]] ScoreAxis score_axis(std::vector<eval::Score> const& scores);

/// A bar from 0 to the value with the interval as whiskers; empty when the value is not finite. Hidden from screen
/// readers: the numbers stand beside it.
[[nodiscard]] std::string score_bar(eval::Score const& score, ScoreAxis axis);

}  // namespace polytask::report
