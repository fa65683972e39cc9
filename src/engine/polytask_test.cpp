// The C interface, through the shared library as other programs see it.
#include "engine/polytask.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/json.h"
#include "engine/test_support.h"

namespace polytask::engine {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// What a call gave: its code, and its answer or its sentence.
struct Outcome {
  int code = 0;
  std::string text;
};

Outcome outcome_of(int code, char* answer) {
  EXPECT_EQ(code == POLYTASK_OK, answer != nullptr) << "an answer or an error";
  Outcome result{code, code == POLYTASK_OK ? answer : polytask_last_error()};
  polytask_free_answer(answer);
  return result;
}

polytask_text text_of(std::string_view text) { return {text.data(), text.size()}; }

class CInterface : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    test_support::write_sample_package(path());
    ASSERT_EQ(polytask_open(path().c_str(), nullptr, 2, &model_), POLYTASK_OK) << polytask_last_error();
  }
  static void TearDownTestSuite() { polytask_close(model_); }
  static std::string const& path() {
    static test_support::TemporaryFolder const folder;
    static std::string const made = (folder / "package").string();
    return made;
  }

  static Outcome answer(std::vector<std::string> const& texts, char const* const* tasks = nullptr,
                        polytask_model const* model = model_) {
    std::vector<polytask_text> rows;
    for (auto const& text : texts) rows.push_back(text_of(text));
    char* answer = nullptr;
    int const code = polytask_answer(model, rows.data(), rows.size(), tasks, &answer);
    return outcome_of(code, answer);
  }
  static OrderedJson json_of(std::string const& text) { return OrderedJson::parse(answer({text}).text); }
  static Outcome open(char const* folder, char const* precision = nullptr, int n_threads = 1) {
    polytask_model* model = nullptr;
    int const code = polytask_open(folder, precision, n_threads, &model);
    EXPECT_EQ(code == POLYTASK_OK, model != nullptr);
    polytask_close(model);
    return {code, code == POLYTASK_OK ? "" : polytask_last_error()};
  }

  static polytask_model* model_;
};
polytask_model* CInterface::model_ = nullptr;

TEST_F(CInterface, SaysWhichModelItIs) {
  EXPECT_STREQ(polytask_version(), POLYTASK_VERSION);
  EXPECT_EQ(std::strlen(polytask_package_id(model_)), 64u);
  ASSERT_EQ(polytask_n_tasks(model_), 8u);
  EXPECT_STREQ(polytask_task_name(model_, 0), "intent");
  EXPECT_STREQ(polytask_task_name(model_, 7), "places");
  EXPECT_EQ(polytask_task_name(model_, 8), nullptr);
}

TEST_F(CInterface, AnswersWithAllTasksOrNamedOnes) {
  auto const all = json_of("please find the lamp");
  EXPECT_EQ(all.size(), 6u);
  EXPECT_TRUE(all["intent"].contains("label"));
  EXPECT_TRUE(all["urgency"]["value"].is_number());
  EXPECT_TRUE(all["products"]["spans"].is_array());
  char const* const tasks[] = {"urgency", "title kind", nullptr};
  auto const some = OrderedJson::parse(answer({"please find the lamp"}, tasks).text);
  ASSERT_EQ(some.size(), 2u);
  EXPECT_EQ(some["urgency"], all["urgency"]);
  EXPECT_EQ(OrderedJson::parse(answer({"a lamp", "the lamp"}).text).size(), 2u);
}

TEST_F(CInterface, AnswersABatchAsItAnswersOneByOne) {
  std::vector<std::string> texts;
  for (int i = 0; i < 2'500; ++i) texts.push_back("lamp " + std::string(static_cast<std::size_t>(i % 40), 'x'));
  std::vector<polytask_text> rows;
  for (auto const& text : texts) rows.push_back(text_of(text));
  char* answers = nullptr;
  int const code = polytask_answer_batch(model_, rows.data(), rows.size(), 1, nullptr, &answers);
  auto const batch = outcome_of(code, answers);
  ASSERT_EQ(batch.code, POLYTASK_OK) << batch.text;
  std::string expected;
  std::vector<std::string> known(40);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto& line = known[i % 40];
    if (line.empty()) line = answer({texts[i]}).text + "\n";
    expected += line;
  }
  EXPECT_EQ(batch.text, expected);
}

