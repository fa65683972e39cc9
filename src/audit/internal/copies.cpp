// Rows that stand twice: in training and test, with two labels, or for nothing.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "audit/internal/checks.h"

namespace polytask::audit {
namespace {

using data::Split;

constexpr double kDuplicatesShare = 0.01;  // fewer are no finding
constexpr std::size_t kFewest = 5;
constexpr std::size_t kFewestNear = 10;
constexpr double kNearShare = 0.01;  // of the texts; fewer that look alike are no finding by themselves
constexpr double kClashShare = 0.1;
constexpr std::size_t kMostPairs = 10'000;  // of labels that are counted, of which some are drawn
constexpr double kAgreementShare = 0.3;     // of two tasks that mean the same; below, they only use the same words

/// Names that every task could have: two tasks that answer "yes" say nothing of one another.
bool says_nothing(std::string const& label) {
  static std::set<std::string> const plain{"yes",  "no",     "true", "false",    "other",   "none",    "unknown",
                                           "high", "medium", "low",  "positive", "neutral", "negative"};
  return plain.contains(label) || label.find_first_not_of("0123456789.-") == std::string::npos;
}

bool is_same_row(task::Example const& a, task::Example const& b) { return a.file == b.file && a.line == b.line; }

/// Whether both have the same texts behind the first, in any order.
bool are_same_choices(task::Example const& a, task::Example const& b) {
  auto const choices = [](task::Example const& example) {
    std::set<std::string> texts;
    for (std::size_t i = 1; i < example.texts.size(); ++i) texts.insert(normalised(example.texts[i]));
    return texts;
  };
  return choices(a) == choices(b);
}

/// Whether a task of both says that they are not the same: "lights on" and "lights off" are nearly one text, and no
/// copies. So are two questions about one context, and other choices beside one
/// text.
bool differ_in_label(data::Corpus const& corpus, data::Stream const& stream, task::Example const& a,
                     task::Example const& b) {
  for (std::size_t position = 0; position < stream.tasks.size(); ++position) {
    auto const type = corpus.tasks[stream.tasks[position]].type;
    if (type == task::TaskType::Span && normalised(a.texts[0]) != normalised(b.texts[0])) return true;
    if (type == task::TaskType::MultipleChoice && !are_same_choices(a, b)) return true;
    if (type != task::TaskType::Classification && type != task::TaskType::Multilabel) continue;
    auto const& one = a.labels[position];
    auto const& other = b.labels[position];
    if (task::is_labelled(one) && task::is_labelled(other) && one != other) return true;
  }
  return false;
}

struct Copy {
  task::Example const* earlier = nullptr;
  std::size_t stream = 0;  ///< of the earlier one
  double similarity = 1;
};

/// A row of `split` that equals the document, or nearly: of its own stream before others, exact before near.
std::optional<Copy> copy_in(Pool const& pool, std::size_t document, Split split) {
  auto const& documents = pool.documents();
  auto const& own = documents[document];
  auto const group = pool.group_of(document);
  if (group == Pool::kNone) return std::nullopt;
  auto const& corpus = pool.corpus();
  auto const look = [&](std::uint32_t in, std::size_t stream) -> task::Example const* {
    for (auto const other : pool.members(in, split, stream)) {
      auto const& example = *documents[other].example;
      if (is_same_row(example, *own.example)) continue;
      bool const is_other =
          in != group && stream == own.stream && differ_in_label(corpus, corpus.streams[stream], example, *own.example);
      return is_other ? nullptr : &example;
    }
    return nullptr;
  };
  for (auto const& [in, similarity] :
       {std::pair(group, 1.0), std::pair(pool.near(group), pool.near_similarity(group))}) {
    if (in == Pool::kNone) continue;
    if (auto const* found = look(in, own.stream)) return Copy{found, own.stream, similarity};
    for (std::size_t s = 0; s < pool.corpus().streams.size(); ++s)
      if (auto const* found = s == own.stream ? nullptr : look(in, s)) return Copy{found, s, similarity};
  }
  return std::nullopt;
}

/// Of one pair of streams.
struct Leak {
  std::size_t n_exact = 0, n_near = 0;
  std::vector<Evidence> evidence;
};

void keep_clearest(std::vector<Evidence>& evidence) {
  std::stable_sort(evidence.begin(), evidence.end(), [](auto const& a, auto const& b) { return a.note > b.note; });
  if (evidence.size() > kShownEvidence) evidence.resize(kShownEvidence);
}

std::string similarity_text(double similarity) {
  return similarity == 1.0 ? "= 1.00" : fmt::format("~ {:.2f}", similarity);
}

}  // namespace

void check_leakage(Pool const& pool, Audit& audit) {
  auto const& corpus = pool.corpus();
  // by split of the row, split of its copy, stream, stream of the copy
  std::map<std::tuple<Split, Split, std::size_t, std::size_t>, Leak> leaks;
  for (std::size_t d = 0; d < pool.documents().size(); ++d) {
    auto const& document = pool.documents()[d];
    if (document.split == Split::Train || is_read_before(corpus, document.stream)) continue;
    auto in = Split::Train;
    auto copy = copy_in(pool, d, in);
    if (!copy && document.split == Split::Test) copy = copy_in(pool, d, in = Split::Dev);
    if (!copy) continue;
    bool const across = corpus.streams[copy->stream].dataset != corpus.streams[document.stream].dataset;
    if (across && in == Split::Dev) continue;  // no task chooses by another's dev rows alone
    auto& leak = leaks[{document.split, in, document.stream, copy->stream}];
    ++(copy->similarity == 1.0 ? leak.n_exact : leak.n_near);
    leak.evidence.push_back(evidence_of(corpus, *document.example, *copy->earlier, similarity_text(copy->similarity)));
    if (leak.evidence.size() >= 4 * kShownEvidence) keep_clearest(leak.evidence);
  }
  for (auto& [key, leak] : leaks) {
    auto const [split, in, s, other] = key;
    auto const& stream = corpus.streams[s];
    bool const across = stream.dataset != corpus.streams[other].dataset;
    Finding finding;
    finding.kind = in == Split::Dev ? "dev-in-test" : across ? "leakage-across-tasks" : "leakage";
    finding.tasks = task_names(corpus, stream);
    finding.dataset = stream.dataset;
    finding.n = leak.n_exact + leak.n_near;
    finding.of = stream.of(split).size();
    finding.numbers = {
        {"exact", number(leak.n_exact)}, {"near", number(leak.n_near)}, {"is_test", split == Split::Test ? 1.0 : 0.0}};
    if (across) {
      finding.names = {corpus.streams[other].dataset};
      for (auto const& name : task_names(corpus, corpus.streams[other])) finding.names.push_back(name);
    }
    // The leaked rows are answered from memory; about half of them would have been right anyway. What chooses among
    // checkpoints alone, and the encoder that saw the text with another task's label, know less.
    double const knows = in == Split::Dev || across ? 0.1 : 0.5;
    finding.cost = 100 * knows * static_cast<double>(finding.n) / static_cast<double>(finding.of);
    if (split == Split::Dev) finding.cost /= 5;  // the choice of a checkpoint, not the score that is believed
    finding.bars = {{"exact", static_cast<double>(leak.n_exact) / static_cast<double>(finding.of)},
                    {"near", static_cast<double>(leak.n_near) / static_cast<double>(finding.of)}};
    keep_clearest(leak.evidence);
    finding.evidence = std::move(leak.evidence);
    audit.findings.push_back(std::move(finding));
  }
}

namespace {

/// Copies inside one split of one stream.
std::optional<Finding> duplicates_in(Pool const& pool, std::size_t s, Split split) {
  auto const& corpus = pool.corpus();
  auto const& stream = corpus.streams[s];
  std::size_t n_exact = 0, n_near = 0;
  std::vector<Evidence> evidence;
  for (std::uint32_t g = 0; g < pool.n_groups(); ++g) {
    auto const own = pool.members(g, split, s);
    if (own.empty()) continue;
    auto const& first = *pool.documents()[own.front()].example;
    n_exact += own.size() - 1;
    auto const show = [&](task::Example const& copy, task::Example const& of, double similarity) {
      evidence.push_back(evidence_of(corpus, copy, of, similarity_text(similarity)));
      if (evidence.size() >= 4 * kShownEvidence) keep_clearest(evidence);
    };
    if (own.size() > 1) show(*pool.documents()[own[1]].example, first, 1.0);
    if (pool.near(g) == Pool::kNone) continue;
    auto const near = pool.members(pool.near(g), split, s);
    if (!near.empty() && !differ_in_label(corpus, stream, first, *pool.documents()[near.front()].example)) {
      ++n_near;
      show(first, *pool.documents()[near.front()].example, pool.near_similarity(g));
    }
  }
  auto const n = n_exact + n_near;
  auto const of = stream.of(split).size();
  if (n < kFewest || static_cast<double>(n) < kDuplicatesShare * static_cast<double>(of)) return std::nullopt;
  keep_clearest(evidence);
  Finding finding{.kind = "duplicates", .tasks = task_names(corpus, stream), .dataset = stream.dataset};
  finding.n = n;
  finding.of = of;
  double const share = static_cast<double>(n) / static_cast<double>(of);
  // Rows that count twice in training pull a little; in test they make an interval look narrower than it is.
  finding.cost = 100 * share * (split == Split::Train ? 0.02 : 0.05);
  finding.numbers = {{"exact", number(n_exact)}, {"near", number(n_near)}, {"split", static_cast<double>(split)}};
  finding.evidence = std::move(evidence);
  return finding;
}

/// One text, several labels, for the task at a position of a stream; and texts that are nearly the same.
void find_contradictions(Pool const& pool, std::size_t s, std::size_t position, Audit& audit) {
  auto const& corpus = pool.corpus();
  auto const& stream = corpus.streams[s];
  auto const& task = corpus.tasks[stream.tasks[position]];
  // Of a pair the longer text is nearly all: two questions about one passage are no near copies.
  bool const looks_near = task.type == task::TaskType::Classification && task.text.size() < 2;
  std::size_t n_wrong = 0, n_near = 0, n_labelled = 0, n_texts = 0;
  std::vector<Evidence> evidence, near_evidence;
  std::vector<task::Example const*> rows;
  for (std::uint32_t g = 0; g < pool.n_groups(); ++g) {
    rows.clear();
    for (auto const split : data::kSplits)
      for (auto const d : pool.members(g, split, s))
        if (auto const* example = pool.documents()[d].example; task::is_labelled(example->labels[position]))
          if (task.type != task::TaskType::Tagging || rows.empty() || rows.front()->texts == example->texts)
            rows.push_back(example);
    if (rows.empty()) continue;
    n_labelled += rows.size();
    ++n_texts;
    std::map<std::string, std::size_t> counts;
    auto const name_of = [&](task::Example const& row) {
      auto const& label = row.labels[position];
      if (auto const* spans = std::get_if<std::vector<task::Span>>(&label)) {
        std::string name;
        for (auto const& span : *spans) name += fmt::format("{}-{} {}, ", span.begin, span.end, span.label);
        return name.empty() ? std::string("-") : name.substr(0, name.size() - 2);
      }
      return shown(label);
    };
    std::string const first_label = name_of(*rows.front());
    for (auto const* row : rows) {
      auto const label = rows.size() == 1 ? first_label : name_of(*row);
      if (++counts[label] == 1 && counts.size() == 2)
        evidence.push_back(evidence_of(corpus, *row, *rows.front(), label + " / " + first_label));
    }
    std::size_t most = 0;
    for (auto const& [label, n] : counts) most = std::max(most, n);
    n_wrong += rows.size() - most;
    if (!looks_near || pool.near(g) == Pool::kNone || counts.size() > 1) continue;
    for (auto const split : data::kSplits) {
      auto const near = pool.members(pool.near(g), split, s);
      if (near.empty()) continue;
      auto const& other = *pool.documents()[near.front()].example;
      auto const& label = other.labels[position];
      if (task::is_labelled(label) && shown(label) != first_label) {
        ++n_near;
        near_evidence.push_back(evidence_of(
            corpus, *rows.front(), other,
            fmt::format("{} {} / {}", similarity_text(pool.near_similarity(g)), first_label, shown(label))));
        if (near_evidence.size() >= 4 * kShownEvidence) keep_clearest(near_evidence);
      }
      break;
    }
  }
  auto const add = [&](std::string kind, std::size_t n, std::size_t of, double points,
                       std::vector<Evidence> rows_shown) {
    Finding finding{.kind = std::move(kind), .tasks = {task.name}, .dataset = stream.dataset};
    finding.n = n;
    finding.of = of;
    finding.cost = points * number(n) / number(of);
    if (rows_shown.size() > kShownEvidence) rows_shown.resize(kShownEvidence);
    finding.evidence = std::move(rows_shown);
    audit.findings.push_back(std::move(finding));
  };
  if (n_wrong > 0) add("contradicting-labels", n_wrong, n_labelled, 100, std::move(evidence));
  // One word may well change a label. Many texts that only look alike are worth reading.
  if (n_near < kFewestNear || number(n_near) < kNearShare * number(n_texts)) return;
  keep_clearest(near_evidence);
  add("near-contradictions", n_near, n_texts, 20, std::move(near_evidence));
}

/// Of a class or a set of classes those that are among `names`, as one reads them; "" = none.
std::string common_part(task::Label const& label, std::set<std::string> const& names) {
  if (auto const* one = std::get_if<std::string>(&label)) return names.contains(*one) ? *one : "";
  std::string common;
  for (auto const& name : std::get<std::vector<std::string>>(label))
    if (names.contains(name)) common += (common.empty() ? "" : " | ") + name;
  return common;
}

}  // namespace

void check_copies(Pool const& pool, Audit& audit) {
  auto const& streams = pool.corpus().streams;
  for (std::size_t s = 0; s < streams.size(); ++s) {
    for (auto const split : data::kSplits)
      if (auto finding = is_read_before(pool.corpus(), s) ? std::nullopt : duplicates_in(pool, s, split))
        audit.findings.push_back(std::move(*finding));
    for (std::size_t position = 0; position < streams[s].tasks.size(); ++position)
      find_contradictions(pool, s, position, audit);
  }
}

void check_clashes(Pool const& pool, Audit& audit) {
  auto const& corpus = pool.corpus();
  // Tasks with at least two names in common.
  std::map<std::pair<std::size_t, std::size_t>, std::set<std::string>> shared;
  for (std::size_t a = 0; a < corpus.tasks.size(); ++a)
    for (std::size_t b = a + 1; b < corpus.tasks.size(); ++b) {
      auto const type = corpus.tasks[a].type;
      if ((type != task::TaskType::Classification && type != task::TaskType::Multilabel) ||
          corpus.tasks[b].type != type)
        continue;
      std::set<std::string> names;
      for (auto const& name : corpus.label_sets[a].names())
        if (corpus.label_sets[b].contains(name) && !says_nothing(name)) names.insert(name);
      if (names.size() >= 2) shared[{a, b}] = std::move(names);
    }
  if (shared.empty()) return;
  struct Clash {
    std::size_t n = 0, of = 0;
    std::map<std::string, std::size_t> pairs;
    std::vector<Evidence> evidence;
  };
  std::map<std::pair<std::size_t, std::size_t>, Clash> clashes;
  std::map<std::size_t, std::pair<task::Label const*, task::Example const*>> labels;  // by task, of one group
  for (std::uint32_t g = 0; g < pool.n_groups(); ++g) {
    labels.clear();
    for (auto const d : pool.members(g)) {
      auto const& document = pool.documents()[d];
      auto const& stream = corpus.streams[document.stream];
      for (std::size_t position = 0; position < stream.tasks.size(); ++position)
        if (auto const& label = document.example->labels[position]; task::is_labelled(label))
          labels.try_emplace(stream.tasks[position], &label, document.example);
      if (labels.size() == corpus.tasks.size()) break;
    }
    if (labels.size() < 2) continue;
    for (auto const& [tasks, names] : shared) {
      auto const a = labels.find(tasks.first), b = labels.find(tasks.second);
      if (a == labels.end() || b == labels.end()) continue;
      auto const one = common_part(*a->second.first, names);
      auto const other = common_part(*b->second.first, names);
      // Of classes only names in common can clash; of sets, also to leave one of them out.
      bool const are_sets = std::holds_alternative<std::vector<std::string>>(*a->second.first);
      if (are_sets ? one.empty() && other.empty() : one.empty() || other.empty()) continue;
      auto& clash = clashes[tasks];
      ++clash.of;
      if (one == other) continue;
      ++clash.n;
      auto const shown_of = [](std::string const& part) { return part.empty() ? std::string("-") : part; };
      auto const pair = shown_of(one) + " / " + shown_of(other);
      if (clash.pairs.size() < kMostPairs || clash.pairs.contains(pair)) ++clash.pairs[pair];
      if (clash.evidence.size() < kShownEvidence)
        clash.evidence.push_back(evidence_of(corpus, *a->second.second, *b->second.second, pair));
    }
  }
  for (auto& [tasks, clash] : clashes) {
    double const share = static_cast<double>(clash.n) / static_cast<double>(clash.of);
    if (clash.n < kFewest || share < kClashShare || share > 1 - kAgreementShare) continue;
    Finding finding{.kind = "label-clash", .tasks = {corpus.tasks[tasks.first].name, corpus.tasks[tasks.second].name}};
    finding.n = clash.n;
    finding.of = clash.of;
    finding.cost = 100 * share * 0.5;
    for (auto const& [pair, n] : clash.pairs)
      finding.bars.emplace_back(pair, static_cast<double>(n) / static_cast<double>(clash.of));
    std::stable_sort(finding.bars.begin(), finding.bars.end(),
                     [](auto const& x, auto const& y) { return x.second > y.second; });
    if (finding.bars.size() > 8) finding.bars.resize(8);
    finding.evidence = std::move(clash.evidence);
    audit.findings.push_back(std::move(finding));
  }
}

}  // namespace polytask::audit
