#include "data/row_reader.h"

#include <gmock/gmock.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/file.h"
#include "base/utf8.h"
#include "data/row_test_support.h"

namespace polytask::data {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

using Answer = test_support::RowsRead;
using test_support::drain;
using test_support::read;

std::string text_at(Row const& row, std::string_view column) {
  auto const* value = row.find(column);
  if (value == nullptr) return "<no column>";
  auto const* text = std::get_if<std::string>(value);
  return text == nullptr ? "<not text>" : *text;
}

std::vector<std::string> column(Answer const& answer, std::string_view name) {
  std::vector<std::string> values;
  for (auto const& row : answer.rows) values.push_back(text_at(row, name));
  return values;
}

std::vector<std::size_t> lines(Answer const& answer) {
  std::vector<std::size_t> numbers;
  for (auto const& row : answer.rows) numbers.push_back(row.line);
  return numbers;
}

/// Bytes of a file that grows as it is read, so that a long row needs no memory of the test's own.
class RepeatingBuffer : public std::streambuf {
 public:
  RepeatingBuffer(std::string head, std::string unit, std::size_t n_units, std::string tail)
      : pieces_{std::move(head), {}, std::move(tail)}, n_left_(n_units) {
    while (pieces_[1].size() < (1U << 16)) pieces_[1] += unit;
    n_left_ = n_units * unit.size() / pieces_[1].size();
  }

 protected:
  int_type underflow() override {
    while (true) {
      if (piece_ == 3) return traits_type::eof();
      auto& piece = pieces_[piece_];
      bool const give = !piece.empty() && (piece_ != 1 || n_left_ > 0);
      if (piece_ != 1 || n_left_ == 0 || --n_left_ == 0) ++piece_;
      if (!give) continue;
      setg(piece.data(), piece.data(), piece.data() + piece.size());
      return traits_type::to_int_type(*gptr());
    }
  }

 private:
  std::array<std::string, 3> pieces_;
  std::size_t n_left_;
  std::size_t piece_ = 0;
};

/// Resident memory of this process in KiB: "VmRSS:" now, "VmHWM:" at its peak.
std::size_t memory_kib(std::string_view which) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(which)) return std::stoul(line.substr(which.size()));
  return 0;
}

/// How much memory the rows of `input` needed at most, beyond what the process held before.
std::size_t drain_and_measure(std::istream& input, Format format, std::size_t max_row_bytes, Answer& answer) {
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak is counted from here
  auto const before = memory_kib("VmRSS:");
  answer = drain(*read_rows(input, format, "f", {.max_row_bytes = max_row_bytes}));
  auto const peak = memory_kib("VmHWM:");
  return peak > before ? peak - before : 0;
}

class RowFiles : public testing::Test {
 protected:
  fs::path folder = fs::temp_directory_path() / ("polytask_row_reader_test_" + std::to_string(::getpid()));
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }

  fs::path write(std::string const& name, std::string const& bytes) const {
    write_file_atomically(folder / name, bytes);
    return folder / name;
  }
  fs::path pack(std::string const& name, std::string const& bytes) const {
    auto const path = folder / name;
    gzFile const file = ::gzopen(path.c_str(), "wb");
    EXPECT_EQ(::gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())), static_cast<int>(bytes.size()));
    ::gzclose(file);
    return path;
  }
  static Answer read(fs::path const& path, RowReaderOptions const& options = {}) {
    return drain(*open_rows(path, options));
  }
};

// ---- JSONL

