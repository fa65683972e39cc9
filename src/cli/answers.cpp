#include "cli/answers.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "base/utf8.h"

namespace polytask::cli {
namespace {

/// A fraction: more than six digits after the point nobody reads.
OrderedJson number(double value) {
  return std::isfinite(value) ? OrderedJson(std::round(value * 1e6) / 1e6) : OrderedJson();
}
/// A number of any size, in the seven digits that a float32 holds.
OrderedJson quantity(double value) {
  return std::isfinite(value) ? OrderedJson(std::strtod(fmt::format("{:.7g}", value).c_str(), nullptr)) : OrderedJson();
}

OrderedJson span_json(Utf8Offsets const& offsets, task::Span const& span) {
  return OrderedJson::array({offsets.to_code_points(span.begin), offsets.to_code_points(span.end), span.label});
}

}  // namespace

OrderedJson answer_json(task::LabelSet const& labels, task::Prediction const& prediction, std::string const& text) {
  OrderedJson json;
  if (auto const* one = std::get_if<task::ClassPrediction>(&prediction)) {
    json["label"] = labels[one->label];
    json["score"] = number(static_cast<double>(one->scores[one->label]));
  } else if (auto const* several = std::get_if<task::MultilabelPrediction>(&prediction)) {
    json["labels"] = OrderedJson::array();
    for (auto const index : several->labels) json["labels"].push_back(labels[index]);
    json["scores"] = OrderedJson::object();
    for (std::size_t i = 0; i < labels.size(); ++i)
      json["scores"][labels[i]] = number(static_cast<double>(several->scores[i]));
  } else if (auto const* value = std::get_if<task::ValuePrediction>(&prediction)) {
    json["value"] = quantity(value->value);
  } else {
    Utf8Offsets const offsets(text);
    json["spans"] = OrderedJson::array();
    for (auto const& scored : std::get<task::SpanPrediction>(prediction).spans) {
      auto span = span_json(offsets, scored.span);
      span.push_back(number(static_cast<double>(scored.score)));
      json["spans"].push_back(std::move(span));
    }
  }
  return json;
}

OrderedJson gold_json(task::Label const& label, std::string const& text) {
  if (auto const* one = std::get_if<std::string>(&label)) return *one;
  if (auto const* several = std::get_if<std::vector<std::string>>(&label)) return *several;
  if (auto const* value = std::get_if<double>(&label)) return *value;
  auto const* spans = std::get_if<std::vector<task::Span>>(&label);
  if (spans == nullptr) return nullptr;
  OrderedJson json = OrderedJson::array();
  Utf8Offsets const offsets(text);
  for (auto const& span : *spans) json.push_back(span_json(offsets, span));
  return json;
}

OrderedJson scores_json(eval::TaskScores const& scores) {
  OrderedJson json;
  json["metric"] = scores.metric;
  json["value"] = number(scores.primary.value);
  json["interval"] = OrderedJson::array({number(scores.primary.interval.low), number(scores.primary.interval.high)});
  json["n"] = scores.n;
  json["all"] = OrderedJson::object();
  for (auto const& [name, score] : scores.all)
    json["all"][name] = {{"value", number(score.value)},
                         {"interval", OrderedJson::array({number(score.interval.low), number(score.interval.high)})}};
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
