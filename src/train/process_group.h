// The processes that train one model together: what they tell one another.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "train/process_place.h"

namespace polytask::train {

/// What the leader tells the others to do next.
enum class Next : std::int64_t { Begin, Step, End };

/// Every call is made by all of them, in one order; each waits for the others. Throws Error{Interrupted} where one of
/// the others is gone, or has not answered for an hour.
class ProcessGroup {
 public:
  /// Waits for all of `place.size` processes. Throws Error{Unavailable} where some do not come.
  explicit ProcessGroup(ProcessPlace const& place);
  /// However the leader ends, the others hear of it.
  ~ProcessGroup();
  ProcessGroup(ProcessGroup const&) = delete;
  ProcessGroup& operator=(ProcessGroup const&) = delete;

  [[nodiscard]] int rank() const noexcept { return place_.rank; }
  [[nodiscard]] int size() const noexcept { return place_.size; }
  [[nodiscard]] bool leads() const noexcept { return place_.rank == 0; }

  /// The sum over all processes, in its place: the same bits in each.
  void sum(std::span<float> values);
  /// The leader's values, in the place of everybody's.
  void share(std::span<float> values);
  void share(std::span<std::int64_t> values);
  /// Throws Error{Conflict} in all of them where the texts differ; `what` they are stands in the message.
  void check_same(std::string const& what, std::string const& text);
  /// The leader says it, the others hear it.
  void tell(Next next);
  [[nodiscard]] Next hear();

 private:
  struct State;
  ProcessPlace place_;
  std::unique_ptr<State> state_;
};

}  // namespace polytask::train