TEST(JsonlReader, GivesRowsWithTheirLinesWhateverTheLineEnds) {
  auto const answer =
      read("\xEF\xBB\xBF{\"a\":\"1\"}\r\n\n  \n{\"a\":\"2\"}\r{\"a\":\"3\"}\n{\"a\":\"4\"}", Format::Jsonl);
  EXPECT_THAT(answer.errors, IsEmpty());
  EXPECT_THAT(column(answer, "a"), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(lines(answer), ElementsAre(1, 4, 5, 6));
}

TEST(JsonlReader, NamesTheLineOfABrokenRowAndReadsOn) {
  auto const answer =
      read("{\"a\":\"1\"}\n{\"a\":\n[1]\n{\"a\":\"2\",\"a\":\"3\"}\n{\"a\":\"4\"} {}\n{\"a\":\"5\"}\n", Format::Jsonl);
  EXPECT_THAT(column(answer, "a"), ElementsAre("1", "5"));
  ASSERT_THAT(answer.errors, SizeIs(4));
  EXPECT_THAT(answer.errors[0], StartsWith("f:2: "));
  EXPECT_THAT(answer.errors[1], StartsWith("f:3: \"[1]\" is not a JSON object"));
  EXPECT_THAT(answer.errors[2], StartsWith("f:4: the key \"a\" stands twice"));
  EXPECT_THAT(answer.errors[3], StartsWith("f:5: "));
}

TEST(JsonlReader, NamesTheLineAndTheByteOfBrokenUtf8) {
  auto const answer = read("{\"a\":\"1\"}\n{\"a\":\"\xC3\x28\"}\n{\"a\":\"2\"}", Format::Jsonl);
  EXPECT_THAT(column(answer, "a"), ElementsAre("1", "2"));
  EXPECT_THAT(answer.errors, ElementsAre("f:2: byte 7 of the line (\"\\xc3\") is not UTF-8; save the file as UTF-8"));
}

TEST(JsonlReader, RefusesLoneSurrogatesAndReadsPairs) {
  auto const answer = read(R"({"a":"\ud83d\ude00"})"
                           "\n"
                           R"({"a":"\ud83d"})"
                           "\n"
                           R"({"a":"\ude00"})"
                           "\n"
                           R"({"\udfff":"key"})"
                           "\n"
                           R"({"a":["\udc00"]})",
                           Format::Jsonl);
  EXPECT_THAT(column(answer, "a"), ElementsAre("😀"));
  ASSERT_THAT(answer.errors, SizeIs(4));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_THAT(answer.errors[i], StartsWith("f:" + std::to_string(i + 2) + ": "));
}

TEST(JsonlReader, KeepsEscapedNulBytesAndRefusesBareOnes) {
  auto const answer = read(std::string("{\"a\":\"x\\u0000y\"}\n{\"a\":\"x") + '\0' + "y\"}\n", Format::Jsonl);
  EXPECT_THAT(column(answer, "a"), ElementsAre(std::string("x\0y", 3)));
  ASSERT_THAT(answer.errors, SizeIs(1));
  EXPECT_THAT(answer.errors[0], StartsWith("f:2: "));
}

TEST(JsonlReader, RefusesDepthWithoutEndingTheProgram) {
  auto const answer =
      read("{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}\n{\"a\":\"1\"}", Format::Jsonl);
  EXPECT_THAT(column(answer, "a"), ElementsAre("1"));
  EXPECT_THAT(answer.errors, ElementsAre(StartsWith("f:1: ")));
}

TEST(JsonlReader, ReadsEveryKindOfValue) {
  auto const answer =
      read(R"({"id":"a-3","n":null,"b":true,"i":-7,"d":2.5,"l":["x",3],"s":[[0,2,"PER"]],"o":{"k":[1]},"e":[]})",
           Format::Jsonl);
  ASSERT_THAT(answer.rows, SizeIs(1));
  auto const& row = answer.rows[0];
  EXPECT_EQ(row.id, "\"a-3\"");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(*row.find("n")));
  EXPECT_EQ(std::get<bool>(*row.find("b")), true);
  EXPECT_EQ(std::get<std::int64_t>(*row.find("i")), -7);
  EXPECT_EQ(std::get<double>(*row.find("d")), 2.5);
  EXPECT_THAT(std::get<std::vector<std::string>>(*row.find("l")), ElementsAre("x", "3"));
  EXPECT_THAT(std::get<std::vector<task::Span>>(*row.find("s")), ElementsAre(task::Span{0, 2, "PER"}));
  EXPECT_EQ(std::get<OtherJson>(*row.find("o")).text, R"({"k":[1]})");
  EXPECT_THAT(std::get<std::vector<std::string>>(*row.find("e")), IsEmpty());
  EXPECT_EQ(row.find("absent"), nullptr);
}

