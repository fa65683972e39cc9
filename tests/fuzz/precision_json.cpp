#include "fuzzing.h"
#include "model/precision_plan.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace polytask;
  fuzzing::expect_value_or_error(data, size, [](std::string_view text) {
    auto const plan = model::parse_precision_plan(text, "precision.json");
    auto const again = model::precision_plan_text(plan);
    fuzzing::require(model::precision_plan_text(model::parse_precision_plan(again, "again")) == again,
                     "a plan is read back as it was written");
    for (auto const& [task, loss] : plan.losses) fuzzing::require(loss.n >= 0, "rows are counted");
    model::check_precision_plan(plan, {}, {}, "precision.json");
  });
  return 0;
}
