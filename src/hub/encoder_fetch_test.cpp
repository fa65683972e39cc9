#include "hub/encoder_fetch.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/file.h"
#include "hub/test_support.h"

namespace polytask::hub {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Error error_of_fetch(HubFixture& at) {
  try {
    (void)at.fetch();
  } catch (Error const& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was refused";
  return {ErrorCode::Conflict, ""};
}

TEST(EncoderFetch, BringsWhatAnEncoderNeedsInTheLayoutOfTheHubsOwnLibrary) {
  HubFixture at;
  auto const encoder = at.fetch();
  EXPECT_EQ(encoder.folder, at.model() / "snapshots" / kCommit);
  EXPECT_EQ(encoder.commit, kCommit);
  for (auto const* file : {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"}) {
    EXPECT_EQ(read_file(encoder.folder / file), at.hub.files.at(file).content) << file;
    auto const etag = FakeHub::content_of(at.hub.files.at(file)).etag();
    EXPECT_EQ(fs::read_symlink(encoder.folder / file), fs::path("../../blobs") / etag);
  }
  EXPECT_FALSE(fs::exists(encoder.folder / "README.md"));
  EXPECT_EQ(read_file(at.model() / "refs" / "main"), kCommit);
  ASSERT_EQ(at.plans.size(), 1);
  EXPECT_EQ(at.plans.front().n_bytes, 100'000 + 13 + 2);  // the configuration was looked at before
  EXPECT_THAT(at.notes, IsEmpty());
}

TEST(EncoderFetch, AsksNobodyWhereTheCacheHasAllOfIt) {
  HubFixture at;
  (void)at.fetch();
  at.hub.requests.clear();
  EXPECT_EQ(at.fetch().commit, kCommit);
  at.name.revision = kCommit;
  EXPECT_EQ(at.fetch().commit, kCommit);
  EXPECT_EQ(at.hub.requests.size(), 0);
}

TEST(EncoderFetch, TheTokenIsShownToTheHubAlone) {
  HubFixture at;
  at.settings.token = "hf_secret";
  (void)at.fetch();
  for (auto const& request : at.hub.requests) {
    bool const is_shown = std::find(request.headers.begin(), request.headers.end(),
                                    "Authorization: Bearer hf_secret") != request.headers.end();
    EXPECT_EQ(is_shown, request.url.host == "hub.example") << request.url.text();
  }
  EXPECT_EQ(at.hub.n_requests("cdn.example"), 1);
}

TEST(EncoderFetch, ATokenIsNotShownInTheClear) {
  HubFixture at;
  at.settings.token = "hf_secret";
  at.settings.endpoint = "http://hub.example";
  (void)at.fetch();
  for (auto const& request : at.hub.requests)
    for (auto const& header : request.headers) EXPECT_FALSE(header.starts_with("Authorization")) << request.url.text();
}

TEST(EncoderFetch, GoesOnWhereAConnectionBroke) {
  HubFixture at;
  int n_broken = 0;
  at.hub.change = [&](HttpRequest const& request, FakeHub::Reply& reply) {
    if (!sends(request, "model.safetensors") || ++n_broken > 2) return;
    reply.body.resize(reply.body.size() / 2);
    reply.failure = HttpFailure::Dropped;
  };
  (void)at.fetch();
  EXPECT_EQ(at.hub.n_requests("cdn.example"), 3);
  EXPECT_THAT(at.hub.requests.back().headers, ::testing::Contains("Range: bytes=75000-"));
  EXPECT_THAT(at.notes.front(), HasSubstr("asking again in 1 s"));
}

TEST(EncoderFetch, AnEarlierCallsPartIsGoneOnWith) {
  HubFixture at;
  at.hub.change = [&](HttpRequest const& request, FakeHub::Reply& reply) {
    if (sends(request, "model.safetensors")) reply.body.resize(40'000), reply.failure = HttpFailure::Stopped;
  };
  EXPECT_EQ(error_of_fetch(at).code(), ErrorCode::Interrupted);
  EXPECT_FALSE(fs::exists(at.model() / "refs" / "main"));
  at.hub.change = nullptr;
  (void)at.fetch();
  EXPECT_THAT(at.hub.requests.back().headers, ::testing::Contains("Range: bytes=40000-"));
  EXPECT_EQ(at.plans.back().n_bytes, 60'000);
  EXPECT_EQ(at.plans.back().files.front().n_present, 40'000);
}

TEST(EncoderFetch, ADamagedPartIsDownloadedAnew) {
  HubFixture at;
  auto const etag = FakeHub::content_of(at.hub.files.at("model.safetensors")).etag();
  write_file_atomically(at.model() / "blobs" / (etag + ".incomplete"), std::string(40'000, 'x'));
  (void)at.fetch();
  EXPECT_THAT(at.notes, ElementsAre(HasSubstr("what was there before is damaged")));
  EXPECT_EQ(at.hub.n_requests("cdn.example"), 2);
}

TEST(EncoderFetch, AServerThatCannotGoOnInTheMiddleBeginsAgain) {
  HubFixture at;
  auto const etag = FakeHub::content_of(at.hub.files.at("model.safetensors")).etag();
  write_file_atomically(at.model() / "blobs" / (etag + ".incomplete"), std::string(40'000, 'x'));
  at.hub.change = [&](HttpRequest const& request, FakeHub::Reply& reply) {
    if (sends(request, "model.safetensors"))
      reply = {.headers = {}, .body = at.hub.files.at("model.safetensors").content};
  };
  (void)at.fetch();
  EXPECT_THAT(at.notes, IsEmpty());
}

/// What the server sends in the place of a file's content, and what is said of it.
struct Wrong {
  char const* name;
  std::function<void(FakeHub::Reply&)> change;
  char const* said;
  char const* end = "it is removed";
};

TEST(EncoderFetch, OfAnotherContentNothingStays) {
  for (Wrong const& wrong : {
           Wrong{"hash", [](auto& reply) { reply.body[7] = 'x'; }, "has the hash"},
           Wrong{"more", [](auto& reply) { reply.body += 'x', reply.headers.erase("content-length"); },
                 "more than the 100000 bytes that were announced"},
           Wrong{"length", [](auto& reply) { reply.headers["content-length"] = "99"; }, "would be 99 bytes long",
                 "it is not read"},
           Wrong{"packed", [](auto& reply) { reply.headers["content-encoding"] = "gzip"; }, "is packed",
                 "it is not read"},
           Wrong{"part", [](auto& reply) { reply.status = 206, reply.headers["content-range"] = "bytes 7-99/100"; },
                 "another part than was asked for", "it is not read"},
       }) {
    HubFixture at;
    at.hub.change = [&](HttpRequest const& request, FakeHub::Reply& reply) {
      if (sends(request, "model.safetensors")) wrong.change(reply);
    };
    auto const error = error_of_fetch(at);
    EXPECT_EQ(error.code(), ErrorCode::Corrupt) << wrong.name;
    EXPECT_THAT(error.what(), AllOf(HasSubstr("model.safetensors"), HasSubstr(wrong.said), HasSubstr(wrong.end)));
    EXPECT_FALSE(fs::exists(at.model() / "snapshots" / kCommit / "model.safetensors"));
    EXPECT_FALSE(fs::exists(at.model() / "refs" / "main"));
    for (auto const& entry : fs::directory_iterator(at.model() / "blobs"))
      EXPECT_LT(entry.file_size(), 1'000) << wrong.name;
  }
}

TEST(EncoderFetch, ATruncatedBodyIsAskedForAgainAndThenSaid) {
  HubFixture at;
  at.hub.change = [&](HttpRequest const& request, FakeHub::Reply& reply) {
    if (sends(request, "config.json")) reply.body.clear(), reply.headers.clear();
  };
  auto const error = error_of_fetch(at);
  EXPECT_EQ(error.code(), ErrorCode::Unavailable);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("config.json"), HasSubstr("0 of 22 bytes came")));
  EXPECT_EQ(at.hub.n_requests("config.json"), 5);
  EXPECT_EQ(at.waited, std::chrono::seconds(1 + 2 + 4 + 8));
}

TEST(EncoderFetch, APickleIsRefusedWithWhatToDo) {
  HubFixture at;
  at.hub.files["pytorch_model.bin"] = at.hub.files["model.safetensors"];
  at.hub.files.erase("model.safetensors");
  auto const error = error_of_fetch(at);
  EXPECT_EQ(error.code(), ErrorCode::InvalidInput);
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("pickle"), HasSubstr("safe_serialization")));
  at.hub.files.erase("pytorch_model.bin");
  EXPECT_THAT(error_of_fetch(at).what(), HasSubstr("no model.safetensors"));
}

TEST(EncoderFetch, ShardsComeWithTheirIndex) {
  HubFixture at;
  at.hub.files.erase("model.safetensors");
  at.hub.files["model-1.safetensors"] = {"one", true};
  at.hub.files["model-2.safetensors"] = {"two", true};
  at.hub.files["other.safetensors"] = {"three", true};
  at.hub.files["model.safetensors.index.json"] = {
      R"({"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}})"};
  auto const encoder = at.fetch();
  EXPECT_TRUE(fs::exists(encoder.folder / "model-2.safetensors"));
  EXPECT_FALSE(fs::exists(encoder.folder / "other.safetensors"));
  at.hub.requests.clear();
  (void)at.fetch();
  EXPECT_EQ(at.hub.requests.size(), 0);
  fs::remove(encoder.folder / "model-2.safetensors");
  (void)at.fetch();
  EXPECT_TRUE(fs::exists(encoder.folder / "model-2.safetensors"));
  at.hub.files.erase("model-2.safetensors");
  fs::remove_all(at.model());
  EXPECT_THAT(error_of_fetch(at).what(), HasSubstr("which is not among the model's files"));
}

TEST(EncoderFetch, AnAbsurdSizeIsRefusedBeforeItIsDownloaded) {
  HubFixture at;
  at.hub.files["config.json"].content.resize(20 << 20);
  EXPECT_THAT(error_of_fetch(at).what(), HasSubstr("config.json has 20971520 bytes; at most 16777216"));
  EXPECT_EQ(at.hub.n_requests("resolve"), 0);
}

TEST(EncoderFetch, TheConfigurationIsLookedAtBeforeTheWeightsCome) {
  HubFixture at;
  at.events.on_config = [](fs::path const& path) {
    throw Error(ErrorCode::InvalidInput, path.filename().string() + ": a family that is not known");
  };
  EXPECT_THAT(error_of_fetch(at).what(), HasSubstr("a family that is not known"));
  EXPECT_EQ(at.hub.n_requests("safetensors"), 0);
}

TEST(EncoderFetch, OfflineTheCacheAloneIsUsed) {
  HubFixture at;
  at.settings.offline = true;
  EXPECT_THAT(error_of_fetch(at).what(), AllOf(HasSubstr("a/b"), HasSubstr("HF_HUB_OFFLINE")));
  EXPECT_EQ(at.hub.requests.size(), 0);
  at.settings.offline = false;
  auto const encoder = at.fetch();
  at.settings.offline = true;
  at.hub.requests.clear();
  EXPECT_EQ(at.fetch().folder, encoder.folder);
  EXPECT_EQ(at.hub.requests.size(), 0);
  EXPECT_EQ((at.name = {"a/b", "other"}, error_of_fetch(at)).code(), ErrorCode::NotFound);
}

TEST(EncoderFetch, WithoutANetworkWhatIsThereIsUsedAndSaid) {
  HubFixture at;
  auto const encoder = at.fetch();
  fs::remove(encoder.folder / "tokenizer_config.json");  // decides nothing, and is wanted
  at.hub.change = [](HttpRequest const&, FakeHub::Reply& reply) {
    reply = {.headers = {}, .failure = HttpFailure::Unreachable};
  };
  EXPECT_EQ(at.fetch().folder, encoder.folder);
  EXPECT_THAT(at.notes.back(), AllOf(HasSubstr("cannot be reached"), HasSubstr("what the cache has of it is used")));
  fs::remove(encoder.folder / "config.json");
  EXPECT_EQ(error_of_fetch(at).code(), ErrorCode::Unavailable);
}

TEST(EncoderFetch, ABlobThatIsThereIsNotDownloadedAgain) {
  HubFixture at;
  (void)at.fetch();
  fs::remove_all(at.model() / "snapshots");
  at.hub.requests.clear();
  (void)at.fetch();
  EXPECT_EQ(at.hub.n_requests("resolve"), 0);
}

}  // namespace
}  // namespace polytask::hub
