#include <gmock/gmock.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"
#include "model/encoder_files.h"
#include "nn/encoder.h"
#include "train/test_support.h"
#include "train/trainer.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;
using data::Split;
using test_support::hash_of_folder;
using testing::HasSubstr;

constexpr std::int64_t kLayers = 3;

/// Whole texts and words, so that there are private layers.
data::Corpus corpus_of(std::size_t n_train) {
  data::Corpus corpus;
  corpus.tasks = {{.name = "subject", .type = task::TaskType::Classification},
                  {.name = "things", .type = task::TaskType::Tagging}};
  for (auto& task : corpus.tasks) task.datasets = {"tickets"};
  corpus.label_sets = {task::LabelSet({"invoice", "parcel", "password"}),
                       task::LabelSet(std::vector<std::string>{"THING"})};
  data::Stream stream{.dataset = "tickets", .text = {"body"}, .tasks = {0, 1}};
  Rng rng(3);
  std::vector<std::string> const subjects{"invoice", "parcel", "password"};
  for (std::size_t i = 0; i < n_train + 30; ++i) {
    auto const& subject = subjects[rng.below(3)];
    auto const text = (rng.below(2) == 0 ? "please help with my " : "urgent problem with my ") + subject + " number " +
                      std::to_string(i);
    auto const at = text.find(subject);
    task::Example example{.id = std::to_string(i), .texts = {text}, .line = i + 1};
    example.labels = {task::Label(subject), task::Label(std::vector<task::Span>{{at, at + subject.size(), "THING"}})};
    stream.examples[i < n_train ? 0 : 1].push_back(std::move(example));
  }
  corpus.streams = {stream};
  return corpus;
}

TrainConfig small_config() { return test_support::small_config(kLayers, 2); }

std::map<std::string, model::Tensor> encoder_of(fs::path const& folder) {
  return model::read_encoder_weights(folder, model::read_encoder_config(folder));
}

class FrozenLayers : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    fs::remove_all(folder());
    fs::create_directories(folder() / "given");
    (void)train(corpus_of(40), small_config(), {.run_folder = folder() / "given"}, {}, {});
  }
  static void TearDownTestSuite() { fs::remove_all(folder()); }
  static fs::path folder() {
    return fs::temp_directory_path() / ("polytask_frozen_layers_test_" + std::to_string(::getpid()));
  }
  static fs::path encoder() { return folder() / "given" / "model" / "encoder"; }

  void SetUp() override { fs::remove_all(folder() / "states"); }

  /// A run above `n_layers` frozen ones; the modules of nn compute them, a text at a time.
  TrainOptions options(std::string const& name) {
    fs::create_directories(folder() / name);
    return {.run_folder = folder() / name,
            .encoder = encoder(),
            .seed = 5,
            .frozen_layers =
                [this](fs::path const& given, std::int64_t n_layers) {
                  return test_support::frozen_layers(given, n_layers, &n_computed_);
                },
            .states_folder = folder() / "states"};
  }
  int n_computed_ = 0;
};

/// Layer of a published name; -1 = embeddings.
std::int64_t layer_of(std::string const& name) {
  return name.starts_with("embeddings.") ? -1 : std::stoll(name.substr(std::string("encoder.layer.").size()));
}

TEST_F(FrozenLayers, StayAsTheyAreAndThoseAboveThemLearn) {
  auto const before = encoder_of(encoder());
  for (std::int64_t n_layers = 1; n_layers <= kLayers; ++n_layers) {
    auto config = small_config();
    config.frozen_layers = n_layers;
    config.epochs = 8;
    std::map<std::string, double> dev;
    auto const name = "frozen-" + std::to_string(n_layers);
    (void)train(corpus_of(80), config, options(name),
                {.on_evaluation = [&](EvaluationRecord const& record) { dev = record.dev; }}, {});
    EXPECT_GT(dev["subject"], 0.9) << n_layers;
    for (auto const& [tensor, values] : encoder_of(folder() / name / "model" / "encoder"))
      EXPECT_EQ(values.values == before.at(tensor).values, layer_of(tensor) < n_layers) << n_layers << " " << tensor;
  }
}

