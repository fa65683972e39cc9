// A Hugging Face folder with a vocab.txt and no tokenizer.json.
#pragma once

#include <filesystem>
#include <memory>

#include "text/tokenizer.h"

namespace polytask::text {

/// As load_tokenizer: WordPiece, or Japanese words or characters, as tokenizer_config.json and config.json say.
[[nodiscard]] std::unique_ptr<Tokenizer const> load_vocabulary(std::filesystem::path const& folder);

}  // namespace polytask::text