TEST_F(CInterface, AnswersABatchOfPairs) {
  std::vector<polytask_text> const texts{text_of("a"), text_of("b"), text_of("c"), text_of("d")};
  char* answers = nullptr;
  int const code = polytask_answer_batch(model_, texts.data(), 2, 2, nullptr, &answers);
  EXPECT_EQ(outcome_of(code, answers).text, answer({"a", "b"}).text + "\n" + answer({"c", "d"}).text + "\n");
}

TEST_F(CInterface, AnswersNoRowsWithNothing) {
  char* answers = nullptr;
  int const code = polytask_answer_batch(model_, nullptr, 0, 1, nullptr, &answers);
  EXPECT_EQ(outcome_of(code, answers).text, "");
}

TEST_F(CInterface, ReadsAnyBytes) {
  EXPECT_EQ(answer({"caf\xE9 lamp"}).text, answer({"caf\xEF\xBF\xBD lamp"}).text) << "an invalid byte is U+FFFD";
  auto const with_zero = json_of(std::string("lamp\0 osaka", 11));
  EXPECT_EQ(with_zero["intent"], json_of("lamp osaka")["intent"]) << "a zero ends nothing";
  EXPECT_EQ(with_zero["places"]["spans"][1][1], 11) << "and counts as a character";
  polytask_text const nothing{nullptr, 0};
  char* answer_of_nothing = nullptr;
  int const code = polytask_answer(model_, &nothing, 1, nullptr, &answer_of_nothing);
  EXPECT_EQ(outcome_of(code, answer_of_nothing).text, answer({""}).text);
}

