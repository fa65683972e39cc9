#include "train/internal/prepared.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <utility>

#include "base/error.h"
#include "train/internal/head_batch.h"

namespace polytask::train {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

/// Rows "a <i>" with the labels of one classification task; an empty label is none.
data::Stream stream_of(std::string const& dataset, std::size_t task, std::vector<std::string> const& labels) {
  data::Stream stream{.dataset = dataset, .text = {"text"}, .tasks = {task}};
  for (std::size_t i = 0; i < labels.size(); ++i) {
    task::Example example{.id = std::to_string(i), .texts = {"a " + std::to_string(i)}, .line = i + 1};
    example.labels = {labels[i].empty() ? task::Label() : task::Label(labels[i])};
    stream.examples[0].push_back(example);
  }
  return stream;
}

data::Corpus corpus_of(std::vector<data::Stream> streams, std::size_t n_tasks) {
  data::Corpus corpus;
  corpus.streams = std::move(streams);
  for (std::size_t t = 0; t < n_tasks; ++t) {
    corpus.tasks.push_back({.name = "task-" + std::to_string(t), .type = task::TaskType::Classification});
    corpus.label_sets.push_back(task::LabelSet({"no", "yes"}));
  }
  return corpus;
}

std::vector<std::string> labels(std::size_t n_yes, std::size_t n_no) {
  std::vector<std::string> all(n_yes, "yes");
  all.resize(n_yes + n_no, "no");
  return all;
}

TrainConfig small_config() {
  TrainConfig config;
  config.scratch = {.layers = 1, .hidden_size = 8, .heads = 1, .vocab_size = 100};
  config.epochs = 1;
  return config;
}

std::vector<std::int64_t> drawn(data::Corpus const& corpus, SamplingConfig const& sampling) {
  auto config = small_config();
  config.sampling = sampling;
  return prepare(corpus, config, {}, {}).plan(corpus, 1).totals().rows_by_stream;
}

// 160 and 10 rows: 170 draws in all.
data::Corpus large_and_small() {
  return corpus_of({stream_of("large", 0, labels(80, 80)), stream_of("small", 1, labels(5, 5))}, 2);
}

TEST(Sampling, DrawsDatasetsInTheSharesThatItsTypeSays) {
  auto const corpus = large_and_small();
  EXPECT_THAT(drawn(corpus, {.type = SamplingType::Proportional}), ElementsAre(160, 10));
  EXPECT_THAT(drawn(corpus, {.type = SamplingType::Temperature, .temperature = 2}),
              ElementsAre(136, 34));  // sqrt(160 / 10) = 4 : 1
  EXPECT_THAT(drawn(corpus, {.type = SamplingType::Temperature, .temperature = 1, .examples_cap = 10}),
              ElementsAre(85, 85));
  EXPECT_THAT(drawn(corpus, {.type = SamplingType::Uniform}), ElementsAre(85, 85));
  EXPECT_THAT(drawn(corpus, {.type = SamplingType::Specified, .weights = {{"large", 1}, {"small", 4}}}),
              ElementsAre(34, 136));
  EXPECT_THAT(drawn(corpus, {.type = SamplingType::Specified, .weights = {{"task-0", 9}, {"small", 1}}}),
              ElementsAre(153, 17));
}

TEST(Sampling, CountsADatasetOnceHoweverManyWaysItIsRead) {
  auto const corpus = corpus_of({stream_of("twice", 0, labels(20, 20)), stream_of("twice", 1, labels(20, 20)),
                                 stream_of("once", 2, labels(20, 20))},
                                3);
  EXPECT_THAT(drawn(corpus, {.type = SamplingType::Uniform}), ElementsAre(30, 30, 60));
  EXPECT_THAT(drawn(corpus, {.type = SamplingType::Specified, .weights = {{"twice", 1}, {"once", 1}}}),
              ElementsAre(30, 30, 60));
  EXPECT_THAT(drawn(corpus, {.type = SamplingType::Temperature, .temperature = 1, .examples_cap = 40}),
              ElementsAre(30, 30, 60))
      << "80 rows count as 40";
  EXPECT_THAT(drawn(corpus, {.type = SamplingType::Temperature, .temperature = 2}),
              ElementsAre(35, 35, 50));  // sqrt(80 / 40) : 1
}

TEST(Sampling, NeedsAWeightForEveryDataset) {
  try {
    (void)drawn(large_and_small(), {.type = SamplingType::Specified, .weights = {{"large", 1}}});
    FAIL() << "a dataset without a weight was drawn";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidUsage);
    EXPECT_THAT(error.what(), HasSubstr("\"small\""));
  }
}

