// Documents of SQuAD, and answers in rows of any format.
#include <gmock/gmock.h>

#include <sstream>

#include "data/features.h"
#include "data/internal/answer_fit.h"
#include "data/row_test_support.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::data {
namespace {

using task::TaskType;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using Read = test_support::RowsRead;

Read read(std::string const& bytes, Format format, std::size_t max_row_bytes = 1 << 20) {
  return test_support::read(bytes, format, {.max_row_bytes = max_row_bytes});
}

task::TaskSpec span_task(std::string start = "") {
  return {.name = "ask",
          .type = TaskType::Span,
          .text = {"question", "context"},
          .label = "answers",
          .start = std::move(start)};
}

Result<task::Label> label_in(Row const& row, task::TaskSpec const& task = span_task()) {
  return label_of(row, example_of(row, task, "f:1").value(), task, "f:1");
}

/// "text@byte" of every gold answer; "-" where the row says nothing.
std::vector<std::string> answers_in(Row const& row, task::TaskSpec const& task = span_task()) {
  auto const label = label_in(row, task);
  if (!label) return {label.error().what()};
  if (!task::is_labelled(*label)) return {"-"};
  std::vector<std::string> found;
  for (auto const& piece : std::get<task::Answers>(*label).pieces)
    found.push_back(piece.text + "@" + std::to_string(piece.begin));
  return found;
}

std::string const kDocument = R"({"version": "v2.0", "data": [
 {"title": "Lamps", "paragraphs": [
  {"context": "A lamp is red. Été is summer.", "qas": [
   {"id": "q1", "question": "What is red?", "answers": [{"text": "A lamp", "answer_start": 0}, {"text": "lamp", "answer_start": 2}]},
   {"id": "q2", "question": "What is summer?", "answers": [{"text": "Été", "answer_start": 15}], "is_impossible": false},
   {"id": "q3", "question": "What is blue?", "answers": [], "plausible_answers": [{"text": "lamp", "answer_start": 2}], "is_impossible": true},
   {"id": 4, "question": "Who asks?"}]}]},
 {"title": "Ends", "other": [{"x": "]}"}], "paragraphs": [{"qas": [{"question": "End?", "answers": [], "id": "q5"}], "context": "No { [ \" end."}]}
]})";

TEST(Squad, IsReadQuestionByQuestion) {
  auto const found = read(kDocument, Format::Squad);
  EXPECT_THAT(found.errors, IsEmpty());
  ASSERT_THAT(found.rows, SizeIs(5));
  EXPECT_EQ(found.rows[0].id, "\"q1\"");
  EXPECT_EQ(found.rows[3].id, "4");
  EXPECT_EQ(*found.rows[0].find("title"), Value("Lamps"));
  EXPECT_EQ(*found.rows[4].find("title"), Value("Ends"));
  EXPECT_EQ(*found.rows[4].find("context"), Value("No { [ \" end."));
  EXPECT_EQ(*found.rows[1].find("is_impossible"), Value(false));
  EXPECT_THAT(answers_in(found.rows[0]), ElementsAre("A lamp@0", "lamp@2"));
  EXPECT_THAT(answers_in(found.rows[1]), ElementsAre("Été@15"));
  EXPECT_THAT(answers_in(found.rows[2]), IsEmpty());
  EXPECT_THAT(answers_in(found.rows[3]), ElementsAre("-"));
  EXPECT_THAT(answers_in(found.rows[4]), IsEmpty());
}

TEST(Squad, CountsTheLinesOfQuestionsAndGoesOnCountingWhereTheyShareOne) {
  std::vector<std::size_t> lines;
  for (auto const& row : read(kDocument, Format::Squad).rows) lines.push_back(row.line);
  EXPECT_THAT(lines, ElementsAre(4u, 5u, 6u, 7u, 8u));
  std::string one_line = kDocument;
  std::erase(one_line, '\n');
  lines.clear();
  for (auto const& row : read(one_line, Format::Squad).rows) lines.push_back(row.line);
  EXPECT_THAT(lines, ElementsAre(1u, 2u, 3u, 4u, 5u));
}

