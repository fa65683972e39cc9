// One vector of a whole text, as a teacher gives it: computed once, stored beside the project for all runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "data/state_store.h"

namespace polytask::data {

/// A model that turns texts into vectors.
struct VectorModel {
  std::string key;  ///< equal where the vectors are
  std::int64_t width = 0;
  /// Calls `take` once for each text, from any thread, several at once.
  std::function<void(std::span<std::string const> texts,
                     std::function<void(std::size_t text, std::span<float const> vector)> const& take)>
      compute;
};

/// Vectors come out rounded to float16, whether they were stored or have just been computed. Not thread-safe.
class TextVectors {
 public:
  TextVectors(VectorModel model, StateStore store) : model_(std::move(model)), store_(std::move(store)) {}

  struct Filled {
    std::size_t n_texts = 0;     ///< different ones
    std::size_t n_computed = 0;  ///< of them, now
  };
  /// Stores what is missing of these texts; `on_progress` hears how many of the missing are done. Returns early once
  /// `stop` is requested: what was done is stored. Where another process adds, or no room is left, vectors are held in
  /// memory. Throws Error{Unavailable} where the store cannot be written.
  Filled fill(std::vector<std::string> texts,
              std::function<void(std::size_t n_done, std::size_t n_missing)> const& on_progress,
              std::stop_token const& stop);
  /// [width]; computed now where it is not stored.
  [[nodiscard]] std::vector<float> read(std::string const& text);
  [[nodiscard]] std::int64_t width() const noexcept { return model_.width; }

 private:
  [[nodiscard]] StateKey key_of(std::string const& text) const;
  VectorModel model_;
  StateStore store_;
};

}  // namespace polytask::data
