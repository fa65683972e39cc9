#include "nn/multi_task_model.h"

#include <gmock/gmock.h>
#include <torch/torch.h>
#include <unistd.h>

#include <set>

#include "base/error.h"

namespace polytask::nn {
namespace {

namespace fs = std::filesystem;
using task::TaskType;
using testing::HasSubstr;

constexpr std::size_t kIntent = 0, kUrgency = 1, kThings = 2, kTopics = 3;

model::EncoderConfig small_config() {
  model::EncoderConfig config;
  config.vocab_size = 20;
  config.hidden_size = 8;
  config.num_hidden_layers = 1;
  config.num_attention_heads = 2;
  config.intermediate_size = 16;
  config.max_position_embeddings = 16;
  return config;
}

model::HeadSpec head_of(std::string const& name, TaskType type, std::vector<std::string> labels) {
  model::HeadSpec head;
  head.task = {.name = name, .type = type, .metric = task::default_metric(type)};
  head.labels = task::LabelSet(std::move(labels));
  return head;
}

model::ModelSpec four_heads(model::Pooling pooling) {
  return {.pooling = pooling,
          .max_length = 16,
          .heads = {head_of("intent", TaskType::Classification, {"a", "b", "c"}),
                    head_of("urgency", TaskType::Regression, {}), head_of("things", TaskType::Tagging, {"THING"}),
                    head_of("Topics & more", TaskType::Multilabel, {"x", "y"})}};
}

MultiTaskModel model_of(std::uint64_t seed, model::Pooling pooling = model::Pooling::Mean,
                        std::int64_t private_layers = 0) {
  auto config = small_config();
  config.num_hidden_layers = 2;
  auto spec = four_heads(pooling);
  spec.private_layers = private_layers;
  MultiTaskModel model(config, spec, 0.1);
  Rng rng(seed);
  model->encoder()->initialize(rng);
  model->initialize_tasks(rng);
  return model;
}

/// Texts of 3, 1 and 4 tokens.
PackedTexts three_texts() {
  return {torch::tensor({1, 5, 2, 1, 1, 7, 8, 2}, torch::kInt64),
          torch::tensor({0, 1, 2, 0, 0, 1, 2, 3}, torch::kInt64),
          torch::zeros(8, torch::kInt64),
          {0, 3, 4, 8}};
}

std::vector<torch::Tensor> logits_of(MultiTaskModel& model, std::vector<HeadInput> const& inputs) {
  torch::NoGradGuard const no_grad;
  return model->forward(three_texts(), inputs, Pass());
}

double difference(torch::Tensor const& a, torch::Tensor const& b) { return (a - b).abs().max().item<double>(); }

TEST(MultiTaskModel, EveryHeadAnswersForItsOwnTextsOrTokensInTheOrderAsked) {
  auto model = model_of(1);
  std::vector<HeadInput> const mixed{{.head = kThings, .texts = {0, 2}, .tokens = {5, 6, 1}},
                                     {.head = kIntent, .texts = {0, 2}},
                                     {.head = kUrgency, .texts = {1}},
                                     {.head = kTopics, .texts = {2, 1, 0}}};
  auto const logits = logits_of(model, mixed);
  ASSERT_EQ(logits.size(), 4u);
  EXPECT_EQ(logits[0].sizes(), (std::vector<std::int64_t>{3, 3}));  // O, B-THING, I-THING
  EXPECT_EQ(logits[1].sizes(), (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(logits[2].sizes(), (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(logits[3].sizes(), (std::vector<std::int64_t>{3, 2}));
  for (std::size_t i = 0; i < mixed.size(); ++i)
    EXPECT_LT(difference(logits[i], logits_of(model, {mixed[i]})[0]), 1e-6) << "a head does not see the others";
  auto const one = logits_of(model, {{.head = kTopics, .texts = {1}}});
  EXPECT_LT(difference(logits[3][1], one[0][0]), 1e-6);
}

TEST(MultiTaskModel, PoolsTheMeanOfATextOrItsFirstToken) {
  std::vector<HeadInput> const texts{{.head = kIntent, .texts = {0, 1, 2}}};
  auto mean = model_of(1, model::Pooling::Mean);
  auto first = model_of(1, model::Pooling::First);
  auto const a = logits_of(mean, texts)[0];
  auto const b = logits_of(first, texts)[0];
  EXPECT_LT(difference(a[1], b[1]), 1e-6) << "a text of one token";
  EXPECT_GT(difference(a[2], b[2]), 1e-4);
}

TEST(MultiTaskModel, APairsHeadSeesHowItsTwoTextsDiffer) {
  model::ModelSpec spec{.max_length = 16, .heads = {head_of("same", TaskType::Classification, {"no", "yes"})}};
  spec.heads[0].task.text = {"left", "right"};
  MultiTaskModel model(small_config(), spec, 0.1);
  Rng rng(1);
  model->encoder()->initialize(rng);
  model->initialize_tasks(rng);
  torch::NoGradGuard const no_grad;
  auto texts = three_texts();
  texts.second_text = {1, 4, 6};  // a pair of 1 + 2 tokens, a single text, a pair of 2 + 2
  auto const logits = model->forward(texts, std::vector<HeadInput>{{.head = 0, .texts = {2, 0}}}, Pass())[0];
  Pass none;
  auto const hidden = model->encoder()->forward(texts, none);
  auto const expected = [&](std::int64_t from, std::int64_t middle, std::int64_t to) {
    auto const u = hidden.slice(0, from, middle).mean(0);
    auto const v = hidden.slice(0, middle, to).mean(0);
    auto const weights = model->named_parameters();
    return torch::matmul(weights["heads.0.weight"],
                         torch::cat({hidden.slice(0, from, to).mean(0), (u - v).abs(), u * v})) +
           weights["heads.0.bias"];
  };
  EXPECT_LT(difference(logits[0], expected(4, 6, 8)), 1e-6);
  EXPECT_LT(difference(logits[1], expected(0, 1, 3)), 1e-6);
}

/// A head with a pooler over one text or two, and what stands in its place by hand.
void expect_pooled_by_tanh(model::Pooling pooling, std::vector<std::string> const& columns) {
  model::ModelSpec spec{.pooling = pooling, .max_length = 16};
  spec.heads = {head_of("other", TaskType::Classification, {"no", "yes"}),
                head_of("same", TaskType::Classification, {"no", "yes"})};
  spec.heads[1].task.text = columns;
  spec.heads[1].pooler = model::Pooler::Tanh;
  MultiTaskModel model(small_config(), spec, 0.0);
  Rng rng(1);
  model->encoder()->initialize(rng);
  model->initialize_tasks(rng);
  auto texts = three_texts();
  if (columns.size() == 2) texts.second_text = {1, 4, 6};
  auto const logits = model->forward(texts, std::vector<HeadInput>{{.head = 1, .texts = {2, 0}}}, Pass())[0];
  Pass none;
  auto const hidden = model->encoder()->forward(texts, none);
  auto const weights = model->named_parameters();
  auto const expected = [&](std::int64_t from, std::int64_t middle, std::int64_t to) {
    auto const state = pooling == model::Pooling::First ? hidden[from] : hidden.slice(0, from, to).mean(0);
    auto seen = torch::tanh(torch::matmul(weights["pooler_1.weight"], state) + weights["pooler_1.bias"]);
    auto const u = hidden.slice(0, from, middle).mean(0), v = hidden.slice(0, middle, to).mean(0);
    if (columns.size() == 2) seen = torch::cat({seen, (u - v).abs(), u * v});
    return torch::matmul(weights["heads.1.weight"], seen) + weights["heads.1.bias"];
  };
  EXPECT_LT(difference(logits[0], expected(4, 6, 8)), 1e-6);
  EXPECT_LT(difference(logits[1], expected(0, 1, 3)), 1e-6);
  logits.square().sum().backward();
  EXPECT_GT(weights["pooler_1.weight"].grad().abs().max().item<double>(), 0) << "it learns";
}

TEST(MultiTaskModel, AHeadWithAPoolerSeesTheTanhOfItsPooledState) {
  for (auto const pooling : {model::Pooling::First, model::Pooling::Mean})
    for (auto const& columns : {std::vector<std::string>{"text"}, std::vector<std::string>{"left", "right"}})
      expect_pooled_by_tanh(pooling, columns);
}

/// Heads for a pair of 3 + 4 tokens that is encoded apart: their logits, and the states of each text alone.
struct Apart {
  explicit Apart(TaskType type) {
    model::ModelSpec spec{.max_length = 16,
                          .heads = {head_of("near", type,
                                            type == TaskType::Regression ? std::vector<std::string>{}
                                                                         : std::vector<std::string>{"no", "yes"})}};
    spec.heads[0].task.text = {"left", "right"};
    spec.heads[0].task.pair_encoding = task::PairEncoding::Bi;
    MultiTaskModel model(small_config(), spec, 0.1);
    Rng rng(1);
    model->encoder()->initialize(rng);
    model->initialize_tasks(rng);
    if (type == TaskType::Regression) model->set_line(0, 2, 0.5);
    torch::NoGradGuard const no_grad;
    PackedTexts const pair{torch::tensor({1, 5, 2, 1, 7, 8, 2}, torch::kInt64),
                           torch::tensor({0, 1, 2, 0, 1, 2, 3}, torch::kInt64),
                           torch::zeros(7, torch::kInt64),
                           {0, 7},
                           {3},
                           {0, 3, 7}};
    logits = model->forward(pair, std::vector<HeadInput>{{.head = 0, .texts = {0}}}, Pass())[0][0];
    auto const alone = [&](std::vector<std::int64_t> const& ids) {
      Pass none;
      auto const n = std::ssize(ids);
      return model->encoder()->forward({torch::tensor(ids, torch::kInt64),
                                        torch::arange(n),
                                        torch::zeros(n, torch::kInt64),
                                        {0, static_cast<std::int32_t>(n)}},
                                       none);
    };
    first = alone({1, 5, 2}), second = alone({1, 7, 8, 2});
    weight = model->named_parameters()["heads.0.weight"], bias = model->named_parameters()["heads.0.bias"];
  }
  torch::Tensor logits, first, second, weight, bias;
};

TEST(MultiTaskModel, TwoTextsThatAreEncodedApartAreComparedAsTheyAreAlone) {
  Apart const pair(TaskType::Classification);
  auto const u = pair.first.mean(0), v = pair.second.mean(0);
  auto const expected =
      torch::matmul(pair.weight, torch::cat({torch::cat({pair.first, pair.second}).mean(0), (u - v).abs(), u * v})) +
      pair.bias;
  EXPECT_LT(difference(pair.logits, expected), 1e-6);
}

TEST(MultiTaskModel, ASimilarityIsALineThroughTheCosineOfTwoTexts) {
  Apart const pair(TaskType::Regression);
  auto const u = pair.first.mean(0), v = pair.second.mean(0);
  auto const cosine = u.dot(v) / (u.norm() * v.norm());
  EXPECT_LT(difference(pair.logits, 2 * std::sqrt(8.0) * cosine + 0.5), 1e-5);
}

TEST(MultiTaskModel, ATaggingHeadSeesTheWordsOfAPairAsThoseOfAText) {
  auto spec = four_heads(model::Pooling::Mean);
  spec.heads[kThings].task.text = {"left", "right"};
  MultiTaskModel model(small_config(), spec, 0.1);
  Rng rng(1);
  model->encoder()->initialize(rng);
  model->initialize_tasks(rng);
  EXPECT_EQ(logits_of(model, {{.head = kThings, .texts = {0, 2}, .tokens = {5, 6, 1}}})[0].sizes(),
            (std::vector<std::int64_t>{3, 3}));
}

// Texts 0 and 2 are tagged, 0 and 1 are classified.
std::vector<HeadInput> const kTwoReadings{{.head = kThings, .texts = {0, 2}, .tokens = {1, 4, 7}},
                                          {.head = kIntent, .texts = {1, 0}}};

TEST(PrivateLayers, StartAsTheEncodersOwn) {
  auto shared = model_of(1);
  for (std::int64_t const n : {1, 2}) {
    auto split = model_of(1, model::Pooling::Mean, n);
    EXPECT_GT(split->parameters().size(), shared->parameters().size());
    auto const a = logits_of(shared, kTwoReadings), b = logits_of(split, kTwoReadings);
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_LT(difference(a[i], b[i]), 1e-6) << n << " private layers";
  }
}

TEST(PrivateLayers, LearnFromTasksOfTheirReadingAlone) {
  auto model = model_of(1, model::Pooling::Mean, 1);
  auto const moved = [&](HeadInput const& input) {
    model->zero_grad();
    model->forward(three_texts(), std::span(&input, 1), Pass())[0].square().sum().backward();
    std::set<std::string> names;
    for (auto const& parameter : model->named_parameters()) {
      auto const& gradient = parameter.value().grad();  // of the words' table it is sparse
      if (gradient.defined() && (gradient.is_sparse() ? gradient.to_dense() : gradient).abs().sum().item<double>() > 0)
        names.insert(parameter.key().substr(0, parameter.key().find(".attention")));
    }
    return names;
  };
  auto const by_words = moved(kTwoReadings[0]), by_text = moved(kTwoReadings[1]);
  EXPECT_THAT(by_words, testing::IsSupersetOf({"encoder.encoder.layer.0", "private_words.0"}));
  EXPECT_EQ(by_words.count("encoder.encoder.layer.1"), 0u);
  EXPECT_THAT(by_text, testing::IsSupersetOf({"encoder.encoder.layer.0", "encoder.encoder.layer.1"}));
  EXPECT_EQ(by_text.count("private_words.0"), 0u);
}

TEST(PrivateLayers, AnswerForATextWhateverElseIsAsked) {
  auto model = model_of(1, model::Pooling::Mean, 1);
  {
    torch::NoGradGuard const no_grad;
    for (auto& parameter : model->named_parameters())
      if (parameter.key().starts_with("private_words")) parameter.value().mul_(1.5);
  }
  auto const both = logits_of(model, kTwoReadings);
  for (std::size_t i = 0; i < both.size(); ++i)
    EXPECT_LT(difference(both[i], logits_of(model, {kTwoReadings[i]})[0]), 1e-6);
  auto const one = logits_of(model, {{.head = kThings, .texts = {2}, .tokens = {7}}});
  EXPECT_LT(difference(both[0][2], one[0][0]), 1e-6);
}

class ModelFolder : public testing::Test {
 protected:
  fs::path folder = fs::path(testing::TempDir()) / ("polytask_multi_task_model_test_" + std::to_string(::getpid()));
  void TearDown() override { fs::remove_all(folder); }
};

TEST_F(ModelFolder, GivesBackTheModelThatWasSaved) {
  std::vector<HeadInput> const all{{.head = kIntent, .texts = {0, 1, 2}},
                                   {.head = kUrgency, .texts = {0}},
                                   {.head = kThings, .texts = {0, 2}, .tokens = {0, 7}},
                                   {.head = kTopics, .texts = {1}}};
  auto model = model_of(1);
  model->save(folder);
  auto other = model_of(2);
  auto const expected = logits_of(model, all);
  EXPECT_GT(difference(logits_of(other, all)[0], expected[0]), 1e-6);
  other->load(folder);
  auto const logits = logits_of(other, all);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_TRUE(torch::equal(logits[i], expected[i])) << i;
  EXPECT_EQ(model::read_model_spec(folder).heads[kTopics].task.name, "Topics & more");
}

TEST_F(ModelFolder, GivesBackPoolers) {
  auto const with_pooler = [](std::uint64_t seed) {
    auto spec = four_heads(model::Pooling::First);
    spec.heads[kTopics].pooler = model::Pooler::Tanh;
    MultiTaskModel model(small_config(), spec, 0.1);
    Rng rng(seed);
    model->encoder()->initialize(rng);
    model->initialize_tasks(rng);
    return model;
  };
  std::vector<HeadInput> const all{{.head = kIntent, .texts = {0, 1, 2}}, {.head = kTopics, .texts = {0, 1, 2}}};
  auto model = with_pooler(1), other = with_pooler(2);
  model->save(folder);
  EXPECT_EQ(model::read_model_spec(folder).heads[kTopics].pooler, model::Pooler::Tanh);
  other->load(folder);
  auto const expected = logits_of(model, all), logits = logits_of(other, all);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_TRUE(torch::equal(logits[i], expected[i])) << i;
}

TEST_F(ModelFolder, HoldsThePrivateLayersUnderTheEncodersNames) {
  auto model = model_of(1, model::Pooling::Mean, 1);
  {
    torch::NoGradGuard const no_grad;
    for (auto& parameter : model->named_parameters())
      if (parameter.key().starts_with("private_words")) parameter.value().mul_(1.5);
  }
  model->save(folder);
  auto other = model_of(2, model::Pooling::Mean, 1);
  other->load(folder);
  auto const expected = logits_of(model, kTwoReadings), logits = logits_of(other, kTwoReadings);
  for (std::size_t i = 0; i < logits.size(); ++i) EXPECT_TRUE(torch::equal(logits[i], expected[i])) << i;
  auto const file = folder / "private" / "words.safetensors";
  EXPECT_TRUE(model::SafetensorsFile::open(file).tensors().contains("encoder.layer.1.attention.self.query.weight"));
}

/// Of two layers: `intent` has the upper one for itself, `topics` both; the two others share the encoder's.
MultiTaskModel with_task_layers(std::uint64_t seed) {
  auto config = small_config();
  config.num_hidden_layers = 2;
  auto spec = four_heads(model::Pooling::Mean);
  spec.heads[kIntent].private_layers = 1;
  spec.heads[kTopics].private_layers = 2;
  MultiTaskModel model(config, spec, 0.0);
  Rng rng(seed);
  model->encoder()->initialize(rng);
  model->initialize_tasks(rng);
  return model;
}

TEST(TaskLayers, StartAsTheEncodersOwnAndAnswerAsThese) {
  auto model = with_task_layers(1);
  auto shared = model_of(1);
  std::vector<HeadInput> const all{{.head = kIntent, .texts = {0, 2}},
                                   {.head = kUrgency, .texts = {0, 1}},
                                   {.head = kThings, .texts = {1}, .tokens = {3}},
                                   {.head = kTopics, .texts = {2, 1}}};
  auto const found = logits_of(model, all);
  auto const expected = logits_of(shared, all);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_LT(difference(found[i], expected[i]), 1e-6) << i;
}

/// Names of the parameters that a head's loss gives gradients.
std::set<std::string> learned_from(MultiTaskModel& model, HeadInput const& input) {
  model->zero_grad();
  for (auto& parameter : model->parameters()) parameter.mutable_grad() = torch::Tensor();
  model->forward(three_texts(), std::span(&input, 1), Pass())[0].square().sum().backward();
  std::set<std::string> names;
  for (auto const& parameter : model->named_parameters())
    if (parameter.value().grad().defined()) names.insert(parameter.key());
  return names;
}

TEST(TaskLayers, LearnFromTheirTaskAloneAndItLearnsWhatLiesBelow) {
  using testing::AllOf;
  using testing::Contains;
  using testing::Each;
  using testing::Not;
  using testing::StartsWith;
  auto model = with_task_layers(1);
  EXPECT_THAT(learned_from(model, {.head = kIntent, .texts = {0, 1}}),
              AllOf(Contains(StartsWith("private_task_0.0.")), Contains(StartsWith("encoder.encoder.layer.0.")),
                    Each(Not(StartsWith("encoder.encoder.layer.1."))), Each(Not(StartsWith("private_task_3.")))));
  EXPECT_THAT(learned_from(model, {.head = kTopics, .texts = {2}}),
              AllOf(Contains(StartsWith("private_task_3.0.")), Contains(StartsWith("private_task_3.1.")),
                    Contains(StartsWith("encoder.embeddings.")), Each(Not(StartsWith("encoder.encoder.layer.")))));
  EXPECT_THAT(learned_from(model, {.head = kUrgency, .texts = {1}}),
              AllOf(Contains(StartsWith("encoder.encoder.layer.1.")), Each(Not(StartsWith("private_task_")))));
}

TEST(TaskLayers, AreNamedAmongWhatNoOtherHeadReads) {
  auto model = with_task_layers(1);
  EXPECT_THAT(model->own_parameters(kIntent), testing::ElementsAre("heads.0.", "pooler_0.", "private_task_0."));
  EXPECT_THAT(model->own_parameters(kUrgency), testing::ElementsAre("heads.1.", "pooler_1."));
}

TEST(TaskLayers, AnswerForATextWhateverElseIsAsked) {
  auto model = with_task_layers(1);
  {
    torch::NoGradGuard const no_grad;
    Rng rng(9);
    for (auto& parameter : model->named_parameters())
      if (parameter.key().starts_with("private_task_")) fill_normal(parameter.value(), 0.3, rng);
  }
  std::vector<HeadInput> const mixed{{.head = kTopics, .texts = {2, 0}},
                                     {.head = kIntent, .texts = {0, 1}},
                                     {.head = kThings, .texts = {2}, .tokens = {5, 6}},
                                     {.head = kUrgency, .texts = {1}}};
  auto const logits = logits_of(model, mixed);
  for (std::size_t i = 0; i < mixed.size(); ++i)
    EXPECT_LT(difference(logits[i], logits_of(model, {mixed[i]})[0]), 1e-6) << i;
}

TEST_F(ModelFolder, HoldsTheLayersOfATaskBesideItsHeadUnderTheEncodersNames) {
  auto saved = with_task_layers(3);
  saved->save(folder);
  auto const file = model::SafetensorsFile::open(model::private_file(folder, "intent"));
  EXPECT_EQ(file.tensors().size(), 16u);
  EXPECT_TRUE(file.tensors().contains("encoder.layer.1.attention.self.query.weight"));
  EXPECT_FALSE(fs::exists(folder / "private"));
  auto loaded = with_task_layers(4);
  loaded->load(folder);
  for (auto const& parameter : saved->named_parameters())
    EXPECT_TRUE(parameter.value().equal(loaded->named_parameters()[parameter.key()])) << parameter.key();
}

TEST_F(ModelFolder, OfOtherShapesIsRefusedBeforeAnythingIsLoaded) {
  model_of(1)->save(folder);
  std::vector<float> const weight(2 * 8), bias(2);
  model::write_safetensors(model::task_folder(folder, "intent") / "head.safetensors",
                           {{"weight", model::DType::F32, {2, 8}, std::as_bytes(std::span(weight))},
                            {"bias", model::DType::F32, {2}, std::as_bytes(std::span(bias))}});
  auto other = model_of(2);
  std::vector<HeadInput> const all{{.head = kIntent, .texts = {0, 1, 2}}};
  auto const before = logits_of(other, all)[0];
  try {
    other->load(folder);
    FAIL() << "a head of two labels was loaded for three";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidInput);
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("intent/head.safetensors"), HasSubstr("asks for [3]")));
  }
  EXPECT_TRUE(torch::equal(logits_of(other, all)[0], before));
}

}  // namespace
}  // namespace polytask::nn
