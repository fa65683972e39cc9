#include "cli/run_comparison.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "cli/run_store.h"
#include "eval/scores.h"
#include "model/model_folder.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

/// What a run said about the rows of one task: predictions/<split>.<task>.jsonl.
struct StoredAnswers {
  std::vector<std::string> rows;
  std::vector<task::Label> gold;
  std::vector<task::Prediction> predicted;
};

std::vector<task::Span> spans_from(Json const& json) {
  std::vector<task::Span> spans;
  for (auto const& span : json) spans.push_back({span.at(0), span.at(1), span.at(2)});
  return spans;
}

task::Label gold_from(Json const& json, task::TaskType type) {
  switch (type) {
    case task::TaskType::Classification: return json.get<std::string>();
    case task::TaskType::Multilabel: return json.get<std::vector<std::string>>();
    case task::TaskType::Regression: return json.get<double>();
    case task::TaskType::Tagging: return spans_from(json);
  }
  return {};
}

task::Prediction prediction_from(Json const& line, task::TaskType type, task::LabelSet const& labels) {
  auto const& json = line.at("predicted");
  switch (type) {
    case task::TaskType::Classification: {
      task::ClassPrediction one{labels.index_of(json.at("label").get<std::string>()).value(), std::vector<float>(labels.size(), 0.0F)};
      one.scores[one.label] = json.at("score").get<float>();
      if (line.contains("probabilities")) one.scores = line["probabilities"].get<std::vector<float>>();
      return one;
    }
    case task::TaskType::Multilabel: {
      task::MultilabelPrediction several;
      for (auto const& label : json.at("labels")) several.labels.push_back(labels.index_of(label.get<std::string>()).value());
      for (auto const& label : labels.names()) several.scores.push_back(json.at("scores").at(label).get<float>());
      return several;
    }
    case task::TaskType::Regression: return task::ValuePrediction{json.at("value").get<double>()};
    case task::TaskType::Tagging: {
      task::SpanPrediction spans;
      for (auto const& span : json.at("spans")) spans.spans.push_back({{span.at(0), span.at(1), span.at(2)}, span.at(3)});
      return spans;
    }
  }
  return {};
}

StoredAnswers read_answers(fs::path const& path, task::TaskType type, task::LabelSet const& labels) {
  StoredAnswers answers;
  std::ifstream file(path);
  if (!file) throw Error(ErrorCode::NotFound, fmt::format("{}: cannot be read; the run is incomplete, train it again", path.string()));
  try {
    for (std::string line; std::getline(file, line);) {
      auto const json = parse_json(line, path.string()).value();
      answers.rows.push_back(json.at("row"));
      answers.gold.push_back(gold_from(json.at("gold"), type));
      answers.predicted.push_back(prediction_from(json, type, labels));
    }
  } catch (Json::exception const& error) {
    throw Error(ErrorCode::Corrupt, fmt::format("{}: is damaged ({}); train the run again", path.string(), error.what()));
  }
  return answers;
}

struct ComparedRun {
  RunInfo info;
  model::ModelSpec spec;
  double seconds = 0;
  std::uintmax_t model_bytes = 0;
};

ComparedRun open_run(Project const& project, std::string const& id) {
  ComparedRun run{.info = complete_run(project.folder, id)};
  run.spec = model::read_model_spec(run.info.folder / "model");
  run.seconds = run.info.state.value("seconds", 0.0);
  for (auto const& entry : fs::recursive_directory_iterator(run.info.folder / "model"))
    if (entry.path().extension() == ".safetensors") run.model_bytes += entry.file_size();
  return run;
}

model::HeadSpec const* head_of(ComparedRun const& run, std::string const& task) {
  for (auto const& head : run.spec.heads)
    if (head.task.name == task) return &head;
  return nullptr;
}

/// One line of the table.
struct Comparison {
  std::string task;
  std::string metric;
  std::string alone_run;
  double together = std::nan("");
  double alone = std::nan("");
  eval::Score difference{std::nan(""), {std::nan(""), std::nan("")}};
};

