// What an encoder makes of texts without gradients, by the engine: for layers that are frozen, and for teachers.
#pragma once

#include <cstdint>
#include <filesystem>

#include "data/frozen_states.h"
#include "data/text_vectors.h"
#include "engine/lower_states.h"

namespace polytask::cli {

/// The engine's, as it needs no gradients. One for all uses: it holds the weights.
[[nodiscard]] data::FrozenLayers frozen_layers(std::filesystem::path const& encoder, std::int64_t n_layers,
                                               int n_threads);

/// The mean of a text's last hidden states, special tokens included, of its first `max_length` tokens.
[[nodiscard]] data::VectorModel mean_vectors(std::filesystem::path const& encoder, std::size_t max_length,
                                             engine::LowerStates::Options const& options);

}  // namespace polytask::cli
