#include "hub/hub_name.h"

#include <gmock/gmock.h>

namespace polytask::hub {
namespace {

using ::testing::HasSubstr;

TEST(HubName, IsAnOwnerANameAndPerhapsARevision) {
  EXPECT_EQ(parse_hub_name("intfloat/multilingual-e5-small").value(),
            (HubName{"intfloat/multilingual-e5-small", "main"}));
  EXPECT_EQ(parse_hub_name("a/b_c.d-1@refs/pr/12").value(), (HubName{"a/b_c.d-1", "refs/pr/12"}));
  EXPECT_EQ(to_string(parse_hub_name("a/b@v1.0").value()), "a/b@v1.0");
  EXPECT_EQ(to_string(parse_hub_name("a/b@main").value()), "a/b");
}

TEST(HubName, ThatCouldLeaveTheCacheIsNone) {
  for (auto const* text :
       {"../x",     "a/..",    "a/../b", "/etc/passwd", "a/b/c",   "./a/b",        "a",      "",
        "a/",       "/b",      "a/b--c", "a\\b/c",      "a/.b",    "-a/b",         "a/b-",   "a/b.git",
        "a/b c",    "a/b\n",   "a/b%2e", "a/b?x",       "a/b@",    "a/b@../../x",  "a/b@/x", "a/b@x/",
        "a/b@x//y", "a/b@x y", "a/b@-x", "a/b@.x",      "a/b@c@d", "a/b@refs/../x"})
    EXPECT_FALSE(parse_hub_name(text)) << text;
  EXPECT_FALSE(parse_hub_name(std::string("a/b\0c", 5)));
  EXPECT_FALSE(parse_hub_name("a/" + std::string(97, 'b')));
  EXPECT_FALSE(parse_hub_name("a/b@" + std::string(201, 'c')));
}

TEST(HubName, SaysWhatIsWrongWithIt) {
  EXPECT_THAT(parse_hub_name("bert-base").error().what(),
              HasSubstr("no \"/\" between owner and name; expected OWNER/NAME"));
  EXPECT_THAT(parse_hub_name("a/b@..").error().what(), HasSubstr("revision"));
}

TEST(HubName, ACommitIsFortyDigits) {
  EXPECT_TRUE(is_commit(std::string(40, 'a')));
  EXPECT_FALSE(is_commit(std::string(39, 'a')));
  EXPECT_FALSE(is_commit(std::string(40, 'A')));
  EXPECT_FALSE(is_commit(std::string(40, 'g')));
}

}  // namespace
}  // namespace polytask::hub
