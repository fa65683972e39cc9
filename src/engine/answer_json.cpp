#include "engine/answer_json.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace polytask::engine {
namespace {

/// A number of any size, in the seven digits that a float32 holds.
OrderedJson quantity_json(double value) {
  if (!std::isfinite(value)) return {};
  auto const digits = fmt::format("{:.7g}", value);
  std::from_chars(digits.data(), digits.data() + digits.size(), value);  // strtod would ask the program's locale
  return value;
}

}  // namespace

OrderedJson fraction_json(double value) {
  return std::isfinite(value) ? OrderedJson(std::round(value * 1e6) / 1e6) : OrderedJson();
}

OrderedJson span_json(Utf8Offsets const& offsets, task::Span const& span) {
  return OrderedJson::array({offsets.to_code_points(span.begin), offsets.to_code_points(span.end), span.label});
}

OrderedJson answer_json(task::LabelSet const& labels, task::Prediction const& prediction,
                        std::span<std::string const> texts, std::size_t tokens_cut) {
  OrderedJson json;
  if (auto const* one = std::get_if<task::ClassPrediction>(&prediction)) {
    json["label"] = labels[one->label];
    json["score"] = fraction_json(static_cast<double>(one->scores[one->label]));
  } else if (auto const* several = std::get_if<task::MultilabelPrediction>(&prediction)) {
    json["labels"] = OrderedJson::array();
    for (auto const index : several->labels) json["labels"].push_back(labels[index]);
    json["scores"] = OrderedJson::object();
    for (std::size_t i = 0; i < labels.size(); ++i)
      json["scores"][labels[i]] = fraction_json(static_cast<double>(several->scores[i]));
  } else if (auto const* value = std::get_if<task::ValuePrediction>(&prediction)) {
    json["value"] = quantity_json(value->value);
  } else if (auto const* said = std::get_if<task::AnswerPrediction>(&prediction)) {
    json["answer"] = said->answer ? OrderedJson(said->answer->text) : OrderedJson();
    if (said->answer) {
      auto const start = count_code_points(std::string_view(texts[1]).substr(0, said->answer->begin));
      json["start"] = start;
      json["end"] = start + count_code_points(said->answer->text);
    }
    json["score"] = fraction_json(static_cast<double>(said->score));
    json["null_difference"] = quantity_json(said->null_difference);
  } else if (auto const* chosen = std::get_if<task::ChoicePrediction>(&prediction)) {
    json["choice"] = chosen->choice;
    json["text"] = texts[1 + chosen->choice];
    json["score"] = fraction_json(static_cast<double>(chosen->scores[chosen->choice]));
    json["scores"] = OrderedJson::array();
    for (auto const score : chosen->scores) json["scores"].push_back(fraction_json(static_cast<double>(score)));
  } else {
    Utf8Offsets const offsets(texts[0]);
    json["spans"] = OrderedJson::array();
    for (auto const& scored : std::get<task::SpanPrediction>(prediction).spans) {
      auto span = span_json(offsets, scored.span);
      span.push_back(fraction_json(static_cast<double>(scored.score)));
      json["spans"].push_back(std::move(span));
    }
  }
  if (tokens_cut > 0) json["tokens_cut"] = tokens_cut;
  return json;
}

}  // namespace polytask::engine
