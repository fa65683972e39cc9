#include <vector>

#include "fuzzing.h"
#include "model/decode.h"
#include "model/decode_answer.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace polytask;
  fuzzing::expect_value_or_error(data, size, [](std::string_view text) {
    for (auto const* name : {"intent", "s", "n", "m"})
      fuzzing::expect_value_or_error(nullptr, 0, [&](std::string_view) {
        auto const head = model::parse_head_spec(text, "task.json", name);
        fuzzing::require(head.n_outputs() > 0 && head.target_scale > 0 && head.temperature > 0,
                         "a head has outputs, a scale and a temperature");
        fuzzing::require(head.task.text.size() <= 2, "a task reads one text or a pair");
        if (head.task.type == task::TaskType::Tagging) return;
        if (head.task.type == task::TaskType::Span) {
          task::Passage const passage{.tokens = {{0, 1}, {2, 3}}, .n_before = 1, .windows = {{0, 2}}};
          auto const said = model::decode_answer(head, passage, "a b", std::vector<float>{1, 1, 3, -3, -2, 4});
          fuzzing::require(said.best && said.score >= 0 && said.score <= 1, "an answer has a probability");
          fuzzing::require(!said.answer || *said.answer == *said.best, "an answer is the best piece");
          return;
        }
        if (task::reads_choices(head.task)) {
          auto const chosen = model::decode_choices(head, std::vector<float>{-1, 2, 1});
          fuzzing::require(chosen.choice == 1 && chosen.scores.size() == 3, "the highest of the choices is chosen");
          for (auto const score : chosen.scores) fuzzing::require(score >= 0 && score <= 1, "a probability is one");
          return;
        }
        std::vector<float> logits(head.n_outputs(), -3.0F);
        logits.back() = 3.0F;
        auto const prediction = model::decode_text(head, logits);
        if (auto const* one = std::get_if<task::ClassPrediction>(&prediction))
          for (auto const score : one->scores) fuzzing::require(score >= 0 && score <= 1, "a probability is one");
        if (auto const* several = std::get_if<task::MultilabelPrediction>(&prediction))
          for (auto const score : several->scores) fuzzing::require(score >= 0 && score <= 1, "a probability is one");
      });
  });
  return 0;
}
