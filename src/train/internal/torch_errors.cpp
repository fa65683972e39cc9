#include "train/internal/torch_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace polytask::train {

Error error_of(std::string_view doing, c10::Error const& error) {
  std::string reason = error.what_without_backtrace();
  // The allocator of the CPU has no type of its own for it.
  bool const is_memory = dynamic_cast<c10::OutOfMemoryError const*>(&error) != nullptr ||
                         reason.find("can't allocate memory") != std::string::npos;
  if (is_memory) return out_of_memory(doing);
  reason.resize(std::min(reason.size(), reason.find('\n')));
  return {ErrorCode::InvalidInput, fmt::format("{}: LibTorch could not go on: {}", doing, reason)};
}

Error out_of_memory(std::string_view doing) {
  return {ErrorCode::Unavailable, fmt::format("{}: the memory is not enough; free some, lower train.batch_tokens or "
                                              "train.max_length, or take a smaller encoder",
                                              doing)};
}

}  // namespace polytask::train
