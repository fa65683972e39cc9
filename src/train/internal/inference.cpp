#include "train/internal/inference.h"

#include <torch/torch.h>

#include "data/batches.h"
#include "model/decode.h"
#include "text/encode_example.h"

namespace polytask::train {
namespace {

/// Tokens a portion: enough for the matrix products to be efficient, little enough to stay in the caches.
constexpr std::size_t kTokensPerPortion = 2'048;

/// Texts that go through the encoder together.
struct Portion {
  std::size_t first = 0;
  std::span<EncodedText const> texts;
  data::Batch batch;
};

std::vector<nn::HeadInput> inputs_of(Portion const& portion, std::span<std::size_t const> heads,
                                     model::ModelSpec const& spec) {
  std::vector<nn::HeadInput> inputs;
  for (auto const head : heads) {
    auto& input = inputs.emplace_back();
    input.head = head;
    for (std::size_t text = 0; text < portion.texts.size(); ++text) {
      input.texts.push_back(static_cast<std::int64_t>(text));
      if (spec.heads[head].task.type == task::TaskType::Tagging)
        for (auto const& unit : portion.texts[text].units)
          input.tokens.push_back(portion.batch.offsets[text] + static_cast<std::int64_t>(unit.token));
    }
  }
  return inputs;
}

void run(Portion const& portion, nn::MultiTaskModel& model, std::span<std::size_t const> heads,
         InferenceOptions const& options, std::vector<std::vector<task::Prediction>>& results) {
  auto const& spec = model->spec();
  std::vector<task::TokenSequence> tokens;
  for (auto const& text : portion.texts) tokens.push_back(sequence_of(text.tokens));
  auto const texts = packed_texts(portion.batch, tokens, options.frozen, options.device);
  auto const inputs = inputs_of(portion, heads, spec);
  auto const logits = model->forward(texts, inputs, nn::Pass());
  for (std::size_t position = 0; position < heads.size(); ++position) {
    auto const& head = spec.heads[heads[position]];
    auto const values = logits[position].to(torch::kCPU, torch::kFloat32).contiguous();
    std::span<float const> rest(values.data_ptr<float>(), static_cast<std::size_t>(values.numel()));
    for (std::size_t text = 0; text < portion.texts.size(); ++text) {
      bool const tags = head.task.type == task::TaskType::Tagging;
      std::size_t const n_rows = tags ? portion.texts[text].units.size() : 1;
      auto const own = rest.first(n_rows * head.n_outputs());
      rest = rest.subspan(own.size());
      results[portion.first + text].push_back(tags ? model::decode_units(head, portion.texts[text].units, own)
                                                   : model::decode_text(head, own));
    }
  }
}

}  // namespace

EncodedText encode_text(text::Tokenizer const& tokenizer, task::Example const& example, std::size_t max_length) {
  auto encoding = text::encode_example(tokenizer, example, max_length);
  auto units = task::tagged_units(encoding, example);
  auto const second_text = text::second_text_of(encoding, example);
  return {{.ids = std::move(encoding.ids),
           .type_ids = std::move(encoding.type_ids),
           .second_text = second_text,
           .apart = encoding.second_sequence > 0},
          std::move(units)};
}

std::vector<std::vector<task::Prediction>> infer(nn::MultiTaskModel& model, std::span<EncodedText const> texts,
                                                 std::span<std::size_t const> heads, InferenceOptions const& options) {
  torch::NoGradGuard const no_grad;
  std::vector<std::vector<task::Prediction>> results(texts.size());
  for (std::size_t first = 0, end = 0; first < texts.size(); first = end) {
    if (options.should_stop && options.should_stop()) break;
    Portion portion{.first = first};
    for (; end < texts.size() &&
           (end == first || portion.batch.ids.size() + texts[end].tokens.ids.size() <= kTokensPerPortion);
         ++end)
      data::append(portion.batch, {0, end}, texts[end].tokens);
    portion.texts = texts.subspan(first, end - first);
    run(portion, model, heads, options, results);
  }
  return results;
}

}  // namespace polytask::train
