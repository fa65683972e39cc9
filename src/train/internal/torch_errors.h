// What LibTorch throws, in our words: nothing of it leaves the room.
#pragma once

#include <c10/util/Exception.h>

#include <new>
#include <string_view>

#include "base/error.h"

namespace polytask::train {

/// Unavailable when memory was not enough, otherwise InvalidInput. `doing` starts the message.
[[nodiscard]] Error error_of(std::string_view doing, c10::Error const& error);
[[nodiscard]] Error out_of_memory(std::string_view doing);

/// What `work` returns. Its own Errors pass.
template <typename Work>
auto translated(std::string_view doing, Work const& work) {
  try {
    return work();
  } catch (std::bad_alloc const&) {
    throw out_of_memory(doing);
  } catch (c10::Error const& error) {
    throw error_of(doing, error);
  }
}

}  // namespace polytask::train
