// A value or the Error that took its place, for callers who decide themselves what a failure means.
#pragma once

#include <utility>
#include <variant>

#include "base/error.h"

namespace polytask {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }
  /// The value; throws the very Error it holds otherwise.
  [[nodiscard]] T const& value() const& { return check(), std::get<0>(state_); }
  [[nodiscard]] T value() && { return check(), std::get<0>(std::move(state_)); }
  [[nodiscard]] T const& operator*() const& { return value(); }
  [[nodiscard]] T const* operator->() const { return &value(); }
  /// The error; only after `!result`.
  [[nodiscard]] Error const& error() const {
    expects(state_.index() == 1, "error() is called on a failed result");
    return std::get<1>(state_);
  }

 private:
  void check() const {
    if (state_.index() == 1) throw std::get<1>(state_);
  }
  std::variant<T, Error> state_;
};

}  // namespace polytask
