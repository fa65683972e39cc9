// Writes the package that the tests of other languages ask: of a small random model, with a task of every kind.
#include <exception>
#include <iostream>
#include <string_view>

#include "engine/test_support.h"

int main(int argc, char** argv) try {
  using namespace polytask::engine::test_support;
  bool const is_first = argc == 3 && std::string_view(argv[2]) == "first";
  if (argc != 2 && !is_first) {
    std::cerr << "usage: sample_package FOLDER [first]\nfirst: with first-token pooling, and poolers\n";
    return 2;
  }
  if (is_first)
    write_sample_package(argv[1], every_kind_of_head_and_poolers(), {.pooling = polytask::model::Pooling::First});
  else
    write_sample_package(argv[1]);
  return 0;
} catch (std::exception const& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
