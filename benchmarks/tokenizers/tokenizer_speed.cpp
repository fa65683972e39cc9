// tokenizer_speed FOLDER FILE: encodes every line of FILE, ids and offsets, on one thread; prints the tokens and the
// seconds of processor time of each of three passes, one line a pass.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <exception>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "text/tokenizer.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: tokenizer_speed FOLDER FILE\n", stderr);
    return 2;
  }
  try {
    auto const tokenizer = polytask::text::load_tokenizer(argv[1]);
    auto const text = polytask::read_file(argv[2]);
    std::vector<std::string_view> lines;
    for (std::size_t begin = 0; begin < text.size();) {
      auto const end = std::min(text.find('\n', begin), text.size());
      lines.push_back(std::string_view(text).substr(begin, end - begin));
      begin = end + 1;
    }
    for (int pass = 0; pass < 3; ++pass) {
      auto const start = std::clock();
      std::size_t n_tokens = 0;
      for (auto const line : lines) n_tokens += tokenizer->encode(line, {.max_length = std::size_t{1} << 30}).size();
      std::printf("%zu %.4f\n", n_tokens, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
}
