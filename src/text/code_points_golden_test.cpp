// The reference library's words for every code point: tests/golden/text/make_code_points.py.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>

#include "base/hash.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/internal/normalizer.h"

namespace polytask::text {
namespace {

constexpr char32_t kBlock = 0x1000;

std::string text_of(std::string const& c) {
  return "aB" + c + "Cd a\u302e" + c + "\U0001d165" + c + "\u0301" + c + "B " + c + c + " " + c;
}

std::string digest(WordCutter& cutter, char32_t begin, char32_t end) {
  Sha256 total;
  for (char32_t c = begin; c < end; ++c) {
    std::string character;
    append_utf8(character, c);
    auto const text = text_of(character);
    Utf8Offsets const offsets(text);
    auto line = fmt::format("{:X}", static_cast<std::uint32_t>(c));
    cutter.start(text, 0, text.size());
    while (auto const* word = cutter.next())
      line += fmt::format("|{},{},{}", word->bytes, offsets.to_code_points(word->source_begin.front()),
                          offsets.to_code_points(word->source_end.back()));
    total.update(line + "\n");
  }
  return total.hex_digest().substr(0, 16);
}

TEST(WordCutterGolden, WordsAroundEveryCodePointEqualTheReference) {
  std::ifstream file("tests/golden/text/code_points.json");
  auto const golden = Json::parse(file);  // named: a loop would not keep it alive
  for (auto const& setting : golden["settings"]) {
    WordCutter cutter(
        {setting["clean_text"], setting["handle_chinese_chars"], setting["strip_accents"], setting["lowercase"]});
    for (auto const& [name, expected] : setting["blocks"].items()) {
      auto const begin = static_cast<char32_t>(std::stoul(name, nullptr, 16));
      char32_t const end = begin < 0xD800 ? std::min<char32_t>(begin + kBlock, 0xD800) : begin + kBlock;
      EXPECT_EQ(digest(cutter, begin, end), expected.get<std::string>()) << fmt::format(
          "in the block from U+{} with clean_text {}, handle_chinese_chars {}, strip_accents {}, lowercase {}", name,
          setting["clean_text"].get<bool>(), setting["handle_chinese_chars"].get<bool>(),
          setting["strip_accents"].get<bool>(), setting["lowercase"].get<bool>());
    }
  }
}

}  // namespace
}  // namespace polytask::text
