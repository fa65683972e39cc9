// Which tasks of a session still learn.
#include <algorithm>

#include "train/internal/session.h"

namespace polytask::train {

bool Session::learns(std::size_t head) const {
  auto const found = state_.tasks.find(prepared_.spec.heads[head].task.name);
  return found == state_.tasks.end() || !found->second.has_stopped();
}

bool Session::any_learns() const {
  for (std::size_t head = 0; head < prepared_.spec.heads.size(); ++head)
    if (learns(head)) return true;
  return false;
}

std::vector<data::DrawnRow> Session::learned_rows(std::vector<data::DrawnRow> const& rows) {
  auto learned = rows;
  if (std::none_of(state_.tasks.begin(), state_.tasks.end(), [](auto const& one) { return one.second.has_stopped(); }))
    return learned;
  bring(rows);
  std::erase_if(learned, [&](data::DrawnRow const& row) {
    auto const& heads = prepared_.streams[row.stream].heads;
    auto const& targets = features_of(row).targets;
    for (std::size_t position = 0; position < targets.size(); ++position)
      if (targets[position].index() != 0 && learns(heads[position])) return false;
    return true;
  });
  return learned;
}

void Session::share_stops() {
  if (options_.processes == nullptr || config_.task_stopping_patience == 0) return;
  auto const& heads = prepared_.spec.heads;
  std::vector<std::int64_t> has_stopped;
  for (std::size_t head = 0; head < heads.size(); ++head) has_stopped.push_back(learns(head) ? 0 : 1);
  options_.processes->share(std::span(has_stopped));
  for (std::size_t head = 0; !options_.processes->leads() && head < heads.size(); ++head)
    if (has_stopped[head] != 0)
      state_.tasks[heads[head].task.name].stopped_step = std::max<std::int64_t>(1, state_.step);
}

}  // namespace polytask::train
