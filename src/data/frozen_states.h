// Hidden states below layers that are trained: what frozen layers make of a text, computed once and stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "data/state_store.h"
#include "task/token_sequence.h"

namespace polytask::data {

/// Gets the states of text `text`, [tokens, hidden]. May be called from any thread, from several at once.
using TakeStates = std::function<void(std::size_t text, std::span<float const> states)>;

/// Frozen layers as a function of tokens.
struct FrozenLayers {
  std::string key;  ///< equal where the states are, bit for bit
  std::int64_t hidden_size = 0;
  /// Calls the taker once for each text. A text's states do not depend on its neighbours.
  std::function<void(std::span<task::TokenSequence const> texts, TakeStates const& take)> compute;
};

/// Every state comes out rounded to float16, whether it was stored or has just been computed: what reads them need not
/// know. Rounded by at most 2^-11 of the value, or 2^-25. Not thread-safe.
class FrozenStates {
 public:
  FrozenStates(FrozenLayers layers, StateStore store);

  struct Filled {
    std::size_t n_texts = 0;            ///< different ones
    std::size_t n_computed = 0;         ///< of them, now
    std::size_t n_not_stored = 0;       ///< of them, at the end: computed again whenever they are read
    std::string failure;                ///< why no more could be stored, if not for the limit: the disk is full, ...
    std::uint64_t n_removed_bytes = 0;  ///< of states that were stored, to make room under the limit
    std::uint64_t disk_bytes = 0;       ///< of the whole store
    std::vector<std::string> problems;  ///< what was found damaged, and made anew
  };
  struct FillEvents {
    std::function<void()> on_wait;  ///< another process fills the store; once
    /// Now and then, of the texts that are not stored yet.
    std::function<void(std::size_t n_done, std::size_t n_missing)> on_progress;
  };
  /// Stores what is missing of these texts, and checks what is there. Waits while another process does so; with a limit
  /// of 0 it neither waits, nor adds, nor removes. Where nothing is missing, nothing is removed, however small the
  /// limit. Returns early once `stop` is requested: what was done until then is stored. A store that cannot be written
  /// is no error: `Filled` says why. Throws what the layers throw, Error{Unavailable} where stored states cannot be
  /// opened, and Error{InvalidInput} for states that float16 cannot hold.
  Filled fill(std::span<task::TokenSequence const> texts, FillEvents const& events, std::stop_token const& stop);

  /// The states of the texts, one after another: [tokens of all, hidden].
  void read(std::span<task::TokenSequence const> texts, std::span<float> states);

  [[nodiscard]] std::int64_t hidden_size() const noexcept { return layers_.hidden_size; }
  /// What `read` found damaged since the last call.
  [[nodiscard]] std::vector<std::string> take_problems() { return store_.take_problems(); }

 private:
  [[nodiscard]] StateKey key_of(task::TokenSequence const& text) const;
  [[nodiscard]] std::vector<std::uint16_t> rounded(std::span<float const> states) const;
  [[nodiscard]] std::size_t n_values(task::TokenSequence const& text) const {
    return text.ids.size() * static_cast<std::size_t>(layers_.hidden_size);
  }
  FrozenLayers layers_;
  StateStore store_;
};

}  // namespace polytask::data
