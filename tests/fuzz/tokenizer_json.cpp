#include "text/wordpiece_tokenizer.h"
#include "tokenizing.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  polytask::fuzzing::expect_value_or_error(data, size, [](std::string_view text) {
    auto const tokenizer = polytask::text::parse_tokenizer_json(text, "tokenizer.json").value();
    polytask::fuzzing::tokenize_some(*tokenizer, text.substr(0, 200));
  });
  return 0;
}
