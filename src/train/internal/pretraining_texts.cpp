#include "train/internal/pretraining_texts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "base/error.h"
#include "base/utf8.h"
#include "text/vocabulary_change.h"
#include "text/wordpiece_tokenizer.h"
#include "text/wordpiece_trainer.h"
#include "train/internal/prepared.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;

/// More unknown tokens than this, and what is learnt is to guess which words the vocabulary lacks.
constexpr double kMostUnknown = 0.05;

void note(PretrainEvents const& events, std::string const& sentence) {
  if (events.on_note) events.on_note(sentence);
}

std::vector<std::string_view> views_of(std::vector<LanguageSource> const& sources) {
  std::vector<std::string_view> views;
  for (auto const& source : sources)
    for (auto const& text : source.texts.texts) views.emplace_back(text.text);
  return views;
}

std::size_t count_characters(std::vector<std::string_view> const& texts) {
  std::vector<bool> seen(0x110000);
  std::size_t n = 0;
  for (auto const text : texts)
    for (std::size_t at = 0; at < text.size();) {
      auto const decoded = decode_utf8(text, at);
      if (!seen[decoded.code_point]) seen[decoded.code_point] = true, ++n;
      at += decoded.n_bytes;
    }
  return n;
}

void check_there_are_texts(std::vector<LanguageSource> const& sources) {
  std::size_t n = 0, n_repeated = 0, n_empty = 0;
  std::string names;
  for (auto const& source : sources) {
    n += source.texts.texts.size();
    n_repeated += source.texts.n_repeated;
    n_empty += source.texts.n_empty;
    for (auto const& file : source.source.files) names += (names.empty() ? "" : ", ") + file.string();
  }
  if (n == 0)
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: there is no text in it ({} rows are empty, {} texts stood before); pretraining needs "
                            "some thousand sentences at least",
                            names.empty() ? "the sources" : names, n_empty, n_repeated));
}

struct Vocabulary {
  std::shared_ptr<text::Tokenizer const> tokenizer;
  std::vector<std::vector<std::int32_t>> old_pieces;
};

/// Of the sources that pieces are learnt from, or of the others.
std::vector<std::string_view> learnt_views(std::vector<LanguageSource> const& sources,
                                           std::vector<std::string> const& names, bool are_learnt) {
  std::vector<std::string_view> views;
  for (auto const& source : sources) {
    bool const is_named = names.empty() || std::find(names.begin(), names.end(), source.source.name) != names.end();
    if (is_named != are_learnt) continue;
    for (auto const& text : source.texts.texts) views.emplace_back(text.text);
  }
  return views;
}

std::shared_ptr<text::Tokenizer const> new_vocabulary(std::vector<LanguageSource> const& sources,
                                                      text::Tokenizer const* old, PretrainConfig const& config,
                                                      PretrainEvents const& events) {
  if (config.vocabulary.folder) return text::load_tokenizer(*config.vocabulary.folder);
  auto const& wanted = config.vocabulary;
  note(events, "learning the vocabulary");
  text::WordPieceTrainerOptions const options{.vocab_size = static_cast<std::size_t>(wanted.size),
                                              .min_frequency = wanted.min_frequency,
                                              .max_alphabet = static_cast<std::size_t>(wanted.max_alphabet),
                                              .lowercase = wanted.lowercase,
                                              .strip_accents = wanted.strip_accents};
  auto const texts = learnt_views(sources, wanted.learn_from, true);
  auto const others = learnt_views(sources, wanted.learn_from, false);
  if (texts.empty())
    throw Error(ErrorCode::InvalidInput,
                fmt::format("vocabulary.learn_from: {} hold no text, so that no piece can be learnt",
                            fmt::join(wanted.learn_from, ", ")));
  if (others.empty() && (old == nullptr || wanted.keep == 0)) return text::train_wordpiece(texts, options);
  auto kept = old != nullptr && wanted.keep > 0
                  ? text::most_used_pieces(*old, views_of(sources), text::config_of(options),
                                           static_cast<std::size_t>(wanted.keep))
                  : text::config_of(options).special;
  return text::train_wordpiece_beside(std::move(kept), texts, others, options);
}

