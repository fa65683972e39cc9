#include "model/package_contents.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "model/package_diff.h"
#include "model/precision_plan.h"
#include "model/test_support.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;
using namespace test_support;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TaskOrigin nothing_known(HeadSpec const&) { return {}; }

std::map<std::string, std::string> files_of(fs::path const& folder) {
  std::map<std::string, std::string> files;
  for (auto const& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
  return files;
}

class Contents : public testing::Test {
 protected:
  /// A package of a sample model with these heads and values.
  fs::path package(std::string const& name, std::vector<HeadSpec> heads = {intent(), things()},
                   SampleValues const& values = {}) const {
    write_sample_model(temporary_ / (name + ".model"), std::move(heads), values);
    write(contents_of_model(temporary_ / (name + ".model"), nothing_known), temporary_ / name);
    return temporary_ / name;
  }

  static WrittenPackage write(PackageContents const& contents, fs::path const& to) {
    return write_package(contents, to, "0.1.0");
  }

  static std::string error_of(std::function<void()> const& attempt, ErrorCode code) {
    try {
      attempt();
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder const temporary_;
  fs::path const folder_ = temporary_ / "made";
};

TEST_F(Contents, OfEqualModelsAreEqualPackagesWhereverTheyAre) {
  EXPECT_EQ(files_of(package("a")), files_of(package("b")));
}

TEST_F(Contents, TakeATaskAndLeaveAllElseByteByByte) {
  auto const a = package("a");
  auto const b = package("b", {intent(), things()}, {.heads = 7});
  auto contents = contents_of(open_package(a));
  take_task(contents, contents_of(open_package(b)), "intent");
  write(contents, folder_);
  auto made = files_of(folder_);
  auto const before = files_of(a);
  EXPECT_EQ(made["tasks/intent/head.safetensors"], files_of(b)["tasks/intent/head.safetensors"]);
  made["tasks/intent/head.safetensors"] = before.at("tasks/intent/head.safetensors");
  made["manifest.json"] = before.at("manifest.json");
  EXPECT_EQ(made, before);
  auto const& parent = open_package(folder_).manifest.parent;
  EXPECT_EQ(parent.package, open_package(a).id);
  EXPECT_EQ(parent.tasks.at("intent"), open_package(b).id);
}

TEST_F(Contents, TakeATaskFromAModelFolderToo) {
  auto const a = package("a");
  write_head(temporary_ / "a.model", intent(), 5);
  auto contents = contents_of(open_package(a));
  take_task(contents, contents_of_model(temporary_ / "a.model", nothing_known), "intent");
  write(contents, folder_);
  EXPECT_EQ(read_file(folder_ / "tasks/intent/head.safetensors"),
            read_file(temporary_ / "a.model" / "tasks/intent/head.safetensors"));
  EXPECT_TRUE(open_package(folder_).manifest.parent.tasks.empty());
}

TEST_F(Contents, AreOfTheNewerSchemaWhileAHeadHasAPooler) {
  auto pooled = intent();
  pooled.pooler = Pooler::Tanh;
  auto const schema_of = [](fs::path const& folder) {
    return read_file(folder / "model.json").find("\"schema\": 5") != std::string::npos ? 5 : 4;
  };
  auto const plain = package("plain"), with_pooler = package("pooled", {pooled, things()});
  EXPECT_EQ(schema_of(plain), 4);
  EXPECT_EQ(schema_of(with_pooler), 5);
  auto contents = contents_of(open_package(plain));
  take_task(contents, contents_of(open_package(with_pooler)), "intent");
  write(contents, temporary_ / "taken");
  EXPECT_EQ(schema_of(temporary_ / "taken"), 5);
  EXPECT_EQ(open_package(temporary_ / "taken").spec.heads[0].pooler, Pooler::Tanh);
  drop_task(contents, "intent");
  write(contents, temporary_ / "dropped");
  EXPECT_EQ(schema_of(temporary_ / "dropped"), 4);
}

TEST_F(Contents, PutANewTaskBehindTheOthersAndBringItsPrivateLayers) {
  auto const whole = package("whole");
  auto const one = package("one", {intent()});
  EXPECT_FALSE(fs::exists(one / "private"));
  auto contents = contents_of(open_package(one));
  take_task(contents, contents_of(open_package(whole)), "Things & more");
  write(contents, folder_);
  EXPECT_THAT(open_package(folder_).spec.task_names(), ElementsAre("intent", "Things & more"));
  auto made = files_of(folder_);
  auto expected = files_of(whole);
  made.erase("manifest.json"), expected.erase("manifest.json");
  EXPECT_EQ(made, expected);
}

/// int8 but for two groups, one of them of the layer that words have for themselves; both tasks are measured.
PrecisionPlan some_plan() {
  PrecisionLoss const loss{.metric = "accuracy", .exact = 0.9, .now = 0.895, .n = 200, .split = "dev"};
  return {.precision = "int8",
          .higher = {{"encoder.layer.0.output", "bf16"}, {"private/words/encoder.layer.1.output", "bf16"}},
          .losses = {{"intent", loss}, {"Things & more", loss}}};
}

/// `intent` with as many layers for itself.
HeadSpec intent_above(std::int64_t private_layers) {
  auto head = intent();
  head.private_layers = private_layers;
  return head;
}

TEST_F(Contents, TakeATaskWithItsOwnLayersWhateverTheOthersHave) {
  auto const whole = package("whole");
  for (auto const n_layers : {1, 2}) {
    auto const one = package("one" + std::to_string(n_layers), {intent_above(n_layers)});
    auto contents = contents_of(open_package(whole));
    take_task(contents, contents_of(open_package(one)), "intent");
    auto const name = "made" + std::to_string(n_layers);
    write(contents, temporary_ / name);
    auto const made = open_package(temporary_ / name);
    EXPECT_EQ(made.spec.heads[0].private_layers, n_layers);
    EXPECT_EQ(read_file(temporary_ / name / "tasks/intent/private.safetensors"),
              read_file(one / "tasks/intent/private.safetensors"));
    EXPECT_EQ(made.manifest.tasks.at("intent").private_layers,
              made.manifest.files.at("tasks/intent/private.safetensors"));
    EXPECT_EQ(made.manifest.tasks.at("Things & more").private_layers,
              open_package(whole).manifest.tasks.at("Things & more").private_layers);
    drop_task(contents, "intent");
    write(contents, temporary_ / ("dropped" + std::to_string(n_layers)));
    EXPECT_FALSE(fs::exists(temporary_ / ("dropped" + std::to_string(n_layers)) / "tasks/intent"));
  }
}

TEST_F(Contents, OfATaskWithItsOwnLayersAloneTakeBackTheOthers) {
  auto const whole =
      package("whole", {intent_above(1), things(), head_of("topics", task::TaskType::Multilabel, {"x"})});
  auto contents = contents_of(open_package(whole));
  drop_task(contents, "Things & more");
  drop_task(contents, "topics");
  write(contents, temporary_ / "own");
  auto const own = open_package(temporary_ / "own");
  auto const difference_to_own = difference(contents_of(open_package(whole)), contents_of(own));
  EXPECT_FALSE(difference_to_own.reading);
  EXPECT_THAT(difference_to_own.tasks.front().because, IsEmpty()) << "it answers as it did";
  contents = contents_of(own);
  take_task(contents, contents_of(open_package(whole)), "Things & more");
  take_task(contents, contents_of(open_package(whole)), "topics");
  write(contents, folder_);
  auto made = files_of(folder_), expected = files_of(whole);
  made.erase("manifest.json"), expected.erase("manifest.json");
  EXPECT_EQ(made, expected);
}

TEST_F(Contents, ForgetThePrecisionsOfLayersThatATaskTakesAlong) {
  auto contents = contents_of(open_package(package("own", {intent_above(1), things()})));
  auto plan = some_plan();
  plan.higher["tasks/intent/encoder.layer.1.output"] = "bf16";
  set_precision(contents, plan);
  write(contents, temporary_ / "quantized");
  auto const kept = contents_of(open_package(temporary_ / "quantized"));
  EXPECT_TRUE(precision_of(kept)->higher.contains("tasks/intent/encoder.layer.1.output"));
  drop_task(contents, "intent");
  write(contents, temporary_ / "less");
  EXPECT_FALSE(precision_of(contents)->higher.contains("tasks/intent/encoder.layer.1.output"));
}

TEST_F(Contents, DropATaskWithTheLayersThatNobodyReadsAnyMore) {
  auto const whole = package("whole", {intent(), head_of("topics", task::TaskType::Multilabel, {"x"}), things()});
  auto contents = contents_of(open_package(whole));
  drop_task(contents, "Things & more");
  write(contents, folder_);
  EXPECT_THAT(open_package(folder_).spec.task_names(), ElementsAre("intent", "topics"));
  EXPECT_FALSE(fs::exists(folder_ / "private"));
  EXPECT_EQ(read_file(folder_ / "tasks/topics/head.safetensors"), read_file(whole / "tasks/topics/head.safetensors"));
}

TEST_F(Contents, KeepWhatATaskComputesWhenTheOthersAreDropped) {
  auto contents = contents_of(open_package(package("whole")));
  drop_task(contents, "intent");
  write(contents, folder_);
  auto const spec = open_package(folder_).spec;
  EXPECT_THAT(spec.private_readings(), ElementsAre(Reading::Words))
      << "not the encoder's top layers, which are of texts";
  EXPECT_THAT(error_of([&] { drop_task(contents, "Things & more"); }, ErrorCode::InvalidUsage),
              HasSubstr("is its only task"));
}

TEST_F(Contents, KeepAPlanOfPrecisionsAsFarAsItIsStillTrue) {
  auto contents = contents_of(open_package(package("a")));
  set_precision(contents, some_plan());
  write(contents, temporary_ / "quantized");
  auto const quantized = open_package(temporary_ / "quantized");
  EXPECT_EQ(precision_plan_text(precision_of(contents_of(quantized)).value()), precision_plan_text(some_plan()));

  contents = contents_of(quantized);
  drop_task(contents, "Things & more");
  write(contents, temporary_ / "less");
  auto expected = some_plan();
  expected.higher.erase("private/words/encoder.layer.1.output");
  expected.losses.erase("Things & more");
  EXPECT_EQ(read_file(temporary_ / "less" / "precision.json"), precision_plan_text(expected));

  contents = contents_of(open_package(temporary_ / "less"));
  take_task(contents, contents_of(quantized), "Things & more");
  write(contents, temporary_ / "again");
  EXPECT_EQ(read_file(temporary_ / "again" / "precision.json"), precision_plan_text(expected)) << "nobody measured it";

  contents = contents_of(quantized);
  take_task(contents, contents_of(open_package(package("b", {intent(), things()}, {.heads = 7}))), "intent");
  write(contents, temporary_ / "replaced");
  expected = some_plan();
  expected.losses.erase("intent");
  EXPECT_EQ(read_file(temporary_ / "replaced" / "precision.json"), precision_plan_text(expected));

  contents = contents_of(open_package(temporary_ / "b"));
  take_task(contents, contents_of(quantized), "intent");
  write(contents, folder_);
  EXPECT_FALSE(fs::exists(folder_ / "precision.json")) << "what is computed in is the package's, not the task's";
  auto const card = [](fs::path const& folder, char const* task) {
    return read_file(folder / "tasks" / task / "card.md");
  };
  EXPECT_EQ(card(folder_, "intent"), card(temporary_ / "a", "intent"));
  EXPECT_THAT(card(quantized.folder, "intent"), AllOf(HasSubstr("in int8"), HasSubstr("On 200 rows of dev")));
  EXPECT_THAT(card(temporary_ / "replaced", "intent"), AllOf(HasSubstr("in int8"), HasSubstr("was not measured")));
}

TEST_F(Contents, WithAPlanOfAnotherModelAreRefused) {
  auto contents = contents_of(open_package(package("a")));
  set_precision(contents, {.precision = "int8", .higher = {{"encoder.layer.2.output", "bf16"}}});
  EXPECT_THAT(error_of([&] { write(contents, folder_); }, ErrorCode::InvalidInput),
              HasSubstr("precision.json: gives \"encoder.layer.2.output\" a precision, which the model does not have"));
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(Contents, RefuseAHeadThatWasTrainedOnSomethingElse) {
  auto const a = contents_of(open_package(package("a")));
  auto const from = [&](std::string const& name, SampleValues const& values, std::string const& task = "intent") {
    auto contents = a;
    auto const b = contents_of(open_package(package(name, {intent(), things()}, values)));
    return error_of([&] { take_task(contents, b, task); }, ErrorCode::Conflict);
  };
  EXPECT_THAT(from("encoder", {.encoder = 2}), AllOf(HasSubstr("the head of task \"intent\" cannot be taken from"),
                                                     HasSubstr("it was trained on another encoder")));
  EXPECT_THAT(from("layers", {.private_layers = 2}, "Things & more"),
              HasSubstr("it was trained on other private layers of the reading \"words\""));
  EXPECT_EQ(from("heads", {.private_layers = 2}), "no error") << "a text does not go through the layers for words";
  auto other = a, contents = a;
  other.spec.max_length = 8;
  EXPECT_THAT(error_of([&] { take_task(contents, other, "intent"); }, ErrorCode::Conflict),
              HasSubstr("here texts have up to 16 tokens, there 8"));
}

TEST_F(Contents, NameTheNearestTaskForAnUnknownOne) {
  auto const a = contents_of(open_package(package("a")));
  auto contents = a;
  EXPECT_THAT(error_of([&] { take_task(contents, a, "intend"); }, ErrorCode::NotFound),
              HasSubstr("has no task \"intend\"; did you mean \"intent\"?"));
  EXPECT_THAT(error_of([&] { drop_task(contents, "intend"); }, ErrorCode::NotFound),
              HasSubstr("did you mean \"intent\"?"));
}

TEST_F(Contents, AreWrittenOnceAndNeverOverSomethingElse) {
  auto const a = package("a");
  auto const again = contents_of_model(temporary_ / "a.model", nothing_known);
  EXPECT_FALSE(write(again, a).is_new);
  EXPECT_FALSE(write(again, a / "").is_new) << "the same folder";
  auto contents = contents_of(open_package(a));
  drop_task(contents, "intent");
  EXPECT_THAT(error_of([&] { write(contents, a); }, ErrorCode::Conflict),
              HasSubstr("is there already and is another package"));
  EXPECT_EQ(open_package(a).spec.heads.size(), 2u);
  write_file_atomically(a / "model.json", "{}");
  EXPECT_THAT(error_of([&] { write(again, a); }, ErrorCode::Conflict), HasSubstr("is no whole package"));
  fs::create_directory(folder_);
  EXPECT_THAT(error_of([&] { write(again, folder_); }, ErrorCode::Conflict),
              HasSubstr("is there already and is no package"));
  for (auto const* name : {".", "..", "", "/"})
    EXPECT_THAT(error_of([&] { write(again, name); }, ErrorCode::InvalidUsage),
                HasSubstr("expected the name of a new folder"))
        << name;
  EXPECT_THAT(error_of([&] { write(again, temporary_ / "a.model" / "package"); }, ErrorCode::InvalidUsage),
              HasSubstr("lies inside"));
}

TEST_F(Contents, NameTheVersionThatWritesThem) {
  write_package(contents_of(open_package(package("a"))), folder_, "0.2.0");
  EXPECT_EQ(open_package(temporary_ / "a").manifest.polytask, "0.1.0");
  EXPECT_EQ(open_package(folder_).manifest.polytask, "0.2.0");
}

TEST_F(Contents, LeaveNothingWhenTheyCannotBeWritten) {
  auto contents = contents_of_model((package("a"), temporary_ / "a.model"), nothing_known);
  write_file_atomically(temporary_ / "a.model" / "encoder" / "vocab.txt", "changed");
  EXPECT_THAT(error_of([&] { write(contents, temporary_ / "b"); }, ErrorCode::Corrupt),
              HasSubstr("encoder/vocab.txt: was changed while it was copied"));
  for (auto const& entry : fs::directory_iterator(temporary_ / ""))
    EXPECT_THAT(entry.path().filename().string(), testing::AnyOf("a", "a.model"));
}

TEST_F(Contents, RemoveWhatADeadProcessLeftAndNothingElse) {
  auto const left = temporary_ / ".polytask-new-123-0.part";
  fs::create_directories(left / "encoder");
  fs::create_directories(temporary_ / ".polytask-new-mine");
  package("a");
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(temporary_ / ".polytask-new-mine"));
}

}  // namespace
}  // namespace polytask::model
