#include "train/internal/hidden_words.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "train/internal/device.h"
#include "train/internal/pretrained_files.h"

namespace polytask::train {
namespace {

using torch::Tensor;

/// Purposes of the run's random streams, beside those of the labelled rows: one number a step, one a task.
enum Purpose : std::uint64_t {
  kWeightsPurpose = 3,
  kDevPurpose = 100,
  kStepPurpose = std::uint64_t{1} << 40,
};

constexpr std::int64_t kMostDevTokens = 8'192;
constexpr std::int64_t kBatchTokens = 4'096;  // of dev texts

Tensor words_of(nn::Encoder const& encoder) { return encoder->named_parameters()["embeddings.word_embeddings.weight"]; }

/// Each text of a row is a text of its own.
data::LanguageTexts texts_of(std::vector<data::Stream> const& streams, data::Split split) {
  data::LanguageTexts texts;
  for (auto const& stream : streams)
    stream.for_each(split, [&](task::Example const& example) {
      for (auto const& text : example.texts)
        if (!text.empty()) texts.texts.push_back({.text = text, .teacher_text = {}, .begins = true});
    });
  return texts;
}

}  // namespace

HiddenWords::HiddenWords(data::Corpus const& corpus, Prepared const& prepared, TrainOptions const& options,
                         nn::MultiTaskModel model, std::stop_token const& stop)
    : seed_(options.seed),
      encoder_(model->encoder()),
      head_(prepared.encoder_config),
      vocabulary_(data::pretraining_vocabulary(
          *prepared.tokenizer, options.encoder ? options.encoder->string() : std::string("the vocabulary"))),
      device_(device_of(options.device)) {
  if (words_of(encoder_).size(1) != prepared.encoder_config.hidden_size)
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format("{}: its word embeddings are {} wide and its states {}; hidden words (type mlm) are learnt "
                    "where both are alike: take another encoder, or the task out",
                    options.encoder->string(), words_of(encoder_).size(1), prepared.encoder_config.hidden_size));
  auto const is_word = [&](std::int32_t id) {
    return id != vocabulary_.cls && id != vocabulary_.sep && id != vocabulary_.unknown;
  };
  auto const& tasks = prepared.config.hidden_words;
  expects(corpus.unlabelled.size() == tasks.size(), "the texts of hidden words were read with the corpus");
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    Task task{.spec = tasks[i], .train = {}, .dev = {}, .learnable = {}};
    data::SeenTexts seen;
    auto const sequences = [&](data::Split split) {
      auto found = data::sequences_of(texts_of(corpus.unlabelled[i], split), *prepared.tokenizer, vocabulary_,
                                      prepared.spec.max_length, false, seen, stop);
      leave_if_stopped(stop);
      return found;
    };
    task.dev = sequences(data::Split::Dev);  // first: a text of both is not learnt
    task.train = sequences(data::Split::Train);
    for (std::size_t at = 0; at < task.train.size(); ++at)
      if (auto const ids = task.train[at]; std::any_of(ids.begin(), ids.end(), is_word)) task.learnable.push_back(at);
    if (task.learnable.empty())
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("task {}: its training rows hold no text whose words could be hidden",
                              quote(tasks[i].texts.name)));
    tasks_.push_back(std::move(task));
  }
  Rng rng = Rng::for_purpose(seed_, kWeightsPurpose);
  head_->initialize(prepared.encoder_config.initializer_range, rng);
  if (options.encoder) load_language_head(head_, *options.encoder, prepared.encoder_config);
  model->register_module("language_head", head_);
  head_->to(device_);
}

nn::MaskedLanguageHeadImpl::Loss HiddenWords::answer(MaskedBatch const& batch, nn::Pass pass) {
  auto const products = pass.products();
  auto const hidden = encoder_->forward(batch.texts(device_), pass);
  return head_->forward(hidden.index_select(0, batch.hidden_words(device_)), words_of(encoder_), batch.targets(),
                        products);
}

HiddenWords::Loss HiddenWords::loss_of(std::int64_t number, std::int64_t n_tokens, kernels::Precision products) {
  Rng rng = Rng::for_purpose(seed_, kStepPurpose + static_cast<std::uint64_t>(number));
  double const chance = std::log(static_cast<double>(std::max<std::size_t>(2, vocabulary_.continues.size())));
  Loss loss;
  for (auto const& task : tasks_) {
    auto const wanted = task.spec.share * static_cast<double>(n_tokens);
    MaskedBatch batch;
    while (batch.targets().empty() || static_cast<double>(batch.n_tokens()) < wanted)
      batch.add(data::mask(task.train[task.learnable[rng.below(task.learnable.size())]], vocabulary_, {}, rng));
    auto const words = answer(batch, nn::Pass(rng.next(), products));
    loss.by_task[task.spec.texts.name] = words.mean.item<double>();
    auto const part = words.mean * (task.spec.loss_weight * task.spec.share / chance);
    loss.total = loss.total.defined() ? loss.total + part : part;
  }
  return loss;
}

void HiddenWords::complete_gradients() {
  auto& gradient = words_of(encoder_).mutable_grad();
  if (gradient.defined() && gradient.is_sparse()) gradient = gradient.to_dense();
}

std::optional<std::map<std::string, double>> HiddenWords::perplexity(std::function<bool()> const& should_stop) {
  torch::NoGradGuard const no_grad;
  std::map<std::string, double> found;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    auto const& dev = tasks_[i].dev;
    Rng rng = Rng::for_purpose(seed_, kDevPurpose + i);
    double sum = 0, n = 0;
    std::int64_t n_tokens = 0;
    for (std::size_t at = 0; at < dev.size() && n_tokens < kMostDevTokens;) {
      if (should_stop()) return std::nullopt;
      MaskedBatch batch;
      while (at < dev.size() && batch.n_tokens() < kBatchTokens) batch.add(data::mask(dev[at++], vocabulary_, {}, rng));
      n_tokens += batch.n_tokens();
      if (batch.targets().empty()) continue;
      sum += answer(batch, {}).sum;
      n += static_cast<double>(batch.targets().size());
    }
    if (n > 0) found[tasks_[i].spec.texts.name] = std::exp(sum / n);
  }
  return found;
}

}  // namespace polytask::train
