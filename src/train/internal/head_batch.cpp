#include "train/internal/head_batch.h"

namespace polytask::train {

std::vector<HeadBatch> heads_of(data::Batch const& batch, std::vector<PreparedStream> const& streams,
                                std::size_t n_heads) {
  std::vector<HeadBatch> heads(n_heads);
  std::size_t text = 0;
  for (auto const& drawn : batch.rows) {
    auto const& stream = streams[drawn.stream];
    auto const& row = stream.rows[drawn.row];
    std::size_t const end = text + row.n_texts();
    for (std::size_t position = 0; position < row.targets.size(); ++position) {
      auto const& target = row.targets[position];
      if (target.index() == 0) continue;
      auto& head = heads[stream.heads[position]];
      if (std::holds_alternative<data::AnswerTarget>(target))
        for (auto token = batch.offsets[text]; token < batch.offsets[text + 1]; ++token)
          head.input.tokens.push_back(token);
      if (auto const* tags = std::get_if<std::vector<std::int32_t>>(&target)) {
        head.is_mean_of_tokens = true;
        for (std::size_t token = 0; token < tags->size(); ++token)
          if ((*tags)[token] != data::kIgnored)
            head.input.tokens.push_back(batch.offsets[text] + static_cast<std::int64_t>(token));
      }
      for (auto of_row = text; of_row < end; ++of_row) head.input.texts.push_back(static_cast<std::int64_t>(of_row));
      head.targets.push_back(&target);
    }
    text = end;
  }
  for (std::size_t i = 0; i < n_heads; ++i) {
    heads[i].input.head = i;
    if (heads[i].is_mean_of_tokens && heads[i].input.tokens.empty()) heads[i].targets.clear();
  }
  return heads;
}

}  // namespace polytask::train
