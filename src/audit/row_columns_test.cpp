#include "audit/row_columns.h"

#include <gmock/gmock.h>

namespace polytask::audit {
namespace {

data::Row row(std::size_t line, std::vector<std::pair<std::string, data::Value>> fields) {
  return {.line = line, .fields = std::move(fields)};
}

TEST(DaysOf, CountsFrom1970) {
  EXPECT_EQ(days_of("1970-01-01"), 0);
  EXPECT_EQ(days_of("2000/03/01"), 11'017);
  EXPECT_EQ(days_of("2024-02-29T12:00:00Z"), 19'782);
  for (auto const* wrong : {"2024-13-01", "2024-02", "24-02-2024", "2024-02-290", "version-2-10", ""})
    EXPECT_FALSE(days_of(wrong)) << wrong;
}

TEST(RowColumns, KeepsWhatSortsTheRows) {
  RowColumns columns;
  for (std::size_t i = 0; i < 200; ++i)
    columns.add(0, row(i + 1, {{"source", std::string(i % 3 == 0 ? "mail" : "chat")},
                               {"id", static_cast<std::int64_t>(i)},
                               {"when", std::string(i < 100 ? "2023-05-01" : "2024-05-01")},
                               {"score", 0.5 + static_cast<double>(i)},
                               {"same", std::string("x")}}));
  EXPECT_THAT(columns.names(), testing::ElementsAre("source", "when"));
  EXPECT_EQ(columns.value("source", 0, 1), 0);
  EXPECT_EQ(columns.value("source", 0, 2), 1);
  EXPECT_EQ(columns.values("source")[1], "chat");
  EXPECT_TRUE(columns.is_time("when"));
  EXPECT_EQ(*columns.value("when", 0, 200) - *columns.value("when", 0, 1), 366);
}

TEST(RowColumns, KnowsRowsThatLackAValue) {
  RowColumns columns;
  columns.add(3, row(5, {{"a", std::string("x")}}));
  columns.add(3, row(9, {{"b", std::string("y")}}));
  columns.add(3, row(12, {{"a", std::string("z")}, {"b", std::monostate{}}}));
  EXPECT_EQ(columns.value("a", 3, 5), 0);
  EXPECT_FALSE(columns.value("a", 3, 9));
  EXPECT_EQ(columns.value("a", 3, 12), 1);
  EXPECT_FALSE(columns.value("a", 3, 7));
  EXPECT_FALSE(columns.value("a", 4, 5));
}

}  // namespace
}  // namespace polytask::audit