/// The private layers of a project whose second task is of type `second`, with an encoder of 5 layers.
std::int64_t private_layers(task::TaskType second, std::function<void(TrainConfig&)> const& change) {
  auto corpus = corpus_of({stream_of("first", 0, labels(5, 5)), stream_of("second", 1, labels(5, 5))}, 2);
  corpus.tasks[1].type = second;
  if (second == task::TaskType::Tagging)
    for (auto& example : corpus.streams[1].examples[0]) example.labels = {std::vector<task::Span>{{0, 1, "yes"}}};
  auto config = small_config();
  config.scratch.layers = 5;
  change(config);
  return prepare(corpus, config, {}, {}).spec.private_layers;
}

TEST(Prepared, GivesEachReadingAThirdOfTheLayersUnlessToldOtherwise) {
  using task::TaskType;
  EXPECT_EQ(private_layers(TaskType::Tagging, [](auto&) {}), 2);
  EXPECT_EQ(private_layers(TaskType::Tagging, [](auto& config) { config.private_layers = 0; }), 0);
  EXPECT_EQ(private_layers(TaskType::Tagging, [](auto& config) { config.private_layers = 5; }), 5);
  EXPECT_EQ(private_layers(TaskType::Tagging, [](auto& config) { config.architecture = Architecture::Shared; }), 0);
  EXPECT_EQ(private_layers(TaskType::Classification, [](auto& config) { config.private_layers = 3; }), 0)
      << "tasks that read alike share every layer";
  EXPECT_THROW((void)private_layers(TaskType::Classification, [](auto& config) { config.private_layers = 6; }), Error);
}

TEST(Prepared, SaysWhatItMadeOfSettingsThatWereLeftOpen) {
  auto const corpus = large_and_small();
  auto const found = prepare(corpus, small_config(), {}, {}).config;
  EXPECT_EQ(found.batch_tokens, 905);  // 640 * sqrt(2)
  EXPECT_EQ(found.private_layers, 0);
  auto config = small_config();
  config.batch_tokens = 100;
  EXPECT_EQ(prepare(corpus, config, {}, {}).config.batch_tokens, 100);
}

TEST(Prepared, DrawsFewRowsMoreOften) {
  auto const chosen = [](std::size_t n_rows) {
    auto config = small_config();
    config.epochs = std::nullopt;
    config.evaluations_per_epoch = 2;
    return prepare(corpus_of({stream_of("tickets", 0, labels(n_rows / 2, n_rows / 2))}, 1), config, {}, {}).config;
  };
  EXPECT_EQ(chosen(10).epochs, 40);
  EXPECT_EQ(chosen(100).epochs, 25);  // 2,500 rows
  EXPECT_EQ(chosen(416).epochs, 7);
  EXPECT_EQ(chosen(418).epochs, 6);
  EXPECT_EQ(chosen(418).evaluations_per_epoch, 2);
  EXPECT_DOUBLE_EQ(chosen(10).evaluations_per_epoch * 40, 12) << "no more evaluations than in 6 epochs";
}

