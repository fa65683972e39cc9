#include "task/label_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/nearest.h"

namespace polytask::task {

LabelSet::LabelSet(std::vector<std::string> labels) : labels_(std::move(labels)) {
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    if (labels_[i].empty())
      throw Error(ErrorCode::InvalidInput, fmt::format("label {} of the label set is empty; give it a name", i + 1));
    if (!index_.emplace(labels_[i], i).second)
      throw Error(ErrorCode::InvalidInput, fmt::format("label {} stands twice in the label set", quote(labels_[i])));
  }
}

Result<std::size_t> LabelSet::index_of(std::string_view label) const {
  if (auto const found = index_.find(label); found != index_.end()) return found->second;
  constexpr std::size_t kShown = 8;
  std::vector<std::string> const shown(labels_.begin(),
                                       labels_.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, labels_.size())));
  return Error(ErrorCode::InvalidInput,
               fmt::format("label {} is not known ({}{}){}", quote(label), fmt::join(shown, ", "),
                           labels_.size() > kShown ? fmt::format(", and {} more", labels_.size() - kShown) : "",
                           did_you_mean(label, labels_)));
}

}  // namespace polytask::task
