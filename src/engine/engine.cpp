#include "engine/engine.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "engine/internal/network.h"
#include "engine/internal/pass.h"
#include "engine/internal/tile.h"
#include "engine/internal/workers.h"
#include "model/decode.h"
#include "model/model_weights.h"
#include "model/precision_plan.h"
#include "text/tokenizer.h"

namespace polytask::engine {
namespace {

/// Enough rows for the products to run at the processor's peak, few enough for a layer's rows to stay in its cache.
constexpr std::int64_t kTokensPerTile = 256;

}  // namespace

struct Engine::State {
  State(Options wanted, Network loaded, std::unique_ptr<text::Tokenizer const> tokens)
      : options(wanted),
        network(std::move(loaded)),
        tokenizer(std::move(tokens)),
        workers(wanted.n_workers),
        workspaces(static_cast<std::size_t>(wanted.n_workers)),
        scratches(static_cast<std::size_t>(wanted.n_workers)) {}

  Options options;
  Network network;
  std::unique_ptr<text::Tokenizer const> tokenizer;
  std::mutex one_at_a_time;
  Workers workers;
  std::vector<Workspace> workspaces;                 ///< by worker
  std::vector<kernels::AttentionScratch> scratches;  ///< by worker

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

  /// Calls `take(text index, text, position in heads, its logits)`, from any worker.
  template <typename Take>
  void answer(std::span<task::Example const> examples, std::span<std::size_t const> heads, Take const& take) {
    std::lock_guard const lock(one_at_a_time);
    std::vector<EncodedText> texts(examples.size());
    auto const encode = [&](std::size_t i, std::size_t /*worker*/) {
      texts[i] = encode_text(*tokenizer, examples[i], network.spec.max_length);
    };
    if (examples.size() == 1)
      encode(0, 0);  // not worth waking the others up
    else
      for_each(examples.size(), encode);
    auto const tiles = tiles_of(texts, kTokensPerTile);
    auto const hand_out = [&](Tile const& tile, TileLogits& logits) {
      for (std::size_t head = 0; head < heads.size(); ++head)
        for (std::size_t text = 0; text < tile.texts.size(); ++text) {
          check_finite(logits[head][text], heads[head]);
          take(tile.first + text, tile.texts[text], head, std::move(logits[head][text]));
        }
    };
    // Whole rounds a tile each; what is left, fewer tiles than workers, all together.
    auto const n_workers = static_cast<std::size_t>(workers.size());
    std::size_t const n_alone = n_workers == 1 ? tiles.size() : tiles.size() / n_workers * n_workers;
    for_each(n_alone, [&](std::size_t i, std::size_t worker) {
      TileLogits logits;
      make_room(workspaces[worker], tiles[i]);
      run_pass(network, tiles[i], heads, workspaces[worker], scratches[worker], Member{}, logits);
      hand_out(tiles[i], logits);
    });
    for (auto const& tile : std::span(tiles).subspan(n_alone)) {
      TileLogits logits;
      make_room(workspaces[0], tile);
      workers.run([&](Member const& member) {
        run_pass(network, tile, heads, workspaces[0], scratches[static_cast<std::size_t>(member.rank)], member, logits);
      });
      hand_out(tile, logits);
    }
  }
};

int n_cores_of_process() {
  cpu_set_t cores;
  return ::sched_getaffinity(0, sizeof cores, &cores) == 0 ? std::max(1, CPU_COUNT(&cores)) : 1;
}

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

std::vector<std::vector<task::Prediction>> Engine::predict(std::span<task::Example const> examples,
                                                           std::span<std::size_t const> task_indices) const {
  std::vector<std::vector<task::Prediction>> results(examples.size());
  for (auto& result : results) result.resize(task_indices.size());
  state_->answer(examples, task_indices,
                 [&](std::size_t text, EncodedText const& encoded, std::size_t position, std::vector<float> logits) {
                   auto const& head = spec().heads[task_indices[position]];
                   results[text][position] = head.task.type == task::TaskType::Tagging
                                                 ? model::decode_units(head, encoded.units, logits)
                                                 : model::decode_text(head, logits);
                 });
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

std::size_t Engine::n_tokens(task::Example const& example) const {
  return encode_text(*state_->tokenizer, example, spec().max_length).ids.size();
}

}  // namespace polytask::engine
