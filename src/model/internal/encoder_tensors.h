// The tensors that a configuration asks for: ours, by BERT's names, and the published ones that hold them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/encoder_config.h"

namespace polytask::model {

struct NamedShape {
  std::string name;
  std::vector<std::int64_t> shape;
};

/// Ours, in the order in which those that share a published tensor lie in it.
[[nodiscard]] std::vector<NamedShape> encoder_tensors(EncoderConfig const& config);

struct PublishedTensor {
  std::string name;                 ///< without the family's prefix
  std::vector<std::int64_t> shape;  ///< rows of all parts
  std::vector<NamedShape> parts;    ///< ours, one after another
};
[[nodiscard]] std::vector<PublishedTensor> published_tensors(EncoderConfig const& config);

}  // namespace polytask::model
