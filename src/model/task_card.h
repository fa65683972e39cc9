// What people should know of one task of a package before they use it: Markdown, after the model cards of Mitchell et
// al. 2019 (arXiv:1810.03993), as far as a run knows it.
#pragma once

#include <optional>
#include <string>

#include "model/head_spec.h"
#include "model/manifest.h"
#include "model/precision_plan.h"

namespace polytask::model {

/// The text of a card.md, in a package with this plan, or with none. Without times and paths: equal heads of equal
/// origin have equal cards.
[[nodiscard]] std::string card_text(HeadSpec const& head, TaskOrigin const& origin,
                                    std::optional<PrecisionPlan> const& plan = std::nullopt);

}  // namespace polytask::model
