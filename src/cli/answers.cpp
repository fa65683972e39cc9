#include "cli/answers.h"

#include "base/utf8.h"
#include "engine/answer_json.h"

namespace polytask::cli {

using engine::fraction_json;
using engine::span_json;

OrderedJson gold_json(task::Label const& label, std::span<std::string const> texts) {
  if (auto const* one = std::get_if<std::string>(&label)) return *one;
  if (auto const* several = std::get_if<std::vector<std::string>>(&label)) return *several;
  if (auto const* value = std::get_if<double>(&label)) return *value;
  if (auto const* answers = std::get_if<task::Answers>(&label)) {
    auto json = OrderedJson::array();
    for (auto const& piece : answers->pieces)
      json.push_back({{"text", piece.text},
                      {"answer_start", count_code_points(std::string_view(texts[1]).substr(0, piece.begin))}});
    return json;
  }
  if (auto const* choice = std::get_if<task::Choice>(&label)) return choice->index;
  auto const* spans = std::get_if<std::vector<task::Span>>(&label);
  if (spans == nullptr) return nullptr;
  OrderedJson json = OrderedJson::array();
  Utf8Offsets const offsets(texts[0]);
  for (auto const& span : *spans) json.push_back(span_json(offsets, span));
  return json;
}

OrderedJson scores_json(eval::TaskScores const& scores) {
  OrderedJson json;
  json["metric"] = scores.metric;
  json["value"] = fraction_json(scores.primary.value);
  json["interval"] =
      OrderedJson::array({fraction_json(scores.primary.interval.low), fraction_json(scores.primary.interval.high)});
  json["n"] = scores.n;
  json["all"] = OrderedJson::object();
  for (auto const& [name, score] : scores.all)
    json["all"][name] = {
        {"value", fraction_json(score.value)},
        {"interval", OrderedJson::array({fraction_json(score.interval.low), fraction_json(score.interval.high)})}};
  for (auto const& [label, counts] : scores.confusion_by_label)
    json["confusion_by_label"][label] = {{"tp", counts.true_positives},
                                         {"fp", counts.false_positives},
                                         {"fn", counts.false_negatives},
                                         {"tn", counts.true_negatives}};
  if (scores.confusion_labels.empty()) return json;
  json["confusion_labels"] = scores.confusion_labels;
  json["confusion"] = scores.confusion;
  return json;
}

}  // namespace polytask::cli
