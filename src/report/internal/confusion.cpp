#include "report/internal/confusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "report/internal/html.h"
#include "report/internal/words.h"

namespace polytask::report {
namespace {

constexpr int kHeatLevels = 9;
constexpr std::size_t kPairsBesideTable = 8;
constexpr std::size_t kPairsBesideFigure = 12;

struct Pair {
  std::size_t gold = 0;
  std::size_t predicted = 0;
  std::size_t count = 0;
};

class Matrix {
 public:
  explicit Matrix(eval::TaskScores const& scores) : labels_(scores.confusion_labels), counts_(scores.confusion) {
    for (auto const& row : counts_) totals_.push_back(std::accumulate(row.begin(), row.end(), std::size_t{0}));
  }
  [[nodiscard]] std::size_t size() const { return labels_.size(); }
  [[nodiscard]] std::size_t count(std::size_t gold, std::size_t predicted) const { return counts_[gold][predicted]; }
  [[nodiscard]] double share(std::size_t gold, std::size_t predicted) const {
    return totals_[gold] == 0 ? 0.0 : static_cast<double>(count(gold, predicted)) / static_cast<double>(totals_[gold]);
  }
  [[nodiscard]] std::size_t total(std::size_t gold) const { return totals_[gold]; }
  [[nodiscard]] std::string const& label(std::size_t index) const { return labels_[index]; }

  /// Class of a cell's colour: right answers and wrong ones have a hue each; square root, so that rare errors show.
  [[nodiscard]] std::string heat(std::size_t gold, std::size_t predicted) const {
    if (count(gold, predicted) == 0) return "h0";
    int const level =
        std::clamp(static_cast<int>(std::ceil(std::sqrt(share(gold, predicted)) * kHeatLevels)), 1, kHeatLevels);
    return fmt::format("{}{}", gold == predicted ? "h" : "e", level);
  }

  /// Wrong pairs, most frequent first.
  [[nodiscard]] std::vector<Pair> confused() const {
    std::vector<Pair> pairs;
    for (std::size_t gold = 0; gold < size(); ++gold)
      for (std::size_t predicted = 0; predicted < size(); ++predicted)
        if (gold != predicted && count(gold, predicted) > 0) pairs.push_back({gold, predicted, count(gold, predicted)});
    std::stable_sort(pairs.begin(), pairs.end(), [](Pair const& a, Pair const& b) { return a.count > b.count; });
    return pairs;
  }

