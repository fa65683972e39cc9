// What the texts are: how long, in which language, and what stands in them that nobody meant to write.
#include <algorithm>
#include <map>

#include "audit/internal/checks.h"
#include "audit/scripts.h"
#include "audit/text_faults.h"
#include "base/utf8.h"
#include "text/encode_choices.h"
#include "text/encode_example.h"

namespace polytask::audit {
namespace {

constexpr double kFaultShare = 0.002;  // of the rows, that make a finding
constexpr std::size_t kFewestFaults = 3;
constexpr double kMainLanguage = 0.8;  // share of a dataset's one script, beside which others are strangers
constexpr double kMainTongue = 0.5;    // the same of a language of Latin letters, which small words do not always tell
constexpr std::size_t kFewestStrangers = 10;
constexpr double kStrangerShare = 0.005;
constexpr double kCutShare = 0.005;

struct Fault {
  std::size_t n = 0;
  std::vector<Evidence> evidence;
  void add(data::Corpus const& corpus, task::Example const& example, std::string note = "") {
    if (++n <= kShownEvidence) evidence.push_back(evidence_of(corpus, example, std::move(note)));
  }
};

std::size_t length_step(std::size_t characters) {
  std::size_t step = 0;
  while (step + 1 < kLengthSteps && characters >= (std::size_t{8} << step)) ++step;
  return step;
}

class StreamTexts {
 public:
  StreamTexts(data::Corpus const& corpus, data::Stream const& stream) : corpus_(corpus), stream_(stream) {
    for (auto const split : data::kSplits)
      for (auto const& example : stream.of(split)) rows_.push_back(&example);
  }

  void check(DatasetFacts& facts, Audit& audit) {
    Fault markup, broken, empty;
    std::map<std::string, std::size_t> languages;
    std::vector<std::string> language_of_rows;
    facts.lengths.resize(kLengthSteps);
    for (auto const* row : rows_) {
      TextFaults faults{.empty = true};
      std::size_t n_characters = 0;
      for (auto const& text : row->texts) {
        auto const found = text_faults(text);
        faults.markup |= found.markup, faults.broken_encoding |= found.broken_encoding, faults.empty &= found.empty;
        n_characters += count_code_points(text);
      }
      if (faults.markup) markup.add(corpus_, *row);
      if (faults.broken_encoding) broken.add(corpus_, *row);
      if (faults.empty) empty.add(corpus_, *row);
      ++facts.lengths[length_step(n_characters)];
      language_of_rows.push_back(language_of(row->texts[0]));
      ++languages[language_of_rows.back()];
    }
    add(audit, "empty-texts", std::move(empty), 1.0);
    add(audit, "broken-encoding", std::move(broken), 0.3);
    add(audit, "markup", std::move(markup), 0.1);
    check_languages(languages, language_of_rows, audit);
    check_boilerplate(audit);
    for (auto const& [language, n] : languages) facts.languages.emplace_back(language, n);
    std::stable_sort(facts.languages.begin(), facts.languages.end(),
                     [](auto const& a, auto const& b) { return a.second > b.second; });
  }

 private:
  [[nodiscard]] double share(std::size_t n) const { return static_cast<double>(n) / static_cast<double>(rows_.size()); }

  void add(Audit& audit, std::string kind, Fault fault, double weight) {
    if (fault.n < kFewestFaults || share(fault.n) < kFaultShare) return;
    Finding finding{.kind = std::move(kind), .tasks = task_names(corpus_, stream_), .dataset = stream_.dataset};
    finding.n = fault.n;
    finding.of = rows_.size();
    finding.cost = 100 * share(fault.n) * weight;
    finding.evidence = std::move(fault.evidence);
    audit.findings.push_back(std::move(finding));
  }

  /// A few rows of another script, or of another language, among many of one.
  void check_languages(std::map<std::string, std::size_t> const& languages, std::vector<std::string> const& of_rows,
                       Audit& audit) {
    auto const script = [](std::string const& language) { return language.substr(0, language.find('-')); };
    std::map<std::string, std::size_t> scripts;
    for (auto const& [language, n] : languages)
      if (language != "none") scripts[script(language)] += n;
    auto const larger = [](auto const& a, auto const& b) { return a.second < b.second; };
    auto const main = std::max_element(scripts.begin(), scripts.end(), larger);
    if (main == scripts.end() || share(main->second) < kMainLanguage) return;
    auto const tongue = std::max_element(languages.begin(), languages.end(), larger);
    bool const has_tongue = tongue->first.find('-') != std::string::npos && share(tongue->second) >= kMainTongue;
    std::map<std::string, std::size_t> strangers;
    auto const is_stranger = [&](std::string const& language) {
      if (language == "none") return false;
      // Japanese without kana is short: a name, a heading.
      if (main->first == "japanese" && (language == "han" || script(language) == "latin")) return false;
      if (script(language) != main->first) return true;
      return has_tongue && language.find('-') != std::string::npos && language != tongue->first;
    };
    std::size_t n = 0;
    for (auto const& [language, count] : languages)
      if (is_stranger(language)) strangers[language] = count, n += count;
    if (n < kFewestStrangers || share(n) < kStrangerShare) return;
    Fault fault;
    for (std::size_t i = 0; i < rows_.size(); ++i)
      if (is_stranger(of_rows[i])) fault.add(corpus_, *rows_[i], of_rows[i]);
    Finding finding{.kind = "mixed-languages", .tasks = task_names(corpus_, stream_), .dataset = stream_.dataset};
    finding.n = n;
    finding.of = rows_.size();
    finding.names = {has_tongue ? tongue->first : main->first};
    finding.cost = 100 * share(n) * 0.3;
    for (auto const& [language, count] : languages)
      if (language != "none") finding.bars.emplace_back(language, share(count));
    std::stable_sort(finding.bars.begin(), finding.bars.end(),
                     [](auto const& a, auto const& b) { return a.second > b.second; });
    if (finding.bars.size() > 8) finding.bars.resize(8);
    finding.evidence = std::move(fault.evidence);
    audit.findings.push_back(std::move(finding));
  }