TEST(Squad, SaysWhatIsWrongWithAParagraphAndReadsTheOthers) {
  auto const found = read(
      R"({"data": [{"paragraphs": [{"context": 3, "qas": []}, {"context": "x", "qas": [{"id": 1}, {"question": "q",
"is_impossible": true, "answers": [{"text": "x", "answer_start": 0}]}, {"question": "r"}]}, 7, {"context": "x" "qas": []}]}]})",
      Format::Squad);
  EXPECT_THAT(found.rows, SizeIs(1));
  EXPECT_THAT(found.errors,
              ElementsAre(HasSubstr("f:1: the paragraph has no text \"context\""),
                          HasSubstr("f:2: an item of \"qas\" has no text \"question\""),
                          HasSubstr("f:3: the question \"q\" is impossible and has answers"),
                          HasSubstr("the paragraph has no text \"context\""), HasSubstr("the paragraph is not JSON")));
}

TEST(Squad, ATitleMayStandBehindItsParagraphs) {
  auto const found = read(
      R"({"data": [{"paragraphs": [{"context": "c", "qas": [{"question": "a"}, {"question": "b"}]}], "title": "Late"},
                   {"paragraphs": [{"context": "c", "qas": [{"question": "d"}]}]},
                   {"title": "Early", "paragraphs": [{"context": "c", "qas": [{"question": "e"}]}]}]})",
      Format::Squad);
  ASSERT_THAT(found.rows, SizeIs(4));
  EXPECT_EQ(*found.rows[0].find("title"), Value("Late"));
  EXPECT_EQ(*found.rows[1].find("title"), Value("Late"));
  EXPECT_EQ(found.rows[2].find("title"), nullptr);
  EXPECT_EQ(*found.rows[3].find("title"), Value("Early"));
}

TEST(Squad, ReadsAnImpossibleQuestionHoweverItSaysThatNothingAnswers) {
  auto const read_one = [](std::string const& fields) {
    return read(R"({"data": [{"paragraphs": [{"context": "lamp", "qas": [{"question": "q", )" + fields + "}]}]}]}",
                Format::Squad);
  };
  for (auto const* fields : {R"("is_impossible": true)", R"("answers": null, "is_impossible": true)",
                             R"("answers": [], "is_impossible": true)",
                             R"("answers": {"text": [], "answer_start": []}, "is_impossible": true)"}) {
    auto const found = read_one(fields);
    ASSERT_THAT(found.rows, SizeIs(1)) << fields;
    EXPECT_THAT(answers_in(found.rows[0]), IsEmpty()) << fields;
  }
  EXPECT_THAT(read_one(R"("answers": {"text": ["lamp"], "answer_start": [0]}, "is_impossible": true)").errors,
              ElementsAre(HasSubstr("is impossible and has answers")));
  EXPECT_THAT(read_one(R"("answers": [], "is_impossible": "true")").errors,
              ElementsAre(HasSubstr("\"is_impossible\" of the question \"q\" is \"true\"; expected true or false")));
}

TEST(Squad, TakesAQuestionThatIsSaidToHaveAnAnswerAndNamesNoneForNotLabelled) {
  auto const found =
      read(R"({"data": [{"paragraphs": [{"context": "lamp", "qas": [)"
           R"({"question": "q", "answers": [], "is_impossible": false}, {"question": "r", "answers": []}]}]}]})",
           Format::Squad);
  ASSERT_THAT(found.rows, SizeIs(2));
  EXPECT_EQ(found.rows[0].find("answers"), nullptr);
  EXPECT_THAT(answers_in(found.rows[1]), IsEmpty()) << "nothing says that there is one";
}

TEST(Squad, DropsNothingOfAParagraphThatSaysAThingTwice) {
  EXPECT_THAT(
      read(R"({"data": [{"paragraphs": [{"context": "c", "qas": [{"question": "a"}], "qas": []}]}]})", Format::Squad)
          .errors,
      ElementsAre(HasSubstr("the paragraph has \"qas\" twice")));
}

