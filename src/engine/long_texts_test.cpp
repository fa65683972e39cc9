// Texts of more tokens than the model reads: how they are cut, and how they are read in windows.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "engine/answer_texts.h"
#include "engine/engine.h"
#include "engine/internal/windows.h"
#include "engine/questions.h"
#include "engine/test_support.h"
#include "model/decode.h"

namespace polytask::engine {
namespace {

using kernels::Precision;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::size_t kShown = 62;  ///< tokens of a text that the sample model reads, its two special ones left out
constexpr std::size_t kStep = kShown - kShown / 4;

/// Letters [begin, end) of an endless row, each a word and a token.
std::string letters(std::size_t begin, std::size_t end) {
  std::string text;
  for (std::size_t i = begin; i < end; ++i) {
    if (i > begin) text += ' ';
    text += static_cast<char>('a' + i * i * 7 % 26);
  }
  return text;
}

task::Example example_of(std::string text) { return {.texts = {std::move(text)}}; }
task::Example words_example(std::string text) {
  auto example = example_of(std::move(text));
  example.words = words_of(example.texts[0]);
  return example;
}

/// Bit by bit: a zero of the other sign, too, would be another answer.
bool same_bits(std::vector<std::vector<float>> const& a, std::vector<std::vector<float>> const& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](auto const& x, auto const& y) {
    return x.size() == y.size() && (x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0);
  });
}

class LongTextsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { test_support::write_sample_package(folder() / "package"); }
  static test_support::TemporaryFolder const& folder() {
    static test_support::TemporaryFolder const made;
    return made;
  }
  static Engine load(LongTexts long_texts, int n_workers = 1, Precision precision = Precision::Float32) {
    return Engine::load(folder() / "package",
                        {.precision = precision, .n_workers = n_workers, .long_texts = long_texts});
  }
  [[nodiscard]] std::size_t head(std::string_view name) const { return *cut_.spec().find(name); }
  /// All that read one text, but words.
  [[nodiscard]] std::vector<std::size_t> text_heads() const {
    return {head("intent"), head("urgency"), head("topics"), head("products"), head("title kind")};
  }

  Engine const cut_ = load(LongTexts::Cut);
  Engine const windows_ = load(LongTexts::Windows, 2);
};

TEST_F(LongTextsTest, ATextThatFitsHasTheSameBitsInBothWays) {
  for (std::size_t const n : {0u, 1u, 7u, 61u, 62u}) {
    auto const example = example_of(letters(0, n));
    auto const expected = cut_.logits(std::span(&example, 1), text_heads())[0];
    EXPECT_TRUE(same_bits(windows_.logits(std::span(&example, 1), text_heads())[0], expected)) << n;
    EXPECT_EQ(cut_.answer(std::span(&example, 1), text_heads())[0].tokens_cut, 0u);
    EXPECT_EQ(windows_.n_tokens(example), n + 2);
  }
}

TEST_F(LongTextsTest, ACutTextIsAnsweredAsItsBeginningAndSaysHowMuchWasCut) {
  for (std::size_t const n : {63u, 64u, 500u}) {
    auto const whole = example_of(letters(0, n));
    auto const beginning = example_of(letters(0, kShown));
    EXPECT_TRUE(same_bits(cut_.logits(std::span(&whole, 1), text_heads())[0],
                          cut_.logits(std::span(&beginning, 1), text_heads())[0]));
    auto const answer = cut_.answer(std::span(&whole, 1), text_heads())[0];
    EXPECT_EQ(answer.tokens_cut, n - kShown);
    EXPECT_EQ(answer.predictions.size(), text_heads().size());
    EXPECT_EQ(windows_.answer(std::span(&whole, 1), text_heads())[0].tokens_cut, 0u);
  }
}

TEST_F(LongTextsTest, ALongTextIsTheWeightedMeanOfItsWindowsAskedOneByOne) {
  std::vector<std::size_t> const heads{head("intent"), head("urgency"), head("topics")};
  for (std::size_t const n : {kShown + 1, kShown + 2, kShown + kStep - 1, kShown + kStep, kShown + kStep + 1,
                              kShown + 2 * kStep, kShown + 5 * kStep + 7}) {
    std::vector<task::Example> asked;
    auto const windows = windows_of(n, kShown);
    for (auto const& window : windows) asked.push_back(example_of(letters(window.begin, window.end)));
    auto const of_windows = cut_.logits(asked, heads);
    std::vector<std::vector<float>> expected;
    for (std::size_t h = 0; h < heads.size(); ++h) {
      auto& mean = expected.emplace_back();
      for (std::size_t output = 0; output < of_windows[0][h].size(); ++output) {
        double sum = 0;
        for (std::size_t w = 0; w < windows.size(); ++w)
          sum += static_cast<double>(windows[w].n_own()) * static_cast<double>(of_windows[w][h][output]);
        mean.push_back(static_cast<float>(sum / static_cast<double>(n)));
      }
    }
    auto const whole = example_of(letters(0, n));
    EXPECT_TRUE(same_bits(windows_.logits(std::span(&whole, 1), heads)[0], expected)) << n << " tokens";
    EXPECT_FALSE(same_bits(cut_.logits(std::span(&whole, 1), heads)[0], expected)) << "what was cut changes it";
    EXPECT_EQ(windows_.n_tokens(whole), windows.size() * (kShown + 2));
  }
}