  void check_boilerplate(Audit& audit) {
    auto const text_of = [&](std::size_t i) -> std::string_view { return rows_[i]->texts[0]; };
    for (auto const& found : boilerplate(rows_.size(), text_of)) {
      Fault fault;
      for (auto const i : found.texts) fault.add(corpus_, *rows_[i]);
      Finding finding{.kind = "boilerplate", .tasks = task_names(corpus_, stream_), .dataset = stream_.dataset};
      finding.n = found.texts.size();
      finding.of = rows_.size();
      finding.names = {found.words};
      finding.numbers = {{"at_end", found.at_end ? 1.0 : 0.0}};
      finding.cost = 100 * share(finding.n) * 0.05;
      finding.evidence = std::move(fault.evidence);
      audit.findings.push_back(std::move(finding));
    }
  }

  data::Corpus const& corpus_;
  data::Stream const& stream_;
  std::vector<task::Example const*> rows_;
};

}  // namespace

void check_texts(data::Corpus const& corpus, Audit& audit) {
  for (auto const& dataset : corpus.datasets) {
    DatasetFacts facts{.name = dataset.name, .n = dataset.n_rows};
    bool is_first = true;  // other columns of the same rows add findings, not facts
    for (std::size_t s = 0; s < corpus.streams.size(); ++s) {
      auto const& stream = corpus.streams[s];
      if (stream.dataset != dataset.name || is_read_before(corpus, s)) continue;
      DatasetFacts other;
      StreamTexts(corpus, stream).check(is_first ? facts : other, audit);
      is_first = false;
    }
    audit.datasets.push_back(std::move(facts));
  }
}

void check_length_limit(data::Corpus const& corpus, TokenLimit const& tokens, Audit& audit) {
  for (auto const& stream : corpus.streams) {
    if (task::reads_passages(corpus.tasks[stream.tasks.front()])) continue;  // read in windows, whole
    std::size_t n_rows = 0, n_cut = 0, n_spans = 0, n_lost_spans = 0;
    double n_kept_tokens = 0, n_lost_tokens = 0;
    std::vector<std::pair<std::size_t, task::Example const*>> worst;
    for (auto const split : data::kSplits)
      for (auto const& example : stream.of(split)) {
        ++n_rows;
        if (task::reads_choices(corpus.tasks[stream.tasks.front()])) {
          auto const encodings = text::encode_choices(tokens.tokenizer, example, tokens.max_length);
          auto const n_dropped = text::n_dropped(encodings);
          if (n_dropped == 0) continue;
          ++n_cut;
          n_kept_tokens += static_cast<double>(tokens.max_length);
          n_lost_tokens += static_cast<double>(n_dropped);
          worst.emplace_back(n_dropped, &example);
          continue;
        }
        auto const encoding = text::encode_example(tokens.tokenizer, example, tokens.max_length);
        std::size_t end = 0;  // of what is read of the first text
        for (std::size_t i = 0; i < encoding.size(); ++i)
          if (encoding.text_index[i] == 0) end = std::max(end, encoding.offsets[i].end);
        for (auto const& label : example.labels)
          if (auto const* spans = std::get_if<std::vector<task::Span>>(&label))
            for (auto const& span : *spans) ++n_spans, n_lost_spans += encoding.truncated() && span.end > end;
        if (!encoding.truncated()) continue;
        ++n_cut;
        n_kept_tokens += static_cast<double>(encoding.size());
        n_lost_tokens += static_cast<double>(encoding.n_dropped);
        worst.emplace_back(encoding.n_dropped, &example);
      }
    if (n_cut == 0 || static_cast<double>(n_cut) < kCutShare * static_cast<double>(n_rows)) continue;
    Finding finding{.kind = "texts-cut", .tasks = task_names(corpus, stream), .dataset = stream.dataset};
    finding.n = n_cut;
    finding.of = n_rows;
    double const lost = n_lost_tokens / (n_lost_tokens + n_kept_tokens);
    finding.numbers = {{"max_length", static_cast<double>(tokens.max_length)},
                       {"lost", lost},
                       {"spans", number(n_spans)},
                       {"lost_spans", number(n_lost_spans)}};
    finding.cost =
        100 * std::max(static_cast<double>(n_cut) / static_cast<double>(n_rows) * lost * 0.5,
                       n_spans == 0 ? 0.0 : static_cast<double>(n_lost_spans) / static_cast<double>(n_spans));
    std::stable_sort(worst.begin(), worst.end(), [](auto const& a, auto const& b) { return a.first > b.first; });
    for (std::size_t i = 0; i < std::min(worst.size(), kShownEvidence); ++i)
      finding.evidence.push_back(evidence_of(corpus, *worst[i].second, "- " + std::to_string(worst[i].first)));
    audit.findings.push_back(std::move(finding));
  }
}

}  // namespace polytask::audit
