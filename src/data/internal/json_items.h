// One JSON document that is a list -> its items, one at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace polytask::data {

/// Finds where items begin and end by strings and brackets alone; whether an item is JSON is for its reader to say.
class JsonItems {
 public:
  enum class State {
    NeedsLine,  ///< `feed` the next line
    Item,       ///< `item` is whole
    TooLong,    ///< an item beyond max_bytes was skipped
    Ended       ///< by "]"
  };

  explicit JsonItems(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  /// A line without its end; the first one begins with "[", perhaps behind white space.
  void feed(std::string_view line, std::size_t number);
  /// Goes on to the next item.
  State next();
  [[nodiscard]] std::string const& item() const { return item_; }
  /// The line where the item began; of several on one line the later ones are counted on.
  [[nodiscard]] std::size_t line() const { return item_line_; }
  /// Of the line fed last, what comes behind the list.
  [[nodiscard]] std::string_view rest() const { return std::string_view(pending_).substr(at_); }

 private:
  State ended_item();
  std::size_t max_bytes_;
  std::string pending_;
  std::size_t at_ = 0;
  std::size_t number_ = 0;
  std::string item_;
  std::size_t item_line_ = 0;
  std::size_t depth_ = 0;
  bool in_string_ = false, escaped_ = false, too_long_ = false, given_ = false, ended_ = false;
};

}  // namespace polytask::data
