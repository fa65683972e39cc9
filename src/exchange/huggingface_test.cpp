#include "exchange/huggingface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "base/error.h"
#include "exchange/test_support.h"

namespace polytask::exchange {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace test_support;
using task::TaskType;

OrderedJson json_of(fs::path const& path) { return OrderedJson::parse(read_file(path)); }

std::map<std::string, std::string> files_of(fs::path const& folder) {
  std::map<std::string, std::string> files;
  for (auto const& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
  return files;
}

TaskModel tagger() { return model_of(head_of(TaskType::Tagging, {"PERSON", "PLACE"})); }
TaskModel classifier() { return model_of(head_of(TaskType::Classification, {"no", "yes", "perhaps"})); }
TaskModel cosine() { return model_of(head_of(TaskType::Regression, {}, {"left", "right"})); }
TaskModel pair() {
  return without_differences(model_of(head_of(TaskType::Classification, {"no", "yes"}, {"left", "right"})));
}
TaskModel choices(model::Pooler pooler = model::Pooler::None, model::Pooling pooling = model::Pooling::First) {
  auto head = head_of(TaskType::MultipleChoice, {});
  head.task.choices = {"a", "b", "c"};
  head.temperature = 1.25;
  head.pooler = pooler;
  return model_of(head, pooling);
}
TaskModel with_pooler() {
  auto head = head_of(TaskType::Multilabel, {"a", "b"});
  head.pooler = model::Pooler::Tanh;
  return model_of(head);
}

/// There and back, and there again.
void expect_round_trip(TaskModel const& model, std::string const& architecture) {
  TemporaryFolder const folder;
  EXPECT_EQ(export_huggingface(model, folder / "first"), architecture);
  auto const back = import_huggingface(folder / "first", {});
  EXPECT_EQ(model::head_json(back.head), model::head_json(model.head));
  EXPECT_EQ(back.weights.weight.shape, model.weights.weight.shape);
  EXPECT_EQ(back.weights.weight.values, model.weights.weight.values);
  EXPECT_EQ(back.weights.bias.values, model.weights.bias.values);
  auto const pooler_of = [](TaskModel const& one) {
    return one.weights.pooler ? one.weights.pooler->weight.values : std::vector<float>();
  };
  EXPECT_EQ(pooler_of(back), pooler_of(model));
  for (auto const& [name, tensor] : model.encoder) EXPECT_EQ(back.encoder.at(name).values, tensor.values) << name;
  EXPECT_EQ(back.max_length, model.max_length);
  EXPECT_EQ(back.pooling, model.pooling);
  EXPECT_EQ(export_huggingface(back, folder / "second"), architecture);
  EXPECT_EQ(files_of(folder / "first"), files_of(folder / "second"));
}

TEST(HuggingFace, EveryKindOfTaskComesBackAsItWasAndGoesOutInTheSameBytes) {
  auto const mean = model::Pooling::Mean;
  expect_round_trip(tagger(), "BertForTokenClassification");
  expect_round_trip(model_of(head_of(TaskType::Tagging, {"PERSON"}, {}), mean), "BertForTokenClassification");
  expect_round_trip(classifier(), "BertForSequenceClassification");
  expect_round_trip(model_of(head_of(TaskType::Multilabel, {"a"})), "BertForSequenceClassification");
  expect_round_trip(model_of(head_of(TaskType::Regression, {})), "BertForSequenceClassification");
  expect_round_trip(pair(), "BertForSequenceClassification");
  expect_round_trip(with_pooler(), "BertForSequenceClassification");
  expect_round_trip(model_of(head_of(TaskType::Classification, {"no", "yes"}), mean), "SentenceTransformer");
  expect_round_trip(model_of(head_of(TaskType::Regression, {}), mean), "SentenceTransformer");
  expect_round_trip(cosine(), "SentenceTransformer");
  expect_round_trip(choices(), "BertForMultipleChoice");
  expect_round_trip(choices(model::Pooler::Tanh), "BertForMultipleChoice");
  expect_round_trip(model_of(head_of(TaskType::Regression, {}, {"left", "right"}), mean, 5), "SentenceTransformer");
}

TEST(HuggingFace, WritesTheNamesThatTheLibraryReads) {
  TemporaryFolder const folder;
  export_huggingface(tagger(), folder / "t");
  auto const config = json_of(folder / "t/config.json");
  EXPECT_EQ(config["architectures"], OrderedJson({"BertForTokenClassification"}));
  EXPECT_EQ(config["id2label"].dump(), R"({"0":"O","1":"B-PERSON","2":"I-PERSON","3":"B-PLACE","4":"I-PLACE"})");
  EXPECT_EQ(config["label2id"]["I-PLACE"], 4);
  EXPECT_EQ(json_of(folder / "t/tokenizer_config.json")["model_max_length"], 24);
  auto const file = model::SafetensorsFile::open(folder / "t/model.safetensors");
  EXPECT_TRUE(file.tensors().contains("bert.encoder.layer.1.output.LayerNorm.bias"));
  EXPECT_EQ(file.tensors().at("classifier.weight").shape, (std::vector<std::int64_t>{5, 8}));
  EXPECT_FALSE(file.tensors().contains("bert.pooler.dense.weight"));
  for (auto const& [name, bytes] : files_of(folder / "t")) {
    EXPECT_THAT(name, testing::Not(testing::EndsWith(".bin")));
    EXPECT_EQ(bytes.find("auto_map"), std::string::npos) << name;
  }
}

TEST(HuggingFace, KeepsTheTemperatureBesideRawLogits) {
  TemporaryFolder const folder;
  auto const model = classifier();
  export_huggingface(model, folder / "c");
  EXPECT_EQ(json_of(folder / "c/config.json")["polytask"]["task"]["temperature"], 1.75);
  EXPECT_EQ(json_of(folder / "c/config.json")["problem_type"], "single_label_classification");
  auto const file = model::SafetensorsFile::open(folder / "c/model.safetensors");
  EXPECT_EQ(file.tensors().at("classifier.bias").to_floats(), model.weights.bias.values);
}

TEST(HuggingFace, WritesTheLineThroughTheCosineInTheUnitsOfTheLabels) {
  TemporaryFolder const folder;
  auto const model = cosine();
  export_huggingface(model, folder / "c");
  auto const line = json_of(folder / "c/config.json")["polytask"]["cosine"];
  double const logit = static_cast<double>(model.weights.weight.values[0]) * std::sqrt(8.0) * 0.5 +
                       static_cast<double>(model.weights.bias.values[0]);
  EXPECT_NEAR(line["slope"].get<double>() * 0.5 + line["intercept"].get<double>(), logit * 12.5 + 300, 1e-9);
  EXPECT_FALSE(fs::exists(folder / "c/2_Dense"));
}

std::string export_error(TaskModel const& model) {
  TemporaryFolder const folder;
  try {
    export_huggingface(model, folder / "x");
  } catch (Error const& error) {
    EXPECT_FALSE(fs::exists(folder / "x"));
    EXPECT_EQ(error.code(), ErrorCode::InvalidUsage);
    return error.what();
  }
  return "no error";
}

TEST(HuggingFace, RefusesHeadsThatNoClassHoldsAndNamesOnnx) {
  auto differences = model_of(head_of(TaskType::Classification, {"no", "yes"}, {"left", "right"}));
  EXPECT_THAT(export_error(differences), AllOf(HasSubstr("task \"kind\""), HasSubstr("|u - v|"), HasSubstr("ONNX")));
  auto mean_pair = pair();
  mean_pair.pooling = model::Pooling::Mean;
  EXPECT_THAT(export_error(mean_pair), AllOf(HasSubstr("mean state of a pair"), HasSubstr("ONNX")));
  auto apart = head_of(TaskType::Classification, {"no", "yes"}, {"left", "right"});
  apart.task.pair_encoding = task::PairEncoding::Bi;
  EXPECT_THAT(export_error(model_of(apart)), AllOf(HasSubstr("encoded by themselves"), HasSubstr("ONNX")));
  auto mean_pooler = with_pooler();
  mean_pooler.pooling = model::Pooling::Mean;
  EXPECT_THAT(export_error(mean_pooler), HasSubstr("pooler over the mean state"));
  EXPECT_THAT(export_error(choices(model::Pooler::None, model::Pooling::Mean)),
              AllOf(HasSubstr("mean state of a text and a choice"), HasSubstr("ONNX")));
}

TEST(HuggingFace, RefusesEncodersOfWhichItWritesNoHead) {
  auto model = with_pooler();
  model.config.model_type = "electra";
  EXPECT_THAT(export_error(model), AllOf(HasSubstr("cannot be written for Hugging Face"), HasSubstr("\"electra\""),
                                         HasSubstr("expected \"bert\"")));
}

TEST(HuggingFace, NeverReplacesAFolderAndLeavesNothingBehind) {
  TemporaryFolder const folder;
  write_file_atomically(folder / "x/kept", "kept");
  EXPECT_THROW(export_huggingface(tagger(), folder / "x"), Error);
  EXPECT_EQ(files_of(folder / "x").size(), 1U);
  EXPECT_EQ(std::distance(fs::directory_iterator((folder / "x").parent_path()), {}), 1);
  write_file_atomically(folder / "x/manifest.json", "{}");
  EXPECT_THROW(export_huggingface(tagger(), folder / "x/inside"), Error) << "a package stays as it is";
}

// What others wrote.

/// A folder as transformers writes it: without our section.
void write_foreign(TaskModel const& model, fs::path const& folder) {
  export_huggingface(model, folder);
  edit(folder / "config.json", [](OrderedJson& config) { config.erase("polytask"); });
}

TEST(HuggingFace, ReadsAClassifierOfOthersWithItsPooler) {
  TemporaryFolder const folder;
  auto const model = with_pooler();
  write_foreign(model, folder / "reviews");
  auto const back = import_huggingface(folder / "reviews", {});
  EXPECT_EQ(back.head.task.name, "reviews");
  EXPECT_EQ(back.head.task.type, TaskType::Multilabel);
  EXPECT_EQ(back.head.task.text, std::vector<std::string>{"text"});
  EXPECT_EQ(back.head.task.label, "label");
  EXPECT_EQ(back.head.labels.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(back.head.pooler, model::Pooler::Tanh);
  EXPECT_EQ(back.weights.weight.values, model.weights.weight.values);
  EXPECT_EQ(back.max_length, 24U) << "of tokenizer_config.json";
  auto const named = import_huggingface(
      folder / "reviews",
      {.task = "t", .type = TaskType::Classification, .text = {"a", "b"}, .label = "l", .max_length = 9});
  EXPECT_EQ(named.head.task.name, "t");
  EXPECT_EQ(named.head.reading(), model::Reading::Pair);
  EXPECT_EQ(named.head.task.label, "l");
  EXPECT_EQ(named.max_length, 9U);
  EXPECT_EQ(named.weights.weight.shape, (std::vector<std::int64_t>{2, 24}));
  EXPECT_EQ(named.weights.weight.values[7], model.weights.weight.values[7]);
  EXPECT_EQ(named.weights.weight.values[8], 0);
  EXPECT_EQ(named.weights.weight.values[24], model.weights.weight.values[8]);
}

TEST(HuggingFace, ReadsChoicesOfOthersInColumnsOfItsOwn) {
  TemporaryFolder const folder;
  auto const model = choices(model::Pooler::Tanh);
  write_foreign(model, folder / "swag");
  auto const config = json_of(folder / "swag/config.json");
  EXPECT_EQ(config["architectures"], OrderedJson::array({"BertForMultipleChoice"}));
  EXPECT_FALSE(config.contains("id2label"));
  auto const back = import_huggingface(folder / "swag", {.text = {"story"}});
  EXPECT_EQ(back.head.task.name, "swag");
  EXPECT_EQ(back.head.task.type, TaskType::MultipleChoice);
  EXPECT_EQ(back.head.task.text, std::vector<std::string>{"story"});
  EXPECT_EQ(back.head.task.choices, std::vector<std::string>{"choices"});
  EXPECT_EQ(back.head.pooler, model::Pooler::Tanh);
  EXPECT_EQ(back.head.temperature, 1);
  EXPECT_EQ(back.weights.weight.values, model.weights.weight.values);
}

TEST(HuggingFace, APairOfNumbersIsReadAsOneSequence) {
  TemporaryFolder const folder;
  write_foreign(model_of(head_of(TaskType::Regression, {})), folder / "x");
  EXPECT_EQ(import_huggingface(folder / "x", {.text = {"a", "b"}}).head.reading(), model::Reading::Pair);
}

TEST(HuggingFace, PutsTagsOfAnyOrderIntoOurs) {
  TemporaryFolder const folder;
  auto const model = tagger();
  write_foreign(model, folder / "x");
  edit(folder / "x/config.json", [](OrderedJson& config) {
    config["id2label"] = {{"0", "I-PLACE"}, {"1", "B-PERSON"}, {"2", "I-PERSON"}, {"3", "O"}, {"4", "B-PLACE"}};
    config.erase("label2id");
  });
  auto const back = import_huggingface(folder / "x", {});
  EXPECT_EQ(back.head.labels.names(), (std::vector<std::string>{"PLACE", "PERSON"}));
  EXPECT_EQ(back.head.task.spans, "spans");
  auto const row = [](TaskModel const& one, std::ptrdiff_t i) {
    auto const begin = one.weights.weight.values.begin() + 8 * i;
    return std::vector<float>(begin, begin + 8);
  };
  std::vector<std::ptrdiff_t> const theirs{3, 4, 0, 1, 2};  // O, B-PLACE, I-PLACE, B-PERSON, I-PERSON
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(row(back, static_cast<std::ptrdiff_t>(i)), row(model, theirs[i]));
    EXPECT_EQ(back.weights.bias.values[i], model.weights.bias.values[static_cast<std::size_t>(theirs[i])]);
  }
}

TEST(HuggingFace, WithoutNamesThereAreTwoLabelsAsInTheLibrary) {
  TemporaryFolder const folder;
  write_foreign(model_of(head_of(TaskType::Classification, {"no", "yes"})), folder / "x");
  edit(folder / "x/config.json", [](OrderedJson& config) {
    for (auto const* key : {"id2label", "label2id", "problem_type"}) config.erase(key);
  });
  auto const back = import_huggingface(folder / "x", {});
  EXPECT_EQ(back.head.labels.names(), (std::vector<std::string>{"LABEL_0", "LABEL_1"}));
  EXPECT_EQ(back.head.task.type, TaskType::Classification);
}

TEST(HuggingFace, AModelThatWasTrainedOnAfterExportKeepsItsNewWeights) {
  TemporaryFolder const folder;
  export_huggingface(classifier(), folder / "x");
  edit_tensors(folder / "x/model.safetensors", [](auto& tensors) {
    tensors.at("bert.pooler.dense.weight").values[1] = 1e-6F;
    tensors.at("classifier.bias").values[0] = 7;
  });
  auto const back = import_huggingface(folder / "x", {});
  EXPECT_EQ(back.head.pooler, model::Pooler::Tanh);
  EXPECT_EQ(back.weights.pooler.value().weight.values[1], 1e-6F);
  EXPECT_EQ(back.weights.bias.values[0], 7);
}

/// What import says of a folder that `change` has damaged.
std::string import_error(TaskModel const& model, std::function<void(fs::path const&)> const& change,
                         ImportOptions const& options = {}) {
  TemporaryFolder const folder;
  export_huggingface(model, folder / "x");
  change(folder / "x");
  try {
    (void)import_huggingface(folder / "x", options);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

std::string config_error(TaskModel const& model, std::function<void(OrderedJson&)> const& change,
                         ImportOptions const& options = {}) {
  return import_error(
      model, [&](fs::path const& folder) { edit(folder / "config.json", change); }, options);
}

std::string tensor_error(TaskModel const& model,
                         std::function<void(std::map<std::string, model::Tensor>&)> const& change) {
  return import_error(model, [&](fs::path const& folder) { edit_tensors(folder / "model.safetensors", change); });
}

TEST(HuggingFace, RefusesWeightsThatDoNotFitWithWhatWasFoundAndExpected) {
  EXPECT_THAT(tensor_error(classifier(),
                           [](auto& t) {
                             t.at("classifier.weight") = {{2, 8}, std::vector<float>(16)};
                           }),
              AllOf(HasSubstr("\"classifier.weight\" has shape [2, 8]"), HasSubstr("3 labels asks for [3, 8]")));
  EXPECT_THAT(tensor_error(tagger(), [](auto& t) { t.erase("classifier.bias"); }),
              HasSubstr("has no tensor \"classifier.bias\" of shape [5]"));
  EXPECT_THAT(tensor_error(classifier(), [](auto& t) { t.erase("bert.pooler.dense.bias"); }),
              HasSubstr("has no tensor \"pooler.dense.bias\""));
  EXPECT_THAT(tensor_error(classifier(), [](auto& t) { t.at("classifier.bias").values[1] = std::nanf(""); }),
              AllOf(HasSubstr("classifier.bias"), HasSubstr("nan at position 1")));
  EXPECT_THAT(tensor_error(tagger(), [](auto& t) { t["classifier.out_proj.weight2"] = {{1}, {0}}; }), "no error");
  EXPECT_THAT(tensor_error(tagger(),
                           [](auto& t) {
                             t["bert.adapter.weight"] = {{1}, {0}};
                           }),
              HasSubstr("\"bert.adapter.weight\", which no encoder of this config.json has"));
  EXPECT_THAT(tensor_error(tagger(),
                           [](auto& t) {
                             t["embeddings.LayerNorm.bias"] = {{8}, std::vector<float>(8)};
                           }),
              HasSubstr("stands twice"));
}

TEST(HuggingFace, RefusesFoldersOfOtherModelsPicklesLinksAndCode) {
  EXPECT_THAT(
      config_error(tagger(), [](auto& c) { c["architectures"] = {"BertForQuestionAnswering"}; }),
      AllOf(HasSubstr("\"BertForQuestionAnswering\", which is not read"), HasSubstr("BertForTokenClassification")));
  EXPECT_THAT(config_error(tagger(), [](auto& c) { c["architectures"] = {"BertModel"}; }), HasSubstr("project file"));
  EXPECT_THAT(config_error(tagger(), [](auto& c) { c.erase("architectures"); }), HasSubstr("does not name one"));
  EXPECT_THAT(config_error(tagger(), [](auto& c) { c["model_type"] = "gpt2"; }), HasSubstr("\"model_type\""));
  EXPECT_THAT(config_error(tagger(), [](auto& c) { c["model_type"] = "roberta"; }),
              HasSubstr("\"model_type\" is \"roberta\", of which no head is read"));
  EXPECT_THAT(config_error(tagger(), [](auto& c) { c["auto_map"] = {{"AutoModel", "m.M"}}; }), HasSubstr("never run"));
  EXPECT_THAT(
      import_error(tagger(), [](auto const& f) { fs::rename(f / "model.safetensors", f / "pytorch_model.bin"); }),
      AllOf(HasSubstr("pickle"), HasSubstr("safe_serialization=True")));
  EXPECT_THAT(import_error(tagger(),
                           [](auto const& f) {
                             fs::rename(f / "config.json", f / "other.json");
                             fs::create_symlink("other.json", f / "config.json");
                           }),
              AllOf(HasSubstr("config.json: is a symbolic link"), HasSubstr("cp -rL")));
  EXPECT_THAT(import_error(tagger(),
                           [](auto const& f) {
                             fs::remove(f / "model.safetensors");
                             write_file_atomically(f / "model.safetensors.index.json",
                                                   R"({"weight_map": {"a": "../../model.safetensors"}})");
                           }),
              HasSubstr("names the file \"../../model.safetensors\""));
  EXPECT_THAT(
      import_error(tagger(),
                   [](auto const& f) { write_file_atomically(f / "config.json", std::string((1 << 24) + 1, ' ')); }),
      HasSubstr("config.json"));
  EXPECT_THAT(import_error(tagger(), [](auto const& f) { fs::remove_all(f); }), HasSubstr("cannot be opened"));
}

TEST(HuggingFace, RefusesLabelsThatAreNotWhatTheyShouldBe) {
  auto const foreign = [](auto change) {
    return [change](OrderedJson& config) {
      config.erase("polytask");
      config.erase("label2id");
      change(config);
    };
  };
  auto const of_tags = [&](auto change) { return config_error(tagger(), foreign(change)); };
  EXPECT_THAT(of_tags([](auto& c) { c["id2label"]["4"] = "E-PLACE"; }), HasSubstr("\"B-PLACE\" and no \"I-PLACE\""));
  EXPECT_THAT(of_tags([](auto& c) { c["id2label"]["0"] = "S-PLACE"; }), HasSubstr("has no O"));
  EXPECT_THAT(of_tags([](auto& c) { c["id2label"]["1"] = "U-PERSON"; }), HasSubstr("the tag \"U-PERSON\""));
  EXPECT_THAT(of_tags([](auto& c) { c.erase("id2label"); }), HasSubstr("has no O, its first tag is \"LABEL_0\""));
  EXPECT_THAT(of_tags([](auto& c) { c["id2label"]["4"] = "B-PLACE"; }),
              HasSubstr("ids 3 and 4 of \"id2label\" have one name"));
  EXPECT_THAT(of_tags([](auto& c) { c["id2label"].erase("2"); }), HasSubstr("none for the id 2"));
  EXPECT_THAT(of_tags([](auto& c) { c["num_labels"] = 9; }), HasSubstr("\"num_labels\" is \"9\", \"id2label\" has 5"));
  EXPECT_THAT(of_tags([](auto& c) { c["id2label"]["2"] = 7; }), HasSubstr("expected text"));
  EXPECT_THAT(of_tags([](auto& c) { c["label2id"] = {{"O", 1}}; }), HasSubstr("gives \"O\" the id \"1\""));
  EXPECT_THAT(config_error(classifier(), foreign([](auto& c) { c["problem_type"] = "regression"; })),
              HasSubstr("names 3 outputs, a regression has one"));
  EXPECT_THAT(config_error(classifier(), foreign([](auto& c) { c["problem_type"] = "ranking"; })),
              HasSubstr("\"problem_type\""));
  EXPECT_THAT(config_error(classifier(), foreign([](auto&) {}), {.type = TaskType::Tagging}),
              HasSubstr("expected classification"));
}

TEST(HuggingFace, ASectionThatSaysSomethingElseThanTheFolderIsRefused) {
  EXPECT_THAT(config_error(classifier(), [](auto& c) { c["polytask"]["task"]["labels"][0] = "nobody"; }),
              HasSubstr("\"polytask\" has the labels nobody, yes, perhaps, \"id2label\" no, yes, perhaps"));
  EXPECT_THAT(config_error(classifier(), [](auto& c) { c["polytask"]["task"]["type"] = "multilabel"; }),
              HasSubstr("of type multilabel, the rest of the file classification"));
  EXPECT_THAT(config_error(classifier(), [](auto& c) { c["problem_type"] = "multi_label_classification"; }),
              HasSubstr("says that the task is of type classification, the rest of the file multilabel"));
  EXPECT_THAT(config_error(classifier(), [](auto& c) { c["polytask"]["task"]["temperature"] = -1; }),
              HasSubstr("temperature"));
  EXPECT_THAT(config_error(classifier(), [](auto& c) { c["polytask"]["schema"] = 2; }), HasSubstr("schema"));
  EXPECT_THAT(config_error(classifier(), [](auto& c) { c["polytask"] = 3; }), HasSubstr("is not what polytask writes"));
  EXPECT_THAT(config_error(classifier(), [](auto& c) { c["polytask"]["max_length"] = -3; }), HasSubstr("max_length"));
  EXPECT_THAT(config_error(pair(), [](auto& c) { c["polytask"]["task"]["pair_encoding"] = "bi"; }),
              HasSubstr("encoded by themselves"));
  EXPECT_THAT(config_error(classifier(), [](auto&) {}, {.type = TaskType::Multilabel}), HasSubstr("leave --type out"));
  EXPECT_THAT(config_error(cosine(), [](auto& c) { c["polytask"].erase("cosine"); }),
              HasSubstr("no folder of sentence-transformers"));
  EXPECT_THAT(config_error(cosine(), [](auto& c) { c["polytask"]["cosine"]["slope"] = 1e300; }),
              HasSubstr("no head can hold"));
}

TEST(HuggingFace, AMultipleChoiceIsNoOtherTask) {
  auto const untouched = [](fs::path const&) {};
  EXPECT_THAT(import_error(choices(), untouched, {.type = TaskType::Classification}),
              HasSubstr("is a BertForMultipleChoice; expected multiple_choice"));
  EXPECT_THAT(import_error(choices(), untouched, {.text = {"a", "b"}}), HasSubstr("one text beside its choices"));
  EXPECT_THAT(
      config_error(choices(),
                   [](auto& c) { c["polytask"]["task"] = OrderedJson::parse(model::head_json(tagger().head)); }),
      HasSubstr("of type tagging, \"architectures\" that the model is a BertForMultipleChoice"));
  EXPECT_THAT(config_error(classifier(), [](auto& c) { c.erase("polytask"); }, {.type = TaskType::MultipleChoice}),
              HasSubstr("of the type multiple_choice, which a BertForSequenceClassification does not hold"));
}

TEST(HuggingFace, ATypeThatTheSectionSaysIsNotBlamedOnTheCommandLine) {
  TemporaryFolder const folder;
  export_huggingface(classifier(), folder / "x");
  edit(folder / "x/config.json", [](auto& c) {
    c.erase("problem_type");
    c["polytask"]["task"]["type"] = "tagging";
    c["polytask"]["task"]["spans"] = "spans";
    c["polytask"]["task"].erase("label");
    c["polytask"]["task"].erase("temperature");
    c["polytask"]["task"].erase("metric");
  });
  try {
    (void)import_huggingface(folder / "x", {});
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidInput);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("x/config.json: \"polytask\" says that the task is of type tagging"),
                                    HasSubstr("expected classification, multilabel or regression"),
                                    ::testing::Not(HasSubstr("--type"))));
  }
}

TEST(HuggingFace, ASectionIsRefusedWhereTheFolderCutsTextsElsewhere) {
  auto const sentence = [] { return model_of(head_of(TaskType::Classification, {"no", "yes"}), model::Pooling::Mean); };
  auto const setting = [](char const* file, char const* key, OrderedJson const& value) {
    return [=](fs::path const& folder) { edit(folder / file, [&](auto& json) { json[key] = value; }); };
  };
  auto const cuts_at = [&](OrderedJson const& length) {
    return setting("tokenizer_config.json", "model_max_length", length);
  };
  EXPECT_THAT(import_error(classifier(), cuts_at(16)),
              AllOf(HasSubstr("tokenizer_config.json: \"model_max_length\" is 16 tokens"), HasSubstr("max_length 24"),
                    HasSubstr("--max-length")));
  EXPECT_THAT(import_error(sentence(), setting("sentence_bert_config.json", "max_seq_length", 40)),
              HasSubstr("sentence_bert_config.json: \"max_seq_length\" is 40 tokens"));
  for (auto const& no_length : {OrderedJson(24), OrderedJson(1e30), OrderedJson()})
    EXPECT_EQ(import_error(classifier(), cuts_at(no_length)), "no error") << no_length;
  EXPECT_EQ(import_error(classifier(), cuts_at(16), {.max_length = 16}), "no error") << "who imports has said which";
}

TEST(HuggingFace, ASectionIsRefusedWhereTheFolderMakesTextsLowerCaseOtherwise) {
  auto const sentence = [] { return model_of(head_of(TaskType::Classification, {"no", "yes"}), model::Pooling::Mean); };
  EXPECT_THAT(import_error(sentence(),
                           [](fs::path const& f) {
                             edit(f / "sentence_bert_config.json", [](auto& json) { json["do_lower_case"] = true; });
                           }),
              AllOf(HasSubstr("sentence_bert_config.json: \"do_lower_case\" is true"), HasSubstr("expected false")));
  EXPECT_THAT(import_error(classifier(),
                           [](fs::path const& f) {
                             edit(f / "tokenizer_config.json", [](auto& json) { json["do_lower_case"] = false; });
                           }),
              HasSubstr("tokenizer_config.json: \"do_lower_case\" is false, \"lowercase\" in tokenizer.json true"));
}

TEST(HuggingFace, ATokenizerOfWhichTwoFilesSayDifferentThingsIsRefused) {
  auto const says = [](OrderedJson const& said) {
    return import_error(classifier(), [&](fs::path const& f) {
      edit(f / "config.json", [](auto& json) { json.erase("polytask"); });
      edit(f / "tokenizer_config.json", [&](auto& json) { json.update(said); });
    });
  };
  EXPECT_EQ(says({{"cls_token", "[CLS]"}, {"sep_token", {{"content", "[SEP]"}}}, {"strip_accents", nullptr}}),
            "no error");
  EXPECT_THAT(says({{"do_lower_case", false}}), HasSubstr("\"lowercase\" in tokenizer.json true"));
  EXPECT_THAT(says({{"tokenize_chinese_chars", false}}), HasSubstr("\"handle_chinese_chars\" in tokenizer.json true"));
  EXPECT_THAT(says({{"cls_token", "[SEP]"}}), HasSubstr("\"cls_token\" is \"[SEP]\", tokenizer.json puts \"[CLS]\""));
  EXPECT_THAT(says({{"sep_token", {{"content", "[CLS]"}}}}), HasSubstr("\"sep_token\" is \"[CLS]\""));
  EXPECT_THAT(says({{"unk_token", "[PAD]"}}), HasSubstr("\"unk_token\" is \"[PAD]\""));
  EXPECT_THAT(says({{"truncation_side", "left"}}), HasSubstr("long texts would lose their beginning"));
  EXPECT_THAT(says({{"model_max_length", 4}}), HasSubstr("is 4 tokens; expected at least 8"));
  EXPECT_THAT(import_error(classifier(),
                           [](fs::path const& f) {
                             write_file_atomically(f / "special_tokens_map.json", R"({"cls_token": "[MASK]"})");
                           }),
              HasSubstr("special_tokens_map.json: \"cls_token\" is \"[MASK]\""));
}

TEST(HuggingFace, ColumnsThatNoTaskCouldHaveAreRefused) {
  auto const untouched = [](fs::path const&) {};
  EXPECT_THAT(import_error(pair(), untouched, {.text = {"a", "a"}}), HasSubstr("\"a\" twice"));
  EXPECT_THAT(import_error(tagger(), untouched, {.text = {"a", "b"}}), HasSubstr("reads one text"));
  EXPECT_THAT(import_error(classifier(), untouched, {.text = {"a"}, .label = "a"}),
              HasSubstr("\"a\" would be a text and its label"));
  EXPECT_THAT(import_error(classifier(), untouched, {.task = "a\nb"}), HasSubstr("control characters"));
  EXPECT_THAT(import_error(classifier(), untouched, {.max_length = 10'000}),
              AllOf(HasSubstr("--max-length 10000"), HasSubstr("positions"), ::testing::Not(HasSubstr(".part"))));
}

/// `text` with one byte, or one word of JSON, in the place of another.
std::string damaged(std::string text, Rng& rng) {
  auto const at = static_cast<std::size_t>(rng.below(text.size()));
  if (rng.below(2) == 0) {
    text[at] = std::string_view("0123456789{}[]\",:-eE\\ nt\x80\x01")[rng.below(25)];
    return text;
  }
  auto const end = text.find_first_of(",}]", at);
  auto const colon = text.rfind(':', at);
  if (end == std::string::npos || colon == std::string::npos) return text;
  constexpr std::array<std::string_view, 9> kWords{"null", "-1", "1e300", "[]", "{}", "\"\"", "true", "3", "[[1]]"};
  return text.replace(colon + 1, end - colon - 1, kWords.at(rng.below(kWords.size())));
}

TEST(HuggingFace, SaysOfAnyDamagedDescriptionWhatIsWrongAndNeverFailsOtherwise) {
  Rng rng(1);
  std::size_t n_refused = 0;
  for (auto const make : {tagger, classifier, cosine}) {
    TemporaryFolder const folder;
    export_huggingface(make(), folder / "x");
    auto const path = folder / "x/config.json";
    auto const whole = read_file(path);
    for (int i = 0; i < 200; ++i) {
      write_file_atomically(path, damaged(whole, rng));
      try {
        auto const back = import_huggingface(folder / "x", {});
        EXPECT_EQ(back.weights.bias.values.size(), back.head.n_outputs());
      } catch (Error const& error) {
        ++n_refused;
        EXPECT_THAT(error.what(), HasSubstr("/x"));
      }
    }
  }
  EXPECT_GT(n_refused, 200U);
}

TEST(HuggingFace, RefusesNamesThatJsonCannotHold) {
  EXPECT_THAT(import_error(classifier(), [](auto const&) {}, {.task = "a\xff"}), HasSubstr("is not valid UTF-8"));
  EXPECT_THAT(import_error(classifier(), [](auto const&) {}, {.text = {"a", "b", "c"}}), HasSubstr("given 3 times"));
}

TEST(HuggingFace, ReadsOnlyTheModulesThatItWrites) {
  auto const sentence = [] { return model_of(head_of(TaskType::Classification, {"no", "yes"}), model::Pooling::Mean); };
  EXPECT_THAT(
      import_error(sentence(),
                   [](auto const& f) { edit(f / "modules.json", [](auto& m) { m[2]["path"] = "../2_Dense"; }); }),
      HasSubstr("other modules"));
  EXPECT_THAT(import_error(sentence(), [](auto const& f) { edit(f / "modules.json", [](auto& m) { m.erase(2); }); }),
              HasSubstr("other modules"));
  EXPECT_THAT(import_error(sentence(),
                           [](auto const& f) {
                             edit(f / "1_Pooling/config.json", [](auto& c) { c["pooling_mode_cls_token"] = true; });
                           }),
              HasSubstr("pools otherwise"));
  EXPECT_THAT(import_error(sentence(),
                           [](auto const& f) {
                             edit(f / "2_Dense/config.json",
                                  [](auto& c) { c["activation_function"] = "torch.nn.modules.activation.Tanh"; });
                           }),
              HasSubstr("expected torch.nn.modules.linear.Identity"));
  EXPECT_THAT(import_error(sentence(),
                           [](auto const& f) {
                             edit_tensors(f / "2_Dense/model.safetensors", [](auto& t) {
                               t.at("linear.bias") = {{3}, {1, 2, 3}};
                             });
                           }),
              HasSubstr("has shape [3]"));
  EXPECT_THAT(import_error(sentence(),
                           [](auto const& f) {
                             fs::rename(f / "2_Dense", f / "elsewhere");
                             fs::create_directory_symlink("elsewhere", f / "2_Dense");
                           }),
              HasSubstr("is a symbolic link"));
}

}  // namespace
}  // namespace polytask::exchange
