#include "train/internal/inference.h"

#include <torch/torch.h>

#include <utility>

#include "data/batches.h"
#include "model/decode.h"
#include "model/decode_answer.h"
#include "text/encode_choices.h"
#include "text/encode_example.h"

namespace polytask::train {
namespace {

/// Tokens a portion: enough for the matrix products to be efficient, little enough to stay in the caches.
constexpr std::size_t kTokensPerPortion = 2'048;

/// A text, a window of one, or one with one of its choices.
struct Piece {
  std::size_t text = 0;
  data::Features const* tokens = nullptr;
};

/// Pieces that go through the encoder together.
struct Portion {
  std::vector<Piece> pieces;
  data::Batch batch;
};

class Inference {
 public:
  Inference(nn::MultiTaskModel& model, std::span<EncodedText const> texts, std::span<std::size_t const> heads,
            InferenceOptions const& options)
      : model_(model), texts_(texts), heads_(heads), options_(options), results_(texts.size()) {}

  std::vector<std::vector<task::Prediction>> run() {
    Portion portion;
    for (std::size_t text = 0; text < texts_.size(); ++text)
      for (auto const& sequence : texts_[text].sequences) {
        bool const fits = portion.batch.ids.size() + sequence.ids.size() <= kTokensPerPortion;
        if (!fits && !portion.pieces.empty()) {
          if (options_.should_stop && options_.should_stop()) return std::move(results_);
          pass(portion);
          portion = Portion();
        }
        data::append(portion.batch, {0, text}, sequence);
        portion.pieces.push_back({text, &sequence});
      }
    if (!portion.pieces.empty() && !(options_.should_stop && options_.should_stop())) pass(portion);
    return std::move(results_);
  }

 private:
  [[nodiscard]] model::HeadSpec const& spec(std::size_t position) const {
    return model_->spec().heads[heads_[position]];
  }

  /// Tokens of a piece that a head answers one by one.
  [[nodiscard]] std::size_t n_rows(Piece const& piece, std::size_t position) const {
    switch (spec(position).reading()) {
      case model::Reading::Words: return texts_[piece.text].units.size();
      case model::Reading::Passage: return piece.tokens->ids.size();
      default: return 1;
    }
  }

  [[nodiscard]] std::vector<nn::HeadInput> inputs_of(Portion const& portion) const {
    std::vector<nn::HeadInput> inputs;
    for (std::size_t position = 0; position < heads_.size(); ++position) {
      auto& input = inputs.emplace_back();
      input.head = heads_[position];
      auto const reading = spec(position).reading();
      for (std::size_t i = 0; i < portion.pieces.size(); ++i) {
        input.texts.push_back(static_cast<std::int64_t>(i));
        auto const first = static_cast<std::int64_t>(portion.batch.offsets[i]);
        if (reading == model::Reading::Words)
          for (auto const& unit : texts_[portion.pieces[i].text].units)
            input.tokens.push_back(first + static_cast<std::int64_t>(unit.token));
        if (reading == model::Reading::Passage)
          for (std::int64_t token = first; token < portion.batch.offsets[i + 1]; ++token) input.tokens.push_back(token);
      }
    }
    return inputs;
  }

  void pass(Portion const& portion) {
    std::vector<task::TokenSequence> tokens;
    for (auto const& piece : portion.pieces) tokens.push_back(sequences_of(*piece.tokens).front());
    auto const packed = packed_texts(portion.batch, tokens, options_.frozen, options_.device);
    auto const inputs = inputs_of(portion);
    auto const logits = model_->forward(packed, inputs, nn::Pass());
    std::vector<torch::Tensor> values;
    std::vector<std::span<float const>> rest;
    for (auto const& of_head : logits) {
      values.push_back(of_head.to(torch::kCPU, torch::kFloat32).contiguous());
      rest.emplace_back(values.back().data_ptr<float>(), static_cast<std::size_t>(values.back().numel()));
    }
    for (auto const& piece : portion.pieces)
      for (std::size_t position = 0; position < heads_.size(); ++position) {
        auto const own = rest[position].first(n_rows(piece, position) * spec(position).n_outputs());
        rest[position] = rest[position].subspan(own.size());
        take(piece, position, own);
      }
  }

  void take(Piece const& piece, std::size_t position, std::span<float const> logits) {
    auto const& head = spec(position);
    auto const& text = texts_[piece.text];
    auto& results = results_[piece.text];
    switch (head.reading()) {
      case model::Reading::Words: results.push_back(model::decode_units(head, text.units, logits)); return;
      case model::Reading::Passage: {
        if (auto const all = whole(piece, position, logits))
          results.push_back(model::decode_answer(head, *text.passage, text.context, *all));
        return;
      }
      case model::Reading::Choices: {
        if (auto const all = whole(piece, position, logits)) results.push_back(model::decode_choices(head, *all));
        return;
      }
      default: results.push_back(model::decode_text(head, logits));
    }
  }

  /// The logits of all pieces of a text, with those of its last one.
  std::optional<std::vector<float>> whole(Piece const& piece, std::size_t position, std::span<float const> logits) {
    of_pieces_.resize(heads_.size());
    auto& all = of_pieces_[position];
    all.insert(all.end(), logits.begin(), logits.end());
    if (piece.tokens != &texts_[piece.text].sequences.back()) return std::nullopt;
    return std::exchange(all, {});
  }

  nn::MultiTaskModel& model_;
  std::span<EncodedText const> texts_;
  std::span<std::size_t const> heads_;
  InferenceOptions const& options_;
  std::vector<std::vector<task::Prediction>> results_;
  std::vector<std::vector<float>> of_pieces_;  ///< by position in heads: logits of a text that is not whole yet
};

}  // namespace

std::size_t EncodedText::n_tokens() const {
  std::size_t n = 0;
  for (auto const& sequence : sequences) n += sequence.ids.size();
  return n;
}

EncodedText encode_text(text::Tokenizer const& tokenizer, task::Example const& example, task::TaskSpec const& task,
                        std::size_t max_length) {
  EncodedText text;
  if (task::reads_passages(task)) {
    auto encoded = text::encode_passage(tokenizer, example, data::passage_options(task, max_length));
    for (auto const& window : encoded.passage.windows) {
      auto tokens = encoded.window(window);
      text.sequences.push_back({.ids = std::move(tokens.ids),
                                .type_ids = std::move(tokens.type_ids),
                                .second_text = static_cast<std::int32_t>(encoded.passage.n_before)});
    }
    text.passage = std::move(encoded.passage);
    text.context = example.texts[1];
    return text;
  }
  if (task::reads_choices(task)) {
    for (auto& encoding : text::encode_choices(tokenizer, example, max_length)) {
      auto const end = static_cast<std::int32_t>(encoding.size());
      text.sequences.push_back(
          {.ids = std::move(encoding.ids), .type_ids = std::move(encoding.type_ids), .second_text = end});
    }
    return text;
  }
  auto encoding = text::encode_example(tokenizer, example, max_length);
  text.units = task::tagged_units(encoding, example);
  auto const second_text = text::second_text_of(encoding, example);
  text.sequences.push_back({.ids = std::move(encoding.ids),
                            .type_ids = std::move(encoding.type_ids),
                            .second_text = second_text,
                            .apart = encoding.second_sequence > 0});
  return text;
}

std::vector<std::vector<task::Prediction>> infer(nn::MultiTaskModel& model, std::span<EncodedText const> texts,
                                                 std::span<std::size_t const> heads, InferenceOptions const& options) {
  torch::NoGradGuard const no_grad;
  return Inference(model, texts, heads, options).run();
}

}  // namespace polytask::train
