#include "engine/internal/lower_states_key.h"

#include <vector>

#include "base/hash.h"

namespace polytask::engine {

std::string lower_states_key(std::map<std::string, model::Tensor> const& weights, model::EncoderConfig const& config,
                             std::int64_t n_layers, LowerStates::Options const& options, std::string_view version) {
  Sha256 hash;
  auto const add = [&](auto const& number) { hash.update({reinterpret_cast<char const*>(&number), sizeof number}); };
  hash.update("hidden states ").update(version).update(" ");
  hash.update(kernels::to_string(options.instructions)).update(" ");
  hash.update(kernels::to_string(options.precision)).update(" ");
  auto without_training = config;
  model::set_dropout(without_training, 0);
  hash.update(model::encoder_config_text(without_training));
  add(n_layers);
  std::vector<std::string> groups{"embeddings."};
  for (std::int64_t i = 0; i < n_layers; ++i) groups.push_back("encoder.layer." + std::to_string(i) + ".");
  for (auto const& group : groups)
    for (auto at = weights.lower_bound(group); at != weights.end() && at->first.starts_with(group); ++at) {
      hash.update(at->first);
      for (auto const size : at->second.shape) add(size);
      hash.update({reinterpret_cast<char const*>(at->second.values.data()), at->second.values.size() * sizeof(float)});
    }
  return hash.hex_digest();
}

}  // namespace polytask::engine