TEST(JsonlReader, ReadsARowOfVeryManyKeysInReasonableTime) {
  std::string row = "{";
  for (int i = 0; i < 200'000; ++i) row += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
  auto const answer = read(row + "}", Format::Jsonl);  // quadratic work would take minutes
  ASSERT_THAT(answer.rows, SizeIs(1));
  EXPECT_THAT(answer.rows[0].fields, SizeIs(200'000));
}

TEST(JsonlReader, SkipsAnEndlessRowInBoundedMemory) {
  RepeatingBuffer buffer("{\"a\":\"1\"}\n{\"a\":\"", "x", 400'000'000, "\"}\n{\"a\":\"2\"}\n");
  std::istream input(&buffer);
  Answer answer;
  EXPECT_LT(drain_and_measure(input, Format::Jsonl, 1 << 20, answer), 16 * 1024);
  EXPECT_THAT(column(answer, "a"), ElementsAre("1", "2"));
  EXPECT_THAT(answer.errors,
              ElementsAre("f:2: the row is longer than 1048576 bytes, the most that is read; cut its text"));
}

// ---- CSV and TSV

TEST(CsvReader, ReadsRfc4180) {
  auto const answer = read(
      "id,text,label\r\n"
      "7,\"a, b\",x\r\n"
      "8,\"two\r\nlines\",y\r\n"
      "9,\"say \"\"hi\"\"\",\r\n"
      "007,,\"\"",
      Format::Csv);
  EXPECT_THAT(answer.errors, IsEmpty());
  EXPECT_THAT(column(answer, "text"), ElementsAre("a, b", "two\r\nlines", "say \"hi\"", ""));
  EXPECT_THAT(column(answer, "label"), ElementsAre("x", "y", "", ""));
  EXPECT_THAT(lines(answer), ElementsAre(2, 3, 5, 6));
  EXPECT_EQ(answer.rows[0].id, "7");
  EXPECT_EQ(answer.rows[3].id, "\"007\"");  // not a number in JSON
}

TEST(CsvReader, TakesMixedLineEndsAMarkAndBlankLines) {
  auto const answer = read("\xEF\xBB\xBFtext,label\na,1\r\nb,2\rc,3\n\n\r\nd,4", Format::Csv);
  EXPECT_THAT(answer.errors, IsEmpty());
  EXPECT_THAT(column(answer, "text"), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(lines(answer), ElementsAre(2, 3, 4, 7));
}

TEST(CsvReader, CountsTheLinesInsideQuotedFields) {
  auto const answer = read("text\n\"1\n2\r\n3\r4\"\nlast\n", Format::Csv);
  EXPECT_THAT(lines(answer), ElementsAre(2, 6));
}

TEST(CsvReader, ReadsAFileWithoutAHeaderByTheNamesGiven) {
  auto const answer = read("a\t1\nb\t2\n", Format::Tsv, {.columns = {"text", "label"}});
  EXPECT_THAT(column(answer, "text"), ElementsAre("a", "b"));
  EXPECT_THAT(column(answer, "label"), ElementsAre("1", "2"));
}

TEST(CsvReader, RefusesRowsOfAnotherWidthAndReadsOn) {
  auto const answer = read("text,label\na,1,\nb\n,\nc,3\n", Format::Csv);
  EXPECT_THAT(column(answer, "text"), ElementsAre("", "c"));
  ASSERT_THAT(answer.errors, SizeIs(2));
  EXPECT_THAT(answer.errors[0], StartsWith("f:2: the row has 3 fields, expected 2 (as the header)"));
  EXPECT_THAT(answer.errors[1], StartsWith("f:3: the row has 1 fields, expected 2"));
}

TEST(CsvReader, TakesAQuoteInsideAFieldAsAQuote) {
  // as Python's csv module does
  auto const answer = read("a,b\n5\" disk,\"x\"y\n", Format::Csv);
  EXPECT_THAT(column(answer, "a"), ElementsAre("5\" disk"));
  EXPECT_THAT(column(answer, "b"), ElementsAre("xy"));
}

TEST(CsvReader, NamesTheRowWhoseQuotesNeverEnd) {
  auto const answer = read("text,label\na,1\n\"b,2\nc,3\n", Format::Csv);
  EXPECT_THAT(column(answer, "text"), ElementsAre("a"));
  EXPECT_THAT(answer.errors, ElementsAre(StartsWith("f:3: a quoted field that begins in this row never ends")));
}

/// The quote that was forgotten swallows rows until the next one; the count of fields may come out right.
TEST(CsvReader, NamesTheRowWhoseQuoteWasLeftOpenAndEndsInAnotherRow) {
  auto const answer = read("a,b,c\n\"one,two,no\nx,y,no\nred,\"blue\",yes\np,q,no\n", Format::Csv);
  EXPECT_THAT(column(answer, "a"), ElementsAre("p"));
  EXPECT_THAT(answer.errors, ElementsAre(StartsWith("f:2: a quoted field goes over several lines, and more text")));
}

TEST(CsvReader, RefusesAHeaderThatIsEmptyOrNamesAColumnTwice) {
  EXPECT_THAT(read("", Format::Csv).errors, ElementsAre(StartsWith("f:1: the file is empty")));
  EXPECT_THAT(read("a,b,a\n1,2,3\n", Format::Csv).errors,
              ElementsAre(StartsWith("f:1: the column \"a\" stands twice in the header")));
  std::string wide = "c0";
  for (int i = 1; i < 200'000; ++i) wide += ",c" + std::to_string(i);
  EXPECT_THAT(read(wide + "\n1\n", Format::Csv).errors,
              ElementsAre("f:1: the header names 200000 columns; at most 10000 are read"));
}

TEST(CsvReader, NamesTheLineOfBrokenUtf8) {
  auto const answer = read("text\na\n\"\xE3\x81\"\nb\n", Format::Csv);
  EXPECT_THAT(column(answer, "text"), ElementsAre("a", "b"));
  EXPECT_THAT(answer.errors, ElementsAre(StartsWith("f:3: byte 1 of the field ")));
}

TEST(CsvReader, KeepsNulBytes) {
  EXPECT_THAT(column(read(std::string("text\nx\0y\n", 9), Format::Csv), "text"), ElementsAre(std::string("x\0y", 3)));
}

TEST(CsvReader, SkipsAnEndlessRowInBoundedMemory) {
  for (std::string const unit : {"x", ",", "\"\""}) {
    RepeatingBuffer buffer("text,label\na,1\n", unit, 100'000'000, "\nb,2\n");
    std::istream input(&buffer);
    Answer answer;
    EXPECT_LT(drain_and_measure(input, Format::Csv, 1 << 20, answer), 16 * 1024) << unit;
    EXPECT_THAT(column(answer, "text"), ElementsAre("a", "b")) << unit;
    EXPECT_THAT(answer.errors, ElementsAre(StartsWith("f:3: the row is longer than 1048576 bytes"))) << unit;
  }
}

// ---- CoNLL

TEST(ConllReader, ReadsSentencesAtTabsOrSpaces) {
  auto const answer =
      read("-DOCSTART- -X- O\n\nEU NNP B-ORG\nrejects  VBZ O \n\n\n\nNew York\tB-LOC\r\n.\tO", Format::Conll);
  EXPECT_THAT(answer.errors, IsEmpty());
  ASSERT_THAT(answer.rows, SizeIs(2));
  EXPECT_THAT(answer.rows[0].words, ElementsAre(ElementsAre("EU", "NNP", "B-ORG"), ElementsAre("rejects", "VBZ", "O")));
  EXPECT_THAT(answer.rows[1].words, ElementsAre(ElementsAre("New York", "B-LOC"), ElementsAre(".", "O")));
  EXPECT_THAT(lines(answer), ElementsAre(3, 8));
}

TEST(ConllReader, SkipsCommentsAndKeepsWordsThatLookLikeThem) {
  auto const answer =
      read("# text = # 1 is\n# slots: 15:19:place\n# slots:\n# O\n#1 O\n#\tO\n\n#tag\tO\n", Format::Conll);
  ASSERT_THAT(answer.rows, SizeIs(2));
  EXPECT_THAT(answer.rows[0].words, ElementsAre(ElementsAre("#", "O"), ElementsAre("#1", "O"), ElementsAre("#", "O")));
  EXPECT_THAT(answer.rows[1].words, ElementsAre(ElementsAre("#tag", "O")));
  EXPECT_EQ(answer.rows[0].line, 4U);
}

TEST(ConllReader, EndsASentenceAtEveryKindOfLineEnd) {
  auto const answer = read("a O\r\rb O\r\n\r\nc O\n\n", Format::Conll);
  ASSERT_THAT(answer.rows, SizeIs(3));
  EXPECT_THAT(lines(answer), ElementsAre(1, 3, 5));
}

TEST(ConllReader, NamesTheLineOfABrokenWordAndSkipsItsSentence) {
  auto const answer = read("a O\n\xFF O\nb O\n\nc O\n\n\tO\nd O\n\ne O\n", Format::Conll);
  ASSERT_THAT(answer.rows, SizeIs(2));
  EXPECT_THAT(answer.rows[0].words, ElementsAre(ElementsAre("c", "O")));
  EXPECT_THAT(answer.rows[1].words, ElementsAre(ElementsAre("e", "O")));
  ASSERT_THAT(answer.errors, SizeIs(2));
  EXPECT_THAT(answer.errors[0], HasSubstr("is not UTF-8"));
  EXPECT_THAT(answer.errors[0], StartsWith("f:2: "));
  EXPECT_THAT(answer.errors[1], StartsWith("f:7: the line has no word in its first column"));
}

TEST(ConllReader, SkipsAnEndlessSentenceInBoundedMemory) {
  for (std::string const unit : {"x", "x O\n", "\t"}) {
    RepeatingBuffer buffer("a O\n\n", unit, 40'000'000 / unit.size(), "\n\nb O\n");
    std::istream input(&buffer);
    Answer answer;
    EXPECT_LT(drain_and_measure(input, Format::Conll, 1 << 16, answer), 32 * 1024) << unit;
    EXPECT_THAT(answer.rows, SizeIs(2)) << unit;
    EXPECT_THAT(answer.errors, ElementsAre(HasSubstr("longer than 65536 bytes"))) << unit;
  }
}

// ---- files

TEST(FormatOf, FollowsTheExtension) {
  EXPECT_EQ(format_of("a/b.jsonl"), Format::Jsonl);
  EXPECT_EQ(format_of("B.JSONL.GZ"), Format::Jsonl);
  EXPECT_EQ(format_of("b.csv"), Format::Csv);
  EXPECT_EQ(format_of("b.tsv.gz"), Format::Tsv);
  EXPECT_EQ(format_of("b.train.conll"), Format::Conll);
  EXPECT_FALSE(format_of("b.txt"));
  EXPECT_FALSE(format_of("b.gz"));
  EXPECT_FALSE(format_of(""));
}

TEST_F(RowFiles, AreReadPackedAsTheyAreReadPlain) {
  std::pair<char const*, char const*> const files[] = {{"a.jsonl", "{\"t\":\"é\"}\n{\"t\":\"2\"}\n"},
                                                       {"a.csv", "t\n\"é\n\"\n2\n"},
                                                       {"a.tsv", "t\tu\né\t1\n2\t2\n"},
                                                       {"a.conll", "é O\n\n2 O\n"}};
  for (auto const& [name, bytes] : files) {
    auto const plain = read(write(name, bytes));
    auto const packed = read(pack(std::string(name) + ".gz", bytes));
    ASSERT_THAT(plain.rows, SizeIs(2)) << name;
    ASSERT_THAT(packed.rows, SizeIs(2)) << name;
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(plain.rows[i].fields, packed.rows[i].fields) << name;
      EXPECT_EQ(plain.rows[i].words, packed.rows[i].words) << name;
      EXPECT_EQ(plain.rows[i].line, packed.rows[i].line) << name;
    }
  }
}

TEST_F(RowFiles, AreReadToTheEndOfTheirLastMember) {
  auto const first = read_file(pack("one.gz", "{\"t\":\"1\"}\n"));
  auto const second = read_file(pack("two.gz", "{\"t\":\"2\"}\n"));
  EXPECT_THAT(column(read(write("both.jsonl.gz", first + second)), "t"), ElementsAre("1", "2"));
}

TEST_F(RowFiles, ThatAreCutOrDamagedAreOneClearError) {
  std::string rows;
  for (int i = 0; i < 5'000; ++i) rows += "{\"t\":\"" + std::to_string(i * 7919 % 10'007) + "\"}\n";
  auto const packed = read_file(pack("whole.jsonl.gz", rows));
  for (std::size_t const n_bytes : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{9}, packed.size() / 2,
                                    packed.size() - 8, packed.size() - 1}) {
    auto const path = write("cut.jsonl.gz", packed.substr(0, n_bytes));
    try {
      (void)read(path);
      ADD_FAILURE() << "cut after " << n_bytes << " bytes and read";
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::InvalidInput);
      EXPECT_THAT(error.what(), StartsWith(path.string() + ": ")) << n_bytes;
    }
  }
  auto damaged = packed;
  damaged[packed.size() - 6] = static_cast<char>(damaged[packed.size() - 6] ^ 1);  // the checksum
  EXPECT_THROW((void)read(write("damaged.jsonl.gz", damaged)), Error);
  EXPECT_THROW((void)read(write("plain.jsonl.gz", rows)), Error);
}

TEST_F(RowFiles, ThatCannotBeOpenedAreOneClearError) {
  auto const code_of = [&](fs::path const& path) {
    try {
      (void)open_rows(path, {});
    } catch (Error const& error) {
      EXPECT_THAT(error.what(), StartsWith(path.string() + ": "));
      return error.code();
    }
    return ErrorCode::Interrupted;
  };
  EXPECT_EQ(code_of(folder / "absent.csv"), ErrorCode::NotFound);
  fs::create_directory(folder / "folder.csv");
  EXPECT_EQ(code_of(folder / "folder.csv"), ErrorCode::InvalidInput);
  fs::create_symlink("loop.csv", folder / "loop.csv");
  EXPECT_EQ(code_of(folder / "loop.csv"), ErrorCode::InvalidInput);
  EXPECT_EQ(code_of(write("a.txt", "x")), ErrorCode::InvalidInput);
}

TEST_F(RowFiles, ReadersGiveRowsBeforeTheStreamEnds) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::string const first = "{\"t\":\"1\"}\r\n";
  ASSERT_EQ(::write(ends[1], first.data(), first.size()), static_cast<ssize_t>(first.size()));
  std::ifstream input("/proc/self/fd/" + std::to_string(ends[0]));
  ASSERT_TRUE(input);
  auto const reader = read_rows(input, Format::Jsonl, "-", {});
  auto const row = reader->next();  // would wait for ever if it needed more
  ASSERT_TRUE(row && *row);
  EXPECT_EQ(text_at(**row, "t"), "1");
  ::close(ends[1]);
  EXPECT_FALSE(reader->next());
  ::close(ends[0]);
}

// ---- rows -> examples and labels

Row row_of(std::string const& json) {
  auto answer = read(json, Format::Jsonl);
  EXPECT_THAT(answer.errors, IsEmpty()) << json;
  return answer.rows.empty() ? Row{} : answer.rows[0];
}

Result<task::Label> label(std::string const& json, task::TaskSpec const& task) {
  auto const row = row_of(json);
  return label_of(row, example_of(row, task, "f:1").value(), task, "f:1");
}

std::string label_error(std::string const& json, task::TaskSpec const& task) {
  auto const result = label(json, task);
  EXPECT_FALSE(result) << json;
  return result ? "" : result.error().what();
}

task::TaskSpec const kClasses{.name = "intent", .type = task::TaskType::Classification, .text = {"t"}, .label = "y"};
task::TaskSpec const kTopics{.name = "topics", .type = task::TaskType::Multilabel, .text = {"t"}, .label = "y"};
task::TaskSpec const kScore{.name = "score", .type = task::TaskType::Regression, .text = {"t"}, .label = "y"};
task::TaskSpec const kNames{.name = "names", .type = task::TaskType::Tagging, .text = {"t"}, .spans = "y"};

TEST(ExampleOf, NamesTheColumnThatIsMissingAndTheNearest) {
  auto const example = example_of(row_of(R"({"txt":"a"})"), {.name = "x", .text = {"text"}}, "f:1");
  ASSERT_FALSE(example);
  EXPECT_STREQ(example.error().what(), "f:1: the row has no column \"text\"; did you mean \"txt\"?");
  EXPECT_THAT(example_of(row_of(R"({"t":null})"), kClasses, "f:1").error().what(),
              HasSubstr("column \"t\" is null; expected text"));
  EXPECT_THAT(example_of(row_of(R"({"t":["a"]})"), kClasses, "f:1").error().what(), HasSubstr("expected text"));
}

TEST(ExampleOf, TakesPairsAndNumbersAsText) {
  auto const example =
      example_of(row_of(R"({"a":"x","b":42,"id":5})"), {.name = "x", .text = {"a", "b"}}, "f:1").value();
  EXPECT_THAT(example.texts, ElementsAre("x", "42"));
  EXPECT_EQ(example.id, "5");
}

TEST(LabelOf, TakesIntegersAsLabels) {
  EXPECT_EQ(label(R"({"t":"a","y":3})", kClasses).value(), task::Label(std::string("3")));
  EXPECT_EQ(label(R"({"t":"a","y":"3"})", kClasses).value(), task::Label(std::string("3")));
  EXPECT_EQ(label(R"({"t":"a","y":3.0})", kClasses).value(), task::Label(std::string("3")));
  EXPECT_EQ(label(R"({"t":"a","y":true})", kClasses).value(), task::Label(std::string("true")));
  EXPECT_THAT(label_error(R"({"t":"a","y":2.5})", kClasses),
              HasSubstr("column \"y\" is 2.5; expected one label (text or a whole number)"));
}

TEST(LabelOf, CountsAbsentNullAndEmptyAsNotLabelled) {
  for (auto const& task : {kClasses, kTopics, kScore, kNames})
    for (char const* json : {R"({"t":"a"})", R"({"t":"a","y":null})", R"({"t":"a","y":""})"})
      EXPECT_FALSE(task::is_labelled(label(json, task).value())) << task.name << json;
  EXPECT_EQ(label(R"({"t":"a","y":[]})", kTopics).value(),
            task::Label(std::vector<std::string>{}));  // none of them, and known to be so
  EXPECT_EQ(label(R"({"t":"a","y":[]})", kNames).value(), task::Label(std::vector<task::Span>{}));
}

TEST(LabelOf, ReadsListsOfLabelsInEveryForm) {
  task::Label const expected(std::vector<std::string>{"a", "b"});
  EXPECT_EQ(label(R"({"t":"x","y":["b","a","b"]})", kTopics).value(), expected);
  EXPECT_EQ(label(R"({"t":"x","y":"b|a"})", kTopics).value(), expected);
  EXPECT_EQ(label(R"({"t":"x","y":"[\"b\",\"a\"]"})", kTopics).value(), expected);
  EXPECT_EQ(label(R"({"t":"x","y":7})", kTopics).value(), task::Label(std::vector<std::string>{"7"}));
  EXPECT_THAT(label_error(R"({"t":"x","y":["a",""]})", kTopics), HasSubstr("empty label"));
  EXPECT_THAT(label_error(R"({"t":"x","y":"[\"a\""})", kTopics), HasSubstr("is not a JSON list"));
  EXPECT_THAT(label_error(R"({"t":"x","y":["a",["b"]]})", kTopics), HasSubstr("expected a list of labels"));
}

TEST(LabelOf, RefusesNumbersThatAreNone) {
  EXPECT_EQ(label(R"({"t":"x","y":"-2.5e1"})", kScore).value(), task::Label(-25.0));
  EXPECT_EQ(label(R"({"t":"x","y":3})", kScore).value(), task::Label(3.0));
  for (char const* json :
       {R"({"t":"x","y":"nan"})", R"({"t":"x","y":"inf"})", R"({"t":"x","y":"3 kg"})", R"({"t":"x","y":"1e999"})",
        R"({"t":"x","y":true})", R"({"t":"x","y":[1]})", R"({"t":"x","y":-1.1e100})"})
    EXPECT_THAT(label_error(json, kScore), HasSubstr("expected a number from -1e+100 to 1e+100")) << json;
}

TEST(LabelOf, RefusesAListWhereOneLabelIsExpected) {
  EXPECT_THAT(label_error(R"({"t":"x","y":["a"]})", kClasses),
              StartsWith("f:1: column \"y\" is a list of 1; expected one label"));
  EXPECT_THAT(label_error(R"({"t":"x","y":{"a":1}})", kClasses), HasSubstr("expected one label"));
}

TEST(LabelOf, TranslatesSpansFromCodePointsToBytesAndBack) {
  // 'e' with a combining accent, a flag of two code points, an emoji joined of several: each counts by code points.
  std::string const text = "e\u0301t\u00E9 \U0001F1EF\U0001F1F5 \U0001F469\u200D\U0001F680 \u6771\u4EAC";
  auto const row = row_of("{\"t\":\"" + text + "\",\"y\":[[10,12,\"C\"],[0,4,\"A\"],[5,7,\"B\"]]}");
  auto const example = example_of(row, kNames, "f:1").value();
  auto const label = label_of(row, example, kNames, "f:1").value();
  auto const& spans = std::get<std::vector<task::Span>>(label);
  ASSERT_THAT(spans, SizeIs(3));
  auto const piece = [&](task::Span const& span) { return text.substr(span.begin, span.end - span.begin); };
  EXPECT_EQ(piece(spans[0]), "e\u0301t\u00E9");
  EXPECT_EQ(piece(spans[1]), "\U0001F1EF\U0001F1F5");
  EXPECT_EQ(piece(spans[2]), "\U0001F680 ");
  Utf8Offsets const offsets(text);
  EXPECT_EQ(offsets.to_code_points(spans[2].begin), 10U);
  EXPECT_EQ(offsets.to_code_points(spans[2].end), 12U);
}

TEST(LabelOf, RefusesSpansOutsideTheTextOverlappingOrMalformed) {
  for (char const* spans : {"[[0,4,\"A\"]]", "[[2,2,\"A\"]]", "[[2,1,\"A\"]]", "[[0,1,\"\"]]",
                            "[[9223372036854775807,9223372036854775807,\"A\"]]"})
    EXPECT_THAT(label_error(std::string(R"({"t":"aé😀","y":)") + spans + "}", kNames),
                HasSubstr("does not fit a text of 3 characters"))
        << spans;
  for (char const* spans :
       {"[[-1,2,\"A\"]]", "[[0,1]]", "[[0,1,2]]", "[[0,1,\"A\"],3]", "\"x\"", "[0,1,\"A\"]", "[[0.5,1,\"A\"]]", "{}"})
    EXPECT_THAT(label_error(std::string(R"({"t":"abc","y":)") + spans + "}", kNames),
                HasSubstr("expected [[start, end, \"LABEL\"], ...]"))
        << spans;
  EXPECT_THAT(label_error(R"({"t":"abc","y":[[1,3,"B"],[0,2,"A"]]})", kNames),
              HasSubstr("the spans \"ab\" and \"bc\" overlap"));
  EXPECT_EQ(std::get<std::vector<task::Span>>(label(R"({"t":"abc","y":[[0,2,"A"],[2,3,"A"]]})", kNames).value()).size(),
            2U);
}

Result<task::Label> tags(std::string const& conll, task::TaskSpec const& task) {
  auto const answer = read(conll, Format::Conll);
  EXPECT_THAT(answer.rows, SizeIs(1));
  auto const example = example_of(answer.rows.at(0), task, "f:1");
  if (!example) return example.error();
  return label_of(answer.rows.at(0), *example, task, "f:1");
}

TEST(LabelOf, ReadsBioAndBioesTagsOfWords) {
  task::TaskSpec const task{.name = "ner", .type = task::TaskType::Tagging};
  std::vector<task::Span> const expected{{0, 8, "LOC"}, {9, 11, "PER"}};
  EXPECT_EQ(tags("New B-LOC\nYork I-LOC\néa B-PER\n. O\n", task).value(),
            task::Label(std::vector<task::Span>{{0, 8, "LOC"}, {9, 12, "PER"}}));
  EXPECT_EQ(tags("New\tB-LOC\nYork\tE-LOC\nxx\tS-PER\n.\tO\n", task).value(), task::Label(expected));
  EXPECT_EQ(tags("New O\nYork I-LOC\n", task).value(),
            task::Label(std::vector<task::Span>{{4, 8, "LOC"}}));      // a stray I- opens a span
  EXPECT_FALSE(task::is_labelled(tags("New\nYork\n", task).value()));  // words alone
}

TEST(LabelOf, TakesColumnsByNumber) {
  task::TaskSpec const task{.name = "slots", .type = task::TaskType::Tagging, .tokens_column = 2, .tags_column = 4};
  EXPECT_EQ(tags("1\tit\tx\tO\n2\train\tx\tB-A\tlast\n", task).value(),
            task::Label(std::vector<task::Span>{{3, 7, "A"}}));
  EXPECT_THAT(tags("1\tit\tx\tO\n2\train\tx\n", task).error().what(), HasSubstr("word 2"));
  EXPECT_THAT(tags("1\tit\tx\tO\n2\n", task).error().what(), HasSubstr("a line has no column 2 for the word"));
}

TEST(LabelOf, NamesTheWordWithAMalformedTag) {
  task::TaskSpec const task{.name = "ner", .type = task::TaskType::Tagging};
  for (char const* tag : {"B", "B-", "X-LOC", "b-LOC", "BLOC", "o"})
    EXPECT_THAT(tags(std::string("New O\nYork ") + tag + "\n", task).error().what(),
                StartsWith("f:1: word 2 (\"York\") has the tag \"" + std::string(tag) + "\""))
        << tag;
  EXPECT_THAT(tags("New O\nYork\n", task).error().what(), HasSubstr("word 2"));
  auto const row = read("a O\n", Format::Conll).rows.at(0);
  EXPECT_FALSE(example_of(row, kNames, "f:1"));  // a text column
  EXPECT_THAT(label_of(row, {}, {.name = "x", .type = task::TaskType::Regression}, "f:1").error().what(),
              HasSubstr("carries only tags"));
}

// ---- published datasets, where they are at hand

class PublishedDatasets : public testing::Test {
 protected:
  void SetUp() override {
    char const* const given = std::getenv("POLYTASK_SHARED");
    data = fs::path(given != nullptr ? given : "../shared") / "data";
    if (!fs::exists(data))
      GTEST_SKIP() << data.string() << " is not there; POLYTASK_SHARED names the folder of models and data";
  }
  /// The unpacked bytes of a file.
  static std::string bytes_of(fs::path const& path) {
    gzFile const file = ::gzopen(path.c_str(), "rb");
    EXPECT_NE(file, nullptr) << path;
    if (file == nullptr) return {};
    std::string bytes;
    char buffer[1 << 16];
    for (int n = ::gzread(file, buffer, sizeof buffer); n > 0; n = ::gzread(file, buffer, sizeof buffer))
      bytes.append(buffer, static_cast<std::size_t>(n));
    ::gzclose(file);
    return bytes;
  }
  static Answer read(fs::path const& path, RowReaderOptions const& options = {}) {
    return drain(*open_rows(path, options));
  }
  fs::path data;
};

TEST_F(PublishedDatasets, JsonlGivesOneRowALine) {
  for (char const* name : {"stsb_ccbysa/train.jsonl.gz", "hwu64/train.jsonl.gz", "snips/validate.jsonl.gz",
                           "jsick/trial.jsonl.gz", "stackoverflow20/data.jsonl.gz"}) {
    auto const bytes = bytes_of(data / name);
    auto const answer = read(data / name);
    EXPECT_THAT(answer.errors, IsEmpty()) << name;
    EXPECT_EQ(answer.rows.size(),
              static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n')) + (bytes.ends_with('\n') ? 0 : 1))
        << name;
    EXPECT_FALSE(answer.rows.empty());
  }
}

TEST_F(PublishedDatasets, CsvGivesTheRowsThatPythonCounts) {
  auto const train = read(data / "banking77/train.csv.gz");
  EXPECT_THAT(train.errors, IsEmpty());
  EXPECT_EQ(train.rows.size(), 10'003U);  // len(list(csv.DictReader(...)))
  EXPECT_EQ(read(data / "banking77/test.csv.gz").rows.size(), 3'080U);
  for (auto const& row : train.rows) EXPECT_THAT(text_at(row, "text"), Not(IsEmpty()));
}

TEST_F(PublishedDatasets, TsvWithoutAHeaderGivesTheRowsThatPythonCounts) {
  auto const answer = read(data / "goemotions/dev.tsv.gz", {.columns = {"text", "labels", "id"}});
  EXPECT_EQ(answer.rows.size() + answer.errors.size(), 5'427U);
}

TEST_F(PublishedDatasets, ConllGivesOneRowASentence) {
  for (char const* name : {"wnut17/wnut17train.conll.gz", "wnut17/emerging.dev.conll.gz",
                           "broad_twitter_corpus/a.conll.gz", "xsid_en_ja/en.valid.conll.gz"}) {
    std::istringstream input(bytes_of(data / name));
    std::size_t n_sentences = 0;
    bool inside = false;
    for (std::string line; std::getline(input, line);) {
      bool const blank = line.find_first_not_of(" \t\r") == std::string::npos;
      n_sentences += !blank && !inside ? 1 : 0;
      inside = !blank;
    }
    auto const answer = read(data / name);
    EXPECT_THAT(answer.errors, IsEmpty()) << name;
    EXPECT_EQ(answer.rows.size(), n_sentences) << name;
    task::TaskSpec const task{.name = "names",
                              .type = task::TaskType::Tagging,
                              .tokens_column = std::string(name).starts_with("xsid") ? 2 : 1};
    for (auto const& row : answer.rows) {
      auto const example = example_of(row, task, "f");
      ASSERT_TRUE(example) << name << ":" << row.line;
      EXPECT_TRUE(label_of(row, *example, task, "f")) << name << ":" << row.line;
    }
  }
}

}  // namespace
}  // namespace polytask::data
