#include "engine/lower_states.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/internal/lower_states_key.h"
#include "engine/internal/network.h"
#include "engine/internal/pass.h"
#include "engine/internal/tile.h"
#include "engine/internal/workers.h"
#include "model/encoder_files.h"

namespace polytask::engine {
namespace {

EncodedText encoded(task::TokenSequence const& text) {
  return {.ids = {text.ids.begin(), text.ids.end()},
          .type_ids = {text.type_ids.begin(), text.type_ids.end()},
          .second_sequence = static_cast<std::int32_t>(text.second_sequence)};
}

}  // namespace

struct LowerStates::State {
  State(Network loaded, std::string hash, int n_workers)
      : network(std::move(loaded)),
        key(std::move(hash)),
        workers(n_workers),
        workspaces(static_cast<std::size_t>(n_workers)),
        scratches(static_cast<std::size_t>(n_workers)) {}

  void check(EncodedText const& text) const {
    auto const n = std::ssize(text.ids);
    auto const& config = network.config;
    expects(n >= 1 && std::ssize(text.type_ids) == n && text.second_sequence >= 0 && text.second_sequence < n,
            "a text has tokens, each with a type");
    expects(std::max<std::int64_t>(text.second_sequence, n - text.second_sequence) <= config.longest_text(),
            "texts are cut to the encoder's positions");
    expects(std::all_of(text.ids.begin(), text.ids.end(), [&](auto id) { return id >= 0 && id < config.vocab_size; }),
            "token ids are of the encoder's vocabulary");
    expects(config.type_vocab_size < 2 || std::all_of(text.type_ids.begin(), text.type_ids.end(),
                                                      [&](auto id) { return id < config.type_vocab_size; }),
            "token types are those of the encoder");
  }

  Network network;
  std::string key;
  std::mutex one_at_a_time;
  Workers workers;
  std::vector<Workspace> workspaces;                 ///< by worker
  std::vector<kernels::AttentionScratch> scratches;  ///< by worker
};

LowerStates::LowerStates(std::unique_ptr<State> state) : state_(std::move(state)) {}
LowerStates::LowerStates(LowerStates&&) noexcept = default;
LowerStates& LowerStates::operator=(LowerStates&&) noexcept = default;
LowerStates::~LowerStates() = default;

LowerStates LowerStates::load(std::filesystem::path const& encoder_folder, std::int64_t n_layers,
                              Options const& options) {
  auto config = model::read_encoder_config(encoder_folder);
  expects(n_layers >= 1 && n_layers <= config.num_hidden_layers, "no more layers are asked for than there are");
  auto weights = model::read_encoder_weights(encoder_folder, config);
  auto key = lower_states_key(weights, config, n_layers, options, POLYTASK_VERSION);
  auto network = lower_network(std::move(weights), std::move(config), n_layers,
                               {.precision = options.precision, .instructions = options.instructions});
  return LowerStates(std::make_unique<State>(std::move(network), std::move(key), options.n_workers));
}

std::string const& LowerStates::key() const noexcept { return state_->key; }
std::int64_t LowerStates::hidden_size() const noexcept { return state_->network.config.hidden_size; }

void LowerStates::compute(std::span<task::TokenSequence const> texts,
                          std::function<void(std::size_t, std::span<float const>)> const& take) const {
  auto& state = *state_;
  std::lock_guard const lock(state.one_at_a_time);
  std::vector<EncodedText> copies;
  for (auto const& text : texts) state.check(copies.emplace_back(encoded(text)));
  auto const tiles = tiles_of(copies, kTokensPerTile);
  auto const hidden = static_cast<std::size_t>(hidden_size());
  std::atomic<std::size_t> next{0};
  state.workers.run([&](Member const& member) {
    auto const worker = static_cast<std::size_t>(member.rank);
    auto& work = state.workspaces[worker];
    for (auto i = next.fetch_add(1); i < tiles.size(); i = next.fetch_add(1)) {
      auto const& tile = tiles[i];
      reserve(work, state.network, std::max(kTokensPerTile, tile.n_tokens()));  // memory that grows leaves holes
      run_layers(state.network, tile, work, state.scratches[worker], Member{});
      for (std::size_t text = 0; text < tile.texts.size(); ++text) {
        auto const begin = static_cast<std::size_t>(tile.offsets[text]);
        auto const end = static_cast<std::size_t>(tile.offsets[text + 1]);
        take(tile.first + text, {work.lower.floats.data() + begin * hidden, (end - begin) * hidden});
      }
    }
  });
}

}  // namespace polytask::engine
