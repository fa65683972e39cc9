#include "report/internal/misses.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "report/internal/html.h"
#include "report/internal/words.h"

namespace polytask::report {
namespace {

constexpr std::size_t kMaxTextCodePoints = 420;
constexpr std::size_t kContextCodePoints = 90;  ///< around a marked span
constexpr std::size_t kMaxLabels = 20;
Words const kGold{"gold", "正解"};
Words const kPredicted{"predicted", "予測"};
constexpr std::size_t kFirstMisses = 6;  ///< shown at once; the others unfold

bool is_within(task::Span const& span, std::string_view text) {
  auto const starts_character = [&](std::size_t at) {
    return at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
  };
  return span.begin < span.end && span.end <= text.size() && starts_character(span.begin) && starts_character(span.end);
}

task::Span const* span_over(std::vector<task::Span> const& spans, std::size_t begin, std::size_t end) {
  for (auto const& span : spans)
    if (span.begin <= begin && end <= span.end) return &span;
  return nullptr;
}

enum class Ends { Text, Mark };

/// Unmarked text: whole where it is short, else what touches its neighbours.
std::string unmarked(std::string_view text, Ends left, Ends right) {
  Utf8Offsets const offsets(text);
  std::size_t const n = offsets.n_code_points();
  std::size_t const head = left == Ends::Mark || right == Ends::Text ? kContextCodePoints : 0;
  std::size_t const tail = right == Ends::Mark ? kContextCodePoints : 0;
  if (n <= head + tail + 20) return escaped(text);
  return escaped(text.substr(0, *offsets.to_bytes(head))) + R"( <span class="cut">…</span> )" +
         escaped(text.substr(*offsets.to_bytes(n - tail)));
}

/// Labels in the text say nothing where a task has only one.
enum class SpanLabels { Shown, Hidden };

SpanLabels span_labels(TaskReport const& task) {
  std::set<std::string_view> labels;
  for (auto const& miss : task.misses)
    for (auto const* answer : {&miss.gold, &miss.predicted})
      for (auto const& span : answer->spans) labels.insert(span.label);
  return labels.size() > 1 ? SpanLabels::Shown : SpanLabels::Hidden;
}

/// The text with every span marked: found, missed, invented, or found with another border or label.
std::string marked_text(std::string_view text, std::vector<task::Span> gold, std::vector<task::Span> predicted,
                        SpanLabels labels) {
  std::erase_if(gold, [&](auto const& span) { return !is_within(span, text); });
  std::erase_if(predicted, [&](auto const& span) { return !is_within(span, text); });
  if (find_invalid_utf8(text) || (gold.empty() && predicted.empty())) return escaped_head(text, kMaxTextCodePoints);
  std::vector<std::size_t> borders{0, text.size()};
  for (auto const& spans : {gold, predicted})
    for (auto const& span : spans) borders.push_back(span.begin), borders.push_back(span.end);
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());

  std::string out;
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    auto const begin = borders[i];
    auto const end = borders[i + 1];
    auto const piece = text.substr(begin, end - begin);
    auto const* wanted = span_over(gold, begin, end);
    auto const* found = span_over(predicted, begin, end);
    if (wanted == nullptr && found == nullptr) {
      out += unmarked(piece, begin == 0 ? Ends::Text : Ends::Mark, end == text.size() ? Ends::Text : Ends::Mark);
      continue;
    }
    char const* kind = wanted == nullptr   ? "invented"
                       : found == nullptr  ? "missed"
                       : *wanted == *found ? "found"
                                           : "differs";
    std::string label;
    if (wanted != nullptr && wanted->end == end) label = wanted->label;
    if (found != nullptr && found->end == end && found->label != label)
      label += (label.empty() ? "" : "→") + found->label;
    out += fmt::format(R"(<mark class="{}">{}</mark>)", kind, escaped(piece));
    if (!label.empty() && labels == SpanLabels::Shown)
      out += fmt::format(R"(<sub class="{}">{}</sub>)", kind, escaped_head(label, 30));
  }
  return out;
}

/// Labels that the other side lacks stand out.
std::string labels_html(std::vector<std::string> const& labels, std::vector<std::string> const& others) {
  if (labels.empty()) return fmt::format(R"(<span class="none">{}</span>)", both({"none", "なし"}));
  std::string out;
  for (std::size_t i = 0; i < std::min(labels.size(), kMaxLabels); ++i) {
    bool const shared = std::find(others.begin(), others.end(), labels[i]) != others.end();
    out += fmt::format(R"(<bdi class="{}">{}</bdi> )", shared ? "label" : "label odd", escaped_head(labels[i], 80));
  }
  if (labels.size() > kMaxLabels) out += fmt::format("… (+{})", labels.size() - kMaxLabels);
  return out;
}

