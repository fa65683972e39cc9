#include "engine/engine.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>
#include <utility>

#include "base/cores.h"
#include "base/error.h"
#include "engine/internal/network.h"
#include "engine/internal/pass.h"
#include "engine/internal/tile.h"
#include "engine/internal/windows.h"
#include "engine/internal/workers.h"
#include "model/decode.h"
#include "model/decode_answer.h"
#include "model/model_weights.h"
#include "model/precision_plan.h"
#include "text/tokenizer.h"

namespace polytask::engine {
namespace {

/// Whole texts are held for their windows: as many at once as a long one may have bytes.
constexpr std::size_t kBytesAtOnce = kLongestInWindows;
/// And windows with their logits: enough that the last tiles, which workers share, do not count.
constexpr std::size_t kTokensAtOnce = std::size_t{1} << 18;

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Whether the example is encoded whole, for its windows.
bool is_whole(task::Example const& example, LongTexts long_texts) {
  return long_texts == LongTexts::Windows && example.texts.size() == 1;
}

/// A text that fits, or a window of one that does not, or one of a passage, or a text with one of its choices.
struct Piece {
  std::size_t text = 0;
  std::optional<Window> window;
  std::optional<task::TokenRange> of_passage;
  std::optional<std::size_t> choice;
  bool is_last = true;  ///< of its text
  [[nodiscard]] bool is_part() const { return window || of_passage || choice; }
};

/// In the order of the texts, and of the windows in each.
std::vector<Piece> pieces_of(std::span<EncodedText const> texts, std::size_t max_length, LongTexts long_texts) {
  std::vector<Piece> pieces;
  for (std::size_t text = 0; text < texts.size(); ++text) {
    auto const n = texts[text].ids.size();
    if (auto const n_choices = texts[text].choices.size(); n_choices > 0) {
      for (std::size_t i = 0; i < n_choices; ++i)
        pieces.push_back({.text = text, .choice = i, .is_last = i + 1 == n_choices});
    } else if (auto const& encoded = texts[text].passage) {
      for (auto const& window : encoded->passage.windows)
        pieces.push_back({.text = text, .of_passage = window, .is_last = false});
      pieces.back().is_last = true;
    } else if (long_texts == LongTexts::Cut || texts[text].n_texts > 1 || n <= max_length) {
      pieces.push_back({.text = text});
    } else {
      for (auto const& window : windows_of(n - 2, max_length - 2))
        pieces.push_back({.text = text, .window = window, .is_last = window.own_end + 2 == n});
    }
  }
  return pieces;
}

}  // namespace

struct Engine::State {
  State(Options wanted, Network loaded, std::unique_ptr<text::Tokenizer const> tokens)
      : options(wanted),
        network(std::move(loaded)),
        tokenizer(std::move(tokens)),
        workers(wanted.n_workers),
        workspaces(static_cast<std::size_t>(wanted.n_workers)),
        scratches(static_cast<std::size_t>(wanted.n_workers)),
        network_seconds(static_cast<std::size_t>(wanted.n_workers)) {}

  Options options;
  Network network;
  std::unique_ptr<text::Tokenizer const> tokenizer;
  std::mutex one_at_a_time;
  Workers workers;
  std::vector<Workspace> workspaces;                 ///< by worker
  std::vector<kernels::AttentionScratch> scratches;  ///< by worker
  std::vector<double> network_seconds;               ///< by worker

  /// Weights that are finite each can still make sums that are not; nothing sensible can be said then.
  void check_finite(std::vector<float> const& logits, std::size_t head) const {
    for (float const logit : logits)
      if (!std::isfinite(logit))
        throw Error(ErrorCode::InvalidInput,
                    fmt::format("task {} answers a text with no finite number; the model's weights are damaged or far "
                                "too large, get it again",
                                quote(network.spec.heads[head].task.name)));
  }

  /// Once and for all, but for a text that is longer than a tile: memory that grows leaves holes behind.
  void make_room(Workspace& workspace, Tile const& tile) const {
    reserve(workspace, network, std::max(kTokensPerTile, tile.n_tokens()));
  }

  /// Calls `work(i)` for every i below n, on all workers.
  template <typename Work>
  void for_each(std::size_t n, Work const& work) {
    if (n == 0) return;
    std::atomic<std::size_t> next{0};
    workers.run([&](Member const& member) {
      for (auto i = next.fetch_add(1); i < n; i = next.fetch_add(1)) work(i, static_cast<std::size_t>(member.rank));
    });
  }

