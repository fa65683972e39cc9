#include "data/internal/json_items.h"

#include <algorithm>
#include <utility>

namespace polytask::data {

void JsonItems::feed(std::string_view line, std::size_t number) {
  pending_.assign(line);
  pending_.push_back('\n');
  at_ = 0;
  number_ = number;
}

JsonItems::State JsonItems::ended_item() {
  given_ = true;
  return std::exchange(too_long_, false) ? State::TooLong : State::Item;
}

JsonItems::State JsonItems::next() {
  if (std::exchange(given_, false)) item_.clear();
  for (; at_ < pending_.size() && !ended_; ++at_) {
    char const c = pending_[at_];
    bool const is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (depth_ == 0) {  // in front of the list
      if (c == '[') depth_ = 1;
      continue;
    }
    if (depth_ == 1 && !in_string_) {
      if (c == ']' || c == ',') {
        ended_ = c == ']';
        if (item_.empty()) continue;
        ++at_;
        return ended_item();  // a number, a word, a text
      }
      if (item_.empty()) {
        if (is_space) continue;
        item_line_ = std::max(number_, item_line_ + 1);
      }
    }
    if (item_.size() < max_bytes_)
      item_.push_back(c);
    else
      too_long_ = true;
    if (in_string_) {
      if (std::exchange(escaped_, false)) continue;
      escaped_ = c == '\\';
      in_string_ = c != '"';
      continue;
    }
    in_string_ = c == '"';
    if (c == '{' || c == '[') ++depth_;
    if (c != '}' && c != ']') continue;
    if (--depth_ > 1) continue;
    ++at_;
    return ended_item();
  }
  return ended_ ? State::Ended : State::NeedsLine;
}

}  // namespace polytask::data
