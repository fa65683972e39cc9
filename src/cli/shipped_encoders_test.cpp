#include "cli/shipped_encoders.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

// The tests' own executable has no encoders beside it: what they are found by is the folder's name.
class ShippedEncoders : public testing::Test {
 protected:
  void SetUp() override {
    if (fs::exists(shipped_encoders_folder())) GTEST_SKIP() << shipped_encoders_folder() << " is not ours to change";
    is_ours_ = true;
    fs::create_directories(shipped_encoders_folder() / "tiny");
    std::FILE* const file = std::fopen((shipped_encoders_folder() / "tiny" / "config.json").c_str(), "w");
    ASSERT_NE(file, nullptr);
    std::fclose(file);
    fs::create_directories(shipped_encoders_folder() / "unfinished");
  }
  void TearDown() override {
    if (is_ours_) fs::remove_all(shipped_encoders_folder());
  }
  bool is_ours_ = false;
};

TEST_F(ShippedEncoders, AreFoundByNameWhereNoFolderIsCalledSo) {
  EXPECT_EQ(shipped_encoders(), std::vector<std::string>{"tiny"});
  EXPECT_EQ(encoder_folder("tiny", "nowhere/tiny"), shipped_encoders_folder() / "tiny");
  EXPECT_EQ(encoder_folder("tiny", shipped_encoders_folder()), shipped_encoders_folder()) << "a folder wins";
  EXPECT_EQ(encoder_folder("unfinished", "nowhere"), "nowhere");
  EXPECT_EQ(encoder_folder("../encoders/tiny", "nowhere"), "nowhere");
}

}  // namespace
}  // namespace polytask::cli
