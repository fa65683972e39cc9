// Answers a text, or a pair, with every task of a package, from C++. Links polytask::engine.
#include <polytask/base/error.h>
#include <polytask/base/utf8.h>
#include <polytask/engine/answer_json.h>
#include <polytask/engine/answer_texts.h>
#include <polytask/model/package.h>

#include <exception>
#include <iostream>
#include <span>

namespace {

using namespace polytask;

int answer(char const* folder, engine::Texts const& row) {
  auto const package = model::open_package(folder);  // every byte is checked
  auto const engine = engine::Engine::load(package.folder, {.n_workers = engine::n_cores_of_process()});

  // Any number of rows at once, here one; the last argument would name tasks, and {} means all.
  auto const answers = engine::answer_texts(engine, std::span(&row, 1), {})[0];
  for (auto const& answer : answers) {
    auto const& head = engine.spec().heads[answer.head];
    std::cout << head.task.name << ": ";
    if (auto const* one = std::get_if<task::ClassPrediction>(&answer.prediction))
      std::cout << head.labels[one->label] << ", with probability " << one->scores[one->label] << '\n';
    else if (auto const* number = std::get_if<task::ValuePrediction>(&answer.prediction))
      std::cout << number->value << '\n';
    else  // labels, or spans: as the command prints them
      std::cout << engine::answer_json(head.labels, answer.prediction, row).dump() << '\n';
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::cerr << "usage: answer_cpp PACKAGE TEXT [SECOND-TEXT]\n";
    return 2;
  }
  try {
    engine::Texts row;
    for (int i = 2; i < argc; ++i) row.push_back(valid_utf8(argv[i]));
    return answer(argv[1], row);
  } catch (Error const& error) {
    std::cerr << "answer_cpp: " << error.what() << '\n';
    return exit_code(error.code());
  } catch (std::exception const& error) {
    std::cerr << "answer_cpp: " << error.what() << '\n';
    return 1;
  }
}
