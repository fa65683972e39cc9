// All texts of a corpus in one row, training first, and which of them are copies.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "audit/near_duplicates.h"
#include "data/corpus.h"

namespace polytask::audit {

struct Document {
  std::uint32_t stream = 0;
  data::Split split = data::Split::Train;
  task::Example const* example = nullptr;
};

/// Texts that differ in nothing that counts are one group. Borrows the corpus.
class Pool {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  explicit Pool(data::Corpus const& corpus);

  [[nodiscard]] data::Corpus const& corpus() const { return corpus_; }
  /// Training rows of all streams, then dev, then test; rows of one split and stream stand together.
  [[nodiscard]] std::vector<Document> const& documents() const { return documents_; }
  [[nodiscard]] std::size_t n_groups() const { return begins_.size() - 1; }
  /// kNone for a text without a letter.
  [[nodiscard]] std::uint32_t group_of(std::size_t document) const { return groups_[document]; }
  /// Ascending documents.
  [[nodiscard]] std::span<std::uint32_t const> members(std::uint32_t group) const {
    return {members_.data() + begins_[group], begins_[group + 1] - begins_[group]};
  }
  /// Those of one split of one stream.
  [[nodiscard]] std::span<std::uint32_t const> members(std::uint32_t group, data::Split split,
                                                       std::size_t stream) const;
  /// The earlier group that a group nearly equals; kNone = none was found.
  [[nodiscard]] std::uint32_t near(std::uint32_t group) const { return near_[group]; }
  [[nodiscard]] double near_similarity(std::uint32_t group) const { return similarity_[group]; }

 private:
  data::Corpus const& corpus_;
  std::vector<Document> documents_;
  std::array<std::vector<std::uint32_t>, 3>
      stream_begins_;  ///< by split: the first document of each stream, and the end
  std::vector<std::uint32_t> groups_;
  std::vector<std::uint32_t> members_;
  std::vector<std::size_t> begins_;
  std::vector<std::uint32_t> near_;
  std::vector<double> similarity_;
};

/// What copies have in common: the normalised texts, a border between those of a pair.
[[nodiscard]] std::string key_of(task::Example const& example);

}  // namespace polytask::audit
