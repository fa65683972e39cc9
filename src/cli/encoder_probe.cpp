#include "cli/encoder_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>

#include "base/random.h"
#include "engine/lower_states.h"
#include "eval/baselines.h"
#include "eval/linear_probe.h"
#include "model/encoder_files.h"
#include "text/encode_example.h"

namespace polytask::cli {
namespace {

using data::Split;

constexpr std::size_t kFewestTrain = 50;
constexpr std::size_t kFewestScored = 30;

eval::LabelledRows drawn_rows(data::Corpus const& corpus, std::size_t task, Split split, std::size_t most,
                              std::uint64_t seed) {
  eval::LabelledRows all, drawn;
  for (auto const& stream : corpus.streams) {
    auto const position = std::find(stream.tasks.begin(), stream.tasks.end(), task) - stream.tasks.begin();
    if (position == static_cast<std::ptrdiff_t>(stream.tasks.size())) continue;
    for (auto const& example : stream.of(split))
      if (auto const& label = example.labels[static_cast<std::size_t>(position)]; task::is_labelled(label)) {
        all.examples.push_back(&example);
        all.labels.push_back(label);
      }
  }
  std::vector<std::size_t> order(all.examples.size());
  std::iota(order.begin(), order.end(), 0);
  Rng rng = Rng::for_purpose(seed, task * 3 + static_cast<std::size_t>(split));
  rng.shuffle(std::span(order));
  order.resize(std::min(order.size(), most));
  for (auto const i : order) {
    drawn.examples.push_back(all.examples[i]);
    drawn.labels.push_back(all.labels[i]);
  }
  return drawn;
}

class States {
 public:
  States(std::filesystem::path const& encoder, ProbeOptions const& options)
      : tokenizer_(text::load_tokenizer(encoder)),
        states_(engine::LowerStates::load(encoder, model::read_encoder_config(encoder).num_hidden_layers,
                                          {.n_workers = options.n_workers})),
        max_length_(options.max_length) {}

  /// One text: the mean of its tokens' states. A pair: how the means of its texts differ, and their product.
  [[nodiscard]] eval::Vectors of(std::vector<task::Example const*> const& examples) const {
    auto const hidden = static_cast<std::size_t>(states_.hidden_size());
    bool const is_pair = examples.front()->texts.size() > 1;
    eval::Vectors vectors{.size = is_pair ? 2 * hidden : hidden};
    vectors.values.resize(examples.size() * vectors.size);
    std::vector<task::Encoding> encodings;
    std::vector<task::TokenSequence> sequences;
    for (auto const* example : examples) encodings.push_back(text::encode_example(*tokenizer_, *example, max_length_));
    for (auto const& encoding : encodings)
      sequences.push_back({encoding.ids, encoding.type_ids, encoding.second_sequence});
    states_.compute(sequences, [&](std::size_t row, std::span<float const> states) {
      std::vector<float> means(2 * hidden);
      std::size_t n[2] = {0, 0};
      auto const& encoding = encodings[row];
      for (std::size_t token = 0; token < encoding.size(); ++token) {
        auto const side = encoding.text_index[token];
        if (side > 1) continue;
        ++n[side];
        for (std::size_t k = 0; k < hidden; ++k) means[side * hidden + k] += states[token * hidden + k];
      }
      for (std::size_t k = 0; k < 2 * hidden; ++k)
        means[k] /= static_cast<float>(std::max<std::size_t>(n[k / hidden], 1));
      auto* out = vectors.values.data() + row * vectors.size;
      for (std::size_t k = 0; k < hidden; ++k) {
        out[k] = is_pair ? std::abs(means[k] - means[hidden + k]) : means[k];
        if (is_pair) out[hidden + k] = means[k] * means[hidden + k];
      }
    });
    return vectors;
  }

 private:
  std::unique_ptr<text::Tokenizer const> tokenizer_;
  engine::LowerStates states_;
  std::size_t max_length_;
};

}  // namespace

void probe_encoder(std::filesystem::path const& encoder, data::Corpus const& corpus, ProbeOptions const& options,
                   audit::Audit& audit) {
  States const states(encoder, options);
  for (std::size_t t = 0; t < corpus.tasks.size(); ++t) {
    auto const& spec = corpus.tasks[t];
    if (spec.type == task::TaskType::Tagging || spec.type == task::TaskType::Span || task::reads_choices(spec))
      continue;
    auto const& labels = corpus.label_sets[t];
    auto const split = corpus.n_labelled(t, Split::Test) > 0 ? Split::Test : Split::Dev;
    auto const train = drawn_rows(corpus, t, Split::Train, options.most_train, options.seed);
    auto const scored = drawn_rows(corpus, t, split, options.most_scored, options.seed);
    if (train.examples.size() < kFewestTrain || scored.examples.size() < kFewestScored) continue;
    if (spec.type != task::TaskType::Regression && labels.size() < 2) continue;
    std::cerr << fmt::format("probing the encoder for task {}: {} rows\n", spec.name,
                             train.examples.size() + scored.examples.size());
    auto const probe =
        eval::linear_probe(spec, labels, states.of(train.examples), train.labels, states.of(scored.examples));
    auto const words = eval::bag_of_words_baseline(spec, labels, train, scored.examples, options.seed);
    auto const majority = eval::majority_baseline(spec, labels, train, scored.examples);
    auto const score = [&](auto const& predicted) {
      return eval::primary_score(spec, labels, scored.labels, predicted);
    };
    eval::BootstrapOptions const bootstrap{.seed = options.seed};
    audit::ProbeFacts facts{.probe = score(probe), .bag_of_words = score(words), .majority = score(majority)};
    facts.metric = spec.metric.empty() ? task::default_metric(spec.type) : spec.metric;
    facts.gain = eval::score_difference(spec, labels, scored.labels, words, probe, bootstrap);
    facts.n_train = train.examples.size();
    facts.n_scored = scored.examples.size();
    auto const over_majority = eval::score_difference(spec, labels, scored.labels, majority, probe, bootstrap);
    bool const beats_nothing = std::isfinite(over_majority.interval.low) && over_majority.interval.low <= 0;
    if (facts.gain.interval.high < 0 || beats_nothing) {
      audit::Finding finding{.kind = "encoder-adds-nothing", .tasks = {spec.name}};
      finding.n = facts.n_scored;
      finding.of = facts.n_scored;
      finding.names = {facts.metric};
      finding.numbers = {{"probe", facts.probe},
                         {"bag_of_words", facts.bag_of_words},
                         {"difference", facts.gain.value},
                         {"low", facts.gain.interval.low},
                         {"high", facts.gain.interval.high}};
      if (std::isfinite(facts.majority)) finding.numbers["majority"] = facts.majority;
      finding.cost = 100 * std::max(-facts.gain.value, 0.0) + (beats_nothing ? 5 : 0);
      audit.findings.push_back(std::move(finding));
    }
    audit.tasks[t].probe = std::move(facts);
  }
  audit::sort_findings(audit);
}

}  // namespace polytask::cli
