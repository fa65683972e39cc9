#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/random.h"
#include "train/test_support.h"
#include "train/trainer.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;
using test_support::hash_of_folder;
using test_support::options_in;
using test_support::Seen;
using test_support::TemporaryFolder;

/// Subjects that can be learned, and texts without labels in which what comes next can be: a colour is always with its
/// thing.
data::Corpus corpus_of(std::size_t n_rows) {
  data::Corpus corpus;
  corpus.tasks = {{.name = "subject", .type = task::TaskType::Classification, .datasets = {"tickets"}}};
  corpus.label_sets = {task::LabelSet({"invoice", "parcel"})};
  Rng rng(3);
  data::Stream labelled{.dataset = "tickets", .text = {"body"}, .tasks = {0}};
  data::Stream unlabelled{.dataset = "texts", .text = {"body"}};
  for (std::size_t i = 0; i < n_rows + 20; ++i) {
    std::string const subject = rng.below(2) == 0 ? "invoice" : "parcel";
    auto const thing = rng.below(3);
    std::vector<std::string> const things{"green grass grows", "blue water flows", "yellow sand blows"};
    auto const split = i < n_rows ? 0 : 1;
    labelled.examples[split].push_back(
        {.id = std::to_string(i), .texts = {"my " + subject + " again"}, .labels = {subject}, .line = i + 1});
    unlabelled.examples[split].push_back({.id = std::to_string(i),
                                          .texts = {things[thing] + " and " + things[thing] + " " + std::to_string(i)},
                                          .line = i + 1});
  }
  corpus.streams = {labelled};
  corpus.unlabelled = {{unlabelled}};
  return corpus;
}

TrainConfig config_of(double epochs) {
  auto config = test_support::small_config(2, epochs);
  config.hidden_words = {{.texts = {.name = "words", .datasets = {"texts"}, .text = {"body"}}}};
  return config;
}

TEST(HiddenWords, AreLearntBesideTheLabelledTasks) {
  TemporaryFolder const folder("polytask_hidden_words");
  Seen seen;
  auto const result = train(corpus_of(60), config_of(40), options_in(folder.path() / "run"), seen.events(), {});
  auto const& first = seen.evaluations.front();
  auto const& last = seen.evaluations.back();
  EXPECT_LT(last.perplexity.at("words"), 0.5 * first.perplexity.at("words"));
  EXPECT_GT(last.dev.at("subject"), 0.9);
  EXPECT_FALSE(last.dev.contains("words")) << "it has no score that a checkpoint could be chosen by";
  EXPECT_FALSE(result.examples_drawn.contains("words"));
}

TEST(HiddenWords, AddTheirShareOfALossThatIsOneForAGuess) {
  TemporaryFolder const folder("polytask_hidden_words");
  auto config = config_of(1);
  config.hidden_words[0].loss_weight = 3;
  config.hidden_words[0].share = 0.5;
  Seen with, without;
  auto corpus = corpus_of(60);
  (void)train(corpus, config, options_in(folder.path() / "with"), with.events(), {});
  config.hidden_words.clear();
  (void)train(corpus, config, options_in(folder.path() / "without"), without.events(), {});
  auto const& step = with.steps.front();
  auto const words = step.task_loss.at("words");
  auto const n_tokens =
      static_cast<double>(model::read_encoder_config(folder.path() / "with" / "model" / "encoder").vocab_size);
  EXPECT_NEAR(words, std::log(n_tokens), 0.3) << "new weights guess";
  EXPECT_NEAR(step.loss - without.steps.front().loss, 3 * 0.5 * words / std::log(n_tokens), 1e-4);
}

TEST(HiddenWords, LeaveNothingInTheModelButTheEncoderTheyTaught) {
  TemporaryFolder const folder("polytask_hidden_words");
  auto corpus = corpus_of(40);
  auto config = config_of(2);
  (void)train(corpus, config, options_in(folder.path() / "with"), {}, {});
  config.hidden_words.clear();
  (void)train(corpus, config, options_in(folder.path() / "without"), {}, {});
  EXPECT_EQ(test_support::files_of(folder.path() / "with" / "model"),
            test_support::files_of(folder.path() / "without" / "model"));
  EXPECT_NE(hash_of_folder(folder.path() / "with" / "model"), hash_of_folder(folder.path() / "without" / "model"));
}

TEST(HiddenWords, ARunThatWasStoppedContinuesBitIdentically) {
  TemporaryFolder const folder("polytask_hidden_words");
  auto const corpus = corpus_of(40);
  auto const config = config_of(12);
  (void)train(corpus, config, options_in(folder.path() / "whole"), {}, {});
  for (std::int64_t const stop_at : {3, 11}) {
    auto const run = folder.path() / ("stopped-" + std::to_string(stop_at));
    std::stop_source stop;
    EXPECT_THROW((void)train(corpus, config, options_in(run),
                             {.on_step =
                                  [&](StepRecord const& record) {
                                    if (record.step == stop_at) stop.request_stop();
                                  }},
                             stop.get_token()),
                 Error);
    auto resumed = options_in(run);
    resumed.resume = true;
    EXPECT_EQ(train(corpus, config, resumed, {}, {}).resumed_from_step, stop_at);
    EXPECT_EQ(hash_of_folder(run / "model"), hash_of_folder(folder.path() / "whole" / "model")) << stop_at;
  }
}

TEST(HiddenWords, AreNotLearntFromDevTextsNorWithoutAWord) {
  TemporaryFolder const folder("polytask_hidden_words");
  auto corpus = corpus_of(20);
  auto& stream = corpus.unlabelled[0][0];
  stream.examples[0] = stream.examples[1];  // every text is one of dev
  try {
    (void)train(corpus, config_of(1), options_in(folder.path() / "dev"), {}, {});
    FAIL() << "it trained";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidInput);
    EXPECT_THAT(error.what(), testing::HasSubstr("task \"words\""));
  }
}

TEST(HiddenWords, RefuseSettingsThatTeachNothing) {
  auto config = config_of(1);
  config.frozen_layers = 1;
  config.task_stopping_patience = 2;
  config.hidden_words[0].share = 0;
  config.hidden_words[0].loss_weight = -1;
  std::vector<std::string> where;
  for (auto const& problem : problems(config)) where.push_back(problem.where);
  EXPECT_THAT(where, testing::UnorderedElementsAre("tasks.words.share", "tasks.words.loss_weight", "tasks.words.type",
                                                   "tasks.words.type"));
}

}  // namespace
}  // namespace polytask::train
