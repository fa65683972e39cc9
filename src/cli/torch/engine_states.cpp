#include "cli/torch/engine_states.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "model/encoder_files.h"
#include "text/tokenizer.h"

namespace polytask::cli {

namespace fs = std::filesystem;

data::FrozenLayers frozen_layers(fs::path const& encoder, std::int64_t n_layers, int n_threads) {
  auto const states =
      std::make_shared<engine::LowerStates>(engine::LowerStates::load(encoder, n_layers, {.n_workers = n_threads}));
  return {.key = states->key(),
          .hidden_size = states->hidden_size(),
          .compute = [states](auto texts, auto const& take) { states->compute(texts, take); }};
}

data::VectorModel mean_vectors(fs::path const& encoder, std::size_t max_length,
                               engine::LowerStates::Options const& options) {
  auto const config = model::read_encoder_config(encoder);
  auto const length = std::min(max_length, static_cast<std::size_t>(config.longest_text()));
  std::shared_ptr<text::Tokenizer const> const tokenizer = text::load_tokenizer(encoder);
  model::check_vocabulary(encoder, config, tokenizer->vocabulary_size());
  auto const states =
      std::make_shared<engine::LowerStates>(engine::LowerStates::load(encoder, config.num_hidden_layers, options));
  auto const width = static_cast<std::size_t>(config.hidden_size);
  return {.key = fmt::format("mean of {} tokens, {}{}", length, states->key(), tokenizer->outside_digest()),
          .width = config.hidden_size,
          .compute = [=](std::span<std::string const> texts, auto const& take) {
            std::vector<task::Encoding> encodings;
            std::vector<task::TokenSequence> sequences;
            for (auto const& text : texts) encodings.push_back(tokenizer->encode(text, {.max_length = length}));
            for (auto const& encoding : encodings) sequences.push_back({encoding.ids, encoding.type_ids});
            states->compute(sequences, [&](std::size_t text, std::span<float const> hidden) {
              std::vector<float> mean(width);
              auto const n_tokens = hidden.size() / width;
              for (std::size_t t = 0; t < n_tokens; ++t)
                for (std::size_t i = 0; i < width; ++i) mean[i] += hidden[t * width + i] / static_cast<float>(n_tokens);
              take(text, mean);
            });
          }};
}

}  // namespace polytask::cli
