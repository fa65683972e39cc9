// A folder with a SentencePiece model and no tokenizer.json -> a pipeline.
#pragma once

#include <filesystem>
#include <optional>

#include "text/pipeline_tokenizer.h"

namespace polytask::text {

/// The model file of the folder: sentencepiece.bpe.model (XLM-R) or spm.model (DeBERTa-v2 and -v3); nothing when
/// neither is there.
[[nodiscard]] std::optional<std::filesystem::path> sentencepiece_file(std::filesystem::path const& folder);

/// The tokenizer that transformers 5 makes of the same files. Throws Error{InvalidInput} naming what is not supported.
[[nodiscard]] Pipeline load_sentencepiece(std::filesystem::path const& file);

/// The same from the bytes of the model and of tokenizer_config.json (may be empty: there is none).
[[nodiscard]] Pipeline sentencepiece_pipeline(std::filesystem::path const& file, std::string_view bytes,
                                              std::string_view config);

}  // namespace polytask::text