  [[nodiscard]] bool is_tagging(std::size_t head) const {
    return network.spec.heads[head].task.type == task::TaskType::Tagging;
  }

  /// One of the tasks, which all read alike; null where none is asked.
  [[nodiscard]] task::TaskSpec const* reader_of(std::span<std::size_t const> heads) const {
    if (heads.empty()) return nullptr;
    auto const& first = network.spec.heads[heads.front()].task;
    expects(std::all_of(heads.begin(), heads.end(),
                        [&](auto head) {
                          auto const& other = network.spec.heads[head].task;
                          return task::reads_passages(other) == task::reads_passages(first) &&
                                 task::reads_choices(other) == task::reads_choices(first) &&
                                 other.stride == first.stride;
                        }),
            "tasks that are asked together read alike");
    return &first;
  }
  [[nodiscard]] static bool is_of_passages(task::TaskSpec const* reader) {
    return reader != nullptr && task::reads_passages(*reader);
  }
  [[nodiscard]] static bool is_of_choices(task::TaskSpec const* reader) {
    return reader != nullptr && task::reads_choices(*reader);
  }

  [[nodiscard]] EncodedText encode(task::Example const& example, Units units, task::TaskSpec const* reader) const {
    if (is_of_choices(reader)) return encode_choices(*tokenizer, example, network.spec.max_length);
    if (is_of_passages(reader))
      return encode_context(
          *tokenizer, example,
          {.max_length = network.spec.max_length,
           .stride = reader->stride ? std::optional(static_cast<std::size_t>(*reader->stride)) : std::nullopt});
    return encode_text(
        *tokenizer, example,
        is_whole(example, options.long_texts) ? std::numeric_limits<std::size_t>::max() : network.spec.max_length,
        units);
  }

  void check_length(std::span<task::Example const> examples, task::TaskSpec const* reader) const {
    bool const is_passage = is_of_passages(reader);
    for (std::size_t i = 0; i < examples.size(); ++i) {
      auto const reason =
          is_passage ? why_unreadable_passage(examples[i]) : why_unreadable(examples[i], options.long_texts);
      if (reason)
        throw Error(ErrorCode::InvalidInput, fmt::format("row {} (id {}) {}{}", i + 1, quote(examples[i].id), *reason,
                                                         is_passage ? "" : ", or have it cut"));
    }
  }

  /// How many of the first examples are encoded at once.
  [[nodiscard]] std::size_t n_at_once(std::span<task::Example const> examples, bool is_passage) const {
    std::size_t n = 0;
    for (std::size_t n_bytes = 0; n < examples.size(); ++n) {
      if (is_passage) n_bytes += examples[n].texts[0].size() + examples[n].texts[1].size();
      if (!is_passage && is_whole(examples[n], options.long_texts)) n_bytes += examples[n].texts[0].size();
      if (n > 0 && n_bytes > kBytesAtOnce) break;
    }
    return n;
  }

  /// Calls `take(example index, its text, position in heads, its logits)`, from any worker, one for each example.
  template <typename Take>
  void answer(std::span<task::Example const> examples, std::span<std::size_t const> heads, Take const& take) {
    std::lock_guard const lock(one_at_a_time);
    auto const* const reader = reader_of(heads);
    check_length(examples, reader);
    auto const units = std::any_of(heads.begin(), heads.end(), [&](auto head) { return is_tagging(head); })
                           ? Units::Tagged
                           : Units::None;
    for (std::size_t first = 0, n = 0; first < examples.size(); first += n) {
      n = n_at_once(examples.subspan(first), is_of_passages(reader));
      std::vector<EncodedText> texts(n);
      auto const encode_one = [&](std::size_t i, std::size_t /*worker*/) {
        texts[i] = encode(examples[first + i], units, reader);
      };
      if (n == 1)
        encode_one(0, 0);  // not worth waking the others up
      else
        for_each(n, encode_one);
      answer_encoded(texts, heads,
                     [&](std::size_t text, auto const& encoded, std::size_t head, std::vector<float> logits) {
                       take(first + text, encoded, head, std::move(logits));
                     });
    }
  }

