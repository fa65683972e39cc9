#include "model/model_folder.h"

#include <gmock/gmock.h>

#include <functional>
#include <map>

#include "base/error.h"
#include "base/file.h"
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

/// A model.json of two tasks, changed by `change`.
std::string error_with(std::function<void(Json& model)> const& change) {
  Json json = Json::parse(
      R"({"schema": 4, "pooling": "mean", "max_length": 128, "private_layers": 2, "tasks": ["intent", "urgency"]})");
  change(json);
  try {
    (void)parse_model_spec(json.dump(), "model.json", [](std::string const& name) {
      return head(name, TaskType::Classification, {"a", "b"});
    });
  } catch (Error const& error) {
    EXPECT_EQ(exit_code(error.code()), 3);
    EXPECT_THAT(error.what(), testing::StartsWith("model.json: "));
    return error.what();
  }
  return "no error";
}

/// An empty folder, gone at the end.
class SpecFolder : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path const folder_ = fs::path(testing::TempDir()) / "polytask_model_folder_test";
};

TEST_F(SpecFolder, IsReadAsItWasWritten) {
  ModelSpec spec{.pooling = Pooling::First, .max_length = 77, .private_layers = 2};
  spec.heads = {head("intent", TaskType::Classification, {"b", "a"}),
                head("Topics & more", TaskType::Multilabel, {"x"})};
  write_model_spec(folder_, spec);
  auto const read = read_model_spec(folder_);
  EXPECT_EQ(read.pooling, Pooling::First);
  EXPECT_EQ(read.max_length, 77u);
  EXPECT_EQ(read.private_layers, 2);
  ASSERT_EQ(read.heads.size(), 2u);
  EXPECT_EQ(read.heads[0].labels, spec.heads[0].labels);
  EXPECT_EQ(read.heads[1].task.name, "Topics & more");
}

TEST_F(SpecFolder, ChangesOneTaskInItsOwnFolderAlone) {
  ModelSpec spec{
      .heads = {head("intent", TaskType::Classification, {"a"}), head("topics", TaskType::Multilabel, {"x"})}};
  auto const texts = [&] {
    std::map<std::string, std::string> found;
    for (auto const& entry : fs::recursive_directory_iterator(folder_))
      if (entry.is_regular_file()) found[fs::relative(entry.path(), folder_).string()] = read_file(entry.path());
    return found;
  };
  write_model_spec(folder_, spec);
  auto const before = texts();
  spec.heads[1].temperature = 2;
  write_model_spec(folder_, spec);
  auto after = texts();
  EXPECT_NE(after["tasks/topics/task.json"], before.at("tasks/topics/task.json"));
  after["tasks/topics/task.json"] = before.at("tasks/topics/task.json");
  EXPECT_EQ(after, before);
}