TEST_F(CInterface, ReadsTheFirstTokensOfALongText) {
  std::string text;
  while (text.size() < (1 << 20)) text += "please find the lamp ";
  auto const found = json_of(text);
  auto beginning = json_of(text.substr(0, 2'000));
  for (auto& [task, of_task] : beginning.items()) {
    EXPECT_GT(found[task]["tokens_cut"], of_task["tokens_cut"]);
    of_task["tokens_cut"] = found[task]["tokens_cut"];
  }
  EXPECT_EQ(found, beginning);
  std::string const one_word(1 << 20, 'x');
  EXPECT_EQ(answer({one_word}).code, POLYTASK_OK);
  EXPECT_EQ(answer({std::string(1 << 20, ' ')}).text, answer({""}).text);
  EXPECT_EQ(answer({std::string(1 << 20, '\xFF')}).code, POLYTASK_OK);
  auto const refused = answer({std::string((1 << 26) + 1, 'x')});
  EXPECT_EQ(refused.code, POLYTASK_INVALID_INPUT);
  EXPECT_EQ(refused.text, "row 1, text 1: has 67108865 bytes, 67108864 are the most that is read; cut it");
}

TEST_F(CInterface, ReadsALongTextWholeInWindows) {
  polytask_options options{};
  options.size = sizeof options;
  options.n_threads = 2;
  options.long_texts = "windows";
  polytask_model* model = nullptr;
  ASSERT_EQ(polytask_open_with(path().c_str(), &options, &model), POLYTASK_OK) << polytask_last_error();
  std::string text;
  for (int i = 0; i < 100; ++i) text += "please find the lamp in osaka ";
  auto const whole = OrderedJson::parse(answer({text}, nullptr, model).text);
  EXPECT_THAT(whole.dump(), testing::Not(HasSubstr("tokens_cut")));
  EXPECT_GT(whole["places"]["spans"].back()[1].get<int>(), 2'900) << "found near its end";
  EXPECT_NE(whole["urgency"], json_of(text)["urgency"]);
  EXPECT_EQ(answer({"please find the lamp"}, nullptr, model).text, answer({"please find the lamp"}).text);
  EXPECT_EQ(answer({std::string((1 << 22) + 1, 'x')}, nullptr, model).text,
            "row 1, text 1: has 4194305 bytes, 4194304 are the most that is read; cut it");
  EXPECT_EQ(answer({std::string(1 << 21, '\xFF')}, nullptr, model).text,
            "row 1, text 1: has 6291456 bytes, 4194304 are the most that is read; cut it")
      << "what is no UTF-8 has grown";
  polytask_close(model);
}

TEST_F(CInterface, OpensWithOptionsThatAreZeroAsWithout) {
  polytask_options const zero{sizeof zero, nullptr, 0, nullptr};
  for (auto const* options : {static_cast<polytask_options const*>(nullptr), &zero}) {
    polytask_model* model = nullptr;
    ASSERT_EQ(polytask_open_with(path().c_str(), options, &model), POLYTASK_OK) << polytask_last_error();
    EXPECT_EQ(answer({"please find the lamp"}, nullptr, model).text, answer({"please find the lamp"}).text);
    polytask_close(model);
  }
  polytask_model* model = nullptr;
  polytask_options wrong{sizeof wrong, nullptr, 1, "whole"};
  EXPECT_EQ(polytask_open_with(path().c_str(), &wrong, &model), POLYTASK_INVALID_USAGE);
  EXPECT_STREQ(polytask_last_error(), "long_texts: found \"whole\", expected cut or windows");
  wrong = {8, nullptr, 1, nullptr};
  EXPECT_EQ(polytask_open_with(path().c_str(), &wrong, &model), POLYTASK_INVALID_USAGE);
  EXPECT_THAT(polytask_last_error(), HasSubstr("options: have 8 bytes, expected"));
  wrong = {std::size_t{1} << 40, nullptr, 1, nullptr};
  EXPECT_EQ(polytask_open_with(path().c_str(), &wrong, &model), POLYTASK_INVALID_USAGE);
}

TEST_F(CInterface, TakesTheOptionsOfALaterHeaderAsLongAsTheyAskForNothingNew) {
  struct {
    polytask_options known;
    void* later;
  } options{{0, "int8", 1, nullptr}, nullptr};
  options.known.size = sizeof options;
  polytask_model* model = nullptr;
  ASSERT_EQ(polytask_open_with(path().c_str(), &options.known, &model), POLYTASK_OK) << polytask_last_error();
  polytask_close(model);
  options.later = &options;
  EXPECT_EQ(polytask_open_with(path().c_str(), &options.known, &model), POLYTASK_INVALID_USAGE);
  EXPECT_THAT(polytask_last_error(), HasSubstr("options: ask for something that version"));
}

TEST_F(CInterface, RefusesNullPointersAndOtherMisuse) {
  polytask_text const text = text_of("lamp");
  char* out = nullptr;
  auto const refused = [&](int code) { return outcome_of(code, out).text; };
  EXPECT_EQ(refused(polytask_answer(nullptr, &text, 1, nullptr, &out)), "model is a null pointer");
  EXPECT_EQ(refused(polytask_answer(model_, nullptr, 1, nullptr, &out)), "texts is a null pointer");
  EXPECT_EQ(refused(polytask_answer(model_, &text, 1, nullptr, nullptr)), "answer is a null pointer");
  EXPECT_EQ(refused(polytask_answer_batch(nullptr, &text, 1, 1, nullptr, &out)), "model is a null pointer");
  EXPECT_EQ(refused(polytask_answer_batch(model_, &text, 1, 1, nullptr, nullptr)), "answers is a null pointer");
  EXPECT_THAT(refused(polytask_answer(model_, &text, 66, nullptr, &out)), HasSubstr("n_texts: found 66, expected 1"));
  std::vector<polytask_text> const with_choices(3, text);
  EXPECT_THAT(refused(polytask_answer(model_, with_choices.data(), 3, nullptr, &out)),
              HasSubstr("no task of the model reads a text and its choices; expected one text"));
  polytask_text const wrong[] = {text, {nullptr, 7}};
  EXPECT_EQ(refused(polytask_answer_batch(model_, wrong, 2, 1, nullptr, &out)),
            "row 2, text 1: is a null pointer of 7 bytes");
  char const* const none[] = {nullptr};
  EXPECT_THAT(answer({"x"}, none).text, StartsWith("tasks: names none"));
  char const* const unknown[] = {"intend", nullptr};
  EXPECT_EQ(answer({"x"}, unknown).code, POLYTASK_INVALID_USAGE);
  EXPECT_THAT(answer({"x"}, unknown).text, HasSubstr("did you mean \"intent\"?"));
  EXPECT_EQ(polytask_n_tasks(nullptr), 0u);
  EXPECT_EQ(polytask_task_name(nullptr, 0), nullptr);
  EXPECT_STREQ(polytask_package_id(nullptr), "");
  polytask_close(nullptr);
  polytask_free_answer(nullptr);
}

TEST_F(CInterface, RefusesToOpenWhatIsNoPackage) {
  EXPECT_EQ(polytask_open(path().c_str(), nullptr, 1, nullptr), POLYTASK_INVALID_USAGE);
  EXPECT_EQ(open(nullptr).text, "folder is a null pointer");
  EXPECT_EQ(open(path().c_str(), "int4").text, "precision: found \"int4\", expected f32, bf16 or int8");
  EXPECT_EQ(open(path().c_str(), "f32", -1).code, POLYTASK_INVALID_USAGE);
  EXPECT_THAT(open(path().c_str(), "f32", 5'000).text, HasSubstr("found 5000, expected 1 to 1024, or 0"));
  EXPECT_EQ(open((path() + "-absent").c_str()).code, POLYTASK_INVALID_INPUT);
  EXPECT_THAT(open((path() + "-absent").c_str()).text, HasSubstr("-absent"));
  test_support::TemporaryFolder const folder;
  test_support::write_sample_package(folder / "changed");
  std::ofstream(folder / "changed" / "encoder" / "vocab.txt", std::ios::app) << "more\n";
  auto const refused = open((folder / "changed").c_str());
  EXPECT_EQ(refused.code, POLYTASK_INVALID_INPUT);
  EXPECT_THAT(refused.text, AllOf(HasSubstr("vocab.txt"), HasSubstr("was changed after packaging")));
}

TEST_F(CInterface, OpensInEveryPrecisionWithAnyThreads) {
  auto const exact = json_of("please find the lamp")["urgency"]["value"].get<double>();
  for (char const* precision : {"f32", "bf16", "int8"})
    for (int const n_threads : {0, 1, 3}) {
      polytask_model* model = nullptr;
      ASSERT_EQ(polytask_open(path().c_str(), precision, n_threads, &model), POLYTASK_OK) << polytask_last_error();
      auto const json = OrderedJson::parse(answer({"please find the lamp"}, nullptr, model).text);
      EXPECT_NEAR(json["urgency"]["value"].get<double>(), exact, std::string("f32") == precision ? 0 : 10);
      polytask_close(model);
    }
}

TEST_F(CInterface, KeepsTheErrorsOfThreadsApart) {
  EXPECT_EQ(open(nullptr).code, POLYTASK_INVALID_USAGE);
  std::thread([] {
    EXPECT_STREQ(polytask_last_error(), "");
    EXPECT_THAT(open("absent").text, HasSubstr("absent"));
  }).join();
  EXPECT_STREQ(polytask_last_error(), "folder is a null pointer");
  EXPECT_EQ(answer({"x"}).code, POLYTASK_OK);
  EXPECT_STREQ(polytask_last_error(), "folder is a null pointer") << "what succeeds leaves it";
}

TEST_F(CInterface, AnswersManyThreadsAtOnce) {
  auto const expected = answer({"please find the lamp"}).text;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) EXPECT_EQ(answer({"please find the lamp"}).text, expected);
    });
  for (auto& thread : threads) thread.join();
}

/// Runs `work` in a child of this process and gives its exit code.
template <typename Work>
int exit_code_of_child(Work const& work) {
  pid_t const child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(CInterface, AfterAForkAModelOfOneThreadAnswersAndAnotherSaysThatItCannot) {
  polytask_model* alone = nullptr;
  ASSERT_EQ(polytask_open(path().c_str(), nullptr, 1, &alone), POLYTASK_OK);
  auto const expected = answer({"lamp"}).text;
  EXPECT_EQ(exit_code_of_child([&] { return answer({"lamp"}, nullptr, alone).text == expected ? 7 : 1; }), 7);
  EXPECT_EQ(exit_code_of_child([&] {
              auto const refused = answer({"lamp"});
              polytask_close(model_);
              return refused.text.find("before this process was forked") != std::string::npos ? refused.code : 1;
            }),
            POLYTASK_INVALID_USAGE);
  EXPECT_EQ(answer({"lamp"}).text, expected) << "the parent's model is as it was";
  polytask_close(alone);
}

}  // namespace
}  // namespace polytask::engine
