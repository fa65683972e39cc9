// What a task says before it is decoded, for tests that compare it with other programs.
// Standard input: a line of JSON for each text, {"texts": ["..."], "words": false}; two texts for a pair; "words" cuts
// the text at white space. Standard output: a JSON list of logits for each, units after one another.
#include <exception>
#include <iostream>
#include <string>

#include "base/json.h"
#include "engine/engine.h"
#include "engine/questions.h"

int main(int argc, char** argv) try {
  using namespace polytask;
  if (argc != 3) {
    std::cerr << "usage: print_logits MODEL TASK\n";
    return 2;
  }
  auto const engine = engine::Engine::load(argv[1], {.precision = kernels::Precision::Float32});
  auto const head = engine.spec().find(argv[2]).value();
  auto const apart = engine.spec().heads[head].task.encodes_apart();
  for (std::string line; std::getline(std::cin, line);) {
    auto const json = Json::parse(line);
    task::Example example{.texts = json.at("texts").get<std::vector<std::string>>(), .apart = apart};
    if (json.value("words", false)) example.words = engine::words_of(example.texts.front());
    std::cout << Json(engine.logits({&example, 1}, {&head, 1}).front().front()).dump() << '\n';
  }
  return 0;
} catch (std::exception const& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
