// Warnings that need the whole corpus: what training would survive and the user should know.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"
#include "data/corpus.h"
#include "data/features.h"

namespace polytask::data {
namespace {

constexpr std::size_t kFewRows = 5;

/// The text without what people change when they copy: case, white space, punctuation (of ASCII).
std::string key_of(task::Example const& example) {
  std::string key;
  for (auto const& text : example.texts) {
    bool gap = false;
    for (char const c : text) {
      bool const letter = static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
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

bool says_something(std::string const& key) { return key.find_first_not_of(std::string_view(" \x1f")) != std::string::npos; }

struct Place {
  std::size_t stream = 0;
  task::Example const* example = nullptr;
};

class Checker {
 public:
  explicit Checker(Corpus const& corpus) : corpus_(corpus) {}

  std::vector<Problem> run() {
    index(Split::Train, training_);
    index(Split::Dev, dev_);
    check_leakage();
    check_duplicates();
    check_rare_labels();
    return std::move(problems_);
  }

 private:
  void warn(std::string kind, std::string where, std::string message) { problems_.push_back({Severity::Warning, std::move(kind), std::move(where), std::move(message)}); }

  void index(Split split, std::unordered_map<std::string, Place>& places) const {
    for (std::size_t s = 0; s < corpus_.streams.size(); ++s)
      for (auto const& example : corpus_.streams[s].of(split))
        if (auto key = key_of(example); says_something(key)) places.emplace(std::move(key), Place{s, &example});
  }

  void check_leakage() {
    for (std::size_t s = 0; s < corpus_.streams.size(); ++s)
      for (auto const split : {Split::Test, Split::Dev})
        for (auto const& example : corpus_.streams[s].of(split)) {
          auto const key = key_of(example);
          auto const found = training_.find(key);
          if (found == training_.end()) {
            if (auto const chosen_by = dev_.find(key); split == Split::Test && chosen_by != dev_.end())
              warn("leakage", corpus_.where(example), fmt::format("the test text {} also stands in dev ({}), which chooses the checkpoint; remove one of them", quote(example.texts[0]), corpus_.where(*chosen_by->second.example)));
            continue;
          }
          auto const& other = corpus_.streams[found->second.stream];
          bool const across = other.dataset != corpus_.streams[s].dataset;
          warn(across ? "leakage-across-tasks" : "leakage", corpus_.where(example),
               fmt::format("the {} text {} also stands in training{} ({}); its score will be too good, remove one of them", to_string(split), quote(example.texts[0]),
                           across ? fmt::format(" of dataset {}", quote(other.dataset)) : std::string(), corpus_.where(*found->second.example)));
        }
  }

  void check_duplicates() {
    for (auto const& stream : corpus_.streams)
      for (auto const split : kSplits) {
        std::unordered_map<std::string, task::Example const*> seen;
        for (auto const& example : stream.of(split)) {
          auto key = key_of(example);
          if (!says_something(key)) {
            warn("empty-text", corpus_.where(example), "the text holds no letter and no digit; nothing can be learned from it");
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
      if (std::holds_alternative<std::vector<task::Span>>(a) && first.texts != second.texts) continue;  // other bytes, other spans
      contradicts = true;
      warn("contradicting-labels", corpus_.where(second), fmt::format("the text {} has another label for task {} than at {}; decide which is right", quote(second.texts[0]), quote(corpus_.tasks[stream.tasks[position]].name), corpus_.where(first)));
    }
    if (!contradicts) warn("duplicate", corpus_.where(second), fmt::format("the text {} stands already at {}; it counts twice", quote(second.texts[0]), corpus_.where(first)));
  }

  void check_rare_labels() {
    for (std::size_t t = 0; t < corpus_.tasks.size(); ++t) {
      std::map<std::string, std::size_t> counts;
      for (auto const& name : corpus_.label_sets[t].names()) counts[name] = 0;
      for (auto const& stream : corpus_.streams)
        for (std::size_t position = 0; position < stream.tasks.size(); ++position) {
          if (stream.tasks[position] != t) continue;
          for (auto const& example : stream.of(Split::Train)) count(example.labels[position], counts);
        }
      for (auto const& [name, n] : counts)
        if (n < kFewRows)
          warn("rare-label", fmt::format("task {}", quote(corpus_.tasks[t].name)), fmt::format("label {} has {} training row{}; below {} it will hardly be learned, add rows or merge it with another label", quote(name), n, n == 1 ? "" : "s", kFewRows));
    }
  }

  static void count(task::Label const& label, std::map<std::string, std::size_t>& counts) {
    auto const add = [&](std::string const& name) {
      if (auto const found = counts.find(name); found != counts.end()) ++found->second;
    };
    if (auto const* one = std::get_if<std::string>(&label)) add(*one);
    if (auto const* several = std::get_if<std::vector<std::string>>(&label)) std::for_each(several->begin(), several->end(), add);
    if (auto const* spans = std::get_if<std::vector<task::Span>>(&label))
      for (auto const& span : *spans) add(span.label);
  }

  Corpus const& corpus_;
  std::unordered_map<std::string, Place> training_;
  std::unordered_map<std::string, Place> dev_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> check_corpus(Corpus const& corpus) { return Checker(corpus).run(); }

std::vector<Problem> check_lengths(Corpus const& corpus, text::Tokenizer const& tokenizer, std::size_t max_length) {
  std::vector<Problem> problems;
  for (auto const& stream : corpus.streams)
    for (auto const split : kSplits)
      for (auto const& example : stream.of(split))
        if (auto const encoding = encode_example(tokenizer, example, max_length); encoding.truncated())
          problems.push_back({Severity::Warning, "text-cut", corpus.where(example),
                              fmt::format("the text has {} tokens, {} more than train.max_length ({}) keeps; raise it or shorten the text", encoding.size() + encoding.n_dropped, encoding.n_dropped, max_length)});
  return problems;
}

}  // namespace polytask::data