TEST_F(SpecFolder, NamesTheTaskThatIsMissingOrAnother) {
  write_model_spec(folder_, {.heads = {head("intent", TaskType::Classification, {"a"}),
                                       head("topics", TaskType::Multilabel, {"x"})}});
  auto const error = [&] {
    try {
      (void)read_model_spec(folder_);
    } catch (Error const& failure) {
      return std::string(failure.what());
    }
    return std::string("no error");
  };
  fs::copy_file(folder_ / "tasks/intent/task.json", folder_ / "tasks/topics/task.json",
                fs::copy_options::overwrite_existing);
  EXPECT_THAT(error(), testing::AllOf(HasSubstr("tasks/topics/task.json: is of the task \"intent\""),
                                      HasSubstr("do not belong together")));
  fs::remove(folder_ / "tasks/topics/task.json");
  EXPECT_THAT(error(), HasSubstr("tasks/topics/task.json: cannot be opened"));
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

TEST_F(SpecFolder, RemembersWhoseTopLayersTheEncoderHas) {
  auto const places = head("places", TaskType::Tagging, {"PLACE"});
  ModelSpec spec{.private_layers = 1, .heads = {head("intent", TaskType::Classification, {"a"}), places}};
  EXPECT_THAT(spec.private_readings(), testing::ElementsAre(Reading::Words));
  write_model_spec(folder_, spec);
  spec = read_model_spec(folder_);
  EXPECT_EQ(spec.encoder_reading, Reading::Text);
  spec.heads = {places};
  EXPECT_THAT(spec.private_readings(), testing::ElementsAre(Reading::Words))
      << "also when no task reads texts any more";
  write_model_spec(folder_, spec);
  EXPECT_THAT(read_model_spec(folder_).private_readings(), testing::ElementsAre(Reading::Words));
  spec.private_layers = 0;
  EXPECT_THAT(spec.private_readings(), testing::IsEmpty());
}

TEST(ModelSpec, IsOfANewerSchemaWhereAHeadHasAPooler) {
  ModelSpec spec;
  spec.heads = {head("intent", TaskType::Classification, {"a", "b"})};
  EXPECT_EQ(Json::parse(model_json(spec)).at("schema"), 4) << "older versions read it";
  spec.heads[0].pooler = Pooler::Tanh;
  auto const text = model_json(spec);
  EXPECT_EQ(Json::parse(text).at("schema"), 5) << "older versions refuse it, as they would answer nonsense";
  auto const head_of = [&](std::string const&) { return spec.heads[0]; };
  EXPECT_EQ(parse_model_spec(text, "model.json", head_of).heads[0].pooler, Pooler::Tanh);
  EXPECT_THAT(error_with([](auto& model) { model["schema"] = 5; }),
              HasSubstr("was written in schema 5, its tasks ask for 4"));
}

/// Two classifications, two taggings.
ModelSpec two_readings() {
  return {.heads = {head("intent", TaskType::Classification, {"a"}), head("tone", TaskType::Classification, {"a"}),
                    head("places", TaskType::Tagging, {"PLACE"}), head("things", TaskType::Tagging, {"THING"})}};
}

/// "own layers: heads" of each branch.
std::vector<std::string> branches_of(ModelSpec const& spec) {
  std::vector<std::string> texts;
  for (auto const& branch : spec.branches()) {
    auto& text = texts.emplace_back(std::to_string(branch.n_own_layers) +
                                    (branch.reading ? " of " + std::string(to_string(*branch.reading)) : "") + ":");
    for (auto const head : branch.heads) text += " " + spec.heads[head].task.name;
  }
  return texts;
}

TEST(ModelSpec, PutsHeadsThatPassTheSameLayersIntoOneBranch) {
  using testing::ElementsAre;
  auto spec = two_readings();
  EXPECT_THAT(branches_of(spec), ElementsAre("0: intent tone places things"));
  spec.private_layers = 2;
  EXPECT_THAT(branches_of(spec), ElementsAre("0: intent tone", "2 of words: places things"));
  spec.heads[1].private_layers = 3;
  spec.heads[3].private_layers = 2;
  EXPECT_THAT(branches_of(spec), ElementsAre("0: intent", "2 of words: places", "3: tone", "2: things"));
  EXPECT_EQ(spec.height_of(spec.branches()[0]), 2) << "the encoder's top layers are those of texts";
  EXPECT_EQ(spec.height_of(spec.branches()[2]), 3);
  spec.private_layers = 0;
  EXPECT_THAT(branches_of(spec), ElementsAre("0: intent places", "3: tone", "2: things"));
  for (auto& one : spec.heads) one.private_layers = 1;
  EXPECT_THAT(branches_of(spec), ElementsAre("1: intent", "1: tone", "1: places", "1: things"));
}

TEST(ModelSpec, AReadingWhoseTasksAllHaveLayersForThemselvesHasNone) {
  auto spec = two_readings();
  spec.private_layers = 1;
  spec.heads[2].private_layers = spec.heads[3].private_layers = 1;
  EXPECT_THAT(spec.readings(), testing::ElementsAre(Reading::Text));
  EXPECT_THAT(spec.private_readings(), testing::IsEmpty());
}

TEST_F(SpecFolder, SaysHowManyLayersATaskHasForItselfInItsOwnFolderAndANewerSchema) {
  auto spec = two_readings();
  write_model_spec(folder_, spec);
  auto const before = read_file(folder_ / "tasks/intent/task.json");
  EXPECT_EQ(before.find("private_layers"), std::string::npos) << "as older versions wrote it";
  spec.heads[0].private_layers = 2;
  write_model_spec(folder_, spec);
  EXPECT_EQ(Json::parse(read_file(folder_ / "model.json")).at("schema"), 6) << "older versions refuse it";
  auto const read = read_model_spec(folder_);
  EXPECT_EQ(read.heads[0].private_layers, 2);
  EXPECT_EQ(read.heads[1].private_layers, 0);
  EXPECT_EQ(private_file(folder_, "intent"), folder_ / "tasks" / "intent" / "private.safetensors");
}

TEST(ModelSpec, RefusesWhatContradictsItself) {
  EXPECT_EQ(error_with([](auto&) {}), "no error");
  EXPECT_THAT(error_with([](auto& model) { model["schema"] = 3; }),
              HasSubstr("was written in schema 3, this version reads 4 to 6; train the model again"));
  EXPECT_THAT(
      error_with([](auto& model) { model["schema"] = 7; }),
      HasSubstr("was written in schema 7, this version reads 4 to 6; use the version of polytask that wrote it"));
  EXPECT_THAT(error_with([](auto& model) { model["pooling"] = "max"; }), HasSubstr("\"pooling\" is \"max\""));
  EXPECT_THAT(error_with([](auto& model) { model["max_length"] = 7; }), HasSubstr("\"max_length\" is 7"));
  for (auto const& n : {Json(-1), Json(1'001), Json(1.5), Json(1e30), Json()})
    EXPECT_THAT(error_with([&](auto& model) { model["private_layers"] = n; }), HasSubstr("\"private_layers\" is "));
  EXPECT_THAT(error_with([](auto& model) { model.erase("private_layers"); }), HasSubstr("is not a model description"));
  EXPECT_THAT(error_with([](auto& model) { model["encoder_reading"] = "aloud"; }),
              HasSubstr("\"encoder_reading\" is \"aloud\"; expected \"text\""));
  EXPECT_THAT(error_with([](auto& model) { model["tasks"] = 3; }), HasSubstr("is not a model description"));
  EXPECT_THAT(error_with([](auto& model) { model["tasks"].push_back(1); }), HasSubstr("is not a model description"));
  EXPECT_THAT(error_with([](auto& model) { model["tasks"].push_back("intent"); }),
              HasSubstr("task \"intent\" stands twice"));
}

}  // namespace
}  // namespace polytask::model
