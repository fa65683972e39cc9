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

/// Purpose of the head's first weights, beside those of the labelled rows.
constexpr std::uint64_t kWeightsPurpose = 3;
/// Of a task's purposes: that of dev is its own, the others are its steps.
constexpr std::uint64_t kDevPurpose = 0;

constexpr std::int64_t kMostDevTokens = 8'192;
constexpr std::int64_t kBatchTokens = 4'096;  // of dev texts

Tensor words_of(nn::Encoder const& encoder) { return encoder->named_parameters()["embeddings.word_embeddings.weight"]; }

std::size_t count_rows(data::Corpus const& corpus) {
  std::size_t n = 0;
  for (auto const& streams : corpus.unlabelled)
    for (auto const& stream : streams)
      for (auto const split : {data::Split::Train, data::Split::Dev}) n += stream.n_rows(split);
  return n;
}

/// Rows become sequences in blocks, so that their texts are never all in memory.
class Sequences {
 public:
  Sequences(Prepared const& prepared, data::PretrainingVocabulary const& vocabulary, TrainEvents const& events,
            std::stop_token const& stop, std::size_t n_rows)
      : prepared_(prepared), vocabulary_(vocabulary), events_(events), stop_(stop), n_rows_(n_rows) {}

  /// Each text of a row is a text of its own; `seen` ones are left out.
  data::LanguageSequences of(std::vector<data::Stream> const& streams, data::Split split, data::SeenTexts& seen) {
    constexpr std::size_t kBlock = 4'096;
    data::LanguageSequences sequences;
    data::LanguageTexts block;
    std::size_t n_of_block = 0;
    auto const hand_on = [&] {
      data::add_sequences(block, *prepared_.tokenizer, vocabulary_, prepared_.spec.max_length, false, seen, stop_,
                          sequences);
      leave_if_stopped(stop_);
      n_done_ += n_of_block;
      if (events_.on_preparing) events_.on_preparing(n_done_, n_rows_);
      block = {};
      n_of_block = 0;
    };
    for (auto const& stream : streams)
      stream.for_each(split, [&](task::Example const& example) {
        for (auto const& text : example.texts) data::add_text(text, seen, block);
        if (++n_of_block == kBlock) hand_on();
      });
    hand_on();
    return sequences;
  }

 private:
  Prepared const& prepared_;
  data::PretrainingVocabulary const& vocabulary_;
  TrainEvents const& events_;
  std::stop_token const& stop_;
  std::size_t n_rows_, n_done_ = 0;
};

}  // namespace

HiddenWords::HiddenWords(data::Corpus const& corpus, Prepared const& prepared, TrainOptions const& options,
                         TrainEvents const& events, nn::MultiTaskModel model, std::stop_token const& stop)
    : seed_(options.seed),
      encoder_(model->encoder()),
      head_(prepared.encoder_config),
      vocabulary_(hidden_words_vocabulary(prepared, options)),
      device_(device_of(options.device)) {
  auto const is_word = [&](std::int32_t id) {
    return id != vocabulary_.cls && id != vocabulary_.sep && id != vocabulary_.unknown;
  };
  auto const& tasks = prepared.config.hidden_words;
  expects(corpus.unlabelled.size() == tasks.size(), "the texts of hidden words were read with the corpus");
  Sequences sequences(prepared, vocabulary_, events, stop, count_rows(corpus));
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    Task task{.spec = tasks[i],
              .purpose = data::fingerprint(tasks[i].texts.name),
              .train = {},
              .dev = {},
              .learnable = {},
              .asked = {}};
    data::SeenTexts seen;
    task.dev = sequences.of(corpus.unlabelled[i], data::Split::Dev, seen);  // first: a text of both is not learnt
    task.train = sequences.of(corpus.unlabelled[i], data::Split::Train, seen);
    for (std::size_t at = 0; at < task.train.size(); ++at)
      if (auto const ids = task.train[at]; std::any_of(ids.begin(), ids.end(), is_word)) task.learnable.push_back(at);
    if (task.learnable.empty())
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("task {}: its training rows hold no text of three tokens or more that dev has not too",
                              quote(tasks[i].texts.name)));
    for (std::size_t at = 0; at < task.dev.size(); ++at) task.asked.push_back(at);
    Rng order = Rng::for_purpose(seed_ ^ task.purpose, kDevPurpose);  // files are often sorted
    order.shuffle(std::span(task.asked));
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
  double const chance = std::log(static_cast<double>(std::max<std::size_t>(2, vocabulary_.continues.size())));
  Loss loss;
  for (auto const& task : tasks_) {
    Rng rng = Rng::for_purpose(seed_ ^ task.purpose, kDevPurpose + 1 + static_cast<std::uint64_t>(number));
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

std::optional<std::map<std::string, double>> HiddenWords::perplexity(std::function<bool()> const& should_stop) {
  torch::NoGradGuard const no_grad;
  std::map<std::string, double> found;
  for (auto const& task : tasks_) {
    Rng rng = Rng::for_purpose(seed_ ^ task.purpose, kDevPurpose);
    double sum = 0, n = 0;
    std::int64_t n_tokens = 0;
    for (std::size_t at = 0; at < task.asked.size() && n_tokens < kMostDevTokens;) {
      if (should_stop()) return std::nullopt;
      MaskedBatch batch;
      while (at < task.asked.size() && batch.n_tokens() < kBatchTokens)
        batch.add(data::mask(task.dev[task.asked[at++]], vocabulary_, {}, rng));
      n_tokens += batch.n_tokens();
      if (batch.targets().empty()) continue;
      sum += answer(batch, {}).sum;
      n += static_cast<double>(batch.targets().size());
    }
    if (n > 0) found[task.spec.texts.name] = std::exp(sum / n);
  }
  return found;
}

std::int64_t HiddenWords::n_dev_tokens() const {
  std::int64_t n = 0;
  for (auto const& task : tasks_) n += std::min(kMostDevTokens, static_cast<std::int64_t>(task.dev.ids.size()));
  return n;
}

}  // namespace polytask::train