std::string spans_html(std::vector<task::Span> const& spans, std::string_view text) {
  if (spans.empty()) return fmt::format(R"(<span class="none">{}</span>)", both({"none", "なし"}));
  std::string out;
  for (std::size_t i = 0; i < std::min(spans.size(), kMaxLabels); ++i)
    out += fmt::format(
        R"(<div><bdi>{}</bdi> <small>{}</small></div>)",
        is_within(spans[i], text) ? escaped_head(text.substr(spans[i].begin, spans[i].end - spans[i].begin), 60) : "–",
        escaped_head(spans[i].label, 30));
  if (spans.size() > kMaxLabels) out += fmt::format("<div>… (+{})</div>", spans.size() - kMaxLabels);
  return out;
}

std::string answer_html(task::TaskType type, Miss const& miss, Answer const& answer, Answer const& other) {
  switch (type) {
    case task::TaskType::Multilabel: return labels_html(answer.labels, other.labels);
    case task::TaskType::Classification: {
      auto out = labels_html(answer.labels, answer.labels);
      if (answer.confidence) out += fmt::format(" <small>{}</small>", score_text(*answer.confidence));
      return out;
    }
    case task::TaskType::Span:
    case task::TaskType::MultipleChoice: {
      auto out = labels_html(answer.labels, answer.labels);
      if (answer.confidence) out += fmt::format(" <small>{}</small>", score_text(*answer.confidence));
      return out;
    }
    case task::TaskType::Regression: return answer.value ? number_text(*answer.value) : "–";
    case task::TaskType::Tagging:
      return spans_html(answer.spans, miss.texts.empty() ? std::string_view() : std::string_view(miss.texts[0]));
  }
  return {};
}

std::string row(TaskReport const& task, Miss const& miss, SpanLabels labels) {
  std::string texts;
  for (std::size_t i = 0; i < miss.texts.size(); ++i) {
    bool const marked =
        (i == 0 && task.type == task::TaskType::Tagging) || (i == 1 && task.type == task::TaskType::Span);
    texts += fmt::format(R"(<p dir="auto">{}</p>)",
                         marked ? marked_text(miss.texts[i], miss.gold.spans, miss.predicted.spans, labels)
                                : escaped_head(miss.texts[i], kMaxTextCodePoints));
  }
  return fmt::format(
      R"(<tr><td class="texts">{}<p class="where">{}</p></td><td><span class="term">{}</span><div>{}</div></td><td><span class="term">{}</span><div>{}</div></td></tr>)",
      texts, escaped(miss.where), both(kGold), answer_html(task.type, miss, miss.gold, miss.predicted),
      both(kPredicted), answer_html(task.type, miss, miss.predicted, miss.gold));
}

std::string table(TaskReport const& task, std::span<Miss const> misses, Words const& caption) {
  auto out = fmt::format(
      R"(<table class="misses"><caption>{}</caption><thead><tr><th scope="col">{}</th><th scope="col">{}</th><th scope="col">{}</th></tr></thead><tbody>)",
      both(caption), both({"text", "テキスト"}), both(kGold), both(kPredicted));
  auto const labels = span_labels(task);
  for (auto const& miss : misses) out += row(task, miss, labels);
  return out + "</tbody></table>";
}

}  // namespace

std::string misses_section(TaskReport const& task) {
  auto const n_shown = std::min(task.misses.size(), kShownMisses);
  auto const n_all = std::max(task.n_misses, task.misses.size());
  if (n_all == 0 && !task.dev) return {};
  auto out = fmt::format("<h4>{}</h4>", both({"Misses on dev", "開発データの誤り例"}));
  if (n_shown == 0) return out + fmt::format(R"(<p class="note">{}</p>)", both({"none", "なし"}));
  if (task.type == task::TaskType::Tagging || task.type == task::TaskType::Span)
    out += fmt::format(
        R"(<p class="legend"><mark class="found">{}</mark> <mark class="missed">{}</mark> <mark class="invented">{}</mark> <mark class="differs">{}</mark></p>)",
        both({"found", "正しく検出"}), both({"missed", "見逃し"}), both({"invented", "過剰検出"}),
        both({"other border or label", "境界かラベルが違う"}));
  auto const order = miss_order_words(task.type);
  auto const n_first = std::min(n_shown, kFirstMisses);
  std::span const misses(task.misses);
  out += table(task, misses.first(n_first),
               {fmt::format("Wrong answers, {}", order.en), fmt::format("誤った回答({})", order.ja)});
  if (n_shown > n_first) {
    auto const n = n_shown - n_first;
    Words const title{fmt::format("{} more", n), fmt::format("続き {} 件", n)};
    out += fmt::format("<details><summary>{}</summary>{}</details>", both(title),
                       table(task, misses.subspan(n_first, n), {"Wrong answers, continued", "誤った回答(続き)"}));
  }
  if (n_all > n_shown) {
    auto const n = count_text(static_cast<std::int64_t>(n_all - n_shown));
    out += fmt::format(R"(<p class="note">{}</p>)",
                       both({fmt::format("{} more in <code>misses.jsonl</code>", n),
                             fmt::format("ほか {} 件は <code>misses.jsonl</code> にあります", n)}));
  }
  return out;
}

}  // namespace polytask::report