TEST(Prepared, TakesLargerStepsTheMoreDatasetsShareThem) {
  auto const steps = [](std::size_t n_datasets, std::optional<std::int64_t> tokens) {
    std::vector<data::Stream> streams;
    for (std::size_t i = 0; i < n_datasets; ++i)
      streams.push_back(stream_of("set-" + std::to_string(i), i, labels(640, 640)));
    auto const corpus = corpus_of(std::move(streams), n_datasets);
    auto config = small_config();
    config.batch_tokens = tokens;
    return prepare(corpus, config, {}, {}).plan(corpus, 1).totals().n_batches;
  };
  EXPECT_EQ(steps(1, std::nullopt), steps(1, 640));
  EXPECT_EQ(steps(4, std::nullopt), steps(4, 1'280));  // 640 * sqrt(4)
}

TEST(Prepared, WeighsClassesByHowRareTheyAre) {
  auto corpus = corpus_of({stream_of("tickets", 0, labels(30, 10))}, 1);
  corpus.tasks[0].class_weights = task::ClassWeights::Balanced;
  auto const prepared = prepare(corpus, small_config(), {}, {});
  EXPECT_THAT(prepared.losses[0].class_weights,
              ElementsAre(testing::FloatEq(2), testing::FloatEq(2.0F / 3)));  // 40 / (2 * 10), 40 / (2 * 30)
  corpus.tasks[0].class_weights = task::ClassWeights::None;
  EXPECT_THAT(prepare(corpus, small_config(), {}, {}).losses[0].class_weights, testing::IsEmpty());
}

TEST(Prepared, LeavesRowsWithoutALabelOutAndCountsThem) {
  auto rows = labels(10, 10);
  rows.insert(rows.end(), 3, "");
  auto const prepared = prepare(corpus_of({stream_of("tickets", 0, rows)}, 1), small_config(), {}, {});
  EXPECT_EQ(prepared.n_rows(), 20u);
  EXPECT_EQ(prepared.unlabelled_rows.at("tickets"), 3);
  EXPECT_THROW((void)prepare(corpus_of({stream_of("tickets", 0, {"", ""})}, 1), small_config(), {}, {}), Error);
}

TEST(Prepared, CountsARowAsNeverDrawnOnlyWhereNoReadingOfItHasALabel) {
  auto const corpus =
      corpus_of({stream_of("tickets", 0, {"yes", "no", "", ""}), stream_of("tickets", 1, {"yes", "", "no", ""})}, 2);
  EXPECT_EQ(prepare(corpus, small_config(), {}, {}).unlabelled_rows.at("tickets"), 1);
}

TEST(Prepared, CountsTextsThatAreCut) {
  auto corpus = corpus_of({stream_of("tickets", 0, labels(10, 10))}, 1);
  corpus.streams[0].examples[0][7].texts[0] = "1 2 3 4 5 6 7 8 9";
  auto config = small_config();
  config.max_length = 8;
  EXPECT_EQ(prepare(corpus, config, {}, {}).truncated_texts.at("tickets"), 1);
}

TEST(Prepared, HasTheSameRowsOfTextsOnTheDiskAndTakesThemFromAnEarlierRun) {
  namespace fs = std::filesystem;
  auto const folder = fs::path(testing::TempDir()) / ("polytask_prepared_test_" + std::to_string(::getpid()));
  auto const in_memory = corpus_of({stream_of("tickets", 0, labels(100, 60))}, 1);
  auto const on_disk = [&](std::string const& first_text) {
    auto corpus = in_memory;
    auto stored = std::make_shared<data::StoredExamples>(folder);
    corpus.streams[0].examples[0][0].texts[0] = first_text;
    for (auto const& example : corpus.streams[0].examples[0]) stored->add(example);
    corpus.streams[0].examples[0].clear();
    corpus.streams[0].stored = stored;
    return corpus;
  };
  TrainOptions options;
  options.rows_folder = folder;
  std::vector<std::string> notes;
  auto const prepared = [&](data::Corpus const& corpus) {
    return prepare(corpus, small_config(), options, {}, {.on_note = [&](auto const& said) { notes.push_back(said); }});
  };
  auto const expected = prepare(in_memory, small_config(), {}, {});
  for (int run = 0; run < 2; ++run) {
    auto const found = prepared(on_disk("a 0"));
    ASSERT_EQ(found.n_rows(), 160u);
    std::size_t row = 0;
    found.streams[0].rows.for_each([&](data::Features const& features) {
      EXPECT_EQ(features.ids, expected.streams[0].rows[row].ids);
      EXPECT_EQ(features.targets, expected.streams[0].rows[row].targets);
      ++row;
    });
    EXPECT_EQ(found.chance_levels, expected.chance_levels);
    EXPECT_EQ(found.config.epochs, expected.config.epochs);
  }
  EXPECT_THAT(notes, ElementsAre(HasSubstr("are those of an earlier run")));
  notes.clear();
  (void)prepared(on_disk("a 1"));
  EXPECT_THAT(notes, ElementsAre()) << "one row has changed";
  fs::remove_all(folder);
}

TEST(Prepared, MakesTokensAnewWhereTheTextsOfAnotherDatasetHaveGivenAnotherVocabulary) {
  namespace fs = std::filesystem;
  auto const folder = fs::path(testing::TempDir()) / ("polytask_vocabulary_test_" + std::to_string(::getpid()));
  auto const corpus_with = [&](std::string const& word) {
    auto corpus = corpus_of({stream_of("stored", 0, labels(100, 60)), stream_of("other", 1, labels(5, 5))}, 2);
    for (auto& example : corpus.streams[1].examples[0]) example.texts[0] = word;
    auto stored = std::make_shared<data::StoredExamples>(folder);
    for (auto const& example : std::exchange(corpus.streams[0].examples[0], {})) stored->add(example);
    corpus.streams[0].stored = stored;
    return corpus;
  };
  TrainOptions options;
  options.rows_folder = folder;
  std::vector<std::string> notes;
  std::vector<std::size_t> sizes;
  for (auto const* word : {"q", "w", "w"})
    sizes.push_back(prepare(corpus_with(word), small_config(), options, {},
                            {.on_note = [&](auto const& said) { notes.push_back(said); }})
                        .tokenizer->vocabulary_size());
  EXPECT_EQ(sizes[0], sizes[1]) << "its size does not tell them apart";
  EXPECT_EQ(notes.size(), 1u) << "only the third start finds its tokens";
  fs::remove_all(folder);
}

TEST(Prepared, IsLeftSoonAfterAStop) {
  std::stop_source stop;
  stop.request_stop();
  try {
    (void)prepare(large_and_small(), small_config(), {}, stop.get_token());
    FAIL() << "a stop was not seen";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::Interrupted);
  }
}

/// Questions about contexts of so many words each; "b" is the answer where the context has it.
data::Corpus corpus_of_contexts(std::vector<std::string> const& contexts) {
  data::Corpus corpus{.tasks = {{.name = "ask", .type = task::TaskType::Span, .text = {"question", "context"}}},
                      .label_sets = {task::LabelSet()}};
  data::Stream stream{.dataset = "d", .text = {"question", "context"}, .tasks = {0}};
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    task::Answers answers;
    if (auto const at = contexts[i].find('b'); at != std::string::npos) answers.pieces.push_back({at, at + 1, "b"});
    stream.examples[0].push_back({.texts = {"a", contexts[i]}, .labels = {answers}, .line = i + 1});
  }
  corpus.streams = {stream};
  return corpus;
}

