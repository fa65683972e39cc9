// Warnings that need the whole corpus: what training would survive and the user should know.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "data/corpus.h"
#include "data/features.h"
#include "data/internal/answer_fit.h"
#include "data/internal/repeats.h"
#include "task/tagging.h"
#include "text/encode_choices.h"
#include "text/encode_example.h"

namespace polytask::data {
namespace {

constexpr std::size_t kFewRows = 5;

/// The text without what people change when they copy: case, white space, punctuation (of ASCII).
std::string key_of(task::Example const& example) {
  std::string key;
  for (auto const& text : example.texts) {
    bool gap = false;
    for (char const c : text) {
      bool const letter = static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z');
      if (!letter) {
        gap = gap || c == ' ' || c == '\t' || c == '\n' || c == '\r';
        continue;
      }
      if (gap && !key.empty()) key.push_back(' ');
      gap = false;
      key.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
    }
    key.push_back('\x1f');  // the border of a pair
  }
  return key;
}

bool says_something(std::string const& key) {
  return key.find_first_not_of(std::string_view(" \x1f")) != std::string::npos;
}

/// The first row with each text, by dataset.
using Places = std::map<std::string, std::unordered_map<std::string, task::Example const*>>;

struct Place {
  std::string const* dataset = nullptr;
  task::Example const* example = nullptr;
};

/// In the dataset itself before any other: the nearer leak is the worse one.
std::optional<Place> find(Places const& places, std::string const& dataset, std::string const& key) {
  auto const look_in = [&](Places::value_type const& entry) -> std::optional<Place> {
    auto const found = entry.second.find(key);
    return found == entry.second.end() ? std::nullopt : std::optional(Place{&entry.first, found->second});
  };
  if (auto const own = places.find(dataset); own != places.end())
    if (auto const place = look_in(*own)) return place;
  for (auto const& entry : places)
    if (auto const place = look_in(entry)) return place;
  return std::nullopt;
}

class Checker {
 public:
  explicit Checker(Corpus const& corpus) : corpus_(corpus) {}

  std::vector<Problem> run() {
    index(Split::Train, training_);
    index_unlabelled();
    index(Split::Dev, dev_);
    check_leakage();
    check_duplicates();
    check_rare_labels();
    return std::move(problems_);
  }

 private:
  void warn(std::string kind, std::string where, std::string message) {
    problems_.push_back({Severity::Warning, std::move(kind), std::move(where), std::move(message)});
  }

  void index(Split split, Places& places) const {
    for (auto const& stream : corpus_.streams)
      for (auto const& example : stream.of(split))
        if (auto key = key_of(example); says_something(key)) places[stream.dataset].emplace(std::move(key), &example);
  }

  /// Each text alone: what hidden words are learnt from has been seen too.
  void index_unlabelled() {
    for (auto const& streams : corpus_.unlabelled)
      for (auto const& stream : streams)
        for (auto const& example : stream.of(Split::Train))
          for (auto const& text : example.texts)
            if (auto key = key_of({.texts = {text}}); says_something(key))
              training_[stream.dataset].emplace(std::move(key), &example);
  }

  void check_leakage() {
    for (auto const& stream : corpus_.streams)
      for (auto const split : {Split::Test, Split::Dev})
        for (auto const& example : stream.of(split)) {
          auto const key = key_of(example);
          auto const found = find(training_, stream.dataset, key);
          if (!found) {
            if (auto const chosen_by = split == Split::Test ? find(dev_, stream.dataset, key) : std::nullopt)
              warn("leakage", corpus_.where(example),
                   fmt::format(
                       "the test text {} also stands in dev ({}), which chooses the checkpoint; remove one of them",
                       quote(example.texts[0]), corpus_.where(*chosen_by->example)));
            continue;
          }
          bool const across = *found->dataset != stream.dataset;
          warn(across ? "leakage-across-tasks" : "leakage", corpus_.where(example),
               fmt::format(
                   "the {} text {} also stands in training{} ({}); its score will be too good, remove one of them",
                   to_string(split), quote(example.texts[0]),
                   across ? fmt::format(" of dataset {}", quote(*found->dataset)) : std::string(),
                   corpus_.where(*found->example)));
        }
  }