TEST(Squad, RefusesAParagraphWhoseRowsWouldFillTheMemory) {
  std::string json = R"({"data": [{"paragraphs": [{"context": ")" + std::string(2U << 20U, 'x') + R"(", "qas": [)";
  for (int i = 0; i < 600; ++i) json += i == 0 ? R"({"question": "q"})" : R"(,{"question": "q"})";
  EXPECT_THAT(read(json + "]}]}]}", Format::Squad, 8U << 20U).errors,
              ElementsAre(HasSubstr("the paragraph has 600 questions to a context of 2097152 bytes")));
}

TEST(Squad, SaysWhereADocumentIsNone) {
  for (auto const& [bytes, reason] : std::vector<std::pair<std::string, std::string>>{
           {"", "f:1: the end of the file stands where a document should begin"},
           {"\n[]", "f:2: \"[\" stands where a document should begin"},
           {"{}", "the document has no \"data\""},
           {"{\"data\": {}}", "\"{\" stands where the list \"data\" should begin"},
           {"{\"data\": [{\"paragraphs\": [{\"context\": \"x", "the file ends inside a value"},
           {"{\"data\": []} x", "\"x\" stands behind the document"},
           {"{\"data\" []}", "\"[\" stands where the value of a key should begin"},
           {"{\"data\": [{} {}]}", "\"{\" stands where \",\" or \"]\" should"},
           {"{data: []}", "\"d\" stands where a key should"}}) {
    auto const found = read(bytes, Format::Squad);
    EXPECT_THAT(found.rows, IsEmpty()) << bytes;
    ASSERT_THAT(found.errors, SizeIs(1)) << bytes;
    EXPECT_THAT(found.errors[0], HasSubstr(reason)) << bytes;
    EXPECT_THAT(found.errors[0], HasSubstr("expected {\"data\": [{\"paragraphs\"")) << bytes;
  }
}

TEST(Squad, DoesNotHoldAParagraphThatIsTooLong) {
  auto const found = read(R"({"data": [{"paragraphs": [{"context": ")" + std::string(5'000, 'x') +
                              R"(", "qas": []}, {"context": "y", "qas": [{"question": "q", "answers": []}]}]}]})",
                          Format::Squad, 1'000);
  EXPECT_THAT(found.errors, ElementsAre(HasSubstr("the paragraph is longer than 1000 bytes")));
  EXPECT_THAT(found.rows, SizeIs(1));
}

Row row_of(std::vector<std::pair<std::string, Value>> fields) {
  fields.emplace_back("question", "q");
  fields.emplace_back("context", "日本 is Japan");
  return {.line = 1, .fields = std::move(fields)};
}

TEST(Answers, MayBeObjectsOrListsSideBySide) {
  for (auto const* json : {R"([{"text": "Japan", "answer_start": 6}])", R"({"text": "Japan", "answer_start": 6})",
                           R"({"text": ["Japan"], "answer_start": [6]})"}) {
    EXPECT_THAT(answers_in(row_of({{"answers", OtherJson{json}}})), ElementsAre("Japan@10")) << json;
    EXPECT_THAT(answers_in(row_of({{"answers", std::string(json)}})), ElementsAre("Japan@10")) << json;
  }
  EXPECT_THAT(answers_in(row_of({{"answers", OtherJson{R"({"text": [], "answer_start": []})"}}})), IsEmpty());
  EXPECT_THAT(answers_in(row_of({{"answers", std::vector<std::string>()}})), IsEmpty());
  EXPECT_THAT(answers_in(row_of({{"answers", std::string("[]")}})), IsEmpty());
}

