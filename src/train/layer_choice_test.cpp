#include "train/layer_choice.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "model/model_folder.h"
#include "model/model_weights.h"
#include "train/predictor.h"
#include "train/test_support.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;
using test_support::hash_of_folder;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(LayerChoice, TheFewestLayersWithinOneDevRowOfTheBestAreTaken) {
  EXPECT_EQ(smallest_good_enough({{0, 0.50}, {1, 0.80}, {2, 0.82}, {3, 0.81}}, 0.01), 2);
  EXPECT_EQ(smallest_good_enough({{0, 0.50}, {1, 0.80}, {2, 0.82}, {3, 0.81}}, 0.02), 1);
  EXPECT_EQ(smallest_good_enough({{0, 0.82}, {1, 0.82}}, 0), 0);
  EXPECT_EQ(smallest_good_enough({{0, std::nan("")}, {1, 0.1}}, 0.01), 1) << "an undefined score is none";
  EXPECT_EQ(smallest_good_enough({{2, -0.3}}, 0.01), 2);
}

/// Whole texts, and words of other rows.
data::Corpus corpus_of(std::size_t n_train) {
  data::Corpus corpus;
  corpus.tasks = {{.name = "subject", .type = task::TaskType::Classification, .datasets = {"tickets"}},
                  {.name = "Things & more", .type = task::TaskType::Tagging, .datasets = {"tickets"}},
                  {.name = "tone", .type = task::TaskType::Classification, .datasets = {"tickets"}}};
  corpus.label_sets = {task::LabelSet({"invoice", "parcel", "password"}),
                       task::LabelSet(std::vector<std::string>{"THING"}), task::LabelSet({"calm", "urgent"})};
  data::Stream stream{.dataset = "tickets", .text = {"body"}, .tasks = {0, 1, 2}};
  Rng rng(3);
  std::vector<std::string> const subjects{"invoice", "parcel", "password"};
  for (std::size_t i = 0; i < n_train + 20; ++i) {
    auto const& subject = subjects[rng.below(3)];
    bool const is_urgent = rng.below(2) == 0;
    auto const text = (is_urgent ? "urgent problem with my " : "please help with my ") + subject;
    auto const at = text.find(subject);
    task::Example example{.id = std::to_string(i), .texts = {text}, .line = i + 1};
    example.labels = {task::Label(subject), task::Label(std::vector<task::Span>{{at, at + subject.size(), "THING"}}),
                      task::Label(std::string(is_urgent ? "urgent" : "calm"))};
    stream.examples[i < n_train ? 0 : 1].push_back(std::move(example));
  }
  corpus.streams = {stream};
  return corpus;
}

class ChosenLayers : public testing::Test {
 protected:
  void SetUp() override {
    auto config = test_support::small_config(3, 2);
    fs::create_directories(folder_.path() / "given");
    (void)train(corpus_of(30), config, {.run_folder = folder_.path() / "given"}, {}, {});
  }
  static TrainConfig config() {
    auto config = test_support::small_config(3, 2);
    config.frozen_layers = 1;
    config.chooses_private_layers = true;
    return config;
  }
  TrainOptions options(std::string const& name) {
    fs::create_directories(folder_.path() / name);
    return {.run_folder = folder_.path() / name,
            .encoder = folder_.path() / "given" / "model" / "encoder",
            .seed = 5,
            .frozen_layers = [](fs::path const& given,
                                std::int64_t n_layers) { return test_support::frozen_layers(given, n_layers); },
            .states_folder = folder_.path() / "states"};
  }
  fs::path model(std::string const& name) { return folder_.path() / name / "model"; }

  test_support::TemporaryFolder folder_{"polytask_layer_choice"};
};

