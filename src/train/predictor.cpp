#include "train/predictor.h"

#include <torch/torch.h>

#include "model/model_weights.h"
#include "train/internal/device.h"
#include "train/internal/inference.h"
#include "train/internal/torch_errors.h"

namespace polytask::train {

struct Predictor::State {
  std::unique_ptr<text::Tokenizer const> tokenizer;
  nn::MultiTaskModel model;
  torch::Device device;
};

Predictor::Predictor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;
Predictor::~Predictor() = default;

Predictor Predictor::load(std::filesystem::path const& model_folder, int n_threads, std::string const& device_name) {
  use_threads(n_threads);
  auto const device = device_of(device_name);
  auto spec = model::read_model_spec(model_folder);
  auto const encoder_folder = model_folder / "encoder";
  auto const config = model::read_encoder_config(encoder_folder);
  auto tokenizer = text::load_tokenizer(encoder_folder);
  model::check_belongs(model_folder, spec, config, tokenizer->vocabulary_size());
  return translated(model_folder.string(), [&] {
    nn::MultiTaskModel model(config, std::move(spec), 0.0);
    model->load(model_folder);
    model->eval();
    model->to(device);
    return Predictor(std::make_unique<State>(State{std::move(tokenizer), std::move(model), device}));
  });
}

model::ModelSpec const& Predictor::spec() const noexcept { return state_->model->spec(); }

std::vector<std::vector<task::Prediction>> Predictor::predict(std::span<task::Example const> examples,
                                                              std::span<std::size_t const> task_indices) const {
  return translated("predicting", [&] {
    std::vector<EncodedText> texts;
    auto const task = task_indices.empty() ? task::TaskSpec{} : spec().heads[task_indices.front()].task;
    for (auto const& example : examples)
      texts.push_back(encode_text(*state_->tokenizer, example, task, spec().max_length));
    return infer(state_->model, texts, task_indices, {.device = state_->device});
  });
}

}  // namespace polytask::train
