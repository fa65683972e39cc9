// Predictions as the JSON that the command prints, with code-point offsets.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/json.h"
#include "base/utf8.h"
#include "task/label_set.h"
#include "task/prediction.h"

namespace polytask::engine {

/// {"label":..,"score":..}, {"labels":[..],"scores":{..}}, {"value":..}, {"spans":[[start,end,"LABEL",score],..]},
/// {"choice":..,"text":..,"score":..,"scores":[..]}, the number of the choice counted from 0 and what each scores, or
/// {"answer":..,"start":..,"end":..,"score":..,"null_difference":..}, null and without places where there is no answer.
/// `texts` are those of the example: spans count the bytes of the first, answers those of the second, and
/// choices stand behind the first. Where tokens of
/// the example were cut away, "tokens_cut" says how many.
[[nodiscard]] OrderedJson answer_json(task::LabelSet const& labels, task::Prediction const& prediction,
                                      std::span<std::string const> texts, std::size_t tokens_cut = 0);

/// A fraction: more than six digits after the point nobody reads. null where it is not a number.
[[nodiscard]] OrderedJson fraction_json(double value);
/// [start, end, "LABEL"]; `offsets` are those of the span's text.
[[nodiscard]] OrderedJson span_json(Utf8Offsets const& offsets, task::Span const& span);

}  // namespace polytask::engine
