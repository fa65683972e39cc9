// Which texts are nearly the same, in time that grows with their number and not with its square.
// Method: MinHash signatures of character shingles (Broder 1997, doi:10.1109/SEQUEN.1997.666900), put into buckets band
// by band (Leskovec et al. 2020, Mining of Massive Datasets, section 3.4). Where we differ: what shares a bucket is
// compared exactly, and with a bounded number of members only, so a template that fills one bucket costs no more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace polytask::audit {

struct NearDuplicateOptions {
  double similarity = 0.8;           ///< least Jaccard similarity of the shingles, 0..1
  std::size_t fewest_shingles = 16;  ///< shorter texts are never near duplicates: one word more is another text
  std::uint64_t seed = 1;            ///< of the hash functions
};

/// A text that is nearly the same as an earlier one.
struct NearDuplicate {
  std::size_t text = 0;
  std::size_t earlier = 0;  ///< index below `text`; the lower indices are tried first
  double similarity = 0;
};

/// The text without what people change when they copy: ASCII case, punctuation and runs of white space.
[[nodiscard]] std::string normalised(std::string_view text);

/// Hashes of the four-character pieces (code points) of a normalised text, sorted, each once.
[[nodiscard]] std::vector<std::uint32_t> shingles_of(std::string_view text);

/// |a and b| / |a or b| of sorted sets; 0 where both are empty.
[[nodiscard]] double jaccard(std::vector<std::uint32_t> const& a, std::vector<std::uint32_t> const& b);

/// At most one for each text, ascending. `text_of(i)` is the normalised text i < n_texts and may be called several
/// times. Pairs at the least similarity are found with a probability of 99 %, more similar ones more surely.
/// Deterministic.
[[nodiscard]] std::vector<NearDuplicate> near_duplicates(std::size_t n_texts,
                                                         std::function<std::string(std::size_t)> const& text_of,
                                                         NearDuplicateOptions const& options = {});

}  // namespace polytask::audit
