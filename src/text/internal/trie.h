// Which keys begin a text: a tree over bytes, one array look-up for each byte of the text.
// Method: a double array with XOR addressing (Aoe 1989; Yata et al. 2007): the child of a node by byte `c` lies at
// `base ^ c` and knows its parent. Unlike darts-clone we keep the values beside the nodes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace polytask::text {

/// Immutable after construction; safe to share between threads.
class Trie {
 public:
  static constexpr std::uint32_t kRoot = 0;
  static constexpr std::int32_t kNone = -1;

  struct Key {
    std::string_view bytes;  ///< an empty key is left out
    std::int32_t value = 0;  ///< >= 0
  };

  Trie() : Trie(std::vector<Key>{}) {}
  /// Of keys that stand twice the last one counts.
  explicit Trie(std::vector<Key> keys);

  /// The node one byte further, or kRoot when no key goes on that way.
  [[nodiscard]] std::uint32_t child(std::uint32_t node, unsigned char byte) const noexcept {
    std::uint32_t const at = units_[node].base ^ byte;
    return units_[at].parent == node ? at : kRoot;
  }
  /// Value of the key that ends at `node`, or kNone.
  [[nodiscard]] std::int32_t value(std::uint32_t node) const noexcept { return units_[node].value; }
  /// Value of the key that is exactly `bytes`, or kNone.
  [[nodiscard]] std::int32_t find(std::string_view bytes) const noexcept;

 private:
  struct Unit {
    std::uint32_t base = 0;
    std::uint32_t parent = kFree;
    std::int32_t value = kNone;
  };
  static constexpr std::uint32_t kFree = 0xFFFF'FFFF;
  friend class TrieBuilder;

  std::vector<Unit> units_;  ///< whole blocks of 256, so that `base ^ byte` always lies inside
};

}  // namespace polytask::text
