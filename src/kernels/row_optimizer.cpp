#include "kernels/row_optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

constexpr std::int64_t kBlock = 64;            // elements that are kept in registers
constexpr std::size_t kStepsBetweenLooks = 8;  // whether momentum is left
constexpr float kNoMomentum = 1e-20F;
constexpr float kNoVariance = 1e-36F;  // before it is denormal, and slow

using Block = std::array<float, kBlock>;

Block loaded(float const* from, std::int64_t n) {
  Block block{};
  std::copy_n(from, n, block.begin());
  return block;
}

/// Steps without a gradient.
POLYTASK_SIMD_CLONES void pass_steps(AdamWFactors const* steps, std::size_t n_steps, Block& w, Block& m, Block& v) {
  bool is_moving = true;
  for (std::size_t s = 0; s < n_steps; ++s) {
    auto const& c = steps[s];
    if (is_moving && s % kStepsBetweenLooks == 0) {
      float left = 0;
      for (std::size_t i = 0; i < kBlock; ++i) left = std::max(left, std::abs(m[i]));
      is_moving = left > 0;
    }
    if (is_moving)
      for (std::size_t i = 0; i < kBlock; ++i) {
        float const first = c.beta1 * m[i];
        float const second = c.beta2 * v[i];
        m[i] = std::abs(first) < kNoMomentum ? 0.0F : first;
        v[i] = second < kNoVariance ? 0.0F : second;
        w[i] = c.decay * w[i] - c.step_size * m[i] / (std::sqrt(v[i]) * c.inverse_root + c.epsilon);
      }
    else
      for (std::size_t i = 0; i < kBlock; ++i) {
        float const second = c.beta2 * v[i];
        v[i] = second < kNoVariance ? 0.0F : second;
        w[i] = c.decay * w[i];
      }
  }
}

void pass_row(std::span<AdamWFactors const> steps, std::int64_t width, float* w, float* m, float* v) {
  for (std::int64_t at = 0; at < width; at += kBlock) {
    auto const n = std::min(kBlock, width - at);
    auto weights = loaded(w + at, n);
    auto first = loaded(m + at, n);
    auto second = loaded(v + at, n);
    pass_steps(steps.data(), steps.size(), weights, first, second);
    std::copy_n(weights.begin(), n, w + at);
    std::copy_n(first.begin(), n, m + at);
    std::copy_n(second.begin(), n, v + at);
  }
}

}  // namespace

RowAdamW::RowAdamW(std::int64_t n_rows, std::int64_t width, std::int64_t n_steps)
    : width_(width), n_steps_(n_steps), first_step_(n_steps), n_done_(static_cast<std::size_t>(n_rows), n_steps) {}

void RowAdamW::catch_up(RowTable const& table, std::span<std::int64_t const> rows) {
  std::vector<std::int64_t> late;
  for (auto const row : rows)
    if (auto& n_done = n_done_[static_cast<std::size_t>(row)]; n_done < n_steps_) late.push_back(row);
  std::sort(late.begin(), late.end());
  late.erase(std::unique(late.begin(), late.end()), late.end());
  auto const n = static_cast<std::int64_t>(late.size());
#pragma omp parallel for schedule(dynamic, 8)
  for (std::int64_t i = 0; i < n; ++i) {
    auto const row = late[static_cast<std::size_t>(i)];
    auto& n_done = n_done_[static_cast<std::size_t>(row)];
    auto const missed = std::span<AdamWFactors const>(steps_).subspan(static_cast<std::size_t>(n_done - first_step_));
    auto const at = row * width_;
    pass_row(missed, width_, table.weights.data() + at, table.first_moment.data() + at,
             table.second_moment.data() + at);
    n_done = n_steps_;
  }
}

void RowAdamW::catch_up_all(RowTable const& table) {
  std::vector<std::int64_t> rows(n_done_.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
  catch_up(table, rows);
  steps_.clear();
  first_step_ = n_steps_;
}

void RowAdamW::step(AdamWStep const& step, RowTable const& table, std::span<std::int64_t const> rows,
                    std::span<float const> gradient) {
  auto const width = static_cast<std::size_t>(width_);
  expects(gradient.size() == rows.size() * width && table.weights.size() == n_done_.size() * width,
          "every row that is named has a gradient");
  steps_.push_back(factors_of(step));
  ++n_steps_;
  for (auto const row : rows) {
    auto& n_done = n_done_[static_cast<std::size_t>(row)];
    expects(n_done == n_steps_ - 1, "a row is caught up before its gradient is computed");
    n_done = n_steps_;
  }
  auto const n = static_cast<std::int64_t>(rows.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < n; ++i) {
    auto const row = static_cast<std::size_t>(rows[static_cast<std::size_t>(i)]) * width;
    adamw_update_row(steps_.back(), table.weights.subspan(row, width),
                     gradient.subspan(static_cast<std::size_t>(i) * width, width),
                     table.first_moment.subspan(row, width), table.second_moment.subspan(row, width));
  }
}

}  // namespace polytask::kernels
