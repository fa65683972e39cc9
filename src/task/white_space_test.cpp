#include "task/white_space.h"

#include <gmock/gmock.h>

namespace polytask::task {
namespace {

TEST(WhiteSpace, IsTakenFromBothEndsOfARange) {
  std::string_view const text = "a  b\tc ";
  EXPECT_EQ(without_white_space(text, {1, 5}), (ByteRange{3, 4}));
  EXPECT_EQ(without_white_space(text, {0, 1}), (ByteRange{0, 1}));
  EXPECT_EQ(without_white_space(text, {0, 7}), (ByteRange{0, 6})) << "what stands inside stays";
}

TEST(WhiteSpace, IsAlsoWhatIsNotAscii) {
  std::string_view const text = "\u3000\u65e5\u672c\u00a0\u2009";
  EXPECT_EQ(without_white_space(text, {0, text.size()}), (ByteRange{3, 9}));
}

TEST(WhiteSpace, AloneIsEmptyWhereItBegins) {
  EXPECT_EQ(without_white_space("a   b", {1, 4}), (ByteRange{1, 1}));
  EXPECT_EQ(without_white_space("ab", {1, 1}), (ByteRange{1, 1}));
}

}  // namespace
}  // namespace polytask::task
