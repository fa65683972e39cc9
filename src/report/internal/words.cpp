#include "report/internal/words.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <map>

#include "base/error.h"
#include "report/internal/html.h"

namespace polytask::report {

std::string both(Words const& words) {
  return fmt::format(R"(<span class="en" lang="en">{}</span><span class="ja" lang="ja">{}</span>)", words.en, words.ja);
}

std::string both_in_svg(std::string_view attributes, Words const& words) {
  return fmt::format(R"(<text class="en" {0}>{1}</text><text class="ja" {0}>{2}</text>)", attributes, words.en,
                     words.ja);
}

Words type_words(task::TaskType type) {
  switch (type) {
    case task::TaskType::Classification: return {"classification", "分類"};
    case task::TaskType::Multilabel: return {"multi-label", "マルチラベル分類"};
    case task::TaskType::Regression: return {"regression", "回帰"};
    case task::TaskType::Tagging: return {"tagging", "タグ付け"};
    case task::TaskType::Span: return {"answers in a text", "抽出型の質問応答"};
    case task::TaskType::MultipleChoice: return {"multiple choice", "多肢選択"};
  }
  expects(false, "every task type has words");
  return {};
}

Words split_words(bool test) { return test ? Words{"test", "テストデータ"} : Words{"dev", "開発データ"}; }

Words metric_words(std::string_view metric) {
  static std::map<std::string, Words, std::less<>> const words{
      {"accuracy", {"share of rows that are fully right", "完全に正しい行の割合"}},
      {"macro_f1", {"F1, every label counts the same", "F1(ラベルごとに等しい重み)"}},
      {"micro_f1", {"F1 over all decisions", "F1(全判定の合計)"}},
      {"mcc", {"Matthews correlation, 0 is chance", "マシューズ相関係数(0 は偶然と同等)"}},
      {"average_precision", {"ranking of the labels, no threshold", "ラベルの順位の良さ(しきい値なし)"}},
      {"pearson", {"linear correlation", "線形相関"}},
      {"spearman", {"correlation of ranks", "順位相関"}},
      {"span_f1", {"F1 of exact spans", "F1(範囲の完全一致)"}},
      {"token_f1", {"words shared with the answer", "F1(解答と共通する単語)"}},
      {"exact_match", {"share of answers that are the same", "解答と完全に一致した割合"}},
      {"character_f1", {"characters shared with the answer", "F1(解答と共通する文字)"}},
      {"ece", {"calibration error, lower is better", "較正誤差(小さいほど良い)"}},
  };
  auto const found = words.find(metric);
  return found == words.end() ? Words{} : found->second;
}

Words duration_words(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e9) return {"–", "–"};
  if (seconds < 10) return {fmt::format("{:.1f} s", seconds), fmt::format("{:.1f} 秒", seconds)};
  auto const whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return {fmt::format("{} s", whole), fmt::format("{} 秒", whole)};
  if (whole < 3600)
    return {fmt::format("{} min {} s", whole / 60, whole % 60), fmt::format("{} 分 {} 秒", whole / 60, whole % 60)};
  return {fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60),
          fmt::format("{} 時間 {} 分", whole / 3600, whole % 3600 / 60)};
}

Words miss_order_words(task::TaskType type) {
  switch (type) {
    case task::TaskType::Classification: return {"the most confident first", "確信度の高い順"};
    case task::TaskType::Multilabel: return {"most wrong labels first", "誤ったラベルの多い順"};
    case task::TaskType::Regression: return {"the worst tenth, largest error first", "誤差の大きい順(上位 1 割)"};
    case task::TaskType::Tagging: return {"most wrong spans first", "誤った範囲の多い順"};
    case task::TaskType::Span:
    case task::TaskType::MultipleChoice: return {"the most confident first", "確信度の高い順"};
  }
  expects(false, "every task type has an order of misses");
  return {};
}

}  // namespace polytask::report
