// Distances between tokens as rows of a table (He et al. 2021, arXiv:2006.03654, eq. 3). Apart from the attention that
// is trained: what answers knows no OpenMP.
#pragma once

#include <cstdint>
#include <vector>

namespace polytask::kernels {

/// Which row of a table of distances, [2 span, ...], a distance has.
struct RelativeRows {
  std::int64_t span = 0;
  std::int64_t buckets = 0;   ///< 0 = every distance from -span to span - 1 has its own
  std::int64_t farthest = 0;  ///< with buckets: the distance of the last one
};
/// `distance`: place of the query minus place of the key. Half of the buckets hold one distance each, the others grow
/// with its logarithm.
[[nodiscard]] std::int64_t relative_row(RelativeRows const& rows, std::int64_t distance);

/// Rows of the distances longest - 1, ..., 0, ..., -(longest - 1).
[[nodiscard]] std::vector<std::int32_t> rows_by_distance(RelativeRows const& rows, std::int64_t longest);
/// Of these, the part that a text of `n` tokens has.
[[nodiscard]] inline std::int32_t const* rows_of_text(std::vector<std::int32_t> const& rows, std::int64_t n) {
  return rows.data() + (static_cast<std::int64_t>(rows.size()) + 1) / 2 - n;
}

/// [2 span, hidden] each; null = the scores do not have that term.
template <typename Value>
struct RelativeTables {
  Value* keys = nullptr;     ///< PK
  Value* queries = nullptr;  ///< PQ
};

}  // namespace polytask::kernels
