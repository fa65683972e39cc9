// Writes the package that the tests of other languages ask: of a small random model, with a task of every kind.
#include <exception>
#include <iostream>

#include "engine/test_support.h"

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: engine_sample_package FOLDER\n";
    return 2;
  }
  polytask::engine::test_support::write_sample_package(argv[1]);
  return 0;
} catch (std::exception const& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
