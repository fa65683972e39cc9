#include "cli/hub_environment.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <map>

#include "base/error.h"
#include "base/file.h"

namespace polytask::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

hub::HubSettings of(std::map<std::string, std::string> const& variables) {
  return hub_settings([&](char const* name) -> std::optional<std::string> {
    auto const found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(HubEnvironment, SaysWhereTheCacheIsAsTheHubsOwnLibraryDoes) {
  EXPECT_EQ(of({{"HOME", "/nobody"}}).cache, "/nobody/.cache/huggingface/hub");
  EXPECT_EQ(of({{"HOME", "/nobody"}, {"XDG_CACHE_HOME", "/caches"}}).cache, "/caches/huggingface/hub");
  EXPECT_EQ(of({{"HOME", "/nobody"}, {"XDG_CACHE_HOME", "/caches"}, {"HF_HOME", "~/hf"}}).cache, "/nobody/hf/hub");
  EXPECT_EQ(of({{"HF_HOME", "/hf"}, {"HUGGINGFACE_HUB_CACHE", "/old"}}).cache, "/old");
  EXPECT_EQ(of({{"HF_HOME", "/hf"}, {"HUGGINGFACE_HUB_CACHE", "/old"}, {"HF_HUB_CACHE", "/new"}}).cache, "/new");
  EXPECT_EQ(of({{"HF_HOME", "/hf"}, {"HF_HUB_CACHE", ""}}).cache, "/hf/hub");
  EXPECT_THROW((void)of({}), Error);
}

TEST(HubEnvironment, HasDefaults) {
  auto const settings = of({{"HF_HOME", "/hf"}});
  EXPECT_EQ(settings.endpoint, "https://huggingface.co");
  EXPECT_EQ(settings.silence, std::chrono::seconds(10));
  EXPECT_FALSE(settings.offline);
  EXPECT_EQ(settings.token, "");
}

TEST(HubEnvironment, SwitchesOfflineByTheWordsThatMeanYes) {
  for (auto const* word : {"1", "on", "YES", "true"})
    EXPECT_TRUE(of({{"HF_HOME", "/hf"}, {"HF_HUB_OFFLINE", word}}).offline);
  for (auto const* word : {"0", "no", "", "2"})
    EXPECT_FALSE(of({{"HF_HOME", "/hf"}, {"HF_HUB_OFFLINE", word}}).offline);
  EXPECT_TRUE(of({{"HF_HOME", "/hf"}, {"TRANSFORMERS_OFFLINE", "1"}}).offline);
}

TEST(HubEnvironment, ATokenIsAVariableOrAFile) {
  auto const folder =
      std::filesystem::temp_directory_path() / ("polytask_hub_environment_" + std::to_string(::getpid()));
  write_file_atomically(folder / "token", "hf_file\n");
  EXPECT_EQ(of({{"HF_HOME", folder}}).token, "hf_file");
  EXPECT_EQ(of({{"HF_HOME", folder}, {"HF_TOKEN", " hf_variable\n"}}).token, "hf_variable");
  EXPECT_EQ(of({{"HF_HOME", "/hf"}, {"HF_TOKEN_PATH", folder / "token"}}).token, "hf_file");
  EXPECT_EQ(of({{"HF_HOME", folder}, {"HF_TOKEN", "x"}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"}}).token, "");
  std::filesystem::remove_all(folder);
}

TEST(HubEnvironment, AWrongValueIsNamedAndATokenNotShown) {
  try {
    (void)of({{"HF_HOME", "/hf"}, {"HF_TOKEN", "hf_secret\r\nX-Other: 1"}});
    ADD_FAILURE();
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("HF_TOKEN"));
    EXPECT_THAT(error.what(), Not(HasSubstr("hf_secret")));
  }
  for (auto const* seconds : {"0", "-1", "x", "1.5", "99999"})
    EXPECT_THROW((void)of({{"HF_HOME", "/hf"}, {"HF_HUB_DOWNLOAD_TIMEOUT", seconds}}), Error) << seconds;
  EXPECT_EQ(of({{"HF_HOME", "/hf"}, {"HF_HUB_DOWNLOAD_TIMEOUT", "30"}}).silence, std::chrono::seconds(30));
}

}  // namespace
}  // namespace polytask::cli
