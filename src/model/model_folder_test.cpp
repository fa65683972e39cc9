#include "model/model_folder.h"

#include <gmock/gmock.h>

#include <functional>

#include "base/error.h"
#include "base/json.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;
using task::TaskType;
using testing::HasSubstr;

HeadSpec head(std::string const& name, TaskType type, std::vector<std::string> labels) {
  HeadSpec made;
  made.task = {.name = name,
               .type = type,
               .datasets = {"tickets"},
               .text = {"body"},
               .label = "label",
               .metric = task::default_metric(type)};
  made.labels = task::LabelSet(std::move(labels));
  return made;
}

/// A model.json of one task, changed by `change`.
std::string error_with(std::function<void(Json& model, Json& task)> const& change) {
  Json json = Json::parse(R"({"schema": 3, "pooling": "mean", "max_length": 128, "private_layers": 2, "tasks": [
    {"name": "intent", "type": "classification", "datasets": ["tickets"], "text": ["body"], "label": "intent", "labels": ["a", "b"], "metric": "accuracy", "owner": ""}]})");
  change(json, json["tasks"][0]);
  try {
    (void)parse_model_spec(json.dump(), "model.json");
  } catch (Error const& error) {
    EXPECT_EQ(exit_code(error.code()), 3);
    EXPECT_THAT(error.what(), testing::StartsWith("model.json: "));
    return error.what();
  }
  return "no error";
}

TEST(ModelSpec, IsReadAsItWasWritten) {
  auto const folder = fs::path(testing::TempDir()) / "polytask_model_folder_test";
  fs::create_directories(folder);
  ModelSpec spec{.pooling = Pooling::First, .max_length = 77, .private_layers = 2};
  spec.heads = {head("intent", TaskType::Classification, {"b", "a"}), head("topics", TaskType::Multilabel, {"x"}),
                head("urgency", TaskType::Regression, {}), head("places", TaskType::Tagging, {"PLACE"})};
  spec.heads[0].task.text = {"left", "right"};
  spec.heads[0].task.owner = "mika";
  spec.heads[1].threshold = 0.25;
  spec.heads[2].target_offset = -1.5;
  spec.heads[2].target_scale = 3;
  spec.heads[2].task.text = {"left", "right"};
  spec.heads[3].task.text = {};
  spec.heads[3].task.tags_column = 4;
  write_model_spec(folder, spec);
  auto const read = read_model_spec(folder);
  fs::remove_all(folder);

  EXPECT_EQ(read.pooling, Pooling::First);
  EXPECT_EQ(read.max_length, 77u);
  EXPECT_EQ(read.private_layers, 2);
  ASSERT_EQ(read.heads.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    auto const& a = spec.heads[i];
    auto const& b = read.heads[i];
    EXPECT_EQ(a.task.name, b.task.name);
    EXPECT_EQ(a.task.type, b.task.type);
    EXPECT_EQ(a.task.datasets, b.task.datasets);
    EXPECT_EQ(a.task.text, b.task.text);
    EXPECT_EQ(a.task.label, b.task.label);
    EXPECT_EQ(a.task.tags_column, b.task.tags_column);
    EXPECT_EQ(a.task.metric, b.task.metric);
    EXPECT_EQ(a.task.owner, b.task.owner);
    EXPECT_EQ(a.reading(), b.reading());
    EXPECT_EQ(a.labels, b.labels);
    EXPECT_EQ(a.target_offset, b.target_offset);
    EXPECT_EQ(a.target_scale, b.target_scale);
    EXPECT_EQ(a.threshold, b.threshold);
    EXPECT_EQ(a.n_outputs(), b.n_outputs());
  }
}

TEST(ModelSpec, CountsTheOutputsOfEveryType) {
  EXPECT_EQ(head("t", TaskType::Classification, {"a", "b", "c"}).n_outputs(), 3u);
  EXPECT_EQ(head("t", TaskType::Multilabel, {"a", "b"}).n_outputs(), 2u);
  EXPECT_EQ(head("t", TaskType::Regression, {}).n_outputs(), 1u);
  EXPECT_EQ(head("t", TaskType::Tagging, {"a", "b"}).n_outputs(), 5u);
}

TEST(ModelSpec, KnowsWhatItsTasksRead) {
  auto pair = head("same", TaskType::Classification, {"no", "yes"});
  auto words_of_pair = head("places", TaskType::Tagging, {"PLACE"});
  pair.task.text = words_of_pair.task.text = {"left", "right"};
  ModelSpec const spec{.heads = {pair, head("topics", TaskType::Multilabel, {"x"}), words_of_pair,
                                 head("urgency", TaskType::Regression, {})}};
  EXPECT_THAT(spec.readings(), testing::ElementsAre(Reading::Text, Reading::Words, Reading::Pair));
  EXPECT_THAT(ModelSpec{.heads = {pair}}.readings(), testing::ElementsAre(Reading::Pair));
  EXPECT_EQ(pair.n_inputs(8), 24);
  pair.task.pair_encoding = task::PairEncoding::Bi;
  EXPECT_EQ(pair.reading(), Reading::Comparison);
  EXPECT_EQ(pair.n_inputs(8), 24);
  auto similarity = head("near", TaskType::Regression, {});
  similarity.task.text = {"left", "right"};
  EXPECT_TRUE(similarity.sees_cosine());
  EXPECT_EQ(similarity.n_inputs(8), 1);
  EXPECT_EQ(words_of_pair.n_inputs(8), 8);
}