TEST_F(ChosenLayers, EachTaskIsTriedWithEveryNumberAndGetsTheOneThatItsDevScoreChose) {
  auto const corpus = corpus_of(30);
  auto const result = train(corpus, config(), options("run"), {}, {});
  ASSERT_EQ(result.layer_choices.size(), 3u);
  auto const spec = model::read_model_spec(model("run"));
  for (auto const& head : spec.heads) {
    auto const& choice = result.layer_choices.at(head.task.name);
    EXPECT_THAT(choice.dev, testing::SizeIs(3)) << "0, 1 and 2 layers above the frozen one";
    EXPECT_EQ(choice.chosen, smallest_good_enough(choice.dev, 1.0 / 20));
    EXPECT_EQ(head.private_layers, choice.chosen);
  }
  EXPECT_EQ(spec.private_layers, 0) << "readings have none";
  EXPECT_EQ(spec.task_names(), (std::vector<std::string>{"subject", "Things & more", "tone"}));
  EXPECT_FALSE(fs::exists(folder_.path() / "run" / "trials" / "subject" / "1")) << "only the scores are kept";
  EXPECT_TRUE(fs::exists(folder_.path() / "run" / "trials" / "subject" / "1.json"));
}

TEST_F(ChosenLayers, TheEncoderIsTheGivenOneAndATaskAnswersAsItDoesByItself) {
  auto const corpus = corpus_of(30);
  auto const result = train(corpus, config(), options("run"), {}, {});
  EXPECT_EQ(hash_of_folder(model("run") / "encoder"), hash_of_folder(folder_.path() / "given" / "model" / "encoder"));
  auto alone = corpus;
  alone.tasks = {corpus.tasks[2]};
  alone.label_sets = {corpus.label_sets[2]};
  alone.streams[0].tasks = {0};
  for (auto& examples : alone.streams[0].examples)
    for (auto& example : examples) example.labels = {example.labels[2]};
  (void)train(alone, config(), options("alone"), {}, {});
  EXPECT_EQ(hash_of_folder(model::task_folder(model("run"), "tone")),
            hash_of_folder(model::task_folder(model("alone"), "tone")));
}

TEST_F(ChosenLayers, AStoppedRunGoesOnWithTheTrialItWasInAndGivesTheSameBytes) {
  auto const corpus = corpus_of(30);
  auto const whole = train(corpus, config(), options("whole"), {}, {});
  for (int const stop_at : {1, 12, 25}) {
    auto const name = "stopped-" + std::to_string(stop_at);
    std::stop_source stop;
    int n_steps = 0;
    EXPECT_THROW((void)train(corpus, config(), options(name),
                             {.on_step =
                                  [&](StepRecord const&) {
                                    if (++n_steps == stop_at) stop.request_stop();
                                  }},
                             stop.get_token()),
                 Error);
    auto resumed = options(name);
    resumed.resume = true;
    n_steps = 0;
    auto const result = train(corpus, config(), resumed, {.on_step = [&](StepRecord const&) { ++n_steps; }}, {});
    EXPECT_EQ(n_steps + stop_at, whole.n_steps) << "no step is taken twice";
    EXPECT_EQ(result.n_steps, whole.n_steps);
    EXPECT_EQ(hash_of_folder(model(name)), hash_of_folder(model("whole")));
  }
}

TEST_F(ChosenLayers, ATaskThatSaysItsNumberIsTrainedWithThatAlone) {
  auto given = config();
  given.task_layers["subject"] = 2;
  auto const result = train(corpus_of(30), given, options("run"), {}, {});
  EXPECT_THAT(result.layer_choices.at("subject").dev, testing::SizeIs(1));
  EXPECT_EQ(model::read_model_spec(model("run")).heads[0].private_layers, 2);
}

TEST_F(ChosenLayers, WhatCannotBeChosenIsRefusedBeforeTheFirstStep) {
  auto corpus = corpus_of(30);
  for (auto& example : corpus.streams[0].examples[1]) example.labels[2] = std::monostate{};
  EXPECT_THAT([&] { (void)train(corpus, config(), options("no-dev"), {}, {}); },
              ThrowsMessage<Error>(HasSubstr("tasks.tone: has no dev rows to choose its layers by")));
  auto scratch = options("scratch");
  scratch.encoder.reset();
  EXPECT_THAT([&] { (void)train(corpus_of(30), config(), scratch, {}, {}); },
              ThrowsMessage<Error>(HasSubstr("name a pretrained encoder")));
}

}  // namespace
}  // namespace polytask::train