Vocabulary vocabulary_of(std::vector<LanguageSource> const& sources, PretrainConfig const& config,
                         PretrainOptions const& options, PretrainEvents const& events) {
  std::shared_ptr<text::Tokenizer const> old;
  if (config.from) {
    old = text::load_tokenizer(*config.from);
    if (!config.vocabulary.replace && config.vocabulary.add == 0) return {old, {}};
  }
  auto const kept = options.work_folder / "vocabulary";
  Vocabulary result;
  if (options.resume && fs::exists(kept / "tokenizer.json")) {
    result.tokenizer = text::load_tokenizer(kept);
  } else {
    if (old && !config.vocabulary.replace)
      result.tokenizer =
          text::extend_wordpiece(*old, views_of(sources), static_cast<std::size_t>(config.vocabulary.add)).tokenizer;
    else
      result.tokenizer = new_vocabulary(sources, old.get(), config, events);
    result.tokenizer->save(kept);
  }
  if (old) result.old_pieces = text::pieces_in(*old, *result.tokenizer);
  return result;
}

/// The sequences with the smallest fingerprints: neighbours of a document do not go together, and no order decides.
void hold_out(PretrainingSource& source, PretrainConfig const& config) {
  auto const n = source.sequences.size();
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t i = 0; i < n; ++i) {
    auto const ids = source.sequences[i];
    order.emplace_back(data::fingerprint({reinterpret_cast<char const*>(ids.data()), ids.size_bytes()}), i);
  }
  std::sort(order.begin(), order.end());
  auto const wanted = static_cast<std::size_t>(std::llround(config.held_out * static_cast<double>(n)));
  auto const most = std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(1, n / 2));
  std::int64_t n_tokens = 0;
  std::vector<bool> is_held_out(n);
  for (std::size_t i = 0; i < most && n > 1 && (i == 0 || n_tokens < config.held_out_tokens); ++i) {
    is_held_out[order[i].second] = true;
    n_tokens += static_cast<std::int64_t>(source.sequences[order[i].second].size());
  }
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    (is_held_out[i] ? source.held_out : source.train).push_back(i);
    if (!is_held_out[i]) total += static_cast<double>(source.sequences[i].size());
  }
  source.mean_length = total / static_cast<double>(std::max<std::size_t>(1, source.train.size()));
}