TEST(ModelSpec, RefusesWhatContradictsItself) {
  EXPECT_EQ(error_with([](auto&, auto&) {}), "no error");
  EXPECT_THAT(error_with([](auto& model, auto&) { model["schema"] = 1; }),
              HasSubstr("was written in schema 1, this version reads 3"));
  EXPECT_THAT(error_with([](auto& model, auto&) { model["pooling"] = "max"; }), HasSubstr("\"pooling\" is \"max\""));
  EXPECT_THAT(error_with([](auto& model, auto&) { model["max_length"] = 7; }), HasSubstr("\"max_length\" is 7"));
  for (auto const& n : {Json(-1), Json(1'001), Json(1.5), Json(1e30), Json()})
    EXPECT_THAT(error_with([&](auto& model, auto&) { model["private_layers"] = n; }),
                HasSubstr("\"private_layers\" is "));
  EXPECT_THAT(error_with([](auto& model, auto&) { model.erase("private_layers"); }),
              HasSubstr("is not a model description"));
  EXPECT_THAT(error_with([](auto& model, auto&) { model["tasks"] = 3; }), HasSubstr("\"tasks\" is not a list"));
  EXPECT_THAT(error_with([](auto& model, auto& task) { model["tasks"].push_back(Json(task)); }),
              HasSubstr("task \"intent\" stands twice"));
  EXPECT_THAT(error_with([](auto&, auto& task) { task["type"] = "ranking"; }),
              HasSubstr("has type \"ranking\", which this version does not know"));
  EXPECT_THAT(error_with([](auto&, auto& task) { task["name"] = ""; }), HasSubstr("has no name"));
  EXPECT_THAT(error_with([](auto&, auto& task) { task["labels"] = Json::array(); }),
              HasSubstr("is of type classification and has 0 labels"));
  EXPECT_THAT(error_with([](auto&, auto& task) {
                task["labels"] = {"a", "a"};
              }),
              HasSubstr("labels that cannot be used"));
  EXPECT_THAT(error_with([](auto&, auto& task) { task["metric"] = "acuracy"; }),
              HasSubstr("did you mean \"accuracy\"?"));
  EXPECT_THAT(error_with([](auto&, auto& task) { task["text"] = {"a", "b", "c"}; }), HasSubstr("reads 3 columns"));
  EXPECT_THAT(error_with([](auto&, auto& task) { task["tags"] = 0; }), HasSubstr("\"tags\" is"));
  EXPECT_THAT(error_with([](auto&, auto& task) { task["pair_encoding"] = "both"; }),
              HasSubstr("the pair encoding \"both\""));
  EXPECT_THAT(error_with([](auto&, auto& task) { task.erase("labels"); }), HasSubstr("is not a model description"));
  auto const regression = [](auto& task) {
    task["type"] = "regression", task["labels"] = Json::array(), task["metric"] = "pearson", task["target_offset"] = 1,
    task["target_scale"] = 2;
  };
  EXPECT_EQ(error_with([&](auto&, auto& task) { regression(task); }), "no error");
  EXPECT_THAT(error_with([&](auto&, auto& task) { regression(task), task.erase("target_offset"); }),
              HasSubstr("is not a model description"));
  EXPECT_THAT(error_with([&](auto&, auto& task) { regression(task), task["target_scale"] = 0; }),
              HasSubstr("an offset or a scale that no number can have"));
  EXPECT_THAT(error_with([&](auto&, auto& task) {
                task["type"] = "multilabel", task["metric"] = "micro_f1", task["threshold"] = 1.5;
              }),
              HasSubstr("the threshold 1.5"));
}

TEST(HeadFileName, KeepsPlainNamesAndTellsAllOthersApart) {
  EXPECT_EQ(head_file_name("intent-2_a"), "intent-2_a");
  for (auto const* name : {"", "Intent", "../x", "a b", "意図", "a.b"})
    EXPECT_THAT(head_file_name(name), testing::MatchesRegex("[a-z0-9_-]*\\.[0-9a-f]{16}")) << name;
  EXPECT_NE(head_file_name("A"), head_file_name("B"));
  EXPECT_LT(head_file_name(std::string(5000, 'a')).size(), 200u);
}

}  // namespace
}  // namespace polytask::model
