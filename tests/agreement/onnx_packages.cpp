// Writes packages of small random models of every kind, and what the engine says of texts before it is decoded, for
// whoever computes the same from an exported file (tests/scenarios/onnx_test.py).
//   FOLDER/<model>/package
//   FOLDER/<model>/answers.json   a list of {"rows", "texts", "units", "logits"}:
//     rows     [{"ids", "types"}]; two for a pair that is encoded apart, else one
//     texts    [text]
//     units    [token] that a tagging answers; of a question and its context all
//     logits   {task: [number]}
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "engine/engine.h"
#include "engine/test_support.h"
#include "task/tagging.h"
#include "text/encode_choices.h"
#include "text/encode_example.h"

namespace polytask {
namespace {

namespace fs = std::filesystem;
using engine::test_support::head_of;
using engine::test_support::SampleShape;
using task::TaskType;

std::vector<model::HeadSpec> heads_of_texts() {
  auto urgency = head_of("urgency", TaskType::Regression, {}, {"text"});
  urgency.target_offset = 3;
  urgency.target_scale = 0.5;
  auto tone = head_of("tone", TaskType::Classification, {"kind", "rude"}, {"text"});
  tone.pooler = model::Pooler::Tanh;
  return {head_of("intent", TaskType::Classification, {"a", "b", "c"}, {"text"}),
          head_of("topics", TaskType::Multilabel, {"x", "y"}, {"text"}), urgency, tone,
          head_of("Things & more", TaskType::Tagging, {"THING", "PLACE"}, {"text"})};
}

std::vector<model::HeadSpec> heads_of_pairs(task::PairEncoding encoding) {
  std::vector<std::string> const pair{"left", "right"};
  bool const apart = encoding == task::PairEncoding::Bi;
  std::vector<model::HeadSpec> heads{
      head_of(apart ? "duplicate" : "follows", TaskType::Classification, {"no", "yes"}, pair),
      head_of(apart ? "alike" : "distance", TaskType::Regression, {}, pair)};
  if (!apart) {
    heads.push_back(head_of("entails", TaskType::Classification, {"no", "maybe", "yes"}, pair));
    heads.back().pooler = model::Pooler::Tanh;
  }
  for (auto& head : heads) head.task.pair_encoding = encoding;
  return heads;
}

std::vector<task::Example> texts() {
  std::vector<task::Example> examples;
  for (auto const* text : {"please find the lamp", "a", "", "osaka lamp zebra quick brown fox jumps over it again and",
                           "she lives in osaka", "lamp lamp", "x y z"})
    examples.push_back({.texts = {text}});
  examples[4].words = {{0, 3}, {4, 9}, {10, 12}, {13, 18}};
  return examples;
}

std::vector<task::Example> pairs(bool apart) {
  auto examples = texts();
  for (std::size_t i = 0; i < examples.size(); ++i) {
    examples[i].words.clear();
    examples[i].texts.push_back(examples[(i * 3 + 1) % examples.size()].texts[0]);
    examples[i].apart = apart;
  }
  return examples;
}

OrderedJson rows_of(task::Encoding const& encoding) {
  auto const middle = encoding.second_sequence > 0 ? encoding.second_sequence : encoding.size();
  auto json = OrderedJson::array();
  auto const add = [&](std::size_t begin, std::size_t end) {
    auto const part = [&](auto const& values) {
      return std::vector<int>(values.begin() + static_cast<std::ptrdiff_t>(begin),
                              values.begin() + static_cast<std::ptrdiff_t>(end));
    };
    json.push_back({{"ids", part(encoding.ids)}, {"types", part(encoding.type_ids)}});
  };
  add(0, middle);
  if (middle < encoding.size()) add(middle, encoding.size());
  return json;
}

/// Of questions and contexts that one window holds.
void add_passages(engine::Engine const& engine, text::Tokenizer const& tokenizer, OrderedJson& answers) {
  auto const head = engine.spec().find("where").value();
  for (auto const& example : pairs(false)) {
    auto const encoding = text::encode_example(tokenizer, example, engine.spec().max_length);
    if (encoding.truncated()) continue;
    OrderedJson one{{"rows", rows_of(encoding)}, {"texts", example.texts}, {"units", OrderedJson::array()}};
    for (std::size_t token = 0; token < encoding.size(); ++token) one["units"].push_back(token);
    one["logits"]["where"] = engine.logits(std::span(&example, 1), std::span(&head, 1))[0][0];
    answers.push_back(std::move(one));
  }
}

/// Each choice is a row of the graph.
void add_choices(engine::Engine const& engine, text::Tokenizer const& tokenizer, OrderedJson& answers) {
  auto const head = engine.spec().find("pick").value();
  auto examples = texts();
  for (std::size_t i = 0; i < examples.size(); ++i) {
    auto& example = examples[i];
    example.words.clear();
    example.texts.insert(example.texts.end(), {"a lamp", example.texts[0] + " of osaka"});
    auto const logits = engine.logits(std::span(&example, 1), std::span(&head, 1))[0][0];
    auto const encodings = text::encode_choices(tokenizer, example, engine.spec().max_length);
    for (std::size_t choice = 0; choice < encodings.size(); ++choice) {
      OrderedJson one{{"rows", rows_of(encodings[choice])},
                      {"texts", {example.texts[0], example.texts[1 + choice]}},
                      {"units", OrderedJson::array()}};
      one["logits"]["pick"] = {logits[choice]};
      answers.push_back(std::move(one));
    }
  }
}

/// task_layers: by head, how many it has for itself; those that are not named have none.
void write_model(fs::path const& folder, SampleShape const& shape, std::vector<std::int64_t> const& task_layers = {}) {
  auto heads = heads_of_texts();
  for (auto const encoding : {task::PairEncoding::Cross, task::PairEncoding::Bi})
    for (auto& head : heads_of_pairs(encoding)) heads.push_back(std::move(head));
  heads.push_back(head_of("where", TaskType::Span, {}, {"question", "context"}));
  heads.push_back(head_of("pick", TaskType::MultipleChoice, {}, {"question"}));
  heads.back().task.choices = {"choices"};
  for (std::size_t i = 0; i < task_layers.size(); ++i) heads[i].private_layers = task_layers[i];
  fs::create_directories(folder);
  engine::test_support::write_sample_package(folder / "package", heads, shape);
  auto const engine = engine::Engine::load(folder / "package", {.precision = kernels::Precision::Float32});
  auto const tokenizer = text::load_tokenizer(folder / "package" / "encoder");
  auto answers = OrderedJson::array();
  for (auto const& examples : {texts(), pairs(false), pairs(true)})
    for (auto const& example : examples) {
      std::vector<std::size_t> asked;
      for (std::size_t i = 0; i < heads.size(); ++i) {
        auto const& task = heads[i].task;
        if (task.text.size() == example.texts.size() && task.encodes_apart() == example.apart &&
            !task::reads_passages(task) && !task::reads_choices(task))
          asked.push_back(i);
      }
      auto const encoding = text::encode_example(*tokenizer, example, engine.spec().max_length);
      auto const found = engine.logits(std::span(&example, 1), asked)[0];
      OrderedJson one{{"rows", rows_of(encoding)}, {"texts", example.texts}, {"units", OrderedJson::array()}};
      for (auto const& unit : task::tagged_units(encoding, example)) one["units"].push_back(unit.token);
      for (std::size_t i = 0; i < asked.size(); ++i) one["logits"][heads[asked[i]].task.name] = found[i];
      answers.push_back(std::move(one));
    }
  add_passages(engine, *tokenizer, answers);
  add_choices(engine, *tokenizer, answers);
  write_file_atomically(folder / "answers.json", answers.dump() + "\n");
}

}  // namespace
}  // namespace polytask

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: onnx_packages FOLDER\n";
    return 2;
  }
  using polytask::model::Pooling;
  std::filesystem::path const folder = argv[1];
  polytask::write_model(folder / "shared", {.private_layers = 0});
  polytask::write_model(folder / "shared-first",
                        {.pooling = Pooling::First, .private_layers = 0, .activation = "relu"});
  polytask::write_model(folder / "split", {.private_layers = 1, .activation = "gelu_new"});
  polytask::write_model(folder / "split-first", {.pooling = Pooling::First, .private_layers = 1});
  polytask::write_model(folder / "nothing-shared", {.private_layers = 2});
  polytask::write_model(folder / "tasks-apart", {.private_layers = 1}, {2, 0, 1, 1, 0, 2});
  return 0;
} catch (std::exception const& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
