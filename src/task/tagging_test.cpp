#include "task/tagging.h"

#include <gmock/gmock.h>

namespace polytask::task {
namespace {
using testing::ElementsAre;

/// An encoding of `pieces`, given as byte ranges, between two special tokens.
Encoding encoding_of(std::vector<ByteRange> const& pieces) {
  Encoding encoding;
  auto const add = [&](ByteRange range, std::uint8_t text) {
    encoding.ids.push_back(7);
    encoding.type_ids.push_back(0);
    encoding.offsets.push_back(range);
    encoding.text_index.push_back(text);
  };
  add({0, 0}, Encoding::kSpecial);
  for (auto const& piece : pieces) add(piece, 0);
  add({0, 0}, Encoding::kSpecial);
  return encoding;
}

TEST(TaggedUnits, AreTheFirstTokensOfTheGivenWords) {
  Example example{.texts = {"New York's end"}, .words = {{0, 3}, {4, 10}, {11, 14}}};
  auto const units = tagged_units(encoding_of({{0, 3}, {4, 8}, {8, 9}, {9, 10}, {11, 14}}), example);
  ASSERT_EQ(units.size(), 3u);
  EXPECT_EQ(units[1].token, 2u);
  EXPECT_EQ(units[1].bytes, (ByteRange{4, 10}));
  EXPECT_EQ(units[2].token, 5u);
}

TEST(TaggedUnits, LeaveTheSpaceInFrontThatSomeTokensCover) {
  Encoding const encoding = encoding_of({{0, 3}, {3, 8}, {8, 9}});  // DeBERTa v3's "New", " York", "s"
  auto const words = tagged_units(encoding, {.texts = {"New Yorks"}, .words = {{0, 3}, {4, 9}}});
  ASSERT_EQ(words.size(), 2u);
  EXPECT_EQ(words[1].token, 2u);
  EXPECT_EQ(words[1].bytes, (ByteRange{4, 9}));
  EXPECT_EQ(tagged_units(encoding, {.texts = {"New Yorks"}}).at(1).bytes, (ByteRange{4, 8}));
}

TEST(TaggedUnits, TakeNoTokenOfSpaceAloneForAWord) {
  auto const units = tagged_units(encoding_of({{0, 1}, {1, 2}, {2, 3}}), {.texts = {"a b"}, .words = {{0, 1}, {2, 3}}});
  ASSERT_EQ(units.size(), 2u);
  EXPECT_EQ(units[1].token, 3u);
}

TEST(TaggedUnits, LeaveOutWordsThatWereCutAwayOrGiveNoToken) {
  Example example{.texts = {"a b c"}, .words = {{0, 1}, {2, 3}, {4, 5}}};
  auto const units = tagged_units(encoding_of({{0, 1}, {4, 5}}), example);
  ASSERT_EQ(units.size(), 2u);
  EXPECT_EQ(units[1].bytes, (ByteRange{4, 5}));
}

TEST(Tags, GoToUnitsAndBackWithoutLoss) {
  LabelSet const labels({"LOC", "PER"});
  Example const example{.texts = {"anna in newyork"}};
  auto const units = tagged_units(encoding_of({{0, 2}, {2, 4}, {5, 7}, {8, 11}, {11, 15}}), example);
  std::vector<Span> const spans{{0, 4, "PER"}, {8, 11, "LOC"}, {11, 15, "LOC"}};
  auto const tags = tags_of_units(units, spans, labels);
  EXPECT_THAT(tags, ElementsAre(3, 4, 0, 1, 1));
  EXPECT_EQ(spans_of_units(units, tags, labels), spans);
}

TEST(Tags, AnInsideTagWithoutItsBeginningOpensASpan) {
  LabelSet const labels({"LOC", "PER"});
  Example const example{.texts = {"ab"}};
  auto const units = tagged_units(encoding_of({{0, 1}, {1, 2}}), example);
  EXPECT_THAT(spans_of_units(units, std::vector<std::int32_t>{2, 4}, labels),
              ElementsAre(Span{0, 1, "LOC"}, Span{1, 2, "PER"}));
}

}  // namespace
}  // namespace polytask::task
