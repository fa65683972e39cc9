// In which order the rows of several datasets are drawn: declared shares, exact counts, a state of a few numbers.
#pragma once

#include <cstdint>
#include <vector>

namespace polytask::data {

struct DrawnRow {
  std::size_t stream = 0;
  std::size_t row = 0;
  friend bool operator==(DrawnRow const&, DrawnRow const&) = default;
};

/// Draws rows without end. After any number of draws each stream's count differs from its share by less than one per
/// stream (smooth weighted round robin, so that every batch is mixed). Within a stream every row comes once before any
/// comes again, in a new order each pass. Deterministic in (sizes, shares, seed); not thread-safe.
class Mixture {
 public:
  /// What has to be saved to go on later with the very same rows.
  struct State {
    std::vector<double> credit;          ///< by stream
    std::vector<std::uint64_t> n_drawn;  ///< by stream
  };

  /// `sizes`: rows by stream, >= 1. `shares`: > 0, any scale.
  Mixture(std::vector<std::size_t> sizes, std::vector<double> shares, std::uint64_t seed);

  DrawnRow next();
  [[nodiscard]] State const& state() const noexcept { return state_; }
  /// Continues from a saved state; its vectors must fit.
  void restore(State state);

 private:
  void reshuffle(std::size_t stream, std::uint64_t pass);

  std::vector<std::size_t> sizes_;
  std::vector<double> shares_;  ///< add up to 1
  std::uint64_t seed_;
  State state_;
  struct Order {
    std::uint64_t pass = ~std::uint64_t{0};
    std::vector<std::uint32_t> rows;
  };
  std::vector<Order> orders_;
};

/// p ~ min(size, cap)^(1/temperature), not normalised (Raffel et al. 2020, arXiv:1910.10683, section 3.5.2).
[[nodiscard]] std::vector<double> temperature_shares(std::vector<std::size_t> const& sizes, double temperature,
                                                     std::int64_t cap);

}  // namespace polytask::data
