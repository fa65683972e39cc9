#include "train/pretrainer.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/utf8.h"
#include "model/compact_weights.h"
#include "text/tokenizer.h"

namespace polytask::train {
namespace {
using testing::HasSubstr;
namespace fs = std::filesystem;

fs::path new_folder(std::string const& name) {
  auto const folder = fs::path(testing::TempDir()) / ("pretrainer-" + name);
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

/// Sentences whose words follow from one another: "the red fox eats the red hen", colour by animal.
std::vector<LanguageSource> sentences(std::size_t n = 400) {
  std::vector<std::string> const animals{"fox", "hen", "owl", "cat", "dog", "cow"};
  std::vector<std::string> const colours{"red", "white", "brown", "black", "grey", "green"};
  std::vector<std::string> const verbs{"eats", "sees", "meets", "hears"};
  LanguageSource source{.source = {.name = "farm", .teach = true}};
  Rng rng(11);
  for (std::size_t i = 0; i < n; ++i) {
    auto const a = rng.below(6), b = rng.below(6);
    source.texts.texts.push_back({"the " + colours[a] + " " + animals[a] + " " + verbs[rng.below(4)] + " the " +
                                      colours[b] + " " + animals[b] + " number " + std::to_string(i),
                                  "", true});
  }
  return {source};
}

PretrainConfig small() {
  PretrainConfig config;
  config.shape = {.layers = 1, .hidden_size = 16, .heads = 2, .max_positions = 32};
  config.vocabulary.size = 120;
  config.max_length = 24;
  config.batch_tokens = 256;
  config.epochs = 3;
  config.held_out = 0.1;
  config.evaluations = 2;
  config.learning_rate = 5e-3;
  return config;
}

struct Trained {
  fs::path encoder;
  PretrainResult result;
  [[nodiscard]] std::string weights() const { return sha256_file(encoder / "model.safetensors"); }
};

Trained run(std::string const& name, PretrainConfig const& config, std::vector<LanguageSource> sources = sentences(),
            std::optional<Teacher> teacher = {}, int n_threads = 1) {
  auto const folder = new_folder(name);
  auto result = pretrain(std::move(sources), config,
                         {.work_folder = folder,
                          .encoder = folder / "encoder",
                          .answers_folder = folder / "answers",
                          .n_threads = n_threads,
                          .teacher = std::move(teacher)},
                         {}, {});
  return {folder / "encoder", std::move(result)};
}

template <typename Work>
std::string message_of(Work const& work) {
  try {
    work();
  } catch (Error const& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Pretrainer, LearnsWhichWordsBelongTogether) {
  auto config = small();
  config.epochs = 12;
  auto const trained = run("learns", config);
  auto const& first = trained.result.evaluations.front();
  auto const& last = trained.result.evaluations.back();
  EXPECT_GT(first.perplexity, 60) << "a new encoder guesses among all tokens";
  EXPECT_LT(last.perplexity, 20);
  EXPECT_EQ(last.step, trained.result.n_steps);
}

TEST(Pretrainer, TheEncoderCanBeReadAndGoneOnWith) {
  auto config = small();
  auto const first = run("first", config);
  EXPECT_EQ(model::read_encoder_config(first.encoder).hidden_size, 16);
  config.from = first.encoder;
  auto const second = run("second", config);
  EXPECT_NEAR(second.result.evaluations.front().perplexity, first.result.evaluations.back().perplexity,
              first.result.evaluations.back().perplexity * 1e-3)
      << "head and encoder start where they were";
  EXPECT_LT(second.result.evaluations.back().perplexity, first.result.evaluations.back().perplexity);
}

TEST(Pretrainer, AnInterruptedRunGoesOnBitIdentically) {
  auto const config = small();
  auto const whole = run("whole", config);
  auto const folder = new_folder("parts");
  PretrainOptions options{
      .work_folder = folder, .encoder = folder / "encoder", .answers_folder = folder / "answers", .n_threads = 1};
  std::stop_source stop;
  PretrainEvents const events{.on_step = [&](PretrainStep const& record) {
    if (record.step == 5) stop.request_stop();
  }};
  EXPECT_THROW((void)pretrain(sentences(), config, options, events, stop.get_token()), Error);
  options.resume = true;
  auto const resumed = pretrain(sentences(), config, options, {}, {});
  EXPECT_EQ(resumed.resumed_from_step, 5);
  EXPECT_EQ(sha256_file(folder / "encoder" / "model.safetensors"), whole.weights());
  EXPECT_EQ(resumed.evaluations.size(), whole.result.evaluations.size());
}

TEST(Pretrainer, HalfTheBytesCostAlmostNothing) {
  auto config = small();
  auto const full = run("f32", config);
  config.stored = "f16";
  auto const half = run("f16", config);
  EXPECT_LT(fs::file_size(half.encoder / "model.safetensors"),
            fs::file_size(full.encoder / "model.safetensors") * 0.62);
  auto const read = model::read_encoder_config(half.encoder);
  auto const a = model::read_encoder_weights(full.encoder, read), b = model::read_encoder_weights(half.encoder, read);
  for (auto const& [name, tensor] : a)
    for (std::size_t i = 0; i < tensor.values.size(); ++i)
      ASSERT_NEAR(tensor.values[i], b.at(name).values[i], 1e-3 * std::max(1.0F, std::abs(tensor.values[i])));
}

TEST(Pretrainer, AByteAWeightCostsLittleAndIsGoneOnWith) {
  auto config = small();
  auto const full = run("f32", config);
  config.stored = "int8";
  auto const bytes = run("int8", config);
  EXPECT_FALSE(fs::exists(bytes.encoder / "model.safetensors")) << "others would read it and not know the scales";
  EXPECT_LT(fs::file_size(bytes.encoder / model::kCompactWeights),
            fs::file_size(full.encoder / "model.safetensors") * 0.5);  // of matrices a quarter; these are small
  config.stored = "int4";
  auto const half = run("int4", config);
  EXPECT_LT(fs::file_size(half.encoder / model::kCompactWeights),
            fs::file_size(bytes.encoder / model::kCompactWeights));
  config.from = half.encoder;
  auto const on_half = run("gone on with half", config);
  EXPECT_NEAR(on_half.result.evaluations.front().perplexity, full.result.evaluations.back().perplexity,
              full.result.evaluations.back().perplexity * 0.2);
  config.stored = "int8";
  config.from = bytes.encoder;
  auto const on = run("gone on with", config);
  EXPECT_NEAR(on.result.evaluations.front().perplexity, full.result.evaluations.back().perplexity,
              full.result.evaluations.back().perplexity * 0.02);
}

TEST(Pretrainer, AnAddedTokenStartsAsTheMeanOfItsPieces) {
  auto config = small();
  auto const first = run("base", config);
  config.from = first.encoder;
  config.vocabulary.add = 6;
  config.learning_rate = 1e-12;  // as it starts
  auto sources = sentences();
  for (int i = 0; i < 50; ++i) sources[0].texts.texts.push_back({"foxhen foxhen owl " + std::to_string(i), "", true});
  auto const extended = run("extended", config, std::move(sources));
  auto const before = model::read_encoder_config(first.encoder), after = model::read_encoder_config(extended.encoder);
  ASSERT_GT(after.vocab_size, before.vocab_size);
  auto const tokens = [](fs::path const& folder) {
    std::vector<std::string> lines;
    auto const text = read_file(folder / "vocab.txt");
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
      lines.push_back(text.substr(at, text.find('\n', at) - at));
    return lines;
  };
  auto const names = tokens(extended.encoder);
  auto const found = std::find(names.begin(), names.end(), "foxhen");
  ASSERT_NE(found, names.end());
  std::string const kWords = "embeddings.word_embeddings.weight";
  auto const old = model::read_encoder_weights(first.encoder, before).at(kWords);
  auto const now = model::read_encoder_weights(extended.encoder, after).at(kWords);
  auto const tokenizer = text::load_tokenizer(first.encoder);
  auto const pieces = tokenizer->encode("foxhen", {}).ids;  // with [CLS] and [SEP] around
  for (std::size_t i = 0; i < 16; ++i) {
    double mean = 0;
    for (std::size_t p = 1; p + 1 < pieces.size(); ++p)
      mean += old.values[static_cast<std::size_t>(pieces[p]) * 16 + i] / static_cast<double>(pieces.size() - 2);
    EXPECT_NEAR(now.values[static_cast<std::size_t>(found - names.begin()) * 16 + i], mean, 1e-6);
  }
}

TEST(Pretrainer, ATeachersVectorsAreLearnt) {
  auto config = small();
  config.distillation.teacher = "teacher";
  config.language_weight = 0;
  config.epochs = 10;
  Teacher teacher{.vectors = {.key = "animals", .width = 6, .compute = [](auto texts, auto const& take) {
                                std::vector<std::string> const animals{"fox", "hen", "owl", "cat", "dog", "cow"};
                                for (std::size_t i = 0; i < texts.size(); ++i) {
                                  std::vector<float> vector(6, 0.1F);
                                  for (std::size_t a = 0; a < 6; ++a)
                                    if (texts[i].find(animals[a]) != std::string::npos) vector[a] = 1;
                                  take(i, vector);
                                }
                              }}};
  double first = 0, last = 0;
  auto const folder = new_folder("taught");
  (void)pretrain(sentences(), config,
                 {.work_folder = folder,
                  .encoder = folder / "encoder",
                  .answers_folder = folder / "answers",
                  .n_threads = 1,
                  .teacher = teacher},
                 {.on_step =
                      [&](PretrainStep const& record) {
                        last = record.parts.at("vectors");
                        if (record.step == 1) first = last;
                      }},
                 {});
  EXPECT_GT(first, 0.5);
  EXPECT_LT(last, 0.1);
}

TEST(Pretrainer, TextsWithoutAnythingToLearnAreRefused) {
  EXPECT_THAT(message_of([] { (void)run("empty", small(), {LanguageSource{.source = {.name = "none"}}}); }),
              HasSubstr("there is no text"));
  LanguageSource one{.source = {.name = "one"}};
  one.texts.texts.push_back({"the same words again", "", true});
  one.texts.n_repeated = 999'999;
  EXPECT_THAT(message_of([&] { (void)run("one", small(), {one}); }),
              testing::AllOf(HasSubstr("at least 2"), HasSubstr("999999 repeated")));
}

TEST(Pretrainer, AVocabularySmallerThanTheAlphabetIsRefusedWithTheSizeThatWouldDo) {
  LanguageSource kanji{.source = {.name = "kanji"}};
  for (char32_t letter = 0x4E00; letter < 0x4E00 + 600; ++letter) {
    std::string text;
    for (char32_t i = 0; i < 6; ++i) append_utf8(text, 0x4E00 + (letter * 7 + i * 101) % 600);
    kanji.texts.texts.push_back({text, "", true});
  }
  EXPECT_THAT(message_of([&] { (void)run("alphabet", small(), {kanji}); }),
              testing::AllOf(HasSubstr("different characters"), HasSubstr("vocabulary.size (to 2200 at least)")));
}

TEST(Pretrainer, AnUnseenScriptIsRefusedAndCanBeAdded) {
  auto config = small();
  config.from = run("latin", config).encoder;
  LanguageSource cyrillic{.source = {.name = "cyrillic"}};
  for (int i = 0; i < 200; ++i) cyrillic.texts.texts.push_back({"привет мир снова " + std::to_string(i), "", true});
  EXPECT_THAT(message_of([&] { (void)run("unseen", config, {cyrillic}); }),
              testing::AllOf(HasSubstr("cannot write"), HasSubstr("vocabulary.add")));
  config.vocabulary.add = 60;
  EXPECT_GT(run("added", config, {cyrillic}).result.n_steps, 0);
}

}  // namespace
}  // namespace polytask::train