  /// The same for texts that are encoded, which are taken apart.
  template <typename Take>
  void answer_encoded(std::vector<EncodedText>& texts, std::span<std::size_t const> heads, Take const& take) {
    auto const pieces = pieces_of(texts, network.spec.max_length, options.long_texts);
    std::vector<LogitsOfWindows> merged(heads.size());
    for (std::size_t first = 0, end = 0; first < pieces.size(); first = end) {
      std::vector<EncodedText> encoded;
      TileLogits of_windows;
      for (std::size_t n_tokens = 0; end < pieces.size() && n_tokens < kTokensAtOnce; ++end) {
        auto const& piece = pieces[end];
        auto& text = texts[piece.text];
        encoded.push_back(piece.window       ? window_of(text, *piece.window)
                          : piece.of_passage ? window_of(text, *piece.of_passage)
                          : piece.choice     ? std::move(text.choices[*piece.choice])
                                             : std::move(text));
        of_windows.emplace_back(piece.is_part() ? heads.size() : 0);
        n_tokens += encoded.back().ids.size();
      }
      run_tiles(encoded, heads, [&](std::size_t i, std::size_t head, std::vector<float> logits) {
        auto const& piece = pieces[first + i];
        if (piece.is_part())
          of_windows[i][head] = std::move(logits);
        else
          take(piece.text, encoded[i], head, std::move(logits));
      });
      for (std::size_t i = 0; i < encoded.size(); ++i)
        if (auto const& piece = pieces[first + i]; piece.is_part())
          for (std::size_t head = 0; head < heads.size(); ++head) {
            if (!piece.window || is_tagging(heads[head]))
              merged[head].add_units(of_windows[i][head]);
            else
              merged[head].add(of_windows[i][head], *piece.window);
            if (piece.is_last) take(piece.text, texts[piece.text], head, merged[head].take());
          }
    }
  }