TEST(Windows, OfAContextAreRowsOfTheirOwn) {
  auto config = small_config();
  config.max_length = 8;  // room for four
  auto const prepared = prepare(corpus_of_contexts({"a a a", "a a a a a b"}), config, {}, {});
  EXPECT_EQ(prepared.n_rows(), 3u);
  auto const& rows = prepared.streams.at(0).rows;
  std::vector<std::int32_t> starts;
  rows.for_each([&](auto const& row) { starts.push_back(std::get<data::AnswerTarget>(row.targets.at(0)).start); });
  EXPECT_THAT(starts, ElementsAre(0, 0, 3 + 3));
}

TEST(Windows, HaveTheChanceLevelOfGuessingAmongTheirTokens) {
  auto const alone = prepare(corpus_of_contexts({"a a b", "b a a"}), small_config(), {}, {});
  EXPECT_NEAR(alone.chance_levels.at(0), std::log(7.0), 1e-9);
  EXPECT_FALSE(alone.spec.heads[0].null_threshold) << "there always is an answer";
  auto const half = prepare(corpus_of_contexts({"a a b", "a a a"}), small_config(), {}, {});
  EXPECT_NEAR(half.chance_levels.at(0), std::log(2.0) + 0.5 * std::log(7.0), 1e-9);
  EXPECT_EQ(half.spec.heads[0].null_threshold, 0.0);
}

/// Questions with choices; the first is right.
data::Corpus corpus_of_choices(std::vector<std::vector<std::string>> const& rows) {
  data::Corpus corpus{.tasks = {{.name = "pick", .type = task::TaskType::MultipleChoice, .text = {"question"}}},
                      .label_sets = {task::LabelSet()}};
  data::Stream stream{.dataset = "d", .text = {"question"}, .tasks = {0}};
  for (auto const& texts : rows)
    stream.examples[0].push_back({.texts = texts, .labels = {task::Choice{0}}, .line = stream.examples[0].size() + 1});
  corpus.streams = {stream};
  return corpus;
}

TEST(Choices, OfARowAreOneRowOfTheMixtureWithAllTheirTokens) {
  auto const corpus = corpus_of_choices({{"a", "b", "c"}, {"a b", "c", "a", "b c"}});
  auto const prepared = prepare(corpus, small_config(), {}, {});
  EXPECT_EQ(prepared.n_rows(), 2u);
  EXPECT_EQ(prepared.streams.at(0).rows.at(1).choices.size(), 3u);
  EXPECT_EQ(prepared.plan(corpus, 1).totals().n_tokens, (5 + 5) + (6 + 6 + 7));
  EXPECT_NEAR(prepared.chance_levels.at(0), (std::log(2.0) + std::log(3.0)) / 2, 1e-9);
}

TEST(Choices, AreTextsOfABatchThatOneTargetAsksAbout) {
  auto corpus = corpus_of_choices({{"a", "b", "c"}, {"a b", "c", "a", "b c"}});
  auto const more = stream_of("tickets", 1, {"yes"});
  corpus.streams.push_back(more);
  corpus.tasks.push_back({.name = "kind", .type = task::TaskType::Classification});
  corpus.label_sets.push_back(task::LabelSet({"no", "yes"}));
  auto const prepared = prepare(corpus, small_config(), {}, {});
  data::Batch batch;
  for (auto const& row : {data::DrawnRow{0, 1}, data::DrawnRow{1, 0}, data::DrawnRow{0, 0}})
    data::append(batch, row, prepared.streams[row.stream].rows[row.row]);
  auto const heads = heads_of(batch, prepared.streams, 2);
  EXPECT_THAT(heads[0].input.texts, ElementsAre(0, 1, 2, 4, 5));
  EXPECT_EQ(heads[0].targets.size(), 2u);
  EXPECT_EQ(heads[0].n_units(), 2) << "a mean over rows, not over choices";
  EXPECT_THAT(heads[1].input.texts, ElementsAre(3));
}

}  // namespace
}  // namespace polytask::train
