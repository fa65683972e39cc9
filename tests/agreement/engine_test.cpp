// The engine beside LibTorch's float32: the same folder, the same texts, the same answers.
#include "engine/engine.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <ostream>
#include <string>

#include "base/utf8.h"
#include "nn/multi_task_model.h"
#include "text/wordpiece_tokenizer.h"
#include "train/predictor.h"

namespace polytask {
namespace {

namespace fs = std::filesystem;
using engine::Engine;
using kernels::InstructionSet;
using kernels::Precision;
using task::TaskType;

struct Shape {
  std::string name;
  std::int64_t hidden = 32;
  std::int64_t heads = 2;
  std::int64_t layers = 2;
  std::int64_t inner = 64;
  std::string activation = "gelu";
  model::Pooling pooling = model::Pooling::Mean;
  std::int64_t private_layers = 0;
  void (*of_family)(model::EncoderConfig&) = nullptr;  ///< what makes the encoder another than a BERT
  std::vector<std::int64_t> task_layers = {};  ///< by head: layers for itself; heads that are not named have none
  friend std::ostream& operator<<(std::ostream& out, Shape const& shape) { return out << shape.name; }
};

void roberta(model::EncoderConfig& config) {
  config.model_type = "roberta";
  config.first_position = 2;
  config.max_position_embeddings = 66;
  config.type_vocab_size = 1;
  config.layer_norm_eps = 1e-5;
}

void distilbert(model::EncoderConfig& config) {
  config.model_type = "distilbert";
  config.type_vocab_size = 0;
  config.dropout.attended = 0;
}

void electra(model::EncoderConfig& config) {
  config.model_type = "electra";
  config.embedding_size = 20;
}

void modernbert(model::EncoderConfig& config) {
  config.model_type = "modernbert";
  // States grow by what layers add, and gates square it: the same growth at every width.
  config.initializer_range *= std::sqrt(32.0 / static_cast<double>(config.hidden_size));
  config.type_vocab_size = 0;
  config.has_position_table = false;
  config.norm_placement = model::NormPlacement::Before;
  config.is_gated = true;
  config.has_attention_bias = config.has_inner_bias = config.has_norm_bias = false;
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i)
    config.layer_attention.push_back(i % 3 == 0 ? model::LayerAttention{0, 160'000} : model::LayerAttention{6, 10'000});
}

void deberta(model::EncoderConfig& config) {
  config.model_type = "deberta-v2";
  config.type_vocab_size = 0;
  config.has_position_table = false;
  config.projection = model::Projection::BeforeNorm;
  config.relative = {.span = 16, .buckets = 16, .farthest = 64, .normalized = true};
}

void deberta_of_other_options(model::EncoderConfig& config) {
  deberta(config);
  config.embedding_size = 20;
  config.has_position_table = true;
  config.relative = {.span = 20, .farthest = 20, .own_projections = true};
}

void deberta_with_convolution(model::EncoderConfig& config) {
  deberta(config);
  config.convolution = {3, "gelu"};
}

void deberta_with_wide_convolution(model::EncoderConfig& config) {
  deberta(config);
  config.convolution = {5, "tanh"};
}

model::HeadSpec head_of(std::string const& name, TaskType type, std::vector<std::string> labels,
                        std::vector<std::string> text = {"text"}, std::optional<task::PairEncoding> pair = {}) {
  model::HeadSpec head;
  head.task = {.name = name, .type = type, .datasets = {"d"}, .text = std::move(text), .label = "l"};
  head.task.metric = task::default_metric(type);
  head.task.pair_encoding = pair;
  head.labels = task::LabelSet(std::move(labels));
  return head;
}

model::HeadSpec with_pooler(model::HeadSpec head) {
  head.pooler = model::Pooler::Tanh;
  return head;
}

model::HeadSpec span_head(std::string const& name, std::optional<int> stride, std::optional<double> null_threshold) {
  auto head = head_of(name, TaskType::Span, {}, {"question", "context"});
  head.task.stride = stride;
  head.task.longest_answer = 9;
  head.null_threshold = null_threshold;
  return head;
}

model::HeadSpec choice_head(std::string const& name) {
  auto head = head_of(name, TaskType::MultipleChoice, {});
  head.task.choices = {"choices"};
  return head;
}

/// Heads over one text, then heads over a pair as one sequence, then over two that are encoded apart; then with
/// poolers; then over contexts behind a question, whose windows move by half of their room, and by seven tokens; then
/// over choices, with and without a pooler.
std::vector<model::HeadSpec> every_kind_of_head() {
  std::vector<std::string> const pair{"left", "right"};
  auto urgency = head_of("urgency", TaskType::Regression, {});
  urgency.target_offset = 3;
  urgency.target_scale = 0.5;
  return {head_of("intent", TaskType::Classification, {"a", "b", "c"}),
          head_of("topics", TaskType::Multilabel, {"x", "y"}),
          urgency,
          head_of("things", TaskType::Tagging, {"THING", "PLACE"}),
          head_of("follows", TaskType::Classification, {"no", "yes"}, pair, task::PairEncoding::Cross),
          head_of("distance", TaskType::Regression, {}, pair, task::PairEncoding::Cross),
          head_of("likeness", TaskType::Regression, {}, pair, task::PairEncoding::Bi),
          head_of("duplicate", TaskType::Classification, {"no", "yes"}, pair, task::PairEncoding::Bi),
          with_pooler(head_of("tone", TaskType::Classification, {"a", "b", "c"})),
          with_pooler(head_of("entails", TaskType::Classification, {"no", "yes"}, pair, task::PairEncoding::Cross)),
          span_head("answer", {}, -0.5),
          span_head("place", {}, {}),
          span_head("narrow", 7, 0.5),
          choice_head("pick"),
          with_pooler(choice_head("choose"))};
}

class EngineBesideLibTorch : public testing::TestWithParam<Shape> {
 protected:
  EngineBesideLibTorch() : folder_(fs::temp_directory_path() / ("polytask-agreement-" + std::to_string(::getpid()))) {
    auto const& shape = GetParam();
    std::vector<std::string> vocabulary{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    for (char c = 'a'; c <= 'z'; ++c) vocabulary.push_back({c}), vocabulary.push_back(std::string("##") + c);
    model::EncoderConfig config;
    config.vocab_size = static_cast<std::int64_t>(vocabulary.size());
    config.hidden_size = shape.hidden;
    config.num_attention_heads = shape.heads;
    config.num_hidden_layers = shape.layers;
    config.intermediate_size = shape.inner;
    config.max_position_embeddings = 64;
    config.hidden_act = shape.activation;
    config.initializer_range = 0.3;  // answers that differ from text to text
    if (shape.of_family != nullptr) shape.of_family(config);
    model::ModelSpec spec{.pooling = shape.pooling, .max_length = 64, .private_layers = shape.private_layers};
    spec.heads = every_kind_of_head();
    for (std::size_t i = 0; i < shape.task_layers.size(); ++i) spec.heads[i].private_layers = shape.task_layers[i];
    nn::MultiTaskModel model(config, spec, 0.0);
    Rng rng(7);
    model->encoder()->initialize(rng);
    model->initialize_tasks(rng);
    fs::remove_all(folder_);
    model->save(folder_);
    auto const tokenizer = text::make_wordpiece(std::move(vocabulary), {}, "test");
    tokenizer.value()->save(folder_ / "encoder");
  }
  ~EngineBesideLibTorch() override { fs::remove_all(folder_); }

  [[nodiscard]] static std::vector<task::Example> texts() {
    std::vector<task::Example> examples;
    std::string text;
    for (int n = 0; n < 60; ++n) {
      examples.push_back({.texts = {text}});
      for (int i = 0; i < n % 7 + 1; ++i) text += static_cast<char>('a' + (n * 11 + i * i) % 26);
      text += n % 3 == 0 ? " \xe6\x97\xa5" : " ";
      if (n % 20 == 19) text = "again ";
    }
    examples.push_back({.texts = {"she lives in osaka"}, .words = {{0, 3}, {4, 9}, {10, 12}, {13, 18}}});
    return examples;
  }
  [[nodiscard]] static std::vector<task::Example> pairs(bool apart) {
    auto examples = texts();
    for (std::size_t i = 0; i < examples.size(); ++i) {
      examples[i].words.clear();
      examples[i].texts.push_back(examples[(i * 5 + 3) % examples.size()].texts[0]);
      examples[i].apart = apart;
    }
    return examples;
  }
  /// Contexts from none to several windows; one of the questions is longer than half of the room.
  [[nodiscard]] static std::vector<task::Example> passages() {
    auto examples = pairs(false);
    for (std::size_t i = 0; i < examples.size(); i += 3)
      for (std::size_t k = 1; k < i % 7; ++k)
        examples[i].texts[1] += " " + examples[(i + k) % examples.size()].texts[0];
    for (std::size_t i = 0; i < examples.size(); ++i)
      if (i % 20 != 5 && examples[i].texts[0].size() > 40) examples[i].texts[0].resize(20);
    for (auto& example : examples) example.texts[0] = valid_utf8(example.texts[0]);
    for (std::size_t i = 1; i < examples.size(); ++i) examples.erase(examples.begin() + static_cast<std::ptrdiff_t>(i));
    return examples;  // every second
  }
  /// Texts with two to six choices; some pairs are cut.
  [[nodiscard]] static std::vector<task::Example> choices() {
    auto examples = texts();
    for (std::size_t i = 0; i < examples.size(); ++i) {
      examples[i].words.clear();
      for (std::size_t k = 0; k < 2 + i % 5; ++k)
        examples[i].texts.push_back(std::to_string(k) + " " + examples[(i * 5 + 3 * k) % examples.size()].texts[0]);
    }
    return examples;
  }
  struct Question {
    std::vector<task::Example> examples;
    std::vector<std::size_t> heads;
  };
  [[nodiscard]] static std::vector<Question> questions() {
    return {{texts(), {0, 1, 2, 3, 8}}, {texts(), {3, 0}},     {texts(), {8}},         {texts(), {2}},
            {pairs(false), {4, 5, 9}},  {pairs(true), {6, 7}}, {passages(), {10, 11}}, {passages(), {12}},
            {choices(), {13, 14}}};
  }
  [[nodiscard]] Engine engine(Precision precision, int n_workers = 1,
                              InstructionSet instructions = kernels::detected_instructions()) const {
    return Engine::load(folder_, {.precision = precision, .n_workers = n_workers, .instructions = instructions});
  }

  fs::path folder_;
};

/// Largest difference of two answers; infinite where they have not the same form.
double difference(task::Prediction const& a, task::Prediction const& b) {
  double most = 0;
  auto const differ = [&](std::vector<float> const& x, std::vector<float> const& y) {
    for (std::size_t i = 0; i < x.size() && i < y.size(); ++i)
      if (auto const d = std::abs(static_cast<double>(x[i]) - y[i]); !(d <= most)) most = d;  // of NaN too
    if (x.size() != y.size()) most = HUGE_VAL;
  };
  if (a.index() != b.index()) return HUGE_VAL;
  if (auto const* one = std::get_if<task::ClassPrediction>(&a)) {
    differ(one->scores, std::get<task::ClassPrediction>(b).scores);
  } else if (auto const* several = std::get_if<task::MultilabelPrediction>(&a)) {
    differ(several->scores, std::get<task::MultilabelPrediction>(b).scores);
  } else if (auto const* value = std::get_if<task::ValuePrediction>(&a)) {
    most = std::abs(value->value - std::get<task::ValuePrediction>(b).value);
  } else if (auto const* chosen = std::get_if<task::ChoicePrediction>(&a)) {
    differ(chosen->scores, std::get<task::ChoicePrediction>(b).scores);
  } else if (auto const* said = std::get_if<task::AnswerPrediction>(&a)) {
    auto const& other = std::get<task::AnswerPrediction>(b);
    most = std::max(std::abs(static_cast<double>(said->score) - other.score),
                    std::abs(said->null_difference - other.null_difference) / 4);  // a sum of four logits
    if (!(said->answer == other.answer && said->best == other.best)) most = HUGE_VAL;
  } else {
    std::vector<float> scores_a, scores_b;
    auto const& spans_a = std::get<task::SpanPrediction>(a).spans;
    auto const& spans_b = std::get<task::SpanPrediction>(b).spans;
    for (auto const& span : spans_a) scores_a.push_back(span.score);
    for (auto const& span : spans_b) scores_b.push_back(span.score);
    differ(scores_a, scores_b);
    if (!std::equal(spans_a.begin(), spans_a.end(), spans_b.begin(), spans_b.end(),
                    [](auto const& x, auto const& y) { return x.span == y.span; }))
      most = HUGE_VAL;
  }
  return most;
}

TEST_P(EngineBesideLibTorch, AnswersTheSameToTheFourthDigitForEveryTaskAndInstructionSet) {
  auto const reference = train::Predictor::load(folder_, 1);
  for (auto const instructions : {InstructionSet::Portable, InstructionSet::Avx2, InstructionSet::Avx512,
                                  InstructionSet::Avx512Vnni, InstructionSet::Avx512Bf16, InstructionSet::Amx}) {
    if (instructions > kernels::detected_instructions()) continue;
    auto const tested = engine(Precision::Float32, 1, instructions);
    for (auto const& [examples, heads] : questions()) {
      auto const expected = reference.predict(examples, heads);
      auto const found = tested.predict(examples, heads);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i)
        for (std::size_t h = 0; h < heads.size(); ++h)
          ASSERT_LT(difference(found[i][h], expected[i][h]), 1e-4)
              << to_string(instructions) << ", " << tested.spec().heads[heads[h]].task.name << ", text "
              << examples[i].texts[0];
    }
  }
}

TEST_P(EngineBesideLibTorch, GivesATextTheSameBitsAloneInAnyOrderAndWithAnyNumberOfWorkers) {
  for (auto const precision : {Precision::Float32, Precision::BFloat16, Precision::Int8}) {
    auto const one = engine(precision);
    auto const three = engine(precision, 3);
    for (auto const& [examples, heads] : questions()) {
      auto const expected = one.logits(examples, heads);
      EXPECT_EQ(three.logits(examples, heads), expected) << to_string(precision);
      auto turned = examples;
      std::reverse(turned.begin(), turned.end());
      auto found = three.logits(turned, heads);
      std::reverse(found.begin(), found.end());
      EXPECT_EQ(found, expected) << to_string(precision);
      for (std::size_t i = 0; i < examples.size(); i += 7)
        for (auto const* tested : {&one, &three})
          ASSERT_EQ(tested->logits(std::span(&examples[i], 1), heads)[0], expected[i]) << to_string(precision);
    }
  }
}

TEST_P(EngineBesideLibTorch, GivesATaskTheSameBitsWhateverElseIsAsked) {
  auto const tested = engine(Precision::BFloat16);
  for (auto const& [examples, heads] : questions()) {
    auto const together = tested.logits(examples, heads);
    for (std::size_t h = 0; h < heads.size(); ++h) {
      auto const alone = tested.logits(examples, std::span(&heads[h], 1));
      for (std::size_t i = 0; i < examples.size(); ++i) ASSERT_EQ(alone[i][0], together[i][h]);
    }
  }
}

TEST_P(EngineBesideLibTorch, LosesLittleInLowerPrecision) {
  auto const exact = engine(Precision::Float32);
  for (auto const& [precision, most] : {std::pair{Precision::BFloat16, 0.06}, std::pair{Precision::Int8, 0.25}}) {
    auto const tested = engine(precision);
    for (auto const& [examples, heads] : questions()) {
      auto const expected = exact.logits(examples, heads);
      auto const found = tested.logits(examples, heads);
      for (std::size_t h = 0; h < heads.size(); ++h) {
        double error = 0, size = 0;
        for (std::size_t i = 0; i < examples.size(); ++i)
          for (std::size_t k = 0; k < expected[i][h].size(); ++k) {
            error += std::pow(found[i][h][k] - expected[i][h][k], 2);
            size += std::pow(expected[i][h][k], 2);
          }
        EXPECT_LT(std::sqrt(error / size), most)
            << to_string(precision) << ", " << exact.spec().heads[heads[h]].task.name;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, EngineBesideLibTorch,
    testing::Values(
        Shape{.name = "shared"}, Shape{.name = "first", .pooling = model::Pooling::First},
        Shape{.name = "split", .layers = 3, .private_layers = 1},
        Shape{.name = "split_first", .layers = 3, .pooling = model::Pooling::First, .private_layers = 2},
        Shape{.name = "nothing_shared", .private_layers = 2},
        Shape{.name = "tasks_of_one_reading_apart", .layers = 4, .task_layers = {1, 3, 0, 2, 2, 0, 4}},
        Shape{.name = "every_task_of_texts_apart", .layers = 3, .task_layers = {1, 2, 3, 1, 0, 0, 0, 0, 2}},
        Shape{.name = "split_and_apart",
              .layers = 4,
              .pooling = model::Pooling::First,
              .private_layers = 1,
              .task_layers = {2, 0, 4, 3, 0, 1, 0, 2}},
        Shape{.name = "modernbert_apart", .layers = 4, .of_family = modernbert, .task_layers = {1, 0, 2, 3}},
        Shape{.name = "wide_heads", .hidden = 128, .heads = 2, .inner = 96},
        Shape{.name = "heads_of_32", .hidden = 96, .heads = 3, .inner = 100},
        Shape{.name = "odd", .hidden = 30, .heads = 3, .inner = 50},
        Shape{.name = "gelu_new", .activation = "gelu_new"}, Shape{.name = "relu", .activation = "relu"},
        Shape{.name = "roberta", .layers = 3, .private_layers = 1, .of_family = roberta},
        Shape{.name = "distilbert", .pooling = model::Pooling::First, .of_family = distilbert},
        Shape{.name = "electra", .of_family = electra},
        Shape{.name = "modernbert", .layers = 4, .of_family = modernbert},
        Shape{.name = "modernbert_split", .layers = 4, .private_layers = 2, .of_family = modernbert},
        Shape{.name = "modernbert_first",
              .hidden = 128,
              .layers = 3,
              .pooling = model::Pooling::First,
              .of_family = modernbert},
        Shape{.name = "deberta", .of_family = deberta},
        Shape{.name = "deberta_wide", .hidden = 128, .pooling = model::Pooling::First, .of_family = deberta},
        Shape{.name = "deberta_of_other_options",
              .layers = 3,
              .private_layers = 1,
              .of_family = deberta_of_other_options},
        Shape{.name = "deberta_convolution", .of_family = deberta_with_convolution},
        Shape{.name = "deberta_convolution_apart",
              .private_layers = 1,
              .of_family = deberta_with_convolution,
              .task_layers = {2, 0, 1, 2}},
        Shape{.name = "deberta_convolution_of_one_layer",
              .layers = 1,
              .pooling = model::Pooling::First,
              .of_family = deberta_with_wide_convolution},
        Shape{.name = "odd_deberta_convolution",
              .hidden = 30,
              .heads = 3,
              .inner = 50,
              .of_family = deberta_with_wide_convolution}),
    [](auto const& tested) { return tested.param.name; });

}  // namespace
}  // namespace polytask
