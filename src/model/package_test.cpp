#include "model/package.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <functional>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "model/package_contents.h"
#include "model/test_support.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;
using namespace test_support;
using testing::AllOf;
using testing::HasSubstr;

/// A package of the sample model.
class SamplePackage : public testing::Test {
 protected:
  SamplePackage() {
    write_sample_model(model_);
    make();
  }

  void make() {
    fs::remove_all(folder_);
    write_package(contents_of_model(model_, [](HeadSpec const&) { return TaskOrigin{}; }), folder_, "0.1.0");
  }

  /// What opening says, after which the package is whole again.
  std::string error_after(std::function<void()> const& damage) {
    damage();
    auto const message = error_of_opening();
    make();
    return message;
  }

  std::string error_of_opening() const {
    try {
      (void)open_package(folder_);
    } catch (Error const& error) {
      EXPECT_EQ(exit_code(error.code()), 3);
      return error.what();
    }
    return "no error";
  }

  /// The manifest, changed by somebody who writes manifests.
  void change_manifest(std::function<void(Manifest&)> const& change) const {
    auto manifest = parse_manifest(read_file(folder_ / "manifest.json"), "manifest.json");
    change(manifest);
    write_file_atomically(folder_ / "manifest.json", manifest_text(manifest));
  }

  /// A file, changed by somebody who puts its new hash into the manifest.
  void change_file(std::string const& path, std::string const& bytes) const {
    write_file_atomically(folder_ / path, bytes);
    change_manifest([&](Manifest& manifest) {
      manifest.files[path] = sha256_hex(bytes);
      manifest.encoder = encoder_hash(manifest.files);
      for (auto& [name, task] : manifest.tasks) task.encoder = manifest.encoder;
    });
  }

  TemporaryFolder const temporary_;
  fs::path const model_ = temporary_ / "model";
  fs::path const folder_ = temporary_ / "package";
};

TEST_F(SamplePackage, IsOpenedWithAllThatItHolds) {
  auto const package = open_package(folder_);
  EXPECT_EQ(package.id, sha256_file(folder_ / "manifest.json"));
  EXPECT_EQ(package.spec.heads.size(), 2u);
  EXPECT_EQ(package.manifest.files.size(), 11u);
  auto const& things = package.manifest.tasks.at("Things & more");
  EXPECT_EQ(things.private_layers, sha256_file(folder_ / "private" / "words.safetensors"));
  EXPECT_EQ(package.manifest.tasks.at("intent").private_layers, std::nullopt);
  EXPECT_TRUE(is_package(folder_));
  EXPECT_FALSE(is_package(model_));
  EXPECT_FALSE(is_package(temporary_ / "absent"));
}

TEST_F(SamplePackage, NamesTheFileThatWasChangedAddedOrTakenAway) {
  for (auto const* path : {"encoder/vocab.txt", "model.json", "tasks/intent/card.md", "private/words.safetensors"}) {
    EXPECT_THAT(error_after([&] { write_file_atomically(folder_ / path, read_file(folder_ / path) + " "); }),
                AllOf(HasSubstr(std::string(path) + ": was changed after packaging"), HasSubstr("manifest.json says")));
    EXPECT_THAT(error_after([&] { fs::remove(folder_ / path); }),
                HasSubstr(std::string(path) + ": is listed in manifest.json and missing"));
  }
  EXPECT_THAT(error_after([&] { write_file_atomically(folder_ / "encoder" / "merges.txt", ""); }),
              HasSubstr("encoder/merges.txt: is not listed in manifest.json"));
  EXPECT_THAT(error_after([&] { fs::remove(folder_ / "manifest.json"); }),
              HasSubstr("manifest.json: is missing, so the folder is no package"));
  EXPECT_EQ(error_of_opening(), "no error");
}

