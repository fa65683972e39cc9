#include "fuzzing.h"
#include "text/wordpiece_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using polytask::fuzzing::require;
  polytask::fuzzing::expect_value_or_error(data, size, [](std::string_view text) {
    auto const tokenizer = polytask::text::parse_tokenizer_json(text, "tokenizer.json").value();
    for (std::string_view const sentence :
         {std::string_view("Hello, wörld! [MASK] 東京 \xF0\x9F\x98\x80 e\xCC\x81 \xFF"), text.substr(0, 200)}) {
      auto const encoding = tokenizer->encode_pair(sentence, "a b", {.max_length = 16});
      require(encoding.size() <= 16, "no more tokens than asked for");
      for (std::size_t i = 0; i < encoding.size(); ++i) {
        require(encoding.ids[i] >= 0 && static_cast<std::size_t>(encoding.ids[i]) < tokenizer->vocabulary_size(),
                "ids are of the vocabulary");
        std::size_t const limit = encoding.text_index[i] == 1 ? 3 : sentence.size();
        require(encoding.offsets[i].begin <= encoding.offsets[i].end && encoding.offsets[i].end <= limit,
                "offsets lie inside the text");
      }
    }
  });
  return 0;
}
