// What the fuzz targets share: any Error is a right answer, anything else thrown or broken ends the program.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <unistd.h>

#include "base/error.h"
#include "base/utf8.h"

namespace polytask::fuzzing {

inline void require(bool condition, char const* what) {
  if (condition) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

/// Runs `parse` on the input. A message must be fit to be shown: valid UTF-8 on one line and not endless.
template <typename Parse>
void expect_value_or_error(std::uint8_t const* data, std::size_t size, Parse const& parse) {
  try {
    parse(std::string_view(reinterpret_cast<char const*>(data), size));
  } catch (Error const& error) {
    std::string_view const message = error.what();
    require(!message.empty() && message.size() < 10'000, "a message has a length that can be read");
    require(!find_invalid_utf8(message), "a message is valid UTF-8");
    require(message.find_first_of(std::string_view("\n\r\0\x1b", std::size_t{4})) == std::string_view::npos,
            "a message is one line");
  }
}

/// A folder of this process, for parsers that open files themselves.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("polytask_fuzz_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  Folder(Folder const&) = delete;
  Folder& operator=(Folder const&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::filesystem::path const& path() const { return path_; }
  std::filesystem::path write(std::string const& name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace polytask::fuzzing
