#include "data/internal/assign_splits.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <span>

#include "base/random.h"

namespace polytask::data {
namespace {

constexpr std::size_t kFewestRows = 3;  // of a stratum or a label that is split

using Group = std::vector<std::size_t>;  // rows

std::map<std::string, std::vector<Group>> groups_by_stratum(std::vector<RowFacts> const& rows) {
  std::map<std::string, std::pair<std::string, std::size_t>> found;  // group -> stratum and place
  std::map<std::string, std::vector<Group>> strata;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (rows[row].group.empty()) {
      strata[rows[row].stratum].push_back({row});
      continue;
    }
    auto const known = found.find(rows[row].group);
    if (known == found.end()) {
      auto& groups = strata[rows[row].stratum];
      found.emplace(rows[row].group, std::pair(rows[row].stratum, groups.size()));
      groups.push_back({row});
    } else {
      strata[known->second.first][known->second.second].push_back(row);
    }
  }
  return strata;
}

/// Which labels train can still give rows of.
class LabelBudget {
 public:
  explicit LabelBudget(std::vector<RowFacts> const& rows) : rows_(rows) {
    for (auto const& row : rows)
      for (auto const label : row.labels) ++total_[label];
    left_ = total_;
  }

  /// Takes the group's rows out of train; false, and nothing taken, when a label would be too rare there.
  bool take(Group const& group) {
    std::map<std::size_t, std::size_t> counts;
    for (auto const row : group)
      for (auto const label : rows_[row].labels) ++counts[label];
    for (auto const& [label, n] : counts)
      if (total_[label] < kFewestRows || left_[label] <= n) return false;
    for (auto const& [label, n] : counts) left_[label] -= n;
    return true;
  }

 private:
  std::vector<RowFacts> const& rows_;
  std::map<std::size_t, std::size_t> total_;
  std::map<std::size_t, std::size_t> left_;
};

std::optional<double> as_number(std::string const& text) {
  double number = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::vector<Split> splits_by_time(std::vector<RowFacts> const& rows, DeclaredSplit const& split) {
  std::vector<std::size_t> order;
  bool all_numbers = true;
  for (std::size_t row = 0; row < rows.size(); ++row)
    if (!rows[row].time.empty()) {
      order.push_back(row);
      all_numbers = all_numbers && as_number(rows[row].time).has_value();
    }
  auto const is_older = [&](std::size_t a, std::size_t b) {
    return all_numbers ? *as_number(rows[a].time) < *as_number(rows[b].time) : rows[a].time < rows[b].time;
  };
  std::stable_sort(order.begin(), order.end(), is_older);
  std::vector<Split> assigned(rows.size(), Split::Train);
  // The first row of the newest part of this share.
  auto const start_of = [&](double share) {
    auto const n = static_cast<double>(order.size());
    auto start = order.size() - static_cast<std::size_t>(std::floor(share * n + 0.5));
    while (start > 0 && start < order.size() && !is_older(order[start - 1], order[start])) ++start;
    return start;
  };
  for (auto i = start_of(split.dev + split.test); i < order.size(); ++i) assigned[order[i]] = Split::Dev;
  for (auto i = start_of(split.test); i < order.size(); ++i) assigned[order[i]] = Split::Test;
  return assigned;
}

}  // namespace

std::vector<Split> assign_splits(std::vector<RowFacts> const& rows, DeclaredSplit const& split, std::string_view salt,
                                 std::uint64_t seed) {
  if (!split.by_time.empty()) return splits_by_time(rows, split);
  std::uint64_t purpose = 1469598103934665603ULL;  // FNV-1a: datasets of one seed are cut independently
  for (char const c : salt) purpose = (purpose ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  Rng rng = Rng::for_purpose(seed, purpose);
  std::vector<Split> assigned(rows.size(), Split::Train);
  LabelBudget labels(rows);
  double owed_dev = 0;  // fractions that earlier strata were too small for
  double owed_test = 0;
  for (auto& [stratum, groups] : groups_by_stratum(rows)) {
    std::size_t n_rows = 0;
    for (auto const& group : groups) n_rows += group.size();
    if (n_rows < kFewestRows) continue;
    owed_dev += split.dev * static_cast<double>(n_rows);
    owed_test += split.test * static_cast<double>(n_rows);
    rng.shuffle(std::span(groups));
    std::size_t left = n_rows;
    for (auto const& group : groups) {
      auto const size = static_cast<double>(group.size());
      // A group is taken when at least half of it is owed, and something stays in train.
      if (left <= group.size()) break;
      auto const take = [&](double& owed, Split to) {
        if (owed < size / 2 + 1e-9 || !labels.take(group)) return false;
        owed -= size;
        for (auto const row : group) assigned[row] = to;
        left -= group.size();
        return true;
      };
      if (!take(owed_test, Split::Test)) (void)take(owed_dev, Split::Dev);
    }
  }
  return assigned;
}

}  // namespace polytask::data
