#include "text/wordpiece_trainer.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/utf8.h"
#include "text/internal/normalizer.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::text {
namespace {

using Symbol = std::int32_t;
using Pair = std::pair<Symbol, Symbol>;

struct PairHash {
  std::size_t operator()(Pair const& pair) const noexcept {
    return static_cast<std::size_t>(static_cast<std::uint64_t>(static_cast<std::uint32_t>(pair.first)) << 32 |
                                    static_cast<std::uint32_t>(pair.second)) *
           0x9E3779B97F4A7C15ULL;
  }
};

/// A distinct word as symbols, and how often it occurs.
struct CountedWord {
  std::vector<Symbol> symbols;
  std::int64_t count = 0;
};

std::map<std::string, std::int64_t> count_words(std::span<std::string_view const> texts,
                                                WordPieceConfig const& config) {
  std::unordered_map<std::string, std::int64_t> counts;
  WordCutter cutter({config.clean_text, config.handle_chinese_chars, config.strip_accents, config.lowercase});
  for (auto const text : texts) {
    cutter.start(text, 0, text.size());
    while (auto const* word = cutter.next())
      if (word->n_code_points <= config.max_code_points) ++counts[word->bytes];
  }
  return {counts.begin(), counts.end()};  // sorted: the order of a hash table must not decide anything
}

std::vector<std::string> characters_of(std::string_view word) {
  std::vector<std::string> characters;
  for (std::size_t at = 0; at < word.size();) {
    auto const decoded = decode_utf8(word, at);
    characters.emplace_back(word.substr(at, decoded.n_bytes));
    at += decoded.n_bytes;
  }
  return characters;
}

class Merger {
 public:
  /// Merges are learnt from `words`, letters from `others` too.
  Merger(std::map<std::string, std::int64_t> const& words, std::map<std::string, std::int64_t> const& others,
         WordPieceTrainerOptions const& options, std::vector<std::string>& tokens)
      : options_(options), tokens_(tokens) {
    add_alphabet(words, others);
    for (auto const& [word, count] : others) (void)symbols_of(word);
    for (auto const& [word, count] : words) add_word(word, count);
    for (std::size_t w = 0; w < words_.size(); ++w)
      for (std::size_t i = 0; i + 1 < words_[w].symbols.size(); ++i)
        change({words_[w].symbols[i], words_[w].symbols[i + 1]}, words_[w].count, w);
    for (auto const& [pair, count] : counts_) push(pair, count);
  }

  void run() {
    while (tokens_.size() < options_.vocab_size && !heap_.empty()) {
      auto const best = heap_.top();
      heap_.pop();
      auto const current = counts_[best.pair];
      if (current != best.count) {  // its count has changed since it was pushed
        if (current > 0) push(best.pair, current);
        continue;
      }
      if (current < options_.min_frequency) break;
      merge(best.pair);
    }
  }

 private:
  struct Candidate {
    std::int64_t count;
    Pair pair;
    std::string const* first;
    std::string const* second;
  };
  struct Worse {
    bool operator()(Candidate const& a, Candidate const& b) const {
      if (a.count != b.count) return a.count < b.count;
      if (*a.first != *b.first) return *a.first > *b.first;
      return *a.second > *b.second;
    }
  };

  Symbol symbol_of(std::string const& token) {
    auto const [found, is_new] = ids_.emplace(token, static_cast<Symbol>(tokens_.size()));
    if (is_new) tokens_.push_back(token);
    return found->second;
  }

  void add_alphabet(std::map<std::string, std::int64_t> const& words,
                    std::map<std::string, std::int64_t> const& others) {
    std::map<std::string, std::int64_t> alphabet;
    for (auto const* some : {&words, &others})
      for (auto const& [word, count] : *some)
        for (auto const& character : characters_of(word)) alphabet[character] += count;
    std::vector<std::pair<std::int64_t, std::string>> by_count;
    for (auto const& [character, count] : alphabet) by_count.emplace_back(-count, character);
    std::sort(by_count.begin(), by_count.end());
    // Every character needs its place at the beginning of a word and inside one.
    std::size_t const room = options_.vocab_size > tokens_.size() ? (options_.vocab_size - tokens_.size()) / 2 : 0;
    by_count.resize(std::min({by_count.size(), options_.max_alphabet, room}));
    for (auto const& [count, character] : by_count) known_.insert(character);
    tokens_.reserve(options_.vocab_size + 1);  // candidates point at the tokens
    for (auto const& character : known_) (void)symbol_of(character);
  }

  /// Its letters as tokens; nothing where one is unknown or finds no place.
  std::vector<Symbol> symbols_of(std::string const& word) {
    std::vector<Symbol> symbols;
    auto const characters = characters_of(word);
    for (auto const& character : characters)
      if (!known_.contains(character)) return {};  // it will be the unknown token
    for (std::size_t i = 0; i < characters.size(); ++i) {
      auto const token = i == 0 ? characters[i] : "##" + characters[i];
      if (!ids_.contains(token) && tokens_.size() >= options_.vocab_size) return {};
      symbols.push_back(symbol_of(token));
    }
    return symbols;
  }

