// The steps of a tokenizer.json that are not its vocabulary. What is not built is an error that names it.
#pragma once

#include <functional>
#include <vector>

#include "text/internal/json_fields.h"
#include "text/internal/normalizers.h"
#include "text/internal/pre_tokenizers.h"
#include "text/pipeline_tokenizer.h"

namespace polytask::text {

/// `json` may be null: no step.
[[nodiscard]] std::vector<Normalizer> read_normalizers(Json const& json, JsonFields const& fields);
[[nodiscard]] std::vector<PreTokenizer> read_pre_tokenizers(Json const& json, JsonFields const& fields);

struct PostProcessor {
  Template shape;
  TrimOffsets trim_offsets;
};
/// `check_id(token, id)` fails when the vocabulary gives the token another id.
[[nodiscard]] PostProcessor read_post_processor(Json const& json, JsonFields const& fields,
                                                std::function<void(std::string const&, std::int32_t)> const& check_id);

}  // namespace polytask::text
