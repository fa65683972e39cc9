#include "model/head_spec.h"

#include <gmock/gmock.h>

#include <functional>

#include "base/error.h"
#include "base/json.h"

namespace polytask::model {
namespace {

using task::TaskType;
using testing::HasSubstr;

HeadSpec head(TaskType type, std::vector<std::string> labels) {
  HeadSpec made;
  made.task = {.name = "intent",
               .type = type,
               .datasets = {"tickets"},
               .text = {"body"},
               .label = "label",
               .metric = task::default_metric(type),
               .owner = "mika"};
  made.labels = task::LabelSet(std::move(labels));
  return made;
}

/// A task.json, changed by `change`, of the task that model.json calls `name`.
std::string error_with(std::function<void(Json& task)> const& change, std::string const& name = "intent") {
  Json json = Json::parse(
      R"({"name": "intent", "type": "classification", "datasets": ["tickets"], "text": ["body"], "label": "intent",
          "labels": ["a", "b"], "metric": "accuracy", "owner": "", "temperature": 1.5})");
  change(json);
  try {
    (void)parse_head_spec(json.dump(), "task.json", name);
  } catch (Error const& error) {
    EXPECT_EQ(exit_code(error.code()), 3);
    EXPECT_THAT(error.what(), testing::StartsWith("task.json: "));
    return error.what();
  }
  return "no error";
}

TEST(HeadSpec, CountsTheOutputsOfEveryType) {
  EXPECT_EQ(head(TaskType::Classification, {"a", "b", "c"}).n_outputs(), 3u);
  EXPECT_EQ(head(TaskType::Multilabel, {"a", "b"}).n_outputs(), 2u);
  EXPECT_EQ(head(TaskType::Regression, {}).n_outputs(), 1u);
  EXPECT_EQ(head(TaskType::Tagging, {"a", "b"}).n_outputs(), 5u);
  EXPECT_EQ(head(TaskType::Span, {}).n_outputs(), 2u);
  EXPECT_EQ(head(TaskType::MultipleChoice, {}).n_outputs(), 1u) << "of each choice";
}

void expect_equal(HeadSpec const& a, HeadSpec const& b) {
  EXPECT_EQ(a.task.name, b.task.name);
  EXPECT_EQ(a.task.type, b.task.type);
  EXPECT_EQ(a.task.datasets, b.task.datasets);
  EXPECT_EQ(a.task.text, b.task.text);
  EXPECT_EQ(a.task.label, b.task.label);
  EXPECT_EQ(a.task.choices, b.task.choices);
  EXPECT_EQ(a.task.tags_column, b.task.tags_column);
  EXPECT_EQ(a.task.metric, b.task.metric);
  EXPECT_EQ(a.task.owner, b.task.owner);
  EXPECT_EQ(a.reading(), b.reading());
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.target_offset, b.target_offset);
  EXPECT_EQ(a.target_scale, b.target_scale);
  EXPECT_EQ(a.threshold, b.threshold);
  EXPECT_EQ(a.temperature, b.temperature);
  EXPECT_EQ(a.pooler, b.pooler);
  EXPECT_EQ(a.null_threshold, b.null_threshold);
  EXPECT_EQ(a.task.start, b.task.start);
  EXPECT_EQ(a.task.stride, b.task.stride);
  EXPECT_EQ(a.task.longest_answer, b.task.longest_answer);
  EXPECT_EQ(a.n_outputs(), b.n_outputs());
}

TEST(HeadSpec, IsReadAsItWasWritten) {
  auto pair = head(TaskType::Classification, {"b", "a"});
  pair.task.text = {"left", "right"};
  pair.temperature = 1.0 / 3;
  auto topics = head(TaskType::Multilabel, {"x"});
  topics.threshold = 0.25;
  topics.temperature = 2.5;
  auto urgency = head(TaskType::Regression, {});
  urgency.target_offset = -1.5;
  urgency.target_scale = 3;
  urgency.task.text = {"left", "right"};
  auto places = head(TaskType::Tagging, {"PLACE"});
  places.task.text = {};
  places.task.tags_column = 4;
  auto pooled = head(TaskType::Classification, {"b", "a"});
  pooled.pooler = Pooler::Tanh;
  auto ask = head(TaskType::Span, {});
  ask.task.text = {"question", "context"};
  ask.task.start = "at";
  ask.task.stride = 40;
  ask.task.longest_answer = 7;
  ask.null_threshold = -1.25;
  auto always = head(TaskType::Span, {});
  always.task.text = {"question", "context"};
  auto pick = head(TaskType::MultipleChoice, {});
  pick.task.choices = {"a", "b"};
  pick.temperature = 0.75;
  pick.pooler = Pooler::Tanh;
  for (auto const& written : {pair, topics, urgency, places, pooled, ask, always, pick})
    expect_equal(parse_head_spec(head_json(written), "task.json", "intent"), written);
}