  /// Calls `take(text index, position in heads, its logits)`, from any worker.
  template <typename Take>
  void run_tiles(std::span<EncodedText const> texts, std::span<std::size_t const> heads, Take const& take) {
    auto const tiles = tiles_of(texts, kTokensPerTile);
    auto const hand_out = [&](Tile const& tile, TileLogits& logits) {
      for (std::size_t head = 0; head < heads.size(); ++head)
        for (std::size_t text = 0; text < tile.texts.size(); ++text) {
          check_finite(logits[head][text], heads[head]);
          take(tile.first + text, head, std::move(logits[head][text]));
        }
    };
    // Whole rounds a tile each; what is left, fewer tiles than workers, all together.
    auto const n_workers = static_cast<std::size_t>(workers.size());
    std::size_t const n_alone = n_workers == 1 ? tiles.size() : tiles.size() / n_workers * n_workers;
    for_each(n_alone, [&](std::size_t i, std::size_t worker) {
      TileLogits logits;
      make_room(workspaces[worker], tiles[i]);
      auto const begin = Clock::now();
      run_pass(network, tiles[i], heads, workspaces[worker], scratches[worker], Member{}, logits);
      network_seconds[worker] += seconds_since(begin);
      hand_out(tiles[i], logits);
    });
    for (auto const& tile : std::span(tiles).subspan(n_alone)) {
      TileLogits logits;
      make_room(workspaces[0], tile);
      auto const begin = Clock::now();
      workers.run([&](Member const& member) {
        run_pass(network, tile, heads, workspaces[0], scratches[static_cast<std::size_t>(member.rank)], member, logits);
      });
      network_seconds[0] += seconds_since(begin) * workers.size();
      hand_out(tile, logits);
    }
  }
};

std::string_view to_string(LongTexts long_texts) { return long_texts == LongTexts::Cut ? "cut" : "windows"; }

std::optional<LongTexts> parse_long_texts(std::string_view word) {
  for (auto const each : {LongTexts::Cut, LongTexts::Windows})
    if (word == to_string(each)) return each;
  return std::nullopt;
}

std::optional<std::string> why_unreadable(task::Example const& example, LongTexts long_texts) {
  if (!is_whole(example, long_texts) || example.texts[0].size() <= kLongestInWindows) return std::nullopt;
  return fmt::format("has a text of {} bytes, {} are the most that is read in windows; cut it", example.texts[0].size(),
                     kLongestInWindows);
}

std::optional<std::string> why_unreadable_passage(task::Example const& example) {
  auto const n_bytes = example.texts[0].size() + example.texts[1].size();
  if (n_bytes <= kLongestInWindows) return std::nullopt;
  return fmt::format("has a question and a context of {} bytes, {} are the most that is read; cut the context", n_bytes,
                     kLongestInWindows);
}

int n_cores_of_process() { return n_usable_cores(); }

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

namespace {

/// What precision.json says, where the caller leaves it open.
Options decided(Options options, std::filesystem::path const& model_folder) {
  if (options.precision) return options;
  auto const plan = model::read_precision_plan(model_folder).value_or(model::PrecisionPlan{});
  options.precision = kernels::parse_precision(plan.precision).value();
  for (auto const& [group, precision] : plan.higher)
    options.exceptions[group] = kernels::parse_precision(precision).value();
  return options;
}

}  // namespace

Engine Engine::load(std::filesystem::path const& model_folder, Options const& wanted) {
  expects(wanted.n_workers >= 1, "somebody has to work");
  auto const options = decided(wanted, model_folder);
  auto spec = model::read_model_spec(model_folder);
  auto tokenizer = text::load_tokenizer(model_folder / "encoder");
  auto const config = model::read_encoder_config(model_folder / "encoder");
  model::check_belongs(model_folder, spec, config, tokenizer->vocabulary_size());
  model::PrecisionPlan chosen;
  for (auto const& [group, precision] : options.exceptions) chosen.higher[group] = to_string(precision);
  model::check_precision_plan(chosen, config, spec, model_folder.string());
  auto network = load_network(model_folder, std::move(spec), options);
  ::malloc_trim(0);  // the weights as they were read, which the allocator would keep
  return Engine(std::make_unique<State>(options, std::move(network), std::move(tokenizer)));
}

model::ModelSpec const& Engine::spec() const noexcept { return state_->network.spec; }
Options const& Engine::options() const noexcept { return state_->options; }

std::vector<Answer> Engine::answer(std::span<task::Example const> examples,
                                   std::span<std::size_t const> task_indices) const {
  std::vector<Answer> results(examples.size());
  for (auto& result : results) result.predictions.resize(task_indices.size());
  state_->answer(examples, task_indices,
                 [&](std::size_t text, EncodedText const& encoded, std::size_t position, std::vector<float> logits) {
                   auto const& head = spec().heads[task_indices[position]];
                   results[text].tokens_cut = encoded.n_cut;
                   auto& prediction = results[text].predictions[position];
                   if (task::reads_choices(head.task))
                     prediction = model::decode_choices(head, logits);
                   else if (encoded.passage)
                     prediction = model::decode_answer(head, encoded.passage->passage, examples[text].texts[1], logits);
                   else
                     prediction = head.task.type == task::TaskType::Tagging
                                      ? model::decode_units(head, encoded.units, logits)
                                      : model::decode_text(head, logits);
                 });
  return results;
}

std::vector<std::vector<task::Prediction>> Engine::predict(std::span<task::Example const> examples,
                                                           std::span<std::size_t const> task_indices) const {
  std::vector<std::vector<task::Prediction>> results;
  for (auto& one : answer(examples, task_indices)) results.push_back(std::move(one.predictions));
  return results;
}

std::vector<std::vector<std::vector<float>>> Engine::logits(std::span<task::Example const> examples,
                                                            std::span<std::size_t const> task_indices) const {
  std::vector<std::vector<std::vector<float>>> results(examples.size());
  for (auto& result : results) result.resize(task_indices.size());
  state_->answer(examples, task_indices,
                 [&](std::size_t text, EncodedText const& /*encoded*/, std::size_t position,
                     std::vector<float> logits) { results[text][position] = std::move(logits); });
  return results;
}

std::size_t Engine::n_tokens(task::Example const& example, std::span<std::size_t const> task_indices) const {
  auto const* const reader = state_->reader_of(task_indices);
  state_->check_length(std::span(&example, 1), reader);
  auto const text = state_->encode(example, Units::None, reader);
  if (text.passage) return text.passage->passage.n_tokens();
  std::size_t n = 0;
  for (auto const& choice : text.choices) n += choice.ids.size();
  if (n > 0) return n;
  for (auto const& piece : pieces_of(std::span(&text, 1), spec().max_length, state_->options.long_texts))
    n += piece.window ? spec().max_length : text.ids.size();
  return n;
}

double Engine::network_seconds() const {
  std::lock_guard const lock(state_->one_at_a_time);
  return std::accumulate(state_->network_seconds.begin(), state_->network_seconds.end(), 0.0);
}

}  // namespace polytask::engine
