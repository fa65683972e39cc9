#include "model/manifest.h"

#include <gmock/gmock.h>

#include <functional>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"

namespace polytask::model {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string hash_of(std::string const& text) { return sha256_hex(text); }

Manifest sample() {
  Manifest manifest{.polytask = "0.1.0", .parent = {.run = "first"}};
  manifest.files = {{"encoder/config.json", hash_of("config")}, {"model.json", hash_of("model")}};
  manifest.encoder = encoder_hash(manifest.files);
  manifest.tasks["intent"] = {
      .folder = "tasks/intent",
      .encoder = manifest.encoder,
      .private_layers = hash_of("private"),
      .head = hash_of("head"),
      .origin = {
          .run = "first",
          .data = {{"tickets", hash_of("data")}},
          .score = TaskScore{.metric = "accuracy", .value = 0.1, .interval = {{0.05, 1.0}}, .n = 30, .split = "test"},
          .hub = HubModel{.name = "a/b", .commit = std::string(40, 'c')}}};
  manifest.tasks["new"] = {.folder = "tasks/new", .encoder = manifest.encoder, .head = hash_of("new")};
  return manifest;
}

std::string error_of(std::string const& text) {
  try {
    (void)parse_manifest(text, "manifest.json");
  } catch (Error const& error) {
    EXPECT_EQ(exit_code(error.code()), 3);
    EXPECT_THAT(error.what(), testing::StartsWith("manifest.json: "));
    return error.what();
  }
  return "no error";
}

std::string error_with(std::function<void(Json& manifest)> const& change) {
  auto json = Json::parse(manifest_text(sample()));
  change(json);
  return error_of(json.dump(1) + "\n");
}

TEST(Manifest, IsReadAsItWasWritten) {
  auto const text = manifest_text(sample());
  auto const read = parse_manifest(text, "manifest.json");
  EXPECT_EQ(manifest_text(read), text);
  EXPECT_EQ(read.parent.run, "first");
  EXPECT_EQ(read.tasks.at("intent").origin.score, sample().tasks.at("intent").origin.score);
  EXPECT_EQ(read.tasks.at("intent").origin.hub, sample().tasks.at("intent").origin.hub);
  EXPECT_EQ(read.tasks.at("new").origin.hub, std::nullopt);
  EXPECT_EQ(read.tasks.at("intent").private_layers, hash_of("private"));
  EXPECT_EQ(read.tasks.at("new").private_layers, std::nullopt);
  EXPECT_EQ(read.tasks.at("new").origin.score, std::nullopt);
}

TEST(Manifest, HasOneTextSoThatItsHashIsTheId) {
  auto const text = manifest_text(sample());
  auto const changed = HasSubstr("was changed after packaging");
  EXPECT_THAT(error_of(text + "\n"), changed);
  EXPECT_THAT(error_of(Json::parse(text).dump()), changed);
  EXPECT_THAT(error_with([](auto& json) { json["signature"] = "me"; }), changed);
  EXPECT_THAT(error_with([](auto& json) { json["tasks"]["new"]["licence"] = "CC0"; }), changed);
  EXPECT_THAT(error_with([](auto& json) { json["parent"] = Json::object(); }), changed);
}

TEST(Manifest, OfANewerSchemaNamesTheVersionThatReadsIt) {
  EXPECT_THAT(error_with([](auto& json) { json["schema"] = 2, json["polytask"] = "0.7.0"; }),
              AllOf(HasSubstr("is written in schema 2, this version of polytask reads 1"),
                    HasSubstr("use version \"0.7.0\", which wrote it, or a newer one")));
}

TEST(Manifest, NamesNoFileOutsideThePackage) {
  for (auto const* path : {"/etc/passwd", "../model.json", "tasks/../../x", "tasks/./x", "tasks//x", "a/b/c/d/e", "x/",
                           "", "..", "a b", "a\\b", "é", "manifest.json"})
    EXPECT_THAT(error_with([&](auto& json) { json["files"][path] = hash_of("x"); }),
                HasSubstr("expected a path inside the package"))
        << path;
  EXPECT_THAT(error_with([](auto& json) { json["tasks"]["new"]["folder"] = "../new"; }), HasSubstr("into \"../new\""));
}

TEST(Manifest, RefusesWhatIsNoHashNoScoreAndNoObject) {
  for (auto const* hash : {"", "abc", "ABCDEF", "../../etc/passwd"})
    EXPECT_THAT(error_with([&](auto& json) { json["encoder"] = hash; }), HasSubstr("expected 64 small hexadecimal"));
  EXPECT_THAT(error_with([](auto& json) { json["files"]["model.json"] = 7; }), HasSubstr("is not a manifest"));
  EXPECT_THAT(error_with([](auto& json) { json["files"] = Json::array(); }), HasSubstr("hashes by name"));
  EXPECT_THAT(error_with([](auto& json) { json["tasks"] = 3; }), HasSubstr("\"tasks\" is no object"));
  EXPECT_THAT(error_with([](auto& json) { json["tasks"]["intent"]["metrics"]["interval"] = {1.0}; }),
              HasSubstr("the interval"));
  EXPECT_THAT(error_with([](auto& json) { json["tasks"]["intent"]["metrics"]["value"] = "good"; }),
              HasSubstr("the score"));
  EXPECT_THAT(error_with([](auto& json) { json["tasks"]["intent"]["metrics"]["n"] = -1; }), HasSubstr("the row count"));
  EXPECT_THAT(error_with([](auto& json) { json["tasks"]["intent"].erase("head"); }), HasSubstr("is not a manifest"));
  EXPECT_THAT(error_of("[]"), HasSubstr("is not a manifest"));
  EXPECT_THAT(error_of(""), HasSubstr("is not valid JSON"));
  EXPECT_THAT(error_of(R"({"schema": 1, "schema": 2})"), HasSubstr("the key \"schema\" stands twice"));
  EXPECT_THAT(error_of(std::string(100'000, '[')), HasSubstr("is nested more than 8 levels deep"));
}

TEST(EncoderHash, IsWhatSha256sumPrintsOfTheFilesTogether) {
  // printf 'config' >encoder/config.json; printf 'weights' >encoder/model.safetensors; sha256sum encoder/* | sha256sum
  EXPECT_EQ(encoder_hash({{"encoder/config.json", hash_of("config")},
                          {"encoder/model.safetensors", hash_of("weights")},
                          {"model.json", hash_of("model")}}),
            "07fe1739a807792df119223fa4211541059bf5b814ed0e21bc1da2f3e51e6bee");
}

}  // namespace
}  // namespace polytask::model