Comparison compare(ComparedRun const& together, std::vector<ComparedRun> const& others, model::HeadSpec const& head) {
  Comparison row{.task = head.task.name, .metric = head.task.metric};
  std::string const name = model::head_file_name(head.task.name) + ".jsonl";
  std::string const split = fs::exists(together.info.folder / "predictions" / ("test." + name)) ? "test." : "dev.";
  auto const a = read_answers(together.info.folder / "predictions" / (split + name), head.task.type, head.labels);
  row.together = eval::primary_score(head.task, head.labels, a.gold, a.predicted);
  for (auto const& other : others) {
    auto const* theirs = head_of(other, head.task.name);
    if (theirs == nullptr) continue;
    if (!(theirs->labels == head.labels)) throw Error(ErrorCode::Conflict, fmt::format("the runs {} and {} were trained on other labels of task {}; their scores cannot be compared", quote(together.info.id), quote(other.info.id), quote(head.task.name)));
    auto const b = read_answers(other.info.folder / "predictions" / (split + name), head.task.type, head.labels);
    if (a.rows != b.rows || a.gold != b.gold) throw Error(ErrorCode::Conflict, fmt::format("the runs {} and {} were scored on other rows of task {}; train them on the same data", quote(together.info.id), quote(other.info.id), quote(head.task.name)));
    row.alone_run = other.info.id;
    row.alone = eval::primary_score(head.task, head.labels, b.gold, b.predicted);
    row.difference = eval::score_difference(head.task, head.labels, a.gold, b.predicted, a.predicted, {});
    break;
  }
  return row;
}

std::string shown(double value, bool sign = false) { return std::isnan(value) ? "-" : sign ? fmt::format("{:+.3f}", value) : fmt::format("{:.3f}", value); }
OrderedJson number(double value) { return std::isnan(value) ? OrderedJson() : OrderedJson(value); }

/// Passes through an encoder that one text needs to be answered for all tasks that read it.
std::size_t n_text_groups(ComparedRun const& run) {
  std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> groups;
  for (auto const& head : run.spec.heads)
    if (auto key = std::pair(head.task.datasets, head.task.text); std::find(groups.begin(), groups.end(), key) == groups.end()) groups.push_back(std::move(key));
  return groups.size();
}

}  // namespace

int compare_runs(CommandLine const& line, Project const& project) {
  auto const together = open_run(project, line.compared.front());
  std::vector<ComparedRun> others;
  for (std::size_t i = 1; i < line.compared.size(); ++i) others.push_back(open_run(project, line.compared[i]));
  std::vector<Comparison> rows;
  for (auto const& head : together.spec.heads) rows.push_back(compare(together, others, head));

  double seconds_alone = 0;
  std::uintmax_t bytes_alone = 0;
  for (auto const& other : others) seconds_alone += other.seconds, bytes_alone += other.model_bytes;
  if (line.output == Output::Json) {
    OrderedJson json;
    json["together"] = together.info.id;
    json["tasks"] = OrderedJson::object();
    for (auto const& row : rows)
      json["tasks"][row.task] = {{"metric", row.metric}, {"alone_run", row.alone_run}, {"alone", number(row.alone)}, {"together", number(row.together)}, {"difference", number(row.difference.value)},
                                 {"interval", OrderedJson::array({number(row.difference.interval.low), number(row.difference.interval.high)})}};
    json["seconds"] = {{"together", together.seconds}, {"alone", seconds_alone}};
    json["model_bytes"] = {{"together", together.model_bytes}, {"alone", bytes_alone}};
    json["encoder_passes"] = {{"together", n_text_groups(together)}, {"alone", together.spec.heads.size()}};
    std::cout << json.dump(1) << '\n';
    return 0;
  }
  std::cout << fmt::format("{:<16} {:<18} {:>7} {:>9} {:>11}   {}\n", "task", "metric", "alone", "together", "difference", "95 % interval");
  for (auto const& row : rows)
    std::cout << fmt::format("{:<16} {:<18} {:>7} {:>9} {:>11}   {} to {}\n", row.task, row.metric, shown(row.alone), shown(row.together), shown(row.difference.value, true), shown(row.difference.interval.low, true), shown(row.difference.interval.high, true));
  std::cout << fmt::format("\n{:<35} {:>7} {:>9}\n", "", "alone", "together");
  std::cout << fmt::format("{:<35} {:>6.0f}s {:>8.0f}s\n", "training time", seconds_alone, together.seconds);
  std::cout << fmt::format("{:<35} {:>5.1f}MB {:>7.1f}MB\n", "size of the models", static_cast<double>(bytes_alone) / 1e6, static_cast<double>(together.model_bytes) / 1e6);
  std::cout << fmt::format("{:<35} {:>7} {:>9}\n", "encoder passes for all answers", together.spec.heads.size(), n_text_groups(together));
  return 0;
}

}  // namespace polytask::cli
