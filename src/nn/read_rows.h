// Of which tokens anybody reads what the last layer makes: only they go through what follows its attention.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace polytask::nn {

class ReadRows {
 public:
  /// All of them.
  ReadRows() = default;
  /// `tokens` of a batch of `n_tokens`, in any order, more than once perhaps. Where they are most of the batch, all are
  /// taken: picking rows costs something too.
  ReadRows(std::vector<std::int64_t> tokens, std::int64_t n_tokens, torch::Device device);

  /// [rows] int64, ascending; undefined = all.
  [[nodiscard]] torch::Tensor const& rows() const noexcept { return rows_; }
  /// Where read tokens are among the rows.
  [[nodiscard]] std::vector<std::int64_t> places(std::vector<std::int64_t> const& tokens) const;

 private:
  torch::Tensor rows_;
  std::vector<std::int64_t> place_of_;  ///< by token of the batch
};

}  // namespace polytask::nn
