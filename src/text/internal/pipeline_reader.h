// A tokenizer.json with a BPE or Unigram model -> a pipeline.
#pragma once

#include <string_view>

#include "base/json.h"
#include "text/pipeline_tokenizer.h"

namespace polytask::text {

/// `json` is what `bytes` say. Throws Error{InvalidInput} that begins with `where`.
[[nodiscard]] Pipeline read_pipeline(Json const& json, std::string_view bytes, std::string_view where);

}  // namespace polytask::text