TEST(Answers, MayBePlainTextsWithAColumnOfTheirStarts) {
  auto const task = span_task("at");
  using Texts = std::vector<std::string>;
  EXPECT_THAT(answers_in(row_of({{"answers", "is"}, {"at", std::int64_t{3}}}), task), ElementsAre("is@7"));
  EXPECT_THAT(answers_in(row_of({{"answers", "is"}, {"at", "3"}}), task), ElementsAre("is@7"));
  EXPECT_THAT(answers_in(row_of({{"answers", "is"}, {"at", 3.0}}), task), ElementsAre("is@7"));
  EXPECT_THAT(answers_in(row_of({{"answers", Texts{"is", "日本"}}, {"at", Texts{"3", "0"}}}), task),
              ElementsAre("is@7", "日本@0"));
  EXPECT_THAT(answers_in(row_of({{"answers", ""}, {"at", std::int64_t{-1}}}), task), IsEmpty());
  EXPECT_THAT(answers_in(row_of({{"answers", Texts{}}, {"at", Texts{}}}), task), IsEmpty());
  EXPECT_THAT(answers_in(row_of({{"answers", ""}}), task), ElementsAre("-"));
  EXPECT_THAT(answers_in(row_of({}), task), ElementsAre("-"));
}

TEST(Answers, ThatDoNotStandWhereTheyAreSaidToAreNamedWithTheirPlace) {
  auto const reason = [](std::string const& json) {
    auto const label = label_in(row_of({{"answers", OtherJson{json}}}));
    return label ? "no error" : std::string(label.error().what());
  };
  EXPECT_THAT(reason(R"([{"text": "Japan", "answer_start": 5}])"),
              HasSubstr("f:1: the answer \"Japan\" is said to start at character 5 of column \"context\", where "
                        "\" Japa\" stands; it stands at 6"));
  EXPECT_THAT(reason(R"([{"text": "China", "answer_start": 6}])"), HasSubstr("it stands nowhere in it"));
  EXPECT_THAT(reason(R"([{"text": "Japan", "answer_start": 99}])"),
              AllOf(HasSubstr("column \"context\" has 11"), HasSubstr("it stands at 6")));
  EXPECT_THAT(reason(R"([{"text": "Japan", "answer_start": -6}])"), HasSubstr("starts at character -6"));
  EXPECT_THAT(reason(R"([{"text": "", "answer_start": 0}])"), HasSubstr("an answer is an empty text"));
  EXPECT_THAT(reason(R"([{"text": "Japan"}])"), HasSubstr("expected [{\"text\": .., \"answer_start\": ..}, ..]"));
  EXPECT_THAT(reason("3"), HasSubstr("expected [{\"text\": .., \"answer_start\": ..}, ..]"));
}

TEST(Answers, OfTheWrongKindSayWhatIsExpected) {
  auto const reason = [](std::vector<std::pair<std::string, Value>> fields, std::string start = "") {
    auto const label = label_in(row_of(std::move(fields)), span_task(std::move(start)));
    return label ? "no error" : std::string(label.error().what());
  };
  EXPECT_THAT(reason({{"answers", "Japan"}}), HasSubstr("name the column of its start with \"start\""));
  EXPECT_THAT(reason({{"answers", std::int64_t{3}}}), HasSubstr("holds no answers"));
  EXPECT_THAT(reason({{"answers", std::vector<task::Span>{{0, 2, "x"}}}}), HasSubstr("holds no answers"));
  EXPECT_THAT(reason({{"answers", "Japan"}}, "at"), HasSubstr("column \"at\" does not say where the answer"));
  EXPECT_THAT(reason({{"answers", "Japan"}, {"at", "six"}}, "at"), HasSubstr("expected a whole number each"));
  EXPECT_THAT(reason({{"answers", std::vector<std::string>{"a", "b"}}, {"at", std::vector<std::string>{"1"}}}, "at"),
              HasSubstr("does not say where the answers"));
  EXPECT_THAT(reason({{"answers", std::int64_t{3}}, {"at", std::int64_t{1}}}, "at"), HasSubstr("holds no text"));
}

std::unique_ptr<text::Tokenizer const> letters() {
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (char c = 'a'; c <= 'z'; ++c) tokens.insert(tokens.end(), {std::string{c}, std::string("##") + c});
  return text::make_wordpiece(std::move(tokens), {}, "test").value();
}