 private:
  std::vector<std::string> const& labels_;
  std::vector<std::vector<std::size_t>> const& counts_;
  std::vector<std::size_t> totals_;
};

std::string count_of(std::size_t count) { return count_text(static_cast<std::int64_t>(count)); }

std::string matrix_table(Matrix const& matrix, Words const& caption) {
  auto out =
      fmt::format(R"(<div class="scroll" tabindex="0"><table class="matrix"><caption>{}</caption><thead><tr><td></td>)",
                  both(caption));
  for (std::size_t k = 0; k < matrix.size(); ++k)
    out += fmt::format(R"(<th scope="col" title="{}"><bdi class="turned">{}</bdi></th>)", escaped(matrix.label(k)),
                       escaped(matrix.label(k)));
  out += "</tr></thead><tbody>";
  for (std::size_t gold = 0; gold < matrix.size(); ++gold) {
    out += fmt::format(R"(<tr><th scope="row" title="{0}"><bdi>{0}</bdi></th>)", escaped(matrix.label(gold)));
    for (std::size_t predicted = 0; predicted < matrix.size(); ++predicted) {
      auto const count = matrix.count(gold, predicted);
      out += fmt::format(R"(<td class="{}">{}</td>)", matrix.heat(gold, predicted), count == 0 ? "" : count_of(count));
    }
    out += "</tr>";
  }
  return out + "</tbody></table></div>";
}

/// A square per filled cell: a table of 151 labels would be 23,000 cells, nearly all empty.
std::string matrix_figure(Matrix const& matrix, Words const& caption, std::string const& id) {
  constexpr double cell = 13;
  std::size_t longest = 0;
  for (std::size_t k = 0; k < matrix.size(); ++k)
    longest = std::max(longest, std::min<std::size_t>(24, count_code_points(matrix.label(k))));
  double const margin = 24 + static_cast<double>(longest) * 7;
  double const side = margin + static_cast<double>(matrix.size()) * cell + 4;
  auto out = fmt::format(
      R"(<figure class="scroll" tabindex="0"><figcaption id="{0}">{1}</figcaption><svg class="heat" width="{2}" height="{2}" viewBox="0 0 {2} {2}" role="img" aria-labelledby="{0}">)",
      id, both(caption), side);
  for (std::size_t k = 0; k < matrix.size(); ++k) {
    double const middle = margin + (static_cast<double>(k) + 0.5) * cell;
    auto const label = escaped_head(matrix.label(k), 24);
    out +=
        fmt::format(R"(<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>)", margin - 5, middle + 3.5, label);
    out += fmt::format(R"svg(<text class="tick" transform="translate({} {}) rotate(-90)">{}</text>)svg", middle + 3.5,
                       margin - 5, label);
  }
  out += fmt::format(R"(<rect class="frame" x="{0}" y="{0}" width="{1}" height="{1}"/>)", margin,
                     static_cast<double>(matrix.size()) * cell);
  for (std::size_t gold = 0; gold < matrix.size(); ++gold)
    for (std::size_t predicted = 0; predicted < matrix.size(); ++predicted)
      if (auto const count = matrix.count(gold, predicted); count > 0)
        out += fmt::format(R"(<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{} → {}: {}</title></rect>)",
                           matrix.heat(gold, predicted), margin + static_cast<double>(predicted) * cell + 0.5,
                           margin + static_cast<double>(gold) * cell + 0.5, cell - 1, cell - 1,
                           escaped(matrix.label(gold)), escaped(matrix.label(predicted)), count_of(count));
  return out + "</svg></figure>";
}

std::string pairs_table(Matrix const& matrix, std::vector<Pair> const& pairs, std::size_t max) {
  auto out = fmt::format(
      R"(<div class="scroll" tabindex="0"><table class="pairs"><caption>{}</caption><thead><tr><th scope="col">{}</th><th scope="col">{}</th><th scope="col" class="number">{}</th><th scope="col" class="number">{}</th></tr></thead><tbody>)",
      both({"Confused most", "取り違えの多い組"}), both({"gold", "正解"}), both({"predicted", "予測"}),
      both({"rows", "件数"}), both({"share of gold", "正解中の割合"}));
  for (std::size_t i = 0; i < std::min(max, pairs.size()); ++i)
    out += fmt::format(
        R"(<tr><td><bdi>{}</bdi></td><td><bdi>{}</bdi></td><td class="number">{}</td><td class="number">{:.0f} %</td></tr>)",
        escaped_head(matrix.label(pairs[i].gold), 60), escaped_head(matrix.label(pairs[i].predicted), 60),
        count_of(pairs[i].count), 100 * matrix.share(pairs[i].gold, pairs[i].predicted));
  out += "</tbody></table>";
  if (pairs.size() > max) {
    auto const n = count_of(pairs.size() - max);
    out += fmt::format(R"(<p class="note">{}</p>)", both({n + " more pairs", fmt::format("ほか {} 組", n)}));
  }
  return out + "</div>";
}

/// One row a label, the most errors first.
std::string label_table(std::vector<std::pair<std::string, eval::LabelCounts>> labels) {
  auto const n_errors = [](eval::LabelCounts const& counts) { return counts.false_positives + counts.false_negatives; };
  std::stable_sort(labels.begin(), labels.end(),
                   [&](auto const& a, auto const& b) { return n_errors(a.second) > n_errors(b.second); });
  auto out = fmt::format(
      R"(<div class="scroll" tabindex="0"><table class="pairs"><caption>{}</caption><thead><tr><th scope="col">{}</th>)",
      both({"Rows by label, most errors first", "ラベルごとの件数(誤りの多い順)"}), both({"label", "ラベル"}));
  for (Words const& column : {Words{"gold and predicted", "正解かつ予測"},
                              {"only gold: missed", "正解のみ(見逃し)"},
                              {"only predicted: wrong", "予測のみ(誤り)"},
                              {"neither", "どちらでもない"}})
    out += fmt::format(R"(<th scope="col" class="number">{}</th>)", both(column));
  out += "</tr></thead><tbody>";
  for (auto const& [label, counts] : labels) {
    out += fmt::format(R"(<tr><td><bdi>{}</bdi></td>)", escaped_head(label, 60));
    for (auto const count :
         {counts.true_positives, counts.false_negatives, counts.false_positives, counts.true_negatives})
      out += fmt::format(R"(<td class="number">{}</td>)", count_of(count));
    out += "</tr>";
  }
  return out + "</tbody></table></div>";
}

std::string heading(TaskReport const& task) {
  auto const split = split_words(task.test.has_value());
  return fmt::format("<h4>{}</h4>", both({"Confusion on " + split.en, split.ja + "での混同"}));
}

std::string label_section(TaskReport const& task, eval::TaskScores const& scores) {
  auto const n = scores.confusion_by_label.size();
  auto const table = label_table(scores.confusion_by_label);
  if (n <= kMaxTableLabels) return heading(task) + table;
  return heading(task) + fmt::format("<details><summary>{}</summary>{}</details>",
                                     both({fmt::format("All {} labels", n), fmt::format("全 {} ラベル", n)}), table);
}

bool fits(eval::TaskScores const& scores) {
  auto const n = scores.confusion_labels.size();
  return n > 0 && scores.confusion.size() == n &&
         std::all_of(scores.confusion.begin(), scores.confusion.end(),
                     [n](auto const& row) { return row.size() == n; });
}

}  // namespace

std::string confusion_section(TaskReport const& task, std::string const& id) {
  auto const* scores = task.judged();
  if (scores != nullptr && !scores->confusion_by_label.empty()) return label_section(task, *scores);
  if (scores == nullptr || !fits(*scores)) return {};
  Matrix const matrix(*scores);
  auto const pairs = matrix.confused();
  Words const caption{"rows: gold, columns: predicted", "行:正解、列:予測"};
  auto out =
      heading(task) +
      fmt::format(R"(<p class="note">{}{}</p><div class="confusion">)",
                  both({"Blue is right, orange is wrong; the colour deepens with the share of the gold label's rows.",
                        "青は正答、橙は誤答。正解ラベルの中での割合が大きいほど濃い色です。"}),
                  task.type == task::TaskType::Tagging
                      ? both({" O means that there is no span.", "O は範囲がないことを表します。"})
                      : "");
  if (matrix.size() <= kMaxTableLabels) {
    out += matrix_table(matrix, caption);
    if (!pairs.empty()) out += pairs_table(matrix, pairs, kPairsBesideTable);
  } else {
    if (!pairs.empty()) out += pairs_table(matrix, pairs, kPairsBesideFigure);
    out += fmt::format(
        "<details><summary>{}</summary>{}</details>",
        both({fmt::format("Matrix of all {} labels", matrix.size()), fmt::format("全 {} ラベルの行列", matrix.size())}),
        matrix_figure(matrix, caption, id));
  }
  return out + "</div>";
}

}  // namespace polytask::report
