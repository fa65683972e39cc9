// Words that are tagged nearly everywhere they stand, and in some rows not.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "audit/internal/checks.h"

namespace polytask::audit {
namespace {

constexpr std::size_t kMostWords = 5;         // of a span
constexpr std::size_t kFewestTagged = 5;      // occurrences with one label
constexpr double kTaggedShare = 0.85;         // of all occurrences: below, the words have other meanings too
constexpr double kInconsistentShare = 0.002;  // of all spans; less is not worth a line
constexpr std::size_t kFewestBytes = 4;

/// The given words of a sentence, or runs between white space without marks around them.
std::vector<task::ByteRange> units_of(task::Example const& example) {
  if (!example.words.empty()) return example.words;
  std::vector<task::ByteRange> units;
  auto const& text = example.texts[0];
  auto const is_mark = [&](std::size_t at) {
    return std::string_view(".,;:!?()[]\"'").find(text[at]) != std::string_view::npos;
  };
  for (std::size_t at = 0; at < text.size();) {
    auto begin = text.find_first_not_of(" \t\n", at);
    if (begin == std::string::npos) break;
    auto end = std::min(text.find_first_of(" \t\n", begin), text.size());
    at = end;
    while (begin < end && is_mark(begin)) ++begin;
    while (end > begin && is_mark(end - 1)) --end;
    if (begin < end) units.push_back({begin, end});
  }
  return units;
}

struct Surface {
  std::map<std::string, std::size_t> labels;
  std::size_t n_untagged = 0;
};
using Surfaces = std::unordered_map<std::string, Surface>;

std::vector<task::Span> const* spans_of(task::Example const& example, std::size_t position) {
  return std::get_if<std::vector<task::Span>>(&example.labels[position]);
}

/// Calls visit(surface, words) for every run of words that is known and touches no span.
template <typename Visit>
void for_each_untagged(task::Example const& example, std::vector<task::Span> const& spans, Surfaces& surfaces,
                       Visit const& visit) {
  auto const units = units_of(example);
  auto const& text = example.texts[0];
  for (std::size_t i = 0; i < units.size(); ++i)
    for (std::size_t j = std::min(units.size(), i + kMostWords); j > i; --j) {
      task::ByteRange const words{units[i].begin, units[j - 1].end};
      auto const found = surfaces.find(text.substr(words.begin, words.end - words.begin));
      if (found == surfaces.end()) continue;
      bool const touches = std::any_of(spans.begin(), spans.end(), [&](auto const& span) {
        return span.begin < words.end && words.begin < span.end;
      });
      if (!touches) visit(found->second, words);
      break;  // the longest counts
    }
}

void check_task(data::Corpus const& corpus, std::size_t t, Audit& audit) {
  Surfaces surfaces;
  std::size_t n_spans = 0;
  auto const for_each_row = [&](auto const& use) {
    for (auto const& stream : corpus.streams)
      for (std::size_t position = 0; position < stream.tasks.size(); ++position)
        if (stream.tasks[position] == t)
          for (auto const split : data::kSplits)
            for (auto const& example : stream.of(split))
              if (auto const* spans = spans_of(example, position)) use(example, *spans);
  };
  for_each_row([&](task::Example const& example, std::vector<task::Span> const& spans) {
    n_spans += spans.size();
    for (auto const& span : spans)
      if (span.end - span.begin >= kFewestBytes)
        ++surfaces[example.texts[0].substr(span.begin, span.end - span.begin)].labels[span.label];
  });
  for_each_row([&](task::Example const& example, std::vector<task::Span> const& spans) {
    for_each_untagged(example, spans, surfaces, [](Surface& surface, task::ByteRange) { ++surface.n_untagged; });
  });
  Finding finding{.kind = "span-inconsistent", .tasks = {corpus.tasks[t].name}};
  auto const label_of = [](Surface const& surface) -> std::string {
    auto const best = std::max_element(surface.labels.begin(), surface.labels.end(),
                                       [](auto const& a, auto const& b) { return a.second < b.second; });
    std::size_t n_all = surface.n_untagged;
    for (auto const& [label, n] : surface.labels) n_all += n;
    bool const is_clear =
        best->second >= kFewestTagged && static_cast<double>(best->second) >= kTaggedShare * static_cast<double>(n_all);
    return is_clear ? best->first : "";
  };
  auto const add = [&](task::Example const& example, task::ByteRange words, std::string const& note) {
    ++finding.n;
    if (finding.evidence.size() == kShownEvidence) return;
    auto evidence = evidence_of(corpus, example, note);
    evidence.other_text = example.texts[0].substr(words.begin, words.end - words.begin);
    finding.evidence.push_back(std::move(evidence));
  };
  for_each_row([&](task::Example const& example, std::vector<task::Span> const& spans) {
    for_each_untagged(example, spans, surfaces, [&](Surface const& surface, task::ByteRange words) {
      if (auto const label = label_of(surface); !label.empty()) add(example, words, "O -> " + label);
    });
    for (auto const& span : spans) {
      auto const found = surfaces.find(example.texts[0].substr(span.begin, span.end - span.begin));
      if (found == surfaces.end()) continue;
      if (auto const label = label_of(found->second); !label.empty() && label != span.label)
        add(example, {span.begin, span.end}, span.label + " -> " + label);
    }
  });
  if (finding.n < kFewestTagged || static_cast<double>(finding.n) < kInconsistentShare * static_cast<double>(n_spans))
    return;
  finding.of = n_spans;
  finding.cost = 100 * static_cast<double>(finding.n) / static_cast<double>(n_spans);
  audit.findings.push_back(std::move(finding));
}

}  // namespace

void check_spans(data::Corpus const& corpus, Audit& audit) {
  for (std::size_t t = 0; t < corpus.tasks.size(); ++t)
    if (corpus.tasks[t].type == task::TaskType::Tagging) check_task(corpus, t, audit);
}

}  // namespace polytask::audit
