// Texts through a model without gradients: for answers, and for the dev scores of a run.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "nn/multi_task_model.h"
#include "task/example.h"
#include "task/prediction.h"
#include "text/tokenizer.h"

namespace polytask::train {

/// [example][position in heads]. `should_stop` is asked between batches; the result is then incomplete.
[[nodiscard]] std::vector<std::vector<task::Prediction>> infer(nn::MultiTaskModel& model, text::Tokenizer const& tokenizer,
                                                               std::span<task::Example const> examples,
                                                               std::span<std::size_t const> heads, torch::Device device,
                                                               std::function<bool()> const& should_stop = {});

}  // namespace polytask::train
