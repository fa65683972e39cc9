// White space at the ends of what a token covers.
#pragma once

#include <string_view>

#include "task/example.h"

namespace polytask::task {

/// What a token says of valid UTF-8: some tokenizers count the space in front of a word to it (DeBERTa v3's do). A
/// token of white space alone is empty, where it begins.
[[nodiscard]] ByteRange without_white_space(std::string_view text, ByteRange bytes);

}  // namespace polytask::task
