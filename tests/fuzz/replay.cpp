// Runs one fuzz target over every file of the folders and files given, so that old findings stay found.
#include <cstdint>
#include <cstdio>
#include <filesystem>

#include "base/file.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::size_t n_inputs = 0;
  auto const run = [&](fs::path const& path) {
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);  // the last line names the input that ended the program
    auto const bytes = polytask::read_file(path);
    (void)LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size());
    ++n_inputs;
  };
  for (int i = 1; i < argc; ++i) {
    if (!fs::is_directory(argv[i])) {
      run(argv[i]);
      continue;
    }
    for (auto const& entry : fs::recursive_directory_iterator(argv[i]))
      if (entry.is_regular_file()) run(entry.path());
  }
  std::printf("%zu inputs\n", n_inputs);
  return n_inputs > 0 ? 0 : 1;  // an empty corpus would replay nothing and prove nothing
}
