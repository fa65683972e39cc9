// The labels of one task in a fixed order: what an output unit of its head means.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace polytask::task {

/// Immutable after construction; safe to share between threads.
class LabelSet {
 public:
  LabelSet() = default;
  /// Keeps the order given. Throws Error{InvalidInput} for an empty or repeated label.
  explicit LabelSet(std::vector<std::string> labels);

  [[nodiscard]] std::size_t size() const noexcept { return labels_.size(); }
  [[nodiscard]] bool empty() const noexcept { return labels_.empty(); }
  [[nodiscard]] std::string const& operator[](std::size_t index) const { return labels_.at(index); }
  [[nodiscard]] std::vector<std::string> const& names() const noexcept { return labels_; }
  [[nodiscard]] bool contains(std::string_view label) const { return index_.find(label) != index_.end(); }
  /// Fails with InvalidInput, listing the known labels and naming the nearest one.
  [[nodiscard]] Result<std::size_t> index_of(std::string_view label) const;

  friend bool operator==(LabelSet const& a, LabelSet const& b) { return a.labels_ == b.labels_; }

 private:
  std::vector<std::string> labels_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

}  // namespace polytask::task