  void add_word(std::string const& word, std::int64_t count) {
    if (auto symbols = symbols_of(word); !symbols.empty()) words_.push_back({std::move(symbols), count});
  }

  void push(Pair const& pair, std::int64_t count) {
    heap_.push(
        {count, pair, &tokens_[static_cast<std::size_t>(pair.first)], &tokens_[static_cast<std::size_t>(pair.second)]});
  }

  void change(Pair const& pair, std::int64_t by, std::size_t word) {
    counts_[pair] += by;
    if (by > 0) where_[pair].push_back(word);
  }

  void merge(Pair const& pair) {
    auto const& second = tokens_[static_cast<std::size_t>(pair.second)];
    Symbol const merged = symbol_of(tokens_[static_cast<std::size_t>(pair.first)] +
                                    (second.starts_with("##") ? second.substr(2) : second));
    auto places = std::move(where_[pair]);
    where_.erase(pair);
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    std::set<Pair> grown;
    for (auto const w : places) {
      auto& symbols = words_[w].symbols;
      std::int64_t const count = words_[w].count;
      for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
        if (symbols[i] != pair.first || symbols[i + 1] != pair.second) continue;
        if (i > 0) {
          change({symbols[i - 1], symbols[i]}, -count, w);
          change({symbols[i - 1], merged}, count, w);
          grown.insert({symbols[i - 1], merged});
        }
        if (i + 2 < symbols.size()) {
          change({symbols[i + 1], symbols[i + 2]}, -count, w);
          change({merged, symbols[i + 2]}, count, w);
          grown.insert({merged, symbols[i + 2]});
        }
        symbols[i] = merged;
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    }
    counts_.erase(pair);
    for (auto const& changed : grown) push(changed, counts_[changed]);
  }

  WordPieceTrainerOptions const& options_;
  std::vector<std::string>& tokens_;
  std::unordered_map<std::string, Symbol> ids_;
  std::set<std::string> known_;
  std::vector<CountedWord> words_;
  std::unordered_map<Pair, std::int64_t, PairHash> counts_;
  std::unordered_map<Pair, std::vector<std::size_t>, PairHash> where_;
  std::priority_queue<Candidate, std::vector<Candidate>, Worse> heap_;
};

}  // namespace

std::vector<std::string> learn_pieces(std::span<std::string_view const> texts, WordPieceConfig const& config,
                                      WordPieceTrainerOptions const& options) {
  std::vector<std::string> tokens = config.special;
  Merger(count_words(texts, config), {}, options, tokens).run();
  return tokens;
}

WordPieceConfig config_of(WordPieceTrainerOptions const& options) {
  WordPieceConfig config;
  config.lowercase = options.lowercase;
  config.strip_accents = options.lowercase && options.strip_accents;
  return config;
}

std::unique_ptr<Tokenizer const> train_wordpiece_beside(std::vector<std::string> kept,
                                                        std::span<std::string_view const> texts,
                                                        std::span<std::string_view const> others,
                                                        WordPieceTrainerOptions const& options) {
  auto const config = config_of(options);
  std::unordered_set<std::string> known(kept.begin(), kept.end());
  auto const n_more = options.vocab_size - std::min(options.vocab_size, kept.size());
  auto const words = count_words(texts, config), other_words = count_words(others, config);
  auto const learn = [&](std::size_t max_alphabet) {
    auto more = options;
    more.vocab_size += kept.size();  // all of these may be learnt again
    more.max_alphabet = max_alphabet;
    auto learnt = config.special;
    Merger(words, other_words, more, learnt).run();
    return learnt;
  };
  auto const is_letter = [](std::string_view token) {
    if (token.size() > 2 && token.starts_with("##")) token.remove_prefix(2);
    return !token.empty() && decode_utf8(token, 0).n_bytes == token.size();
  };
  auto const count_letters = [&](std::vector<std::string> const& tokens, bool are_known) {
    return static_cast<std::size_t>(std::count_if(tokens.begin(), tokens.end(), [&](auto const& token) {
      return is_letter(token) && known.contains(token) == are_known;
    }));
  };
  auto learnt = learn(options.max_alphabet);
  // A letter needs a place at the beginning of a word and one inside. Where they do not all fit, the most frequent get
  // theirs.
  if (count_letters(learnt, false) > n_more) learnt = learn((count_letters(kept, true) + n_more) / 2);
  for (auto& piece : learnt)
    if (kept.size() < options.vocab_size && known.insert(piece).second) kept.push_back(std::move(piece));
  return make_wordpiece(std::move(kept), config, "the trained vocabulary").value();
}

std::unique_ptr<Tokenizer const> train_wordpiece(std::span<std::string_view const> texts,
                                                 WordPieceTrainerOptions const& options) {
  auto const config = config_of(options);
  return make_wordpiece(learn_pieces(texts, config, options), config, "the trained vocabulary").value();
}

}  // namespace polytask::text
