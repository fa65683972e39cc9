#include <memory>

#include "tokenizing.h"

namespace {

using namespace polytask;

/// Nothing where MeCab's IPADIC is not installed: then there is nothing to try.
std::unique_ptr<text::Tokenizer const> tokenizer_of_words() {
  fuzzing::Folder const folder;
  folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##a\n東京\nの\n##の\n");
  folder.write("tokenizer_config.json",
               R"({"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "mecab",)"
               R"( "mecab_kwargs": {"mecab_dic": "ipadic"}})");
  try {
    return text::load_tokenizer(folder.path());
  } catch (Error const& error) {
    std::printf("left out: %s\n", error.what());
    return nullptr;
  }
}

}  // namespace

/// Texts, cut by MeCab.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  static auto const tokenizer = tokenizer_of_words();
  if (!tokenizer) return 0;
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  fuzzing::tokenize_some(*tokenizer, text);
  auto const encoding = tokenizer->encode(text, {.max_length = std::size_t{1} << 30});
  for (std::size_t i = 2; i + 1 < encoding.size(); ++i)
    fuzzing::require(encoding.offsets[i - 1].begin <= encoding.offsets[i].begin, "words come in their order");
  return 0;
}
