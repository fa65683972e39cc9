#include "cli/stored_answers.h"

#include <fmt/format.h>

#include <fstream>

#include "base/error.h"
#include "base/json.h"

namespace polytask::cli {
namespace {

std::vector<task::Span> spans_from(Json const& json) {
  std::vector<task::Span> spans;
  for (auto const& span : json) spans.push_back({span.at(0), span.at(1), span.at(2)});
  return spans;
}

/// Places in code points: only texts are compared.
task::Answers gold_answers_from(Json const& json) {
  task::Answers answers;
  for (auto const& piece : json) {
    auto text = piece.at("text").get<std::string>();
    auto const start = piece.at("answer_start").get<std::size_t>();
    answers.pieces.push_back({start, start + text.size(), std::move(text)});
  }
  return answers;
}

task::Label gold_from(Json const& json, task::TaskType type) {
  switch (type) {
    case task::TaskType::Classification: return json.get<std::string>();
    case task::TaskType::Multilabel: return json.get<std::vector<std::string>>();
    case task::TaskType::Regression: return json.get<double>();
    case task::TaskType::Tagging: return spans_from(json);
    case task::TaskType::Span: return gold_answers_from(json);
    case task::TaskType::MultipleChoice: return task::Choice{json.get<std::size_t>()};
  }
  return {};
}

task::Prediction prediction_from(Json const& line, task::TaskType type, task::LabelSet const& labels) {
  auto const& json = line.at("predicted");
  switch (type) {
    case task::TaskType::Classification: {
      task::ClassPrediction one{labels.index_of(json.at("label").get<std::string>()).value(),
                                std::vector<float>(labels.size(), 0.0F)};
      one.scores[one.label] = json.at("score").get<float>();
      if (line.contains("probabilities")) one.scores = line["probabilities"].get<std::vector<float>>();
      if (one.scores.size() != labels.size())
        throw Error(ErrorCode::Corrupt,
                    fmt::format("{} probabilities for {} labels", one.scores.size(), labels.size()));
      return one;
    }
    case task::TaskType::Multilabel: {
      task::MultilabelPrediction several;
      for (auto const& label : json.at("labels"))
        several.labels.push_back(labels.index_of(label.get<std::string>()).value());
      for (auto const& label : labels.names()) several.scores.push_back(json.at("scores").at(label).get<float>());
      return several;
    }
    case task::TaskType::Regression: return task::ValuePrediction{json.at("value").get<double>()};
    case task::TaskType::Tagging: {
      task::SpanPrediction spans;
      for (auto const& span : json.at("spans"))
        spans.spans.push_back({{span.at(0), span.at(1), span.at(2)}, span.at(3)});
      return spans;
    }
    case task::TaskType::Span: {
      task::AnswerPrediction said{.score = json.at("score").get<float>(),
                                  .null_difference = json.at("null_difference").get<double>()};
      if (!json.at("answer").is_null())
        said.answer = task::TextPiece{json.at("start"), json.at("end"), json.at("answer").get<std::string>()};
      said.best = said.answer;
      return said;
    }
    case task::TaskType::MultipleChoice: {
      task::ChoicePrediction chosen{json.at("choice").get<std::size_t>(), json.at("scores").get<std::vector<float>>()};
      if (chosen.choice >= chosen.scores.size())
        throw Error(ErrorCode::Corrupt, fmt::format("choice {} of {}", chosen.choice, chosen.scores.size()));
      return chosen;
    }
  }
  return {};
}

}  // namespace

StoredAnswers read_answers(std::filesystem::path const& path, task::TaskType type, task::LabelSet const& labels) {
  StoredAnswers answers;
  std::ifstream file(path);
  if (!file)
    throw Error(ErrorCode::NotFound,
                fmt::format("{}: cannot be read; the run is incomplete, train it again", path.string()));
  auto const damaged = [&](std::string const& reason) {
    return Error(ErrorCode::Corrupt, fmt::format("{}:{}: is damaged ({}); train the run again", path.string(),
                                                 answers.rows.size() + 1, reason));
  };
  try {
    for (std::string line; std::getline(file, line);) {
      auto const json = parse_json(line, "the line").value();
      answers.gold.push_back(gold_from(json.at("gold"), type));
      answers.predicted.push_back(prediction_from(json, type, labels));
      answers.rows.push_back(json.at("row"));
    }
  } catch (Json::exception const& error) {
    throw damaged(json_problem(error));
  } catch (Error const& error) {  // a label that the task does not have
    throw damaged(error.what());
  }
  return answers;
}

std::string_view place_of(std::string_view row) { return row.substr(row.rfind('/') + 1); }

}  // namespace polytask::cli