TEST_F(FrozenLayers, SeeEveryTextOnceInAProjectAndTheRunIsTheSameWhateverIsStored) {
  auto config = small_config();
  config.frozen_layers = 2;
  config.evaluations_per_epoch = 2;
  auto const corpus = corpus_of(60);
  data::FrozenStates::Filled filled;
  TrainEvents const events{.on_filled = [&](auto const& found) { filled = found; }};
  (void)train(corpus, config, options("empty"), events, {});
  EXPECT_EQ(filled.n_texts, 90u);
  EXPECT_EQ(filled.n_computed, 90u);
  EXPECT_EQ(n_computed_, 90);  // in two epochs, with four evaluations
  (void)train(corpus, config, options("full"), events, {});
  EXPECT_EQ(filled.n_computed, 0u);
  EXPECT_EQ(n_computed_, 90);
  config.frozen_states_gb = 0;
  fs::remove_all(folder() / "states");
  (void)train(corpus, config, options("nothing stored"), events, {});
  EXPECT_EQ(filled.n_not_stored, 90u);
  config.frozen_states_gb = 5e-5;
  fs::remove_all(folder() / "states");
  (void)train(corpus, config, options("some stored"), events, {});
  EXPECT_GT(filled.n_not_stored, 0u);
  EXPECT_LT(filled.n_not_stored, 90u);
  auto const expected = hash_of_folder(folder() / "empty" / "model");
  for (auto const* name : {"full", "nothing stored", "some stored"})
    EXPECT_EQ(hash_of_folder(folder() / name / "model"), expected) << name;
}

TEST_F(FrozenLayers, LetARunContinueBitIdentically) {
  auto config = small_config();
  config.frozen_layers = 2;
  auto const corpus = corpus_of(60);
  (void)train(corpus, config, options("whole"), {}, {});
  for (std::int64_t const stop_at : {1, 7, 9}) {
    auto const name = "stopped-" + std::to_string(stop_at);
    std::stop_source stop;
    EXPECT_THROW((void)train(corpus, config, options(name),
                             {.on_step =
                                  [&](StepRecord const& record) {
                                    if (record.step == stop_at) stop.request_stop();
                                  }},
                             stop.get_token()),
                 Error);
    fs::remove_all(folder() / "states");
    auto resumed = options(name);
    resumed.resume = true;
    EXPECT_EQ(train(corpus, config, resumed, {}, {}).resumed_from_step, stop_at);
    EXPECT_EQ(hash_of_folder(folder() / name / "model"), hash_of_folder(folder() / "whole" / "model"));
  }
}

TEST_F(FrozenLayers, AStopWhileTextsPassThemIsAnInterruptionThatLosesNothing) {
  auto config = small_config();
  config.frozen_layers = 1;
  std::stop_source stop;
  TrainEvents const events{.on_filling = [&](std::size_t n_done, std::size_t) {
    if (n_done > 0) stop.request_stop();
  }};
  try {
    (void)train(corpus_of(60), config, options("stopped"), events, stop.get_token());
    FAIL() << "it trained";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::Interrupted);
  }
  EXPECT_EQ(n_computed_, 90);
  (void)train(corpus_of(60), config, options("again"), {}, {});
  EXPECT_EQ(n_computed_, 90);
}

TEST_F(FrozenLayers, ThatAreDamagedOnTheDiskAreSaidAndChangeNothing) {
  auto config = small_config();
  config.frozen_layers = 2;
  auto const corpus = corpus_of(60);
  (void)train(corpus, config, options("sound"), {}, {});
  auto const path = folder() / "states" / "000001.states";
  auto bytes = read_file(path);
  bytes[bytes.size() / 2] ^= 1;
  write_file_atomically(path, bytes);
  std::vector<std::string> problems;
  (void)train(corpus, config, options("damaged"),
              {.on_filled = [&](auto const& filled) { problems = filled.problems; }}, {});
  EXPECT_THAT(problems, testing::ElementsAre(HasSubstr("000001.states")));
  EXPECT_EQ(n_computed_, 91);
  EXPECT_EQ(hash_of_folder(folder() / "damaged" / "model"), hash_of_folder(folder() / "sound" / "model"));
}

TEST_F(FrozenLayers, AreBelowThePrivateOnes) {
  auto const corpus = corpus_of(1);
  auto config = small_config();
  EXPECT_EQ(effective(config, corpus, encoder()).private_layers, 1);
  config.frozen_layers = 2;
  EXPECT_EQ(effective(config, corpus, encoder()).private_layers, 1);
  config.frozen_layers = 3;
  EXPECT_EQ(effective(config, corpus, encoder()).private_layers, 0);
  config.frozen_layers = 2;
  config.private_layers = 2;
  try {
    (void)effective(config, corpus, encoder());
    FAIL() << "a layer was frozen and private";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidUsage);
    EXPECT_THAT(error.what(), HasSubstr("train.private_layers: is 2; expected at most 1, the layers of the encoder "
                                        "above train.frozen_layers"));
  }
}

TEST_F(FrozenLayers, AreThoseOfAGivenEncoder) {
  auto config = small_config();
  config.frozen_layers = 1;
  auto scratch = options("scratch");
  scratch.encoder.reset();
  try {
    (void)train(corpus_of(20), config, scratch, {}, {});
    FAIL() << "random layers were frozen";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidUsage);
    EXPECT_THAT(error.what(), HasSubstr("name a pretrained encoder"));
  }
}

}  // namespace
}  // namespace polytask::train
