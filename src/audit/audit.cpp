#include "audit/audit.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/internal/checks.h"
#include "base/error.h"

namespace polytask::audit {
namespace {

/// CoNLL tasks read no named columns, and may take their words from different ones.
bool read_the_same(data::Stream const& a, data::Stream const& b) {
  return &a == &b || (a.dataset == b.dataset && a.text == b.text && !a.text.empty());
}

}  // namespace

eval::LabelledRows labelled_rows(data::Corpus const& corpus, std::size_t task, std::optional<data::Split> split) {
  eval::LabelledRows rows;
  for (auto const& stream : corpus.streams) {
    auto const position = std::find(stream.tasks.begin(), stream.tasks.end(), task);
    if (position == stream.tasks.end()) continue;
    for (auto const one : data::kSplits) {
      if (split && one != *split) continue;
      for (auto const& example : stream.of(one)) {
        auto const& label = example.labels[static_cast<std::size_t>(position - stream.tasks.begin())];
        if (!task::is_labelled(label)) continue;
        rows.examples.push_back(&example);
        rows.labels.push_back(label);
      }
    }
  }
  return rows;
}

std::vector<std::string> task_names(data::Corpus const& corpus, data::Stream const& stream) {
  std::vector<std::string> names;
  for (auto const& other : corpus.streams)
    if (read_the_same(other, stream))
      for (auto const t : other.tasks) names.push_back(corpus.tasks[t].name);
  return names;
}

bool is_read_before(data::Corpus const& corpus, std::size_t stream) {
  for (std::size_t other = 0; other < stream; ++other)
    if (read_the_same(corpus.streams[other], corpus.streams[stream])) return true;
  return false;
}

Evidence evidence_of(data::Corpus const& corpus, task::Example const& example, std::string note) {
  return {.where = corpus.where(example), .text = example.texts.at(0), .note = std::move(note)};
}

Evidence evidence_of(data::Corpus const& corpus, task::Example const& example, task::Example const& other,
                     std::string note) {
  auto evidence = evidence_of(corpus, example, std::move(note));
  evidence.other_where = corpus.where(other);
  evidence.other_text = other.texts.at(0);
  return evidence;
}

std::string shown(task::Label const& label) {
  if (auto const* one = std::get_if<std::string>(&label)) return *one;
  if (auto const* value = std::get_if<double>(&label)) return fmt::format("{}", *value);
  if (auto const* several = std::get_if<std::vector<std::string>>(&label))
    return fmt::format("{}", fmt::join(*several, " | "));
  if (auto const* answers = std::get_if<task::Answers>(&label))
    return answers->pieces.empty() ? std::string("-") : answers->pieces.front().text;
  if (auto const* choice = std::get_if<task::Choice>(&label)) return fmt::format("choice {}", choice->index);
  auto const* spans = std::get_if<std::vector<task::Span>>(&label);
  return spans == nullptr ? std::string("-") : fmt::format("{} spans", spans->size());
}

void sort_findings(Audit& audit) {
  std::stable_sort(audit.findings.begin(), audit.findings.end(),
                   [](Finding const& a, Finding const& b) { return a.cost > b.cost; });
}

Audit audit(data::Corpus const& corpus, RowColumns const& columns, std::optional<TokenLimit> const& tokens,
            AuditOptions const& options) {
  expects(options.difference > 0, "a difference is more than nothing");
  Audit found;
  auto const part = [&](char const* what) {
    if (options.on_part) options.on_part(what);
  };
  part("texts that stand twice");
  {
    Pool const pool(corpus);
    check_leakage(pool, found);
    check_copies(pool, found);
    check_clashes(pool, found);
  }
  part("labels that are spelt alike");
  check_labels(corpus, options, found);
  check_noise(corpus, options, found);
  check_spans(corpus, found);
  part("kinds of rows that differ");
  check_slices(corpus, columns, found);
  check_texts(corpus, found);
  if (tokens) part("texts that are too long");
  if (tokens) check_length_limit(corpus, *tokens, found);
  sort_findings(found);
  return found;
}

std::string_view to_string(NotProbed reason) {
  switch (reason) {
    case NotProbed::Span: return "span";
    case NotProbed::Labels: return "labels";
    case NotProbed::Length: return "length";
    case NotProbed::Rows: return "rows";
  }
  expects(false, "every reason has a word");
  return "";
}

}  // namespace polytask::audit