TEST_F(LongTextsTest, AUnitsTagsComeFromTheWindowThatItStandsInTheMiddleOf) {
  std::size_t const products = head("products");
  std::size_t const n_tags = cut_.spec().heads[products].n_outputs();
  std::size_t const n = kShown + 3 * kStep + 11;
  std::vector<float> expected;
  for (auto const& window : windows_of(n, kShown)) {
    auto const example = example_of(letters(window.begin, window.end));
    auto const logits = cut_.logits(std::span(&example, 1), std::span(&products, 1))[0][0];
    auto const at = [&](std::size_t token) {
      return logits.begin() + static_cast<std::ptrdiff_t>((token - window.begin) * n_tags);
    };
    expected.insert(expected.end(), at(window.own_begin), at(window.own_end));
  }
  auto const whole = example_of(letters(0, n));
  auto const found = windows_.logits(std::span(&whole, 1), std::span(&products, 1))[0];
  ASSERT_EQ(found[0].size(), n * n_tags) << "every token has its tags";
  EXPECT_TRUE(same_bits(found, {expected}));
}

TEST_F(LongTextsTest, SpansAreFoundWhereTheTextWasCutBefore) {
  for (auto const* name : {"products", "places"}) {
    std::size_t const tagging = head(name);
    auto const n = 10 * kShown;
    auto const whole = std::string("places") == name ? words_example(letters(0, n)) : example_of(letters(0, n));
    auto const spans = [&](Engine const& engine) {
      return std::get<task::SpanPrediction>(engine.predict(std::span(&whole, 1), std::span(&tagging, 1))[0][0]).spans;
    };
    auto const last_before = spans(cut_).back().span.end;
    EXPECT_LT(last_before, 2 * kShown);
    auto const found = spans(windows_);
    auto const is_in_the_middle = [&](auto const& scored) {
      return scored.span.begin < n + n / 4 && scored.span.end > n - n / 4;
    };
    EXPECT_TRUE(std::any_of(found.begin(), found.end(), is_in_the_middle)) << name;
    EXPECT_GT(found.back().span.end, 2 * n - n / 4) << name << ": none near its end";
    for (std::size_t i = 1; i < found.size(); ++i) EXPECT_LE(found[i - 1].span.end, found[i].span.begin);
  }
}

TEST_F(LongTextsTest, ASpanGoesOnAcrossTheBorderOfTwoWindows) {
  // One best sequence over the whole text: as the decoder finds it in all logits at once.
  std::size_t const places = head("places");
  auto const example = words_example(letters(0, 300));
  auto const logits = windows_.logits(std::span(&example, 1), std::span(&places, 1))[0][0];
  std::vector<task::TaggedUnit> units;
  for (std::size_t i = 0; i < example.words.size(); ++i) units.push_back({i + 1, example.words[i]});
  auto const expected =
      std::get<task::SpanPrediction>(model::decode_units(cut_.spec().heads[places], units, logits)).spans;
  auto const found =
      std::get<task::SpanPrediction>(windows_.predict(std::span(&example, 1), std::span(&places, 1))[0][0]).spans;
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].span, expected[i].span);
}

