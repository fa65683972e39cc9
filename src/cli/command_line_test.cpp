#include "cli/command_line.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace polytask::cli {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

CommandLine parse(std::vector<char const*> words) {
  words.insert(words.begin(), "polytask");
  return parse_command_line(static_cast<int>(words.size()), words.data()).value();
}

std::string error_of(std::vector<char const*> const& words) {
  try {
    (void)parse(words);
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidUsage);
    return error.what();
  }
  return "no error";
}

TEST(CommandLine, KnowsItsVerb) {
  EXPECT_EQ(parse({"validate"}).verb, Verb::Validate);
  EXPECT_EQ(parse({"train"}).verb, Verb::Train);
  EXPECT_EQ(parse({"evaluate"}).verb, Verb::Evaluate);
  EXPECT_EQ(parse({"predict"}).verb, Verb::Predict);
  EXPECT_EQ(parse({"runs"}).verb, Verb::Runs);
  EXPECT_EQ(parse({"package"}).verb, Verb::Package);
}

TEST(CommandLine, ReadsTheOptionsOfAVerb) {
  auto const train = parse({"train", "--run", "first", "--resume", "--only", "a", "--only", "b", "--set", "seed=2",
                            "--output", "json", "--threads", "3"});
  EXPECT_EQ(train.run, "first");
  EXPECT_TRUE(train.resume);
  EXPECT_THAT(train.only, ElementsAre("a", "b"));
  EXPECT_THAT(train.overrides, ElementsAre("seed=2"));
  EXPECT_EQ(train.output, Output::Json);
  EXPECT_EQ(train.n_threads, 3);
  EXPECT_THAT(parse({"predict", "--text=", "--text", "b"}).texts, ElementsAre("", "b"));
  auto const compared = parse({"runs", "compare", "a", "b", "--baselines"});
  EXPECT_THAT(compared.compared, ElementsAre("a", "b"));
  EXPECT_TRUE(compared.baselines);
}

TEST(CommandLine, KnowsWhatIsToBeDoneWithPackages) {
  auto const made = parse({"package", "--from", "a", "--task", "x=b", "--task", "y=c", "--drop", "z", "--to", "d"});
  EXPECT_EQ(made.package_action, PackageAction::Make);
  EXPECT_EQ(made.from + made.to, "ad");
  EXPECT_THAT(made.tasks, ElementsAre("x=b", "y=c"));
  EXPECT_THAT(made.dropped, ElementsAre("z"));
  auto const compared = parse({"package", "diff", "a", "b", "--output", "json"});
  EXPECT_EQ(compared.package_action, PackageAction::Diff);
  EXPECT_THAT(compared.packages, ElementsAre("a", "b"));
  EXPECT_EQ(parse({"package", "verify", "a"}).package_action, PackageAction::Verify);
  EXPECT_THAT(error_of({"package", "verify"}), HasSubstr("see `polytask package verify --help`"));
  EXPECT_THAT(error_of({"package", "--form", "a"}), HasSubstr("did you mean \"--from\"?"));
}

TEST(CommandLine, AnEmptyValueIsAMistakeAndNoOptionLeftOut) {
  EXPECT_EQ(error_of({"predict", "--package", "", "--text", "x"}),
            "--package is empty; give it a value, or leave it out");
  for (auto const* option : {"--task", "--text", "--label"})
    EXPECT_THAT(error_of({"import", "--from", "a", "--to", "b", option, ""}), HasSubstr("is empty")) << option;
  EXPECT_THAT(parse({"predict", "--text", ""}).texts, ElementsAre("")) << "a text may be";
}

TEST(CommandLine, NamesTheNearestVerbOptionAndWord) {
  EXPECT_THAT(error_of({"trian"}), HasSubstr("there is no verb \"trian\"; did you mean \"train\"?"));
  EXPECT_THAT(error_of({"train", "--resum"}),
              HasSubstr("`polytask train` has no option \"--resum\"; did you mean \"--resume\"?"));
  EXPECT_THAT(error_of({"evaluate", "--split", "tst"}), HasSubstr("did you mean \"test\"?"));
  EXPECT_THAT(error_of({}), HasSubstr("a verb is missing"));
}

}  // namespace
}  // namespace polytask::cli
