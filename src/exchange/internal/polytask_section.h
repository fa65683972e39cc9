// The "polytask" object in a config.json that we wrote: what other libraries have no word for.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "model/model_folder.h"

namespace polytask::exchange {

/// value = slope * cosine + intercept, in the units of the task's labels.
struct CosineLine {
  double slope = 1;
  double intercept = 0;
};

struct PolytaskSection {
  std::size_t max_length = 128;
  model::Pooling pooling = model::Pooling::Mean;
  model::HeadSpec head;
  std::optional<CosineLine> cosine;
};

[[nodiscard]] OrderedJson section_json(PolytaskSection const& section);
/// Of a whole config.json; nothing where it has no section. `where` starts the messages. Throws Error{InvalidInput}.
[[nodiscard]] std::optional<PolytaskSection> parse_section(Json const& config, std::string const& where);

}  // namespace polytask::exchange
