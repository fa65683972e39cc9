#include "exchange/onnx_folder.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "exchange/onnx_test_support.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::exchange {
namespace {

namespace fs = std::filesystem;
using namespace test_support;
using model::test_support::TemporaryFolder;
using model::test_support::write_tensors;
using testing::ElementsAre;
using testing::HasSubstr;

/// Bytes of every file, by path.
std::map<std::string, std::string> files_of(fs::path const& folder) {
  std::map<std::string, std::string> files;
  for (auto const& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[entry.path().lexically_relative(folder).string()] = read_file(entry.path());
  return files;
}

/// Of a package, without what a package has beside a model.
std::map<std::string, std::string> model_files_of(fs::path const& package) {
  auto files = files_of(package);
  std::erase_if(files,
                [](auto const& file) { return file.first == "manifest.json" || file.first.ends_with("card.md"); });
  return files;
}

template <typename Action>
std::pair<ErrorCode, std::string> error_of(Action const& action) {
  try {
    action();
  } catch (Error const& error) {
    return {error.code(), error.what()};
  }
  return {ErrorCode::Interrupted, "no error"};
}

/// A model folder as training writes it, of `small_model`.
class OnnxFolder : public testing::Test {
 protected:
  OnnxFolder() { write(small_model()); }

  void write(OnnxModel model) const {
    fs::remove_all(folder_);
    model.config.vocab_size = 8;
    std::map<std::string, std::map<std::string, model::Tensor>> files;
    auto const path_of = [&](std::string const& name) -> std::pair<fs::path, std::string> {
      if (name.starts_with("private.")) {
        auto const dot = name.find('.', 8);
        return {folder_ / "private" / (name.substr(8, dot - 8) + ".safetensors"), name.substr(dot + 1)};
      }
      for (auto const& head : model.spec.heads)
        if (auto const start = "tasks." + model::head_file_name(head.task.name) + "."; name.starts_with(start))
          return {name.starts_with(start + "encoder.")
                      ? model::private_file(folder_, head.task.name)
                      : model::task_folder(folder_, head.task.name) / "head.safetensors",
                  name.substr(start.size())};
      return {folder_ / "encoder" / "model.safetensors", name};
    };
    float next = 0;
    visit_weights(model.config, model.spec, model.weights, [&](auto const& name, auto const& shape, auto& tensor) {
      tensor = model::test_support::filled(shape, next += 0.5F);
      auto const [path, own_name] = path_of(name);
      files[path.string()][own_name] = tensor;
    });
    for (auto const& [path, tensors] : files)
      if (path != (folder_ / "encoder" / "model.safetensors").string()) write_tensors(path, tensors);
    model::write_encoder_weights(folder_ / "encoder", model.config, model.weights.encoder);
    model::write_encoder_config(folder_ / "encoder", model.config);
    text::make_wordpiece({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##b"}, {}, "test")
        .value()
        ->save(folder_ / "encoder");
    model::write_model_spec(folder_, model.spec);
  }

  TemporaryFolder const temporary_;
  fs::path const folder_ = temporary_ / "model";
  fs::path const onnx_ = temporary_ / "onnx";
  fs::path const back_ = temporary_ / "back";
};

TEST_F(OnnxFolder, GoesOutAndComesBackByteForByte) {
  for (auto const private_layers : {0, 1, 2}) {
    write(small_model(private_layers));
    fs::remove_all(onnx_);
    fs::remove_all(back_);
    export_onnx(folder_, {}, onnx_, "0.1.0");
    EXPECT_TRUE(is_onnx_folder(onnx_));
    (void)import_onnx(onnx_, back_, "0.1.0");
    EXPECT_EQ(model_files_of(back_), files_of(folder_));
  }
}

TEST_F(OnnxFolder, TakesTheLayersOfTasksAlong) {
  auto model = small_model(1);
  model.spec.heads[0].private_layers = 2;  // two tasks over whole texts, one of which parts first
  model.spec.heads[3].private_layers = 1;
  write(model);
  export_onnx(folder_, {}, onnx_, "0.1.0");
  (void)import_onnx(onnx_, back_, "0.1.0");
  EXPECT_EQ(model_files_of(back_), files_of(folder_));
  fs::remove_all(onnx_);
  fs::remove_all(back_);
  export_onnx(folder_, {model.spec.heads[0].task.name}, onnx_, "0.1.0");
  (void)import_onnx(onnx_, back_, "0.1.0");
  EXPECT_EQ(model_files_of(back_ / "tasks").size(), 3u) << "one task, with its layers";
  EXPECT_FALSE(fs::exists(back_ / "private"));
}

TEST_F(OnnxFolder, HoldsTheModelItsConfigurationAndTheTokenizer) {
  export_onnx(folder_, {}, onnx_, "0.1.0");
  auto files = files_of(onnx_);
  EXPECT_TRUE(files.contains("model.onnx"));
  files.erase("model.onnx");
  auto encoder = files_of(folder_ / "encoder");
  encoder.erase("model.safetensors");
  EXPECT_EQ(files, encoder);
}

TEST_F(OnnxFolder, OfChosenTasksHoldsWhatTheyReadAndNothingElse) {
  export_onnx(folder_, {"duplicate", "Things & more"}, onnx_, "0.1.0");
  (void)import_onnx(onnx_, back_, "0.1.0");
  EXPECT_THAT(model::read_model_spec(back_).task_names(), ElementsAre("Things & more", "duplicate"));
  auto const before = files_of(folder_);
  for (auto const& [path, bytes] : model_files_of(back_)) {
    if (path == "model.json") continue;
    EXPECT_EQ(bytes, before.at(path)) << path;
  }
  EXPECT_FALSE(fs::exists(back_ / "private" / "text.safetensors"));
  EXPECT_TRUE(fs::exists(back_ / "private" / "comparison.safetensors"));
}

TEST_F(OnnxFolder, KeepsWhoseLayersStandInTheEncoderWhenThatReadingIsLeftOut) {
  export_onnx(folder_, {"intent"}, onnx_, "0.1.0");  // the encoder's top layers are those of words
  (void)import_onnx(onnx_, back_, "0.1.0");
  EXPECT_EQ(model::read_model_spec(back_).encoder_reading, model::Reading::Words);
  EXPECT_EQ(read_file(back_ / "private" / "text.safetensors"), read_file(folder_ / "private" / "text.safetensors"));
}

TEST_F(OnnxFolder, IsNotWrittenOverAnythingAndLeavesNothingWhereItFails) {
  fs::create_directories(onnx_);
  auto const there = error_of([&] { export_onnx(folder_, {}, onnx_, "0.1.0"); });
  EXPECT_EQ(there.first, ErrorCode::Conflict);
  EXPECT_THAT(there.second, HasSubstr("is there already"));
  fs::remove_all(onnx_);
  auto const unknown = error_of([&] { export_onnx(folder_, {"intend"}, onnx_, "0.1.0"); });
  EXPECT_EQ(unknown.first, ErrorCode::NotFound);
  EXPECT_THAT(unknown.second, HasSubstr("has no task \"intend\"; did you mean \"intent\"?"));
  write_tensors(model::task_folder(folder_, "intent") / "head.safetensors",
                {{"weight", model::test_support::filled({2, 4}, 1)}, {"bias", model::test_support::filled({2}, 1)}});
  EXPECT_THAT(error_of([&] { export_onnx(folder_, {}, onnx_, "0.1.0"); }).second, HasSubstr("has shape [2]"));
  std::vector<std::string> left;
  for (auto const& entry : fs::directory_iterator(folder_.parent_path()))
    left.push_back(entry.path().filename().string());
  EXPECT_THAT(left, ElementsAre("model"));
}

TEST_F(OnnxFolder, IsNotWrittenIntoTheModelNorItsPackageIntoIt) {
  auto const out = error_of([&] { export_onnx(folder_, {}, folder_ / "tasks" / "x", "0.1.0"); });
  EXPECT_EQ(out.first, ErrorCode::InvalidUsage);
  EXPECT_THAT(out.second, HasSubstr("lies inside"));
  export_onnx(folder_, {}, onnx_, "0.1.0");
  auto const in = error_of([&] { (void)import_onnx(onnx_, onnx_ / "x", "0.1.0"); });
  EXPECT_EQ(in.first, ErrorCode::InvalidUsage);
  EXPECT_THAT(in.second, HasSubstr("lies inside"));
  EXPECT_FALSE(is_there(folder_ / "tasks" / "x") || is_there(onnx_ / "x"));
}

TEST_F(OnnxFolder, WithoutATokenizerThatFitsIsNotImported) {
  export_onnx(folder_, {}, onnx_, "0.1.0");
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d"};
  text::make_wordpiece(tokens, {}, "test").value()->save(onnx_);
  EXPECT_THAT(error_of([&] { (void)import_onnx(onnx_, back_, "0.1.0"); }).second,
              HasSubstr("the tokenizer has 9 tokens, the encoder embeds 8"));
  for (auto const& entry : files_of(onnx_))
    if (entry.first != "model.onnx") fs::remove(onnx_ / entry.first);
  EXPECT_EQ(error_of([&] { (void)import_onnx(onnx_, back_, "0.1.0"); }).first, ErrorCode::NotFound);
  EXPECT_FALSE(fs::exists(back_));
  fs::remove(onnx_ / "model.onnx");
  EXPECT_FALSE(is_onnx_folder(onnx_));
  EXPECT_EQ(error_of([&] { (void)import_onnx(onnx_, back_, "0.1.0"); }).first, ErrorCode::NotFound);
}

}  // namespace
}  // namespace polytask::exchange
