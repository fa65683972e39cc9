// What the lower layers of an encoder make of texts: hidden states that stay the same as long as those layers do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "kernels/packed_linear.h"
#include "task/token_sequence.h"

namespace polytask::engine {

/// Embeddings and the first layers of an encoder, without LibTorch and without dropout. Immutable; calls
/// from several threads wait for one another.
class LowerStates {
 public:
  struct Options {
    int n_workers = 1;  ///< threads that compute, the caller's among them; >= 1
    kernels::InstructionSet instructions = kernels::detected_instructions();
    kernels::Precision precision = kernels::Precision::Float32;  ///< what the layers multiply in
  };

  /// encoder_folder: Hugging Face layout; no tokenizer and no heads are needed. n_layers: from 1 to the encoder's.
  /// Throws Error{NotFound, InvalidInput} for a folder that is not an encoder, naming the file.
  static LowerStates load(std::filesystem::path const& encoder_folder, std::int64_t n_layers, Options const& options);
  LowerStates(LowerStates&&) noexcept;
  LowerStates& operator=(LowerStates&&) noexcept;
  ~LowerStates();

  /// SHA-256 of all that the states of a text depend on but the text: sizes and weights of these layers, their number,
  /// precision and instruction set, and the version of this library, as sums are rounded in another order with others.
  [[nodiscard]] std::string const& key() const noexcept;
  [[nodiscard]] std::int64_t hidden_size() const noexcept;

  /// Calls `take(index of the text, its states [tokens, hidden])` once for each text, from any worker, several at once.
  /// A text's states are the same bits whatever stands beside it, in any order and with any number of workers. Ids,
  /// types and lengths must lie inside the encoder's sizes. Throws what `take` throws.
  void compute(std::span<task::TokenSequence const> texts,
               std::function<void(std::size_t text, std::span<float const> states)> const& take) const;

 private:
  struct State;
  explicit LowerStates(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace polytask::engine
