#include "fuzzing.h"
#include "text/sentencepiece_pipeline.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using polytask::fuzzing::require;
  polytask::fuzzing::expect_value_or_error(data, size, [](std::string_view bytes) {
    for (auto const* name : {"sentencepiece.bpe.model", "spm.model"}) {
      auto const tokenizer = make_pipeline_tokenizer(polytask::text::sentencepiece_pipeline(name, bytes, ""));
      std::string_view const sentence = "Hello, w\xC3\xB6rld! <mask> \xE6\x9D\xB1\xE4\xBA\xAC e\xCC\x81 \xFF";
      auto const encoding = tokenizer->encode(sentence, {.max_length = 16});
      for (std::size_t i = 0; i < encoding.size(); ++i) {
        require(static_cast<std::size_t>(encoding.ids[i]) < tokenizer->vocabulary_size(), "ids are of the vocabulary");
        require(encoding.offsets[i].begin <= encoding.offsets[i].end && encoding.offsets[i].end <= sentence.size(),
                "offsets lie inside the text");
      }
    }
  });
  return 0;
}
