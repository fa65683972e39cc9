// What people should know of one task of a package before they use it: Markdown, after the model cards of Mitchell et
// al. 2019 (arXiv:1810.03993), as far as a run knows it.
#pragma once

#include <string>

#include "model/head_spec.h"
#include "model/manifest.h"

namespace polytask::model {

/// The text of a card.md. Without times and paths: equal heads of equal origin have equal cards.
[[nodiscard]] std::string card_text(HeadSpec const& head, TaskOrigin const& origin);

}  // namespace polytask::model