void check_unknown(PretrainingTexts const& texts, PretrainConfig const& config, std::size_t n_characters) {
  if (texts.unknown <= kMostUnknown) return;
  bool const is_new = !config.from || config.vocabulary.replace;
  auto const n_tokens = texts.tokenizer->vocabulary_size();
  auto const what = is_new && !config.vocabulary.folder
                        ? fmt::format(
                              "the texts have {} different characters, each of which needs up to two of the {} "
                              "tokens; raise vocabulary.size (to {} at least) or vocabulary.max_alphabet",
                              n_characters, n_tokens, 2 * n_characters + 1'000)
                        : fmt::format(
                              "it was made for other texts; add pieces of these (vocabulary.add, say {}), or "
                              "learn a new one (vocabulary.replace)",
                              std::max<std::size_t>(1'000, 2 * n_characters));
  throw Error(ErrorCode::InvalidInput,
              fmt::format("the vocabulary of {} tokens cannot write {:.0f} % of the tokens of these texts: {}",
                          n_tokens, 100 * texts.unknown, what));
}

void check_teacher(PretrainingTexts const& texts, PretrainConfig const& config) {
  auto const& distillation = config.distillation;
  if (!distillation.teacher) return;
  if (distillation.relations <= 0 && distillation.hidden_states <= 0) return;
  auto const teacher = text::load_tokenizer(*distillation.teacher);
  auto const theirs = text::wordpiece_parts(*teacher);
  auto const ours = text::wordpiece_parts(*texts.tokenizer).value();
  if (!theirs || !std::equal(theirs->tokens.begin(), theirs->tokens.end(), ours.tokens.begin(), ours.tokens.end()))
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format("{}: the teacher has another vocabulary ({} tokens) than the encoder ({}), and teacher.relations "
                    "and teacher.hidden_states compare token by token; set both to 0 and learn its sentence "
                    "vectors (teacher.vectors), or take its vocabulary (vocabulary.folder)",
                    distillation.teacher->string(), teacher->vocabulary_size(), ours.tokens.size()));
}

}  // namespace

std::vector<double> PretrainingTexts::shares() const {
  std::vector<double> shares;
  for (auto const& source : sources) {
    auto const tokens = source.mean_length * static_cast<double>(source.train.size());
    auto const share = source.source.share > 0 ? source.source.share : tokens / 1e6;
    shares.push_back(share / source.mean_length);  // a share counts tokens, a draw sequences
  }
  auto const sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (auto& share : shares) share /= sum;
  return shares;
}

double PretrainingTexts::mean_tokens_per_row() const {
  auto const of_source = shares();
  double mean = 0;
  for (std::size_t i = 0; i < sources.size(); ++i) mean += of_source[i] * sources[i].mean_length;
  return mean;
}

double PretrainingTexts::n_train_tokens() const {
  double n = 0;
  for (auto const& source : sources) n += source.mean_length * static_cast<double>(source.train.size());
  return n;
}

data::BatchPlan PretrainingTexts::plan(std::int64_t n_rows, std::int64_t batch_tokens, std::uint64_t seed) const {
  std::vector<std::size_t> sizes;
  std::vector<std::vector<std::int32_t>> lengths;
  for (auto const& source : sources) {
    sizes.push_back(source.train.size());
    auto& of_source = lengths.emplace_back();
    for (auto const i : source.train) of_source.push_back(static_cast<std::int32_t>(source.sequences[i].size()));
  }
  return {data::Mixture(std::move(sizes), shares(), seed), std::move(lengths), {.max_tokens = batch_tokens}, n_rows};
}

PretrainingTexts prepare_texts(std::vector<LanguageSource> sources, PretrainConfig const& config,
                               PretrainOptions const& options, PretrainEvents const& events,
                               std::stop_token const& stop) {
  check_there_are_texts(sources);
  auto vocabulary = vocabulary_of(sources, config, options, events);
  leave_if_stopped(stop);
  PretrainingTexts result{.tokenizer = std::move(vocabulary.tokenizer), .old_pieces = std::move(vocabulary.old_pieces)};
  auto const where = config.from ? config.from->string() : std::string("the vocabulary");
  result.vocabulary = data::pretraining_vocabulary(*result.tokenizer, where);
  check_teacher(result, config);
  auto const n_characters = count_characters(views_of(sources));
  data::SeenTexts seen;
  std::size_t n_tokens = 0, n_unknown = 0, n_repeated = 0;
  for (auto& of_source : sources) {
    bool const keep = config.distillation.teacher && config.distillation.vectors > 0 && of_source.source.teach;
    PretrainingSource prepared{.source = of_source.source};
    prepared.sequences = data::sequences_of(of_source.texts, *result.tokenizer, result.vocabulary,
                                            static_cast<std::size_t>(config.max_length), keep, seen, stop);
    leave_if_stopped(stop);
    prepared.sequences.n_repeated += of_source.texts.n_repeated;
    of_source.texts = {};  // the largest part of the memory so far
    n_tokens += prepared.sequences.ids.size();
    n_unknown += prepared.sequences.n_unknown;
    n_repeated += prepared.sequences.n_repeated;
    if (prepared.sequences.size() == 0) {
      note(events,
           fmt::format("{}: gives no sequence; all of it is empty, repeated, or too short", prepared.source.name));
      continue;
    }
    hold_out(prepared, config);
    if (!prepared.train.empty()) result.sources.push_back(std::move(prepared));
  }
  result.unknown = n_tokens == 0 ? 0.0 : static_cast<double>(n_unknown) / static_cast<double>(n_tokens);
  bool const any_held_out = std::any_of(result.sources.begin(), result.sources.end(),
                                        [](auto const& source) { return !source.held_out.empty(); });
  if (!any_held_out)
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format("the texts give {} different sequences, and {} repeated ones were left out; expected at least "
                    "2, one to learn from and one that is held out; give more texts",
                    result.sources.empty() ? 0 : 1, n_repeated));
  check_unknown(result, config, n_characters);
  return result;
}

}  // namespace polytask::train