task::Example example_of_letters(std::string const& context, std::string const& answer) {
  task::Example example{.texts = {"q", context}};
  task::Answers answers;
  if (!answer.empty()) {
    auto const begin = context.find(answer);
    answers.pieces.push_back({begin, begin + answer.size(), answer});
  }
  example.labels.emplace_back(answers);
  return example;
}

TEST(Windows, TeachWhereTheAnswerStandsAndThatThereIsNoneWhereTheyDoNotShowIt) {
  // [CLS] q [SEP] and room for four: a b c d, c d e f, d e f g.
  auto const rows = features_of_windows(example_of_letters("a b c d e f g", "e f"), *letters(), {.max_length = 8});
  ASSERT_THAT(rows, SizeIs(3));
  auto const target = [&](std::size_t i) { return std::get<AnswerTarget>(rows[i].targets.at(0)); };
  EXPECT_EQ(target(0), (AnswerTarget{0, 0, 8}));
  EXPECT_EQ(target(1), (AnswerTarget{5, 6, 8}));
  EXPECT_EQ(target(2), (AnswerTarget{4, 5, 8}));
  EXPECT_EQ(rows[1].second_text, 3);
  EXPECT_THAT(rows[1].ids, SizeIs(8));
  for (auto const& row : features_of_windows(example_of_letters("a b c", ""), *letters(), {}))
    EXPECT_EQ(std::get<AnswerTarget>(row.targets.at(0)), (AnswerTarget{0, 0, 7}));
}

TEST(Windows, HaveNoTargetWhereTheRowSaysNothing) {
  task::Example const example{.texts = {"q", "a b"}, .labels = {task::Label{}}};
  EXPECT_EQ(features_of_windows(example, *letters(), {}).at(0).targets.at(0).index(), 0u);
}

TEST(AnswerFit, CountsWhatCannotBeGiven) {
  auto task = span_task();
  task.longest_answer = 3;
  Corpus corpus{.tasks = {task}, .files = {"f"}};
  AnswerFit fit;
  auto const add = [&](std::string const& question, std::string const& context, std::string const& answer) {
    auto example = example_of_letters(context, answer);
    example.texts[0] = question;
    example.line = 7;
    fit.add(corpus, 0, example, example.labels[0],
            text::encode_passage(*letters(), example, {.max_length = 8, .stride = 4}));
  };
  add("q", "a b c d", "b c");          // fits
  add("q", "a b c d", "a b c d");      // four tokens
  add("q", "a b c d e f g h", "d e");  // windows a..d and e..h
  add("q", "ab", "b");                 // is a token: ##b
  add("q", "a b c", " ");              // none
  add("q q q q q q", "a b", "a");      // the question keeps two
  std::vector<std::string> found;
  for (auto const& problem : fit.problems(task, 8)) found.push_back(problem.kind + ": " + problem.message);
  EXPECT_THAT(found, ElementsAre(HasSubstr("answer-cut: 1 of 6 answers have more than 3 tokens (\"a b c d\" at f:7)"),
                                 HasSubstr("answer-cut: 1 of 6 answers are shown whole in no window of 8 tokens"),
                                 HasSubstr("answer-without-token: 1 of 6 answers"),
                                 HasSubstr("question-cut: 1 of 6 questions")));
}

TEST(AnswerFit, NamesBordersInsideTokens) {
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "lamps", "q"};
  auto const words = text::make_wordpiece(std::move(tokens), {}, "test").value();
  Corpus const corpus{.tasks = {span_task()}, .files = {"f"}};
  AnswerFit fit;
  auto const example = example_of_letters("lamps", "lamp");
  fit.add(corpus, 0, example, example.labels[0], text::encode_passage(*words, example, {}));
  auto const problems = fit.problems(span_task(), 128);
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].kind, "answer-inside-token");
}

}  // namespace
}  // namespace polytask::data