TEST_F(SamplePackage, HoldsRegularFilesOfOneNameAlone) {
  auto const card = folder_ / "tasks" / "intent" / "card.md";
  EXPECT_THAT(error_after([&] {
                fs::rename(card, temporary_ / "card.md");
                fs::create_symlink(temporary_ / "card.md", card);
              }),
              HasSubstr("card.md: is a symbolic link"));
  EXPECT_THAT(error_after([&] { fs::create_hard_link(card, temporary_ / "other.md"); }),
              AllOf(HasSubstr("card.md: has another name elsewhere (a hard link)")));
  fs::remove(temporary_ / "other.md");
  EXPECT_THAT(error_after([&] {
                fs::remove(card);
                ASSERT_EQ(::mkfifo(card.c_str(), 0600), 0);
              }),
              HasSubstr("card.md: is no regular file"));
  EXPECT_THAT(error_after([&] {
                fs::rename(folder_ / "encoder", temporary_ / "encoder");
                fs::create_directory_symlink(temporary_ / "encoder", folder_ / "encoder");
              }),
              HasSubstr("encoder: is a symbolic link"));
  fs::remove_all(temporary_ / "encoder");
  EXPECT_THAT(error_after([&] { write_file_atomically(folder_ / "a b\n", ""); }), HasSubstr("holds \"a b\\n\""));
  EXPECT_THAT(error_after([&] { write_file_atomically(folder_ / "1/2/3/4/5", ""); }), HasSubstr("holds \"1/2/3/4/5\""));
  fs::create_directory_symlink(folder_, temporary_ / "link");
  EXPECT_EQ(open_package(temporary_ / "link").id, open_package(folder_).id) << "the user may name a package by a link";
}

TEST_F(SamplePackage, RefusesAHeadOfAnotherEncoderOrOtherPrivateLayers) {
  EXPECT_THAT(error_after([&] {
                change_manifest([](Manifest& manifest) { manifest.tasks["intent"].encoder = sha256_hex("another"); });
              }),
              HasSubstr("the head of task \"intent\" was trained on another encoder"));
  EXPECT_THAT(
      error_after([&] {
        change_manifest([](Manifest& manifest) { manifest.tasks["Things & more"].private_layers = sha256_hex("x"); });
      }),
      HasSubstr("the head of task \"Things & more\" was trained on other private layers"));
  EXPECT_THAT(error_after([&] {
                change_manifest([](Manifest& manifest) { manifest.tasks["Things & more"].private_layers.reset(); });
              }),
              HasSubstr("was trained on other private layers"));
  EXPECT_THAT(error_after([&] {
                change_manifest([](Manifest& manifest) { manifest.tasks["intent"].head = sha256_hex("another"); });
              }),
              HasSubstr("gives the head of task \"intent\" another hash than its file"));
  EXPECT_THAT(
      error_after([&] { change_manifest([](Manifest& manifest) { manifest.encoder = sha256_hex("another"); }); }),
      HasSubstr("gives the encoder another hash than its files have together"));
}

TEST_F(SamplePackage, RefusesTasksThatManifestAndModelDoNotShare) {
  EXPECT_THAT(error_after([&] { change_manifest([](Manifest& manifest) { manifest.tasks.erase("intent"); }); }),
              HasSubstr("does not have the task \"intent\" of model.json"));
  EXPECT_THAT(error_after([&] {
                change_manifest([](Manifest& manifest) { manifest.tasks["more"] = manifest.tasks["intent"]; });
              }),
              HasSubstr("has 3 tasks, model.json 2"));
  EXPECT_THAT(error_after([&] {
                change_manifest([](Manifest& manifest) { manifest.tasks["intent"].folder = "tasks/urgency"; });
              }),
              HasSubstr("puts the task \"intent\" into \"tasks/urgency\"; expected \"tasks/intent\""));
  EXPECT_THAT(error_after([&] { change_file("tasks/more/task.json", "{}"); }),
              HasSubstr("tasks/more/task.json: belongs to no task of model.json"));
}

TEST_F(SamplePackage, ChecksTheModelAlsoWhereTheHashesAreRight) {
  auto const with = [&](std::string const& path, std::function<void(Json&)> const& change) {
    return error_after([&] {
      auto json = Json::parse(read_file(folder_ / path));
      change(json);
      change_file(path, json.dump());
    });
  };
  EXPECT_THAT(
      with("tasks/intent/task.json",
           [](Json& task) {
             task["labels"] = {"a", "b"};
           }),
      AllOf(HasSubstr("tasks/intent/head.safetensors: tensor \"bias\" has shape [3]"), HasSubstr("asks for [2]")));
  EXPECT_THAT(with("tasks/intent/task.json", [](Json& task) { task["temperature"] = 0; }),
              HasSubstr("the temperature 0"));
  EXPECT_THAT(with("model.json", [](Json& model) { model["max_length"] = 17; }),
              HasSubstr("the encoder has 16 positions"));
  EXPECT_THAT(with("model.json", [](Json& model) { model["schema"] = 3; }), HasSubstr("was written in schema 3"));
  EXPECT_THAT(with("model.json", [](Json& model) { model["tasks"] = {"../../etc"}; }), HasSubstr("cannot be opened"));
  EXPECT_THAT(with("encoder/config.json", [](Json& config) { config["hidden_size"] = 8; }), HasSubstr("asks for [8"));
}

}  // namespace
}  // namespace polytask::model
