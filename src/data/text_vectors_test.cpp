#include "data/text_vectors.h"

#include <gmock/gmock.h>

#include <filesystem>

namespace polytask::data {
namespace {
using testing::ElementsAre;
namespace fs = std::filesystem;

fs::path new_folder(std::string const& name) {
  auto const folder = fs::path(testing::TempDir()) / ("text-vectors-" + name);
  fs::remove_all(folder);
  return folder;
}

/// Length and first byte of a text; counts how many were asked.
VectorModel counting_model(std::size_t& n_computed, std::string key = "model") {
  return {.key = std::move(key), .width = 2, .compute = [&n_computed](auto texts, auto const& take) {
            for (std::size_t i = 0; i < texts.size(); ++i) {
              ++n_computed;
              std::vector<float> const vector{static_cast<float>(texts[i].size()), static_cast<float>(texts[i][0])};
              take(i, vector);
            }
          }};
}

TEST(TextVectors, ATextIsComputedOnceForAllRuns) {
  auto const folder = new_folder("once");
  std::size_t n = 0;
  {
    TextVectors vectors(counting_model(n), StateStore(folder, {}));
    auto const filled = vectors.fill({"ab", "c", "ab"}, {}, {});
    EXPECT_EQ(filled.n_texts, 2);
    EXPECT_EQ(filled.n_computed, 2);
  }
  TextVectors again(counting_model(n), StateStore(folder, {}));
  EXPECT_EQ(again.fill({"c", "ab"}, {}, {}).n_computed, 0);
  EXPECT_THAT(again.read("ab"), ElementsAre(2, 97));
  EXPECT_EQ(n, 2);
}

TEST(TextVectors, AnotherModelHasOtherVectors) {
  auto const folder = new_folder("other");
  std::size_t n = 0;
  TextVectors(counting_model(n, "one"), StateStore(folder, {})).fill({"ab"}, {}, {});
  TextVectors(counting_model(n, "two"), StateStore(folder, {})).fill({"ab"}, {}, {});
  EXPECT_EQ(n, 2);
}

TEST(TextVectors, WithoutRoomOnDiskTheyAreThereAllTheSame) {
  std::size_t n = 0;
  TextVectors vectors(counting_model(n), StateStore(new_folder("none"), {.disk_bytes = 0}));
  vectors.fill({"abc"}, {}, {});
  EXPECT_THAT(vectors.read("abc"), ElementsAre(3, 97));
  EXPECT_THAT(vectors.read("never filled"), ElementsAre(12, 110));
}

}  // namespace
}  // namespace polytask::data