  void check_duplicates() {
    for (auto const& stream : corpus_.streams)
      for (auto const split : kSplits) {
        std::unordered_map<std::string, task::Example const*> seen;
        for (auto const& example : stream.of(split)) {
          auto key = key_of(example);
          if (!says_something(key)) {
            warn("empty-text", corpus_.where(example),
                 "the text holds no letter and no digit; nothing can be learned from it");
            continue;
          }
          auto const [found, is_new] = seen.emplace(std::move(key), &example);
          if (!is_new) compare(stream, *found->second, example);
        }
      }
  }

  void compare(Stream const& stream, task::Example const& first, task::Example const& second) {
    bool contradicts = false;
    for (std::size_t position = 0; position < stream.tasks.size(); ++position) {
      auto const& a = first.labels[position];
      auto const& b = second.labels[position];
      if (!task::is_labelled(a) || !task::is_labelled(b) || a == b) continue;
      bool const has_places =
          std::holds_alternative<std::vector<task::Span>>(a) || std::holds_alternative<task::Answers>(a);
      if (has_places && first.texts != second.texts) continue;  // other bytes, other spans
      contradicts = true;
      warn(
          "contradicting-labels", corpus_.where(second),
          fmt::format("the text {} has another label for task {} than at {}; decide which is right",
                      quote(second.texts[0]), quote(corpus_.tasks[stream.tasks[position]].name), corpus_.where(first)));
    }
    if (!contradicts)
      warn("duplicate", corpus_.where(second),
           fmt::format("the text {} stands already at {}; it counts twice", quote(second.texts[0]),
                       corpus_.where(first)));
  }

  void check_rare_labels() {
    for (std::size_t t = 0; t < corpus_.tasks.size(); ++t) {
      std::map<std::string, std::size_t> counts;
      for (auto const& name : corpus_.label_sets[t].names()) counts[name] = 0;
      std::map<std::string, std::string> places;  // of a row with each label
      for (auto const& stream : corpus_.streams)
        for (std::size_t position = 0; position < stream.tasks.size(); ++position) {
          if (stream.tasks[position] != t) continue;
          for (auto const& example : stream.of(Split::Train)) {
            count(example.labels[position], counts);
            if (auto const* name = std::get_if<std::string>(&example.labels[position]);
                name != nullptr && counts[*name] == 1)
              places[*name] = corpus_.where(example);
          }
        }
      std::vector<std::string> common;
      for (auto const& [name, n] : counts)
        if (n >= kFewRows) common.push_back(name);
      for (auto const& [name, n] : counts)
        if (n < kFewRows)
          warn("rare-label", fmt::format("task {}", quote(corpus_.tasks[t].name)),
               fmt::format("label {} has {} training row{}{}; below {} it will hardly be learned, add rows or merge it "
                           "with another label{}",
                           quote(name), n, n == 1 ? "" : "s",
                           n == 1 && places.contains(name) ? " (" + places[name] + ")" : "", kFewRows,
                           did_you_mean(name, common)));
    }
  }

  static void count(task::Label const& label, std::map<std::string, std::size_t>& counts) {
    auto const add = [&](std::string const& name) {
      if (auto const found = counts.find(name); found != counts.end()) ++found->second;
    };
    if (auto const* one = std::get_if<std::string>(&label)) add(*one);
    if (auto const* several = std::get_if<std::vector<std::string>>(&label))
      std::for_each(several->begin(), several->end(), add);
    if (auto const* spans = std::get_if<std::vector<task::Span>>(&label))
      for (auto const& span : *spans) add(span.label);
  }

  Corpus const& corpus_;
  Places training_;
  Places dev_;
  std::vector<Problem> problems_;
};

/// How the spans of one task fit the tokens.
struct SpanFit {
  std::size_t n_spans = 0;    ///< that the length limit leaves
  std::size_t n_widened = 0;  ///< kept with other borders
  std::size_t n_lost = 0;
  std::optional<std::string> first;  ///< that does not fit: its text and place

