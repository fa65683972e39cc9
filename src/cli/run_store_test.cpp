#include "cli/run_store.h"

#include <gmock/gmock.h>

#include <functional>

#include "base/error.h"
#include "base/file.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A project folder with runs, gone at the end.
class Runs : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(project_), fs::create_directories(runs_folder(project_)); }
  void TearDown() override { fs::remove_all(project_); }
  void add(std::string const& id, std::string const& status, std::string const& started) const {
    fs::create_directories(runs_folder(project_) / id);
    write_state(runs_folder(project_) / id, {{"status", status}, {"started", started}});
  }
  fs::path const project_ = fs::path(testing::TempDir()) / "polytask_run_store_test";
};

std::string error_of(ErrorCode code, std::function<void()> const& action) {
  try {
    action();
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  return "no error";
}

TEST_F(Runs, AreListedOldestFirstAndOnlyWhereTheyAreRuns) {
  add("late", "complete", "2026-01-02");
  add("early", "interrupted", "2026-01-01");
  fs::create_directories(runs_folder(project_) / "without-a-state");
  fs::create_directories(runs_folder(project_) / ".hidden");
  write_file_atomically(runs_folder(project_) / "a-file", "x");
  auto const runs = list_runs(project_);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].id, "early");
  EXPECT_EQ(runs[0].status, RunStatus::Interrupted);
  EXPECT_EQ(runs[1].id, "late");
  EXPECT_TRUE(list_runs(project_ / "nowhere").empty());
}

TEST_F(Runs, TheLatestCompleteOneIsMeantWithoutAName) {
  EXPECT_THAT(error_of(ErrorCode::NotFound, [&] { (void)complete_run(project_, ""); }),
              HasSubstr("has no complete run yet"));
  add("first", "complete", "2026-01-01");
  add("second", "complete", "2026-01-02");
  add("third", "running", "2026-01-03");
  EXPECT_EQ(complete_run(project_, "").id, "second");
  EXPECT_EQ(complete_run(project_, "first").id, "first");
  EXPECT_THAT(error_of(ErrorCode::Conflict, [&] { (void)complete_run(project_, "third"); }),
              HasSubstr("--run third --resume"));
  EXPECT_THAT(error_of(ErrorCode::NotFound, [&] { (void)complete_run(project_, "secnd"); }),
              HasSubstr("did you mean \"second\"?"));
}

TEST_F(Runs, WithADamagedStateAreNamed) {
  fs::create_directories(runs_folder(project_) / "bad");
  auto const state = runs_folder(project_) / "bad" / "state.json";
  for (auto const* text : {"[]", R"({"status": 3})", R"({"seconds": "long"})"}) {
    write_file_atomically(state, text);
    EXPECT_THAT(error_of(ErrorCode::Corrupt, [&] { (void)find_run(project_, "bad"); }),
                HasSubstr("bad/state.json: is not a run's state"))
        << text;
  }
  write_file_atomically(state, "{\"status\":");
  EXPECT_THROW((void)find_run(project_, "bad"), Error);
}

TEST_F(Runs, HaveNoNewFoldersInside) {
  add("first", "complete", "2026-01-01");
  auto const run = complete_run(project_, "first");
  for (auto const& inside : {run.folder / "x", run.folder / "model" / "x", run.folder / "." / "y" / ".." / "x"})
    EXPECT_THAT(error_of(ErrorCode::InvalidUsage, [&] { refuse_inside_run(run, inside); }),
                HasSubstr("lies inside " + run.folder.string()));
  add("second", "complete", "2026-01-02");
  auto const other = complete_run(project_, "second");
  EXPECT_THAT(error_of(ErrorCode::InvalidUsage, [&] { refuse_inside_run(run, other.folder / "x"); }),
              HasSubstr("lies inside " + other.folder.string() + ", which is a run"));
  EXPECT_NO_THROW(refuse_inside_run(run, project_ / "x"));
  EXPECT_NO_THROW(refuse_inside_run(run, run.folder.string() + "-x")) << "a neighbour with a longer name";
}

TEST_F(Runs, AreWrittenByOneProcessAtATime) {
  add("first", "running", "2026-01-01");
  auto const folder = runs_folder(project_) / "first";
  {
    RunLock const lock(folder);
    EXPECT_THAT(error_of(ErrorCode::Conflict, [&] { RunLock const second(folder); }),
                HasSubstr("another process is training this run"));
    EXPECT_EQ(find_run(project_, "first")->status, RunStatus::Running);
  }
  EXPECT_EQ(find_run(project_, "first")->status, RunStatus::Interrupted) << "it was killed";
  EXPECT_EQ(error_of(ErrorCode::Conflict, [&] { RunLock const again(folder); }), "no error");
}

TEST(RunId, IsAPlainFileName) {
  for (auto const* id : {"a", "first-2.0_x", "7"}) EXPECT_NO_THROW(check_run_id(id)) << id;
  for (auto const& id : {std::string(), std::string("."), std::string(".."), std::string("-x"), std::string("a/b"),
                         std::string("a b"), std::string("ä"), std::string(101, 'a')})
    EXPECT_THROW(check_run_id(id), Error) << id;
}

}  // namespace
}  // namespace polytask::cli