TEST(HeadSpec, HasTheTemperature1WhereNoneIsWritten) {
  auto json = Json::parse(head_json(head(TaskType::Classification, {"a", "b"})));
  EXPECT_EQ(json.at("temperature"), 1.0);
  json.erase("temperature");
  EXPECT_EQ(parse_head_spec(json.dump(), "task.json", "intent").temperature, 1.0);
  EXPECT_FALSE(Json::parse(head_json(head(TaskType::Regression, {}))).contains("temperature"));
}

TEST(HeadSpec, HasAPoolerOverWholeTextsAlone) {
  EXPECT_FALSE(Json::parse(head_json(head(TaskType::Classification, {"a"}))).contains("pooler"));
  EXPECT_EQ(error_with([](auto& task) { task["pooler"] = "tanh"; }), "no error");
  EXPECT_EQ(error_with([](auto& task) { task["pooler"] = "tanh", task["text"] = {"a", "b"}; }), "no error");
  EXPECT_THAT(error_with([](auto& task) { task["pooler"] = "relu"; }), HasSubstr("the pooler \"relu\""));
  EXPECT_THAT(error_with([](auto& task) {
                task["pooler"] = "tanh", task["text"] = {"a", "b"}, task["pair_encoding"] = "bi";
              }),
              HasSubstr("has a pooler, which no head over two texts by themselves has"));
  EXPECT_THAT(error_with([](auto& task) {
                task["pooler"] = "tanh", task["type"] = "tagging", task["metric"] = "span_f1",
                task.erase("temperature");
              }),
              HasSubstr("has a pooler, which no head over words has"));
}

TEST(HeadSpec, OfASpanReadsAQuestionAndAContextAndHasNoLabels) {
  auto const ask = [](Json& task) {
    task = Json::parse(R"({"name": "intent", "type": "span", "datasets": ["d"], "text": ["q", "c"], "label": "a",
                           "labels": [], "metric": "token_f1", "owner": ""})");
  };
  EXPECT_EQ(error_with(ask), "no error");
  auto const with = [&](std::string const& key, Json const& value) {
    return error_with([&](Json& task) { ask(task), task[key] = value; });
  };
  EXPECT_THAT(with("text", {"q"}), HasSubstr("reads 1 columns; expected a question and its context"));
  EXPECT_THAT(with("labels", {"x"}), HasSubstr("is of type span and has 1 labels"));
  EXPECT_THAT(with("stride", 0), HasSubstr("\"stride\" is \"0\"; expected a number of tokens, 1 or more"));
  EXPECT_THAT(with("longest_answer", "7"), HasSubstr("expected a number of tokens, 1 or more"));
  EXPECT_THAT(with("null_threshold", "x"), HasSubstr("is not a task description"));
  EXPECT_THAT(with("pooler", "tanh"), HasSubstr("has a pooler, which no head over passages has"));
  EXPECT_THAT(with("metric", "accuracy"), HasSubstr("has the metric \"accuracy\""));
  EXPECT_THAT(error_with([](auto& task) { task["null_threshold"] = 1; }), HasSubstr("of a span task alone"));
}

TEST(HeadSpec, OfMultipleChoiceReadsATextAndChoicesAndHasNoLabels) {
  auto const pick = [](Json& task) {
    task = Json::parse(R"({"name": "intent", "type": "multiple_choice", "datasets": ["d"], "text": ["q"], "label": "a",
                           "choices": ["c"], "labels": [], "metric": "accuracy", "owner": ""})");
  };
  EXPECT_EQ(error_with(pick), "no error");
  auto const with = [&](std::string const& key, Json const& value) {
    return error_with([&](Json& task) { pick(task), task[key] = value; });
  };
  EXPECT_EQ(with("pooler", "tanh"), "no error");
  EXPECT_EQ(with("temperature", 2), "no error");
  EXPECT_THAT(with("text", {"q", "r"}), HasSubstr("reads 2 columns; expected one text beside its choices"));
  EXPECT_THAT(with("choices", Json::array()), HasSubstr("is of type multiple_choice and has 0 columns of choices"));
  EXPECT_THAT(with("choices", std::vector<std::string>(65, "c")), HasSubstr("has 65 columns of choices"));
  EXPECT_THAT(with("choices", 3), HasSubstr("is not a task description"));
  EXPECT_THAT(with("labels", {"x"}), HasSubstr("is of type multiple_choice and has 1 labels"));
  EXPECT_THAT(with("metric", "macro_f1"), HasSubstr("has the metric \"macro_f1\""));
  EXPECT_THAT(error_with([](auto& task) { task["choices"] = {"c"}; }),
              HasSubstr("is of type classification and has 1 columns of choices"));
}

