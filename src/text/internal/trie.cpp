#include "text/internal/trie.h"

#include <algorithm>
#include <array>
#include <bit>

namespace polytask::text {

/// Places nodes into blocks of 256 units; a node's children all lie in one block.
class TrieBuilder {
 public:
  explicit TrieBuilder(std::vector<Trie::Unit>& units) : units_(units) {
    add_block();
    take(Trie::kRoot, Trie::kFree - 1);  // a parent that no node has: no byte leads back to the root
  }

  void build(std::vector<Trie::Key> const& sorted) {
    std::vector<Task> waiting{{0, sorted.size(), 0, Trie::kRoot}};
    std::vector<Task> children;
    while (!waiting.empty()) {
      auto const task = waiting.back();
      waiting.pop_back();
      std::size_t at = task.begin;
      for (; at < task.end && sorted[at].bytes.size() == task.depth; ++at) units_[task.node].value = sorted[at].value;
      children.clear();
      labels_.clear();
      while (at < task.end) {
        auto const label = static_cast<unsigned char>(sorted[at].bytes[task.depth]);
        std::size_t const begin = at;
        while (at < task.end && static_cast<unsigned char>(sorted[at].bytes[task.depth]) == label) ++at;
        labels_.push_back(label);
        children.push_back({begin, at, task.depth + 1, 0});
      }
      if (labels_.empty()) continue;
      std::uint32_t const base = find_base();
      units_[task.node].base = base;
      for (std::size_t i = 0; i < labels_.size(); ++i) {
        children[i].node = base ^ labels_[i];
        take(children[i].node, task.node);
        waiting.push_back(children[i]);
      }
    }
  }

 private:
  struct Task {
    std::size_t begin, end, depth;  ///< keys that share their first `depth` bytes
    std::uint32_t node;
  };
  struct Block {
    std::uint32_t first = 0;
    std::array<std::uint64_t, 4> taken{};
    int n_free = 256;
    int n_failed = 0;
  };
  static constexpr std::size_t kOpenBlocks = 16;
  static constexpr int kPatience = 64;  ///< searches that a block may fail before it counts as full

  void add_block() {
    if (open_.size() == kOpenBlocks) open_.erase(open_.begin());
    open_.push_back({.first = static_cast<std::uint32_t>(units_.size())});
    units_.resize(units_.size() + 256);
  }

  void take(std::uint32_t at, std::uint32_t parent) {
    units_[at].parent = parent;
    for (auto& block : open_)
      if (at - block.first < 256) {
        block.taken[(at & 255) / 64] |= std::uint64_t{1} << (at % 64);
        --block.n_free;
      }
  }

  static bool is_taken(Block const& block, unsigned at) { return ((block.taken[at / 64] >> (at % 64)) & 1) != 0; }

  std::uint32_t find_base() {
    for (std::size_t b = 0; b < open_.size();) {
      auto& block = open_[b];
      if (block.n_free >= static_cast<int>(labels_.size())) {
        for (unsigned word = 0; word < 4; ++word)
          for (std::uint64_t free = ~block.taken[word]; free != 0; free &= free - 1) {
            unsigned const base = (word * 64 + static_cast<unsigned>(std::countr_zero(free))) ^ labels_[0];
            if (std::none_of(labels_.begin(), labels_.end(), [&](auto label) { return is_taken(block, base ^ label); }))
              return block.first | base;
          }
      }
      if (block.n_free == 0 || ++block.n_failed > kPatience)
        open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(b));
      else
        ++b;
    }
    add_block();
    return open_.back().first;
  }

  std::vector<Trie::Unit>& units_;
  std::vector<Block> open_;
  std::vector<unsigned char> labels_;  ///< of the node that is being placed
};

Trie::Trie(std::vector<Key> keys) {
  std::erase_if(keys, [](auto const& key) { return key.bytes.empty(); });
  std::stable_sort(keys.begin(), keys.end(), [](auto const& a, auto const& b) { return a.bytes < b.bytes; });
  TrieBuilder(units_).build(keys);
}

std::int32_t Trie::find(std::string_view bytes) const noexcept {
  std::uint32_t node = kRoot;
  for (char const c : bytes) {
    node = child(node, static_cast<unsigned char>(c));
    if (node == kRoot) return kNone;
  }
  return value(node);
}

}  // namespace polytask::text
