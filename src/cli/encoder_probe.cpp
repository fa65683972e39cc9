#include "cli/encoder_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
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
constexpr std::size_t kMostTooLarge = 1'000;  // rows of more vectors than are asked for
constexpr std::size_t kVectorsOfARow =
    10;  // of a tagged text or a row of choices, in the number of rows that are drawn

/// Vectors that a row is for the probe.
std::size_t n_vectors(task::TaskSpec const& spec, task::Example const& example) {
  if (spec.type == task::TaskType::Tagging) return eval::tagged_words(example).size();
  return task::reads_choices(spec) ? example.texts.size() - 1 : 1;
}

/// Labelled rows of a task in a drawn order, as many as `most` vectors make and `fits` lets pass.
eval::LabelledRows drawn_rows(data::Corpus const& corpus, std::size_t task, Split split, std::size_t most,
                              std::uint64_t seed, std::function<bool(task::Example const&)> const& fits) {
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
  std::size_t n = 0, n_too_large = 0;
  for (auto const i : order) {
    auto const more = n_vectors(corpus.tasks[task], *all.examples[i]);
    if (n + more > most) {
      if (n > most / 2 || ++n_too_large > kMostTooLarge) break;
      continue;
    }
    if (!fits(*all.examples[i])) continue;
    n += more;
    drawn.examples.push_back(all.examples[i]);
    drawn.labels.push_back(std::move(all.labels[i]));
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
  [[nodiscard]] eval::Vectors of_rows(std::span<task::Example const* const> examples) const {
    auto const hidden = static_cast<std::size_t>(states_.hidden_size());
    bool const is_pair = examples.front()->texts.size() > 1;
    eval::Vectors vectors{.size = is_pair ? 2 * hidden : hidden};
    vectors.values.resize(examples.size() * vectors.size);
    compute(examples, [&](std::size_t row, task::Encoding const& encoding, std::span<float const> states) {
      std::vector<float> means(2 * hidden);
      std::size_t n[2] = {0, 0};
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

  /// Each choice of each row: its text and the choice, as a pair.
  [[nodiscard]] eval::Vectors of_choices(std::span<task::Example const* const> examples) const {
    std::vector<task::Example> pairs;
    for (auto const* example : examples)
      for (std::size_t i = 1; i < example->texts.size(); ++i)
        pairs.push_back({.texts = {example->texts[0], example->texts[i]}});
    std::vector<task::Example const*> rows;
    for (auto const& pair : pairs) rows.push_back(&pair);
    return of_rows(rows);
  }

  /// Whether the length limit leaves the row whole.
  [[nodiscard]] bool fits(task::Example const& example) const {
    return !text::encode_example(*tokenizer_, example, max_length_).truncated();
  }

  /// Each word of each row: the mean of its tokens' states.
  [[nodiscard]] eval::Vectors of_words(std::span<task::Example const* const> examples) const {
    auto const hidden = static_cast<std::size_t>(states_.hidden_size());
    std::vector<std::vector<task::ByteRange>> words;
    std::vector<std::size_t> first{0};  // vector of each row
    for (auto const* example : examples) {
      words.push_back(eval::tagged_words(*example));
      first.push_back(first.back() + words.back().size());
    }
    eval::Vectors vectors{.size = hidden};
    vectors.values.resize(first.back() * hidden);
    compute(examples, [&](std::size_t row, task::Encoding const& encoding, std::span<float const> states) {
      std::size_t token = 0;
      for (std::size_t w = 0; w < words[row].size(); ++w) {
        auto const word = words[row][w];
        auto* out = vectors.values.data() + (first[row] + w) * hidden;
        float n = 0;
        auto const lies_before = [&](std::size_t t) {
          return encoding.text_index[t] != 0 || encoding.offsets[t].end <= word.begin;
        };
        while (token < encoding.size() && lies_before(token)) ++token;
        for (std::size_t t = token; t < encoding.size() && encoding.text_index[t] == 0; ++t) {
          if (encoding.offsets[t].begin >= word.end) break;
          ++n;
          for (std::size_t k = 0; k < hidden; ++k) out[k] += states[t * hidden + k];
        }
        for (std::size_t k = 0; k < hidden; ++k) out[k] /= std::max(n, 1.0F);
      }
    });
    return vectors;
  }

 private:
  /// Calls `take(row, encoding, states [tokens, hidden])` for each row, from several threads.
  template <typename Take>
  void compute(std::span<task::Example const* const> examples, Take const& take) const {
    std::vector<task::Encoding> encodings;
    std::vector<task::TokenSequence> sequences;
    for (auto const* example : examples) encodings.push_back(text::encode_example(*tokenizer_, *example, max_length_));
    for (auto const& encoding : encodings)
      sequences.push_back({encoding.ids, encoding.type_ids, encoding.second_sequence});
    states_.compute(sequences,
                    [&](std::size_t row, std::span<float const> states) { take(row, encodings[row], states); });
  }

  std::unique_ptr<text::Tokenizer const> tokenizer_;
  engine::LowerStates states_;
  std::size_t max_length_;
};

std::vector<task::Prediction> probe_answers(States const& states, task::TaskSpec const& spec,
                                            task::LabelSet const& labels, eval::LabelledRows const& train,
                                            std::span<task::Example const* const> scored) {
  if (spec.type == task::TaskType::Tagging)
    return eval::tagging_probe(labels, states.of_words(train.examples), train, states.of_words(scored), scored);
  if (task::reads_choices(spec))
    return eval::choice_probe(states.of_choices(train.examples), train, states.of_choices(scored), scored);
  return eval::linear_probe(spec, labels, states.of_rows(train.examples), train.labels, states.of_rows(scored));
}

/// Why a task is not probed, before any row of it is looked at.
std::optional<audit::NotProbed> reason_against(task::TaskSpec const& spec, task::LabelSet const& labels) {
  if (spec.type == task::TaskType::Span) return audit::NotProbed::Span;
  if (task::has_labels(spec.type) && labels.size() < (spec.type == task::TaskType::Tagging ? 1U : 2U))
    return audit::NotProbed::Labels;
  return std::nullopt;
}

}  // namespace

void probe_encoder(std::filesystem::path const& encoder, data::Corpus const& corpus, ProbeOptions const& options,
                   audit::Audit& audit) {
  States const states(encoder, options);
  for (std::size_t t = 0; t < corpus.tasks.size(); ++t) {
    auto const& spec = corpus.tasks[t];
    auto const& labels = corpus.label_sets[t];
    auto& not_probed = audit.tasks[t].not_probed = reason_against(spec, labels);
    if (not_probed) continue;
    // Rows of one vector, or many vectors of fewer rows: as much to compute.
    bool const is_whole = spec.type != task::TaskType::Tagging && !task::reads_choices(spec);
    std::size_t const n_each = is_whole ? 1 : kVectorsOfARow;
    auto const split = corpus.n_labelled(t, Split::Test) > 0 ? Split::Test : Split::Dev;
    // What the limit cuts off is read by no model; a word there has no states.
    auto const fits = [&](task::Example const& example) {
      return spec.type != task::TaskType::Tagging || states.fits(example);
    };
    auto const train = drawn_rows(corpus, t, Split::Train, options.most_train * n_each, options.seed, fits);
    auto const scored = drawn_rows(corpus, t, split, options.most_scored * n_each, options.seed, fits);
    if (train.examples.size() < kFewestTrain || scored.examples.size() < kFewestScored) {
      bool const are_there =
          corpus.n_labelled(t, Split::Train) >= kFewestTrain && corpus.n_labelled(t, split) >= kFewestScored;
      not_probed = are_there ? audit::NotProbed::Length : audit::NotProbed::Rows;
      continue;
    }
    std::cerr << fmt::format("probing the encoder for task {}: {} rows\n", spec.name,
                             train.examples.size() + scored.examples.size());
    auto const probe = probe_answers(states, spec, labels, train, scored.examples);
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
    facts.over_majority = eval::score_difference(spec, labels, scored.labels, majority, probe, bootstrap);
    bool const beats_nothing = std::isfinite(facts.over_majority.interval.low) && facts.over_majority.interval.low <= 0;
    if (facts.gain.interval.high < 0 || beats_nothing) {
      audit::Finding finding{.kind = "encoder-adds-nothing", .tasks = {spec.name}};
      finding.n = facts.n_scored;
      finding.of = facts.n_scored;
      finding.names = {facts.metric};
      finding.numbers = {{"probe", facts.probe},
                         {"bag_of_words", facts.bag_of_words},
                         {"difference", facts.gain.value},
                         {"low", facts.gain.interval.low},
                         {"high", facts.gain.interval.high},
                         {"over_majority", facts.over_majority.value},
                         {"over_majority_low", facts.over_majority.interval.low},
                         {"over_majority_high", facts.over_majority.interval.high}};
      if (std::isfinite(facts.majority)) finding.numbers["majority"] = facts.majority;
      // Layers that are trained further make up for much of it.
      finding.cost = 25 * std::max(-facts.gain.value, 0.0) + (beats_nothing ? 5 : 0);
      audit.findings.push_back(std::move(finding));
    }
    audit.tasks[t].probe = std::move(facts);
  }
  audit::sort_findings(audit);
}

}  // namespace polytask::cli
