// The reference library's encodings of whole corpora: tests/golden/text/make_corpora.py. The corpora and the tokenizer
// are not part of the repository; where they are absent the test is skipped.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/tokenizer.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::text {
namespace {

namespace fs = std::filesystem;

/// $POLYTASK_SHARED, or the folder `shared` beside the source tree.
fs::path shared_folder() {
  char const* const given = std::getenv("POLYTASK_SHARED");
  return given != nullptr ? fs::path(given) : fs::path("../shared");
}

std::string read_gz(fs::path const& path) {
  std::string text;
  auto* const file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return text;
  std::string buffer(1 << 20, '\0');
  for (int n = 0; (n = gzread(file, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0;)
    text.append(buffer, 0, static_cast<std::size_t>(n));
  gzclose(file);
  return text;
}

/// "id,begin,end id,begin,end ..." in code points.
void append_encoding(std::string& out, task::Encoding const& encoding, std::string_view line) {
  std::size_t byte = 0, code_points = 0;  // offsets grow: count from the last one
  auto const to_code_points = [&](std::size_t offset) {
    if (offset < byte) byte = code_points = 0;
    code_points += count_code_points(line.substr(byte, offset - byte));
    byte = offset;
    return code_points;
  };
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    auto const begin = to_code_points(encoding.offsets[i].begin);
    auto const end = to_code_points(encoding.offsets[i].end);
    fmt::format_to(std::back_inserter(out), "{}{},{},{}", i == 0 ? "" : " ", encoding.ids[i], begin, end);
  }
  out.push_back('\n');
}

/// A tokenizer of make_corpora.py and a corpus.
class CorporaGolden : public testing::TestWithParam<std::tuple<char const*, char const*>> {};

TEST_P(CorporaGolden, IdsAndOffsetsOfEveryLineEqualTheReference) {
  std::ifstream file("tests/golden/text/corpora.json");
  auto const golden = Json::parse(file);
  auto const [name, corpus_name] = GetParam();
  auto const corpus = shared_folder() / corpus_name;
  auto const file_of_tokenizer = name == golden["model"]
                                     ? shared_folder() / name / "tokenizer.json"
                                     : fs::path("tests/golden/text/pipelines") / fmt::format("{}.json", name);
  for (auto const& needed : {file_of_tokenizer, corpus})
    if (!fs::exists(needed))
      GTEST_SKIP() << needed.string() << " is not there; POLYTASK_SHARED names the folder of models and corpora";
  auto const& expected = golden["tokenizers"][name][corpus_name];
  auto const tokenizer = parse_tokenizer_json(read_file(file_of_tokenizer, 1 << 24), "tokenizer.json").value();

  auto const text = read_gz(corpus);
  auto const lines_per_block = golden["lines_per_block"].get<std::size_t>();
  std::size_t n_lines = 0, n_tokens = 0, block = 0;
  std::string encodings;
  for (std::size_t begin = 0; begin < text.size();) {
    auto const end = std::min(text.find('\n', begin), text.size());
    auto const line = std::string_view(text).substr(begin, end - begin);
    auto const encoding = tokenizer->encode(line, {.max_length = std::size_t{1} << 30});
    append_encoding(encodings, encoding, line);
    n_tokens += encoding.size();
    ++n_lines;
    begin = end + 1;
    if (n_lines % lines_per_block != 0 && begin < text.size()) continue;
    ASSERT_LT(block, expected["blocks"].size());
    ASSERT_EQ(sha256_hex(encodings).substr(0, 16), expected["blocks"][block].get<std::string>())
        << fmt::format("lines {} to {} of {}", block * lines_per_block + 1, n_lines, corpus.string());
    encodings.clear();
    ++block;
  }
  EXPECT_EQ(n_lines, expected["lines"].get<std::size_t>());
  EXPECT_EQ(n_tokens, expected["tokens"].get<std::size_t>());
}

INSTANTIATE_TEST_SUITE_P(
    EnglishAndJapanese, CorporaGolden,
    testing::Combine(testing::Values("models/all-MiniLM-L6-v2", "roberta", "modernbert", "xlm-roberta", "deberta-v3"),
                     testing::Values("corpora/openstax_en/textbooks.txt.gz", "corpora/standard_ebooks_en/books.txt.gz",
                                     "corpora/us_presidents_by_year/speeches.jsonl.gz",
                                     "corpora/aozora_ja/works.txt.gz", "corpora/jaquad_contexts_ja/contexts.txt.gz")));

}  // namespace
}  // namespace polytask::text
