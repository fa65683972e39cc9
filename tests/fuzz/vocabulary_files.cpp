#include "tokenizing.h"

// An encoder's folder without a tokenizer.json: vocab.txt and, behind the first byte 0x1E, its tokenizer_config.json.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  static polytask::fuzzing::Folder const folder;
  polytask::fuzzing::expect_value_or_error(data, size, [](std::string_view text) {
    auto const border = text.find('\x1e');
    folder.write("vocab.txt", text.substr(0, border));
    if (border == std::string_view::npos)
      std::filesystem::remove(folder.path() / "tokenizer_config.json");
    else
      folder.write("tokenizer_config.json", text.substr(border + 1));
    auto const tokenizer = polytask::text::load_tokenizer(folder.path());
    polytask::fuzzing::tokenize_some(*tokenizer, text.substr(0, 200));
  });
  return 0;
}
