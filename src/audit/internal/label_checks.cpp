// What the labels of each task are, by themselves: how many, how written, how probable.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "audit/internal/checks.h"
#include "audit/label_noise.h"
#include "eval/out_of_fold.h"
#include "stats/sample_size.h"

namespace polytask::audit {
namespace {

using data::Split;

constexpr double kHighMajority = 0.6;  // of a metric, without looking at the text
// A bag of words doubts many rows that it does not understand. Where less than this is doubted surely, nothing is said.
constexpr double kSureMargin = -0.5;
constexpr double kSureShare = 0.005;
constexpr std::size_t kFewestSure = 10;

std::size_t index_of(Split split) { return static_cast<std::size_t>(split); }

std::vector<LabelCount> label_counts(data::Corpus const& corpus, std::size_t task) {
  std::map<std::string, std::array<std::size_t, 3>> counts;
  for (auto const& name : corpus.label_sets[task].names()) counts[name] = {};
  for (auto const& stream : corpus.streams)
    for (std::size_t position = 0; position < stream.tasks.size(); ++position) {
      if (stream.tasks[position] != task) continue;
      for (auto const split : data::kSplits)
        for (auto const& example : stream.of(split)) {
          auto const add = [&](std::string const& name) {
            if (auto const at = counts.find(name); at != counts.end()) ++at->second[index_of(split)];
          };
          auto const& label = example.labels[position];
          if (auto const* one = std::get_if<std::string>(&label)) add(*one);
          if (auto const* several = std::get_if<std::vector<std::string>>(&label))
            std::for_each(several->begin(), several->end(), add);
          if (auto const* spans = std::get_if<std::vector<task::Span>>(&label))
            for (auto const& span : *spans) add(span.label);
        }
    }
  std::vector<LabelCount> list;
  for (auto const& [name, n] : counts) list.push_back({name, n});
  std::stable_sort(list.begin(), list.end(), [](auto const& a, auto const& b) { return a.n[0] > b.n[0]; });
  return list;
}

std::string without_form(std::string const& label) {
  auto key = normalised(label);
  std::erase(key, ' ');
  return key;
}

/// One letter more, less, other, or two in another order; digits count things and are no letters.
bool are_one_slip_apart(std::string const& a, std::string const& b) {
  auto const& shorter = a.size() <= b.size() ? a : b;
  auto const& longer = a.size() <= b.size() ? b : a;
  if (shorter.size() < 5 || longer.size() - shorter.size() > 1) return false;
  std::size_t at = 0;
  while (at < shorter.size() && shorter[at] == longer[at]) ++at;
  auto const is_digit = [](std::string const& text, std::size_t i) {
    return i < text.size() && text[i] >= '0' && text[i] <= '9';
  };
  if (is_digit(shorter, at) || is_digit(longer, at)) return false;
  if (shorter.size() < longer.size()) return shorter.substr(at) == longer.substr(at + 1);
  if (at == shorter.size()) return false;
  if (shorter.substr(at + 1) == longer.substr(at + 1)) return true;
  return at + 1 < shorter.size() && shorter[at] == longer[at + 1] && shorter[at + 1] == longer[at] &&
         shorter.substr(at + 2) == longer.substr(at + 2);
}

void find_spellings(TaskFacts const& facts, Audit& audit) {
  Finding finding{.kind = "label-spelling", .tasks = {facts.name}};
  std::vector<std::string> keys;
  for (auto const& label : facts.labels) keys.push_back(without_form(label.label));
  for (std::size_t a = 0; a < facts.labels.size(); ++a)
    for (std::size_t b = a + 1; b < facts.labels.size(); ++b) {
      auto const& common = facts.labels[a];
      auto const& rare = facts.labels[b];
      bool const same = !keys[a].empty() && keys[a] == keys[b];
      bool const slip = 20 * rare.n[0] <= common.n[0] && are_one_slip_apart(common.label, rare.label);
      if (!same && !slip) continue;
      finding.names.push_back(common.label);
      finding.names.push_back(rare.label);
      finding.n += rare.n[0];
    }
  if (finding.names.empty()) return;
  finding.of = facts.n[0];
  // The rows of both teach the wrong thing to one another.
  finding.cost = 200 * static_cast<double>(finding.n) / static_cast<double>(std::max<std::size_t>(finding.of, 1));
  audit.findings.push_back(std::move(finding));
}

/// Sorted names, as labels have them.
std::vector<std::string> set_of(task::LabelSet const& labels, task::MultilabelPrediction const& answer) {
  std::vector<std::string> names;
  for (auto const label : answer.labels) names.push_back(labels[label]);
  std::sort(names.begin(), names.end());
  return names;
}

void find_majority(data::Corpus const& corpus, std::size_t t, TaskFacts& facts, Audit& audit) {
  auto const& spec = corpus.tasks[t];
  auto const split = facts.n[index_of(Split::Test)] > 0  ? Split::Test
                     : facts.n[index_of(Split::Dev)] > 0 ? Split::Dev
                                                         : Split::Train;
  auto const train = labelled_rows(corpus, t, Split::Train);
  auto const scored = labelled_rows(corpus, t, split);
  if (train.examples.empty() || scored.examples.empty()) return;
  auto const predicted = eval::majority_baseline(spec, corpus.label_sets[t], train, scored.examples);
  double const value = eval::primary_score(spec, corpus.label_sets[t], scored.labels, predicted);
  if (!std::isfinite(value)) return;
  facts.majority = value;
  bool const is_set = spec.type == task::TaskType::Multilabel, is_choice = task::reads_choices(spec);
  if ((spec.type != task::TaskType::Classification && !is_set && !is_choice) || value < kHighMajority ||
      (spec.type == task::TaskType::Classification && corpus.label_sets[t].size() < 2))
    return;
  Finding finding{.kind = "majority-metric", .tasks = {spec.name}};
  std::vector<std::string> answer;
  if (is_choice)
    answer = {shown(task::Choice{std::get<task::ChoicePrediction>(predicted.front()).choice})};
  else if (is_set)
    answer = set_of(corpus.label_sets[t], std::get<task::MultilabelPrediction>(predicted.front()));
  else
    answer = {facts.labels.front().label};
  finding.names = {facts.metric, answer.empty() ? "-" : fmt::format("{}", fmt::join(answer, " | "))};
  finding.numbers = {{"majority", value}, {"has_mcc", spec.type == task::TaskType::Classification ? 1.0 : 0.0}};
  for (auto const& label : train.labels)
    finding.n += is_set ? std::get<std::vector<std::string>>(label) == answer : shown(label) == answer.front();
  finding.of = train.labels.size();
  auto const n = facts.n[index_of(Split::Train)];
  // What the metric says for nothing, beyond a balanced task of two labels.
  finding.cost = 100 * (value - 0.5) * 0.5;
  for (std::size_t i = 0; i < std::min<std::size_t>(facts.labels.size(), 8); ++i)
    finding.bars.emplace_back(facts.labels[i].label,
                              static_cast<double>(facts.labels[i].n[0]) / static_cast<double>(n));
  audit.findings.push_back(std::move(finding));
}

void find_test_size(TaskFacts& facts, AuditOptions const& options, Audit& audit) {
  auto const n = facts.n[index_of(Split::Test)];
  facts.detectable = stats::detectable_difference(n);
  if (facts.detectable <= options.difference) return;
  Finding finding{.kind = n == 0 ? "no-test-rows" : "few-test-rows", .tasks = {facts.name}};
  finding.n = n;
  finding.of = stats::rows_to_detect(options.difference);
  finding.numbers = {{"detectable", facts.detectable},
                     {"difference", options.difference},
                     {"disagreement", stats::kUsualDisagreement}};
  // A difference that is there and not seen: half of what lies between the wanted and the possible.
  finding.cost = 100 * std::min(facts.detectable - options.difference, 0.2) * 0.5;
  audit.findings.push_back(std::move(finding));
}

/// The row and what was doubted about it.
struct Doubt {
  std::size_t row = 0;
  double margin = 0;
  std::string note;
};

std::vector<Doubt> doubts_of(task::TaskSpec const& spec, task::LabelSet const& labels, eval::LabelledRows const& rows,
                             eval::OutOfFold const& found, TaskFacts& facts) {
  std::vector<Doubt> doubts;
  if (spec.type == task::TaskType::Regression) {
    std::vector<double> given;
    for (auto const row : found.rows) given.push_back(std::get<double>(rows.labels[row]));
    for (auto const& outlier : outliers(given, found.scores))
      doubts.push_back({found.rows[outlier.row], -outlier.deviations,
                        fmt::format("{:.4g} -> {:.3g}", outlier.given, outlier.expected)});
    return doubts;
  }
  if (spec.type == task::TaskType::Classification) {
    std::vector<std::size_t> given, kept;
    std::vector<float> probabilities;
    std::size_t n_right = 0;
    for (std::size_t i = 0; i < found.rows.size(); ++i) {
      auto const index = labels.index_of(std::get<std::string>(rows.labels[found.rows[i]]));
      if (!index) continue;
      auto const* p = found.scores.data() + i * found.n_outputs;
      given.push_back(*index);
      kept.push_back(found.rows[i]);
      probabilities.insert(probabilities.end(), p, p + found.n_outputs);
      n_right += static_cast<std::size_t>(std::max_element(p, p + found.n_outputs) - p) == *index;
    }
    if (!given.empty()) facts.bag_of_words = static_cast<double>(n_right) / static_cast<double>(given.size());
    auto const noise = confident_learning(given, probabilities, labels.size());
    for (auto const& suspect : noise.suspects)
      doubts.push_back({kept[suspect.row], suspect.margin,
                        fmt::format("{} -> {}", labels[suspect.given], labels[suspect.suggested])});
    return doubts;
  }
  // Multilabel: each label against the rest.
  std::vector<std::size_t> given(found.rows.size());
  std::vector<float> probabilities(2 * found.rows.size());
  for (std::size_t label = 0; label < labels.size(); ++label) {
    for (std::size_t i = 0; i < found.rows.size(); ++i) {
      auto const& names = std::get<std::vector<std::string>>(rows.labels[found.rows[i]]);
      given[i] = std::binary_search(names.begin(), names.end(), labels[label]) ? 1 : 0;
      probabilities[2 * i + 1] = found.scores[i * found.n_outputs + label];
      probabilities[2 * i] = 1 - probabilities[2 * i + 1];
    }
    for (auto const& suspect : confident_learning(given, probabilities, 2).suspects)
      doubts.push_back({found.rows[suspect.row], suspect.margin,
                        fmt::format("{}{}", suspect.given == 1 ? "- " : "+ ", labels[label])});
  }
  std::stable_sort(doubts.begin(), doubts.end(), [](auto const& a, auto const& b) { return a.margin < b.margin; });
  return doubts;
}

}  // namespace

void check_labels(data::Corpus const& corpus, AuditOptions const& options, Audit& audit) {
  for (std::size_t t = 0; t < corpus.tasks.size(); ++t) {
    auto const& spec = corpus.tasks[t];
    TaskFacts facts{.name = spec.name, .type = spec.type};
    facts.metric = spec.metric.empty() ? task::default_metric(spec.type) : spec.metric;
    for (auto const split : data::kSplits) facts.n[index_of(split)] = corpus.n_labelled(t, split);
    if (task::has_labels(spec.type)) facts.labels = label_counts(corpus, t);
    find_spellings(facts, audit);
    find_majority(corpus, t, facts, audit);
    find_test_size(facts, options, audit);
    audit.tasks.push_back(std::move(facts));
  }
}

void check_noise(data::Corpus const& corpus, AuditOptions const& options, Audit& audit) {
  for (std::size_t t = 0; t < corpus.tasks.size(); ++t) {
    auto const& spec = corpus.tasks[t];
    if (spec.type == task::TaskType::Tagging || spec.type == task::TaskType::Span || task::reads_choices(spec))
      continue;
    if (options.on_part) options.on_part("doubtful labels of " + spec.name);
    auto const rows = labelled_rows(corpus, t, std::nullopt);
    auto const found = eval::out_of_fold_scores(spec, corpus.label_sets[t], rows, {.seed = options.seed});
    if (found.rows.empty()) continue;
    auto const doubts = doubts_of(spec, corpus.label_sets[t], rows, found, audit.tasks[t]);
    audit.tasks[t].n_suspects = doubts.size();
    auto const n_sure = static_cast<std::size_t>(
        std::count_if(doubts.begin(), doubts.end(), [](auto const& doubt) { return doubt.margin <= kSureMargin; }));
    // What two texts say of one another is not in their words: a bag of words is sure and wrong.
    bool const is_pair = spec.text.size() > 1;
    if (is_pair || n_sure < kFewestSure ||
        static_cast<double>(n_sure) < kSureShare * static_cast<double>(found.rows.size()))
      continue;
    Finding finding{.kind = spec.type == task::TaskType::Regression ? "number-noise" : "label-noise",
                    .tasks = {spec.name}};
    finding.n = n_sure;
    finding.of = found.rows.size();
    finding.numbers = {{"suspects", static_cast<double>(doubts.size())},
                       {"labelled", static_cast<double>(found.n_labelled)}};
    finding.cost = 100 * static_cast<double>(n_sure) / static_cast<double>(found.rows.size());
    for (std::size_t i = 0; i < std::min(doubts.size(), kShownEvidence); ++i)
      finding.evidence.push_back(evidence_of(corpus, *rows.examples[doubts[i].row], doubts[i].note));
    audit.findings.push_back(std::move(finding));
  }
}

}  // namespace polytask::audit