TEST(HeadSpec, RefusesWhatContradictsItself) {
  EXPECT_EQ(error_with([](auto&) {}), "no error");
  EXPECT_THAT(error_with([](auto& task) { task["name"] = "urgency"; }),
              HasSubstr("is of the task \"urgency\", model.json names \"intent\" here"));
  EXPECT_THAT(error_with([](auto& task) { task = Json::array(); }), HasSubstr("is not a task description"));
  EXPECT_THAT(error_with([](auto& task) { task["type"] = "ranking"; }),
              HasSubstr("has type \"ranking\", which this version does not know"));
  EXPECT_THAT(error_with([](auto& task) { task["name"] = ""; }), HasSubstr("has no name"));
  EXPECT_THAT(error_with([](auto& task) { task["name"] = "a\x1b[2J"; }, "a\x1b[2J"),
              HasSubstr("\"a\\x1b[2J\" has control characters in its name"));
  EXPECT_THAT(error_with([](auto& task) { task["labels"] = Json::array(); }),
              HasSubstr("is of type classification and has 0 labels"));
  EXPECT_THAT(error_with([](auto& task) { task["labels"] = {"a", "a"}; }), HasSubstr("labels that cannot be used"));
  EXPECT_THAT(error_with([](auto& task) { task["metric"] = "acuracy"; }), HasSubstr("did you mean \"accuracy\"?"));
  EXPECT_THAT(error_with([](auto& task) { task["text"] = {"a", "b", "c"}; }), HasSubstr("reads 3 columns"));
  EXPECT_THAT(error_with([](auto& task) { task["tags"] = 0; }), HasSubstr("\"tags\" is"));
  EXPECT_THAT(error_with([](auto& task) { task["pair_encoding"] = "both"; }), HasSubstr("the pair encoding \"both\""));
  EXPECT_THAT(error_with([](auto& task) { task.erase("labels"); }), HasSubstr("is not a task description"));
  for (auto const temperature : {0.0, -1.0})
    EXPECT_THAT(error_with([&](auto& task) { task["temperature"] = temperature; }),
                HasSubstr("; expected more than 0"));
  EXPECT_THAT(error_with([](auto& task) { task["temperature"] = "hot"; }), HasSubstr("is not a task description"));
  auto const regression = [](auto& task) {
    task["type"] = "regression", task["labels"] = Json::array(), task["metric"] = "pearson", task["target_offset"] = 1,
    task["target_scale"] = 2, task.erase("temperature");
  };
  EXPECT_EQ(error_with([&](auto& task) { regression(task); }), "no error");
  EXPECT_THAT(error_with([&](auto& task) { regression(task), task["temperature"] = 2; }),
              HasSubstr("the temperature 2, which regression does not use"));
  EXPECT_THAT(error_with([&](auto& task) { regression(task), task.erase("target_offset"); }),
              HasSubstr("is not a task description"));
  EXPECT_THAT(error_with([&](auto& task) { regression(task), task["target_scale"] = 0; }),
              HasSubstr("an offset or a scale that no number can have"));
  EXPECT_THAT(error_with([&](auto& task) {
                task["type"] = "multilabel", task["metric"] = "micro_f1", task["threshold"] = 1.5;
              }),
              HasSubstr("the threshold 1.5"));
}

TEST(HeadFileName, KeepsPlainNamesAndTellsAllOthersApart) {
  EXPECT_EQ(head_file_name("intent-2_a"), "intent-2_a");
  for (auto const* name : {"", "Intent", "../x", "a b", "意図", "a.b"})
    EXPECT_THAT(head_file_name(name), testing::MatchesRegex("[a-z0-9_-]+\\.[0-9a-f]{16}")) << name;
  EXPECT_NE(head_file_name("A"), head_file_name("B"));
  EXPECT_LT(head_file_name(std::string(5000, 'a')).size(), 200u);
}

}  // namespace
}  // namespace polytask::model
