// What hidden states below an encoder's upper layers depend on, but for the text.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "engine/lower_states.h"
#include "model/encoder_files.h"

namespace polytask::engine {

/// SHA-256 of the embeddings and the first `n_layers` layers, of how they are computed, and of the version that does.
/// The version, as another one may add in another order: the same texts would get other last bits.
[[nodiscard]] std::string lower_states_key(std::map<std::string, model::Tensor> const& weights,
                                           model::EncoderConfig const& config, std::int64_t n_layers,
                                           LowerStates::Options const& options, std::string_view version);

}  // namespace polytask::engine
