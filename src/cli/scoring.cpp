#include "cli/scoring.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "cli/answers.h"
#include "engine/answer_json.h"
#include "eval/answer_text.h"

namespace polytask::cli {
namespace {

constexpr std::size_t kRowsPerCall = 1'024;

/// How sure a wrong answer was; nothing for a right one.
std::optional<double> wrongness(task::LabelSet const& labels, task::Label const& gold,
                                task::Prediction const& predicted) {
  if (auto const* one = std::get_if<task::ClassPrediction>(&predicted)) {
    if (labels[one->label] == std::get<std::string>(gold)) return std::nullopt;
    return static_cast<double>(one->scores[one->label]);
  }
  if (auto const* several = std::get_if<task::MultilabelPrediction>(&predicted)) {
    std::vector<std::string> names;
    for (auto const index : several->labels) names.push_back(labels[index]);
    std::sort(names.begin(), names.end());
    auto const& wanted = std::get<std::vector<std::string>>(gold);
    if (names == wanted) return std::nullopt;
    std::vector<std::string> differing;
    std::set_symmetric_difference(names.begin(), names.end(), wanted.begin(), wanted.end(),
                                  std::back_inserter(differing));
    return static_cast<double>(differing.size());
  }
  if (auto const* value = std::get_if<task::ValuePrediction>(&predicted))
    return std::abs(value->value - std::get<double>(gold));
  if (auto const* said = std::get_if<task::AnswerPrediction>(&predicted)) {
    auto const text = said->answer ? said->answer->text : std::string();
    bool const is_right = eval::answer_score("exact_match", std::get<task::Answers>(gold), text) == 1;
    return is_right ? std::nullopt : std::optional(static_cast<double>(said->score));
  }
  if (auto const* chosen = std::get_if<task::ChoicePrediction>(&predicted)) {
    if (chosen->choice == std::get<task::Choice>(gold).index) return std::nullopt;
    return static_cast<double>(chosen->scores[chosen->choice]);
  }
  auto const& wanted = std::get<std::vector<task::Span>>(gold);
  auto const& spans = std::get<task::SpanPrediction>(predicted).spans;
  std::size_t hits = 0;
  for (auto const& scored : spans) hits += std::find(wanted.begin(), wanted.end(), scored.span) != wanted.end();
  std::size_t const n_wrong = spans.size() + wanted.size() - 2 * hits;
  return n_wrong == 0 ? std::nullopt : std::optional(static_cast<double>(n_wrong));
}

}  // namespace

void leave_if_stopped(std::stop_token const& stop) {
  if (stop.stop_requested()) throw Error(ErrorCode::Interrupted, "stopped while the trained model was scored");
}

std::vector<TaskAnswers> answer_split(AnsweringModel const& model, data::Corpus const& corpus, data::Split split,
                                      std::stop_token const& stop) {
  std::vector<TaskAnswers> answers(corpus.tasks.size());
  for (std::size_t t = 0; t < answers.size(); ++t) answers[t].task = t;
  for (auto const& stream : corpus.streams) {
    std::vector<std::size_t> heads;
    std::vector<std::size_t> positions;
    for (std::size_t position = 0; position < stream.tasks.size(); ++position)
      if (auto const head = model.spec.find(corpus.tasks[stream.tasks[position]].name)) {
        heads.push_back(*head);
        positions.push_back(position);
      }
    auto const is_asked = [&](task::Example const& example) {
      return std::any_of(positions.begin(), positions.end(),
                         [&](std::size_t position) { return task::is_labelled(example.labels[position]); });
    };
    auto const& examples = stream.of(split);
    for (auto next = examples.begin(); next != examples.end();) {
      leave_if_stopped(stop);
      std::vector<task::Example> rows;
      std::vector<task::Example const*> places;
      for (; next != examples.end() && rows.size() < kRowsPerCall; ++next)
        if (is_asked(*next)) rows.push_back(*next), places.push_back(&*next);
      auto results = model.predict(rows, heads);
      for (std::size_t row = 0; row < rows.size(); ++row)
        for (std::size_t i = 0; i < heads.size(); ++i) {
          auto const& label = rows[row].labels[positions[i]];
          if (!task::is_labelled(label)) continue;
          auto& of_task = answers[stream.tasks[positions[i]]];
          of_task.examples.push_back(places[row]);
          of_task.gold.push_back(label);
          of_task.predicted.push_back(std::move(results[row][i]));
        }
    }
  }
  std::erase_if(answers, [](auto const& of_task) { return of_task.gold.empty(); });
  return answers;
}

eval::TaskScores score_answers(AnsweringModel const& model, data::Corpus const& corpus, TaskAnswers const& answers) {
  auto const& task = corpus.tasks[answers.task];
  auto const head = model.spec.find(task.name);
  return eval::score_task(task, model.spec.heads[*head].labels, answers.gold, answers.predicted, {});
}

void write_answers(std::filesystem::path const& folder, data::Split split, data::Corpus const& corpus,
                   TaskAnswers const& answers) {
  auto const& task = corpus.tasks[answers.task];
  auto const& labels = corpus.label_sets[answers.task];
  AtomicFile file(folder / (std::string(data::to_string(split)) + "." + model::head_file_name(task.name) + ".jsonl"));
  for (std::size_t i = 0; i < answers.gold.size(); ++i) {
    auto const& texts = answers.examples[i]->texts;
    OrderedJson json;
    json["row"] = corpus.where(*answers.examples[i]);
    json["gold"] = gold_json(answers.gold[i], texts);
    json["predicted"] = engine::answer_json(labels, answers.predicted[i], texts);
    if (auto const* one = std::get_if<task::ClassPrediction>(&answers.predicted[i]);
        one != nullptr && task.metric == "average_precision")
      json["probabilities"] = one->scores;
    file.write(json.dump() + "\n");
  }
  file.commit();
}

void write_misses(std::filesystem::path const& path, data::Corpus const& corpus,
                  std::vector<TaskAnswers> const& answers) {
  AtomicFile file(path);
  for (auto const& of_task : answers) {
    auto const& labels = corpus.label_sets[of_task.task];
    std::vector<std::pair<double, std::size_t>> wrong;
    for (std::size_t i = 0; i < of_task.gold.size(); ++i)
      if (auto const how = wrongness(labels, of_task.gold[i], of_task.predicted[i])) wrong.emplace_back(-*how, i);
    std::sort(wrong.begin(), wrong.end());
    // Every number is a little wrong: of a regression the worst tenth is shown.
    if (corpus.tasks[of_task.task].type == task::TaskType::Regression) wrong.resize((wrong.size() + 9) / 10);
    for (auto const& [how, i] : wrong) {
      auto const& example = *of_task.examples[i];
      OrderedJson json;
      json["task"] = corpus.tasks[of_task.task].name;
      json["where"] = corpus.where(example);
      json["text"] = example.texts;
      json["gold"] = gold_json(of_task.gold[i], example.texts);
      json["predicted"] = engine::answer_json(labels, of_task.predicted[i], example.texts);
      file.write(json.dump() + "\n");
    }
  }
  file.commit();
}

}  // namespace polytask::cli
