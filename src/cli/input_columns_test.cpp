#include "cli/input_columns.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace polytask::cli {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

TEST(InputColumns, AreThoseThatAllTablesOfTheTasksDeclare) {
  auto const config = Json::parse(R"({"datasets": {
    "a": {"train": ["a.csv"], "columns": ["body", "intent"]},
    "b": {"train": ["b.tsv.gz"], "columns": ["body", "intent"]},
    "other": {"train": ["c.csv"], "columns": ["x", "y"]},
    "with_header": {"train": ["d.csv"]},
    "rows": {"train": ["e.jsonl"]}}})");
  EXPECT_THAT(input_columns(config, {"a"}), ElementsAre("body", "intent"));
  EXPECT_THAT(input_columns(config, {"rows", "a", "b"}), ElementsAre("body", "intent"));
  EXPECT_THAT(input_columns(config, {"a", "other"}), IsEmpty());
  EXPECT_THAT(input_columns(config, {"a", "with_header"}), IsEmpty());
  EXPECT_THAT(input_columns(config, {"rows"}), IsEmpty());
  EXPECT_THROW((void)input_columns(config, {"absent"}), Error);
}

}  // namespace
}  // namespace polytask::cli