TEST_F(LongTextsTest, AnswersAreTheSameBitsAloneAmongOthersAndWithAnyWorkers) {
  std::vector<task::Example> examples;
  for (std::size_t const n : {3u, 700u, 0u, 63u, 62u, 20u, 64u, 109u, 110u, 2'500u, 1u})
    examples.push_back(example_of(letters(n, 2 * n)));
  for (auto const precision : {Precision::Float32, Precision::BFloat16, Precision::Int8}) {
    auto const one = load(LongTexts::Windows, 1, precision);
    auto const three = load(LongTexts::Windows, 3, precision);
    auto const together = one.logits(examples, text_heads());
    auto turned = examples;
    std::reverse(turned.begin(), turned.end());
    auto of_turned = three.logits(turned, text_heads());
    std::reverse(of_turned.begin(), of_turned.end());
    for (std::size_t i = 0; i < examples.size(); ++i) {
      EXPECT_TRUE(same_bits(of_turned[i], together[i])) << to_string(precision) << " " << i;
      for (auto const* engine : {&one, &three})
        EXPECT_TRUE(same_bits(engine->logits(std::span(&examples[i], 1), text_heads())[0], together[i]))
            << to_string(precision) << " " << i;
    }
  }
}

TEST_F(LongTextsTest, APairIsCutInBothWaysAndSaysSo) {
  std::vector<std::size_t> const heads{head("same")};
  std::vector<std::size_t> const apart{head("near")};
  task::Example pair{.texts = {letters(0, 100), letters(0, 30)}};
  for (auto const* engine : {&cut_, &windows_})
    EXPECT_EQ(engine->answer(std::span(&pair, 1), heads)[0].tokens_cut, 130u - 61u) << "three special tokens";
  pair.apart = true;
  for (auto const* engine : {&cut_, &windows_})
    EXPECT_EQ(engine->answer(std::span(&pair, 1), apart)[0].tokens_cut, 100u - 62u) << "each text by itself";
  EXPECT_TRUE(same_bits(cut_.logits(std::span(&pair, 1), apart)[0], windows_.logits(std::span(&pair, 1), apart)[0]));
}

TEST_F(LongTextsTest, EachTaskSaysHowMuchOfItsTextWasCut) {
  std::vector<Texts> const rows{{letters(0, 100)}, {"please find the lamp"}};
  auto const answers = answer_texts(cut_, rows, {});
  for (auto const& answer : answers[0]) EXPECT_EQ(answer.tokens_cut, 38u);
  for (auto const& answer : answers[1]) EXPECT_EQ(answer.tokens_cut, 0u);
  EXPECT_EQ(answers_json(cut_.spec(), answers[0], rows[0])["intent"]["tokens_cut"], 38);
  EXPECT_FALSE(answers_json(cut_.spec(), answers[1], rows[1])["intent"].contains("tokens_cut"));
  EXPECT_THAT(answers_json(cut_.spec(), answer_texts(windows_, rows, {})[0], rows[0]).dump(),
              testing::Not(HasSubstr("tokens_cut")));
}

TEST_F(LongTextsTest, AMegabyteIsAnswered) {
  std::size_t const n = std::size_t{1} << 19;  // tokens: each letter has its space
  auto const example = example_of(letters(0, n));
  ASSERT_EQ(example.texts[0].size(), (std::size_t{1} << 20) - 1);
  std::vector<std::size_t> const heads{head("intent"), head("products")};
  auto const answer = windows_.answer(std::span(&example, 1), heads)[0];
  EXPECT_EQ(answer.tokens_cut, 0u);
  auto const& spans = std::get<task::SpanPrediction>(answer.predictions[1]).spans;
  EXPECT_GT(spans.back().span.end, (std::size_t{1} << 20) - 1'000);
}

TEST_F(LongTextsTest, ATextThatIsTooLongForWindowsIsRefused) {
  auto const example = example_of(std::string(kLongestInWindows + 1, ' '));
  auto const heads = text_heads();
  EXPECT_THAT([&] { (void)windows_.predict(std::span(&example, 1), heads); },
              ThrowsMessage<Error>(HasSubstr("4194305 bytes, 4194304 are the most that is read in windows")));
  EXPECT_EQ(cut_.predict(std::span(&example, 1), heads).size(), 1u) << "what is cut may be longer";
}

TEST_F(LongTextsTest, ManyLongTextsAreTakenAFewAtATime) {
  // Three texts of which two are more than is encoded at once, between short ones.
  std::string const spaces(std::size_t{5} << 19, ' ');
  std::vector<task::Example> const examples{example_of("lamp"), example_of(spaces + letters(0, 80)),
                                            example_of(letters(5, 90) + spaces), example_of("osaka"),
                                            example_of(spaces + letters(9, 100))};
  auto const together = windows_.logits(examples, text_heads());
  for (std::size_t i = 0; i < examples.size(); ++i)
    EXPECT_TRUE(same_bits(windows_.logits(std::span(&examples[i], 1), text_heads())[0], together[i])) << i;
}

TEST_F(LongTextsTest, TheNetworksSecondsAreOfAllWorkersAndGrowWithWhatIsAsked) {
  std::vector<task::Example> const examples(200, example_of(letters(0, 60)));
  auto const before = windows_.network_seconds();
  (void)windows_.predict(examples, text_heads());
  auto const after = windows_.network_seconds();
  EXPECT_GT(after, before);
  (void)windows_.n_tokens(examples[0]);
  EXPECT_EQ(windows_.network_seconds(), after);
}

TEST(LongTextsWords, AreThoseOfTheCommand) {
  EXPECT_EQ(parse_long_texts("windows"), LongTexts::Windows);
  EXPECT_EQ(parse_long_texts("cut"), LongTexts::Cut);
  EXPECT_EQ(parse_long_texts("Windows"), std::nullopt);
}

}  // namespace
}  // namespace polytask::engine
