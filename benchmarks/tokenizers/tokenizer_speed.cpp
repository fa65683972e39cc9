// tokenizer_speed FOLDER FILE: encodes every line of FILE, ids and offsets, on one thread; prints the tokens, a digest of
// their ids and the seconds of processor time of each of three passes, one line a pass.
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <exception>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "text/tokenizer.h"

/// Lines whose encodings are held at once, as the peer does.
constexpr std::size_t kBatch = 256;

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
      std::clock_t clocks = 0;
      std::size_t n_tokens = 0;
      auto digest = crc32(0, nullptr, 0);
      for (std::size_t begin = 0; begin < lines.size(); begin += kBatch) {
        auto const end = std::min(begin + kBatch, lines.size());
        std::vector<polytask::task::Encoding> encodings;
        auto const start = std::clock();
        for (std::size_t i = begin; i < end; ++i)
          encodings.push_back(tokenizer->encode(lines[i], {.max_length = std::size_t{1} << 30}));
        clocks += std::clock() - start;
        for (auto const& encoding : encodings) {
          n_tokens += encoding.size();
          digest = crc32_z(digest, reinterpret_cast<Bytef const*>(encoding.ids.data()),
                           encoding.ids.size() * sizeof(encoding.ids[0]));
        }
      }
      std::printf("%zu %08lx %.4f\n", n_tokens, digest, static_cast<double>(clocks) / CLOCKS_PER_SEC);
    }
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
}