  void add(Corpus const& corpus, task::Example const& example, task::LabelSet const& labels,
           task::Encoding const& encoding, std::vector<task::Span> const& spans) {
    auto const units = task::tagged_units(encoding, example);
    auto const kept = task::spans_of_units(units, task::tags_of_units(units, spans, labels), labels);
    for (auto const& span : spans) {
      bool const is_cut = encoding.truncated() && (units.empty() || units.back().bytes.end < span.end);
      if (is_cut || !labels.contains(span.label)) continue;  // found by other checks
      ++n_spans;
      if (std::find(kept.begin(), kept.end(), span) != kept.end()) continue;
      bool const overlaps = std::any_of(kept.begin(), kept.end(), [&](auto const& other) {
        return other.label == span.label && other.begin < span.end && span.begin < other.end;
      });
      ++(overlaps ? n_widened : n_lost);
      if (!first)
        first = fmt::format("{} at {}", quote(example.texts[0].substr(span.begin, span.end - span.begin)),
                            corpus.where(example));
    }
  }

  [[nodiscard]] std::optional<Problem> problem(std::string const& task) const {
    if (!first) return std::nullopt;
    auto const lost =
        n_lost == 0
            ? std::string()
            : fmt::format(
                  "; {} of them share all their tokens with another span, or have none, and are not learned at all",
                  n_lost);
    return Problem{Severity::Warning, "span-inside-token", fmt::format("task {}", quote(task)),
                   fmt::format("{} of {} spans begin or end inside a token, or have none of their own ({}); no answer "
                               "can have their borders{}; move the borders, or choose another encoder",
                               n_widened + n_lost, n_spans, *first, lost)};
  }
};

/// Of a text with its choices, the pair that loses most.
std::optional<Problem> cut_choice(Corpus const& corpus, text::Tokenizer const& tokenizer, task::Example const& example,
                                  std::size_t max_length) {
  auto const encodings = text::encode_choices(tokenizer, example, max_length);
  auto const n_dropped = text::n_dropped(encodings);
  if (n_dropped == 0) return std::nullopt;
  return Problem{
      Severity::Warning, "text-cut", corpus.where(example),
      fmt::format("the text and its longest choice have {} tokens, {} more than train.max_length ({}) keeps; "
                  "raise it or shorten the text",
                  max_length + n_dropped, n_dropped, max_length)};
}

}  // namespace

std::vector<Problem> check_corpus(Corpus const& corpus) { return without_repeats(Checker(corpus).run()); }

std::vector<Problem> check_tokens(Corpus const& corpus, text::Tokenizer const& tokenizer, std::size_t max_length) {
  std::vector<Problem> problems;
  std::vector<SpanFit> fits(corpus.tasks.size());
  std::vector<AnswerFit> answers(corpus.tasks.size());
  for (auto const& stream : corpus.streams)
    for (auto const split : kSplits)
      for (auto const& example : stream.of(split)) {
        if (auto const& task = corpus.tasks[stream.tasks.front()]; task::reads_passages(task)) {
          auto const passage = text::encode_passage(tokenizer, example, passage_options(task, max_length));
          for (std::size_t position = 0; position < stream.tasks.size(); ++position)
            answers[stream.tasks[position]].add(corpus, stream.tasks[position], example, example.labels[position],
                                                passage);
          continue;
        }
        if (task::reads_choices(corpus.tasks[stream.tasks.front()])) {
          if (auto problem = cut_choice(corpus, tokenizer, example, max_length))
            problems.push_back(std::move(*problem));
          continue;
        }
        auto const encoding = text::encode_example(tokenizer, example, max_length);
        if (encoding.truncated())
          problems.push_back(
              {Severity::Warning, "text-cut", corpus.where(example),
               fmt::format("the {} {} tokens, {} more than train.max_length ({}) keeps{}; raise it or shorten the text",
                           example.apart ? "two texts have" : "text has", encoding.size() + encoding.n_dropped,
                           encoding.n_dropped, max_length, example.apart ? " of each" : "")});
        for (std::size_t position = 0; position < stream.tasks.size(); ++position)
          if (auto const* spans = std::get_if<std::vector<task::Span>>(&example.labels[position]))
            fits[stream.tasks[position]].add(corpus, example, corpus.label_sets[stream.tasks[position]], encoding,
                                             *spans);
      }
  for (std::size_t t = 0; t < fits.size(); ++t)
    if (auto problem = fits[t].problem(corpus.tasks[t].name)) problems.push_back(std::move(*problem));
  for (std::size_t t = 0; t < answers.size(); ++t)
    for (auto& problem : answers[t].problems(corpus.tasks[t], max_length)) problems.push_back(std::move(problem));
  return without_repeats(std::move(problems));
}

}  // namespace polytask::data
