#include "text/internal/byte_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"
#include "text/internal/json_fields.h"

namespace polytask::text {
namespace {

constexpr std::size_t kShort = 32;           ///< symbols; from here on a heap is faster
constexpr std::uint32_t kVeryLong = 10'000;  ///< and from here on lists by rank are

/// The printable character that stands for each byte in a byte-level vocabulary (Radford et al. 2019).
std::array<char32_t, 256> characters_of_bytes() {
  std::array<char32_t, 256> characters{};
  char32_t next = 256;
  for (char32_t byte = 0; byte < 256; ++byte) {
    bool const is_itself =
        (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
    characters[byte] = is_itself ? byte : next++;
  }
  return characters;
}

std::array<char32_t, 256> const kCharacterOfByte = characters_of_bytes();

// A pair of ids and its rank in one word: the table of a usual vocabulary fits the second cache.
constexpr unsigned kIdBits = 21, kRankBits = 22;
constexpr std::uint64_t kMostMerges = (1U << kRankBits) - 1;
static_assert(JsonFields::kLargestVocabulary <= 1U << kIdBits && 2 * kIdBits + kRankBits == 64);

std::uint64_t key_of(std::int32_t first, std::int32_t second) {
  return std::uint64_t{static_cast<std::uint32_t>(first)} << kIdBits | static_cast<std::uint32_t>(second);
}

/// Fibonacci hashing: the high bits of the product depend on all bits of the key.
std::size_t slot_of(std::uint64_t key) { return key * 0x9E37'79B9'7F4A'7C15 >> 32; }

}  // namespace

std::optional<std::string> bytes_of_token(std::string_view token) {
  static auto const byte_of = [] {
    std::array<int, 512> bytes{};
    bytes.fill(-1);
    for (std::size_t byte = 0; byte < 256; ++byte) bytes[kCharacterOfByte[byte]] = static_cast<int>(byte);
    return bytes;
  }();
  std::string bytes;
  for (std::size_t at = 0; at < token.size();) {
    auto const decoded = decode_utf8(token, at);
    if (decoded.code_point >= byte_of.size() || byte_of[decoded.code_point] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte_of[decoded.code_point]));
    at += decoded.n_bytes;
  }
  return bytes;
}

Result<BytePairs> BytePairs::make(std::vector<Token> const& vocabulary, std::vector<Merge> const& merges,
                                  BytePairsConfig const& config) {
  std::unordered_map<std::string_view, std::int32_t> ids;
  for (auto const& token : vocabulary) ids[token.text] = token.id;
  auto const id_of = [&](std::string_view token) {
    auto const found = ids.find(token);
    return found == ids.end() ? kNoToken : found->second;
  };
  BytePairs model;
  if (!config.unknown.empty()) {
    model.unknown_id_ = id_of(config.unknown);
    if (model.unknown_id_ == kNoToken)
      return Error(ErrorCode::InvalidInput,
                   fmt::format("the unknown token {} is not in the vocabulary", quote(config.unknown)));
  }
  model.fuse_unknown_ = config.fuse_unknown;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    std::string character;
    append_utf8(character, kCharacterOfByte[byte]);
    model.of_byte_[byte] = id_of(character);
  }
  if (merges.size() >= kMostMerges)
    return Error(ErrorCode::InvalidInput,
                 fmt::format("has {} merges; at most {} are supported", merges.size(), kMostMerges - 1));
  model.pairs_.assign(std::bit_ceil(merges.size() * 2 + 1), kNoPair);
  for (std::size_t i = 0; i < merges.size(); ++i) {
    auto const& [first, second] = merges[i];
    for (auto const& needed : {first, second, first + second})
      if (!ids.contains(needed))
        return Error(ErrorCode::InvalidInput,
                     fmt::format("merge {} joins {} and {}, but {} is not in the vocabulary of {} tokens", i + 1,
                                 quote(first), quote(second), quote(needed), vocabulary.size()));
    model.add_pair(id_of(first), id_of(second), static_cast<std::uint32_t>(i));
    model.merged_.push_back(id_of(first + second));
  }
  std::vector<std::string> words;
  std::vector<Trie::Key> keys;
  words.reserve(vocabulary.size());  // keys look into it
  std::vector<Piece> pieces;
  Scratch scratch;
  for (auto const& token : vocabulary) {
    auto bytes = bytes_of_token(token.text);
    if (!bytes || bytes->empty()) continue;
    if (!config.ignore_merges) {
      pieces.clear();
      model.cut(*bytes, scratch, pieces);
      if (pieces.size() != 1 || pieces[0].id != token.id) continue;
    }
    words.push_back(std::move(*bytes));
    keys.push_back({words.back(), token.id});
  }
  model.words_ = Trie(std::move(keys));
  return model;
}

/// Of a pair that stands twice the last rank counts.
void BytePairs::add_pair(std::int32_t first, std::int32_t second, std::uint32_t rank) {
  std::uint64_t const key = key_of(first, second);
  std::size_t const mask = pairs_.size() - 1;
  std::size_t at = slot_of(key) & mask;
  while (pairs_[at] != kNoPair && pairs_[at] >> kRankBits != key) at = (at + 1) & mask;
  pairs_[at] = key << kRankBits | rank;
}

std::uint32_t BytePairs::rank(std::int32_t first, std::int32_t second) const {
  std::uint64_t const key = key_of(first, second);
  std::size_t const mask = pairs_.size() - 1;
  for (std::size_t at = slot_of(key) & mask; pairs_[at] != kNoPair; at = (at + 1) & mask)
    if (pairs_[at] >> kRankBits == key) return static_cast<std::uint32_t>(pairs_[at] & kMostMerges);
  return kNoRank;
}

void BytePairs::cut(std::string_view word, Scratch& scratch, std::vector<Piece>& pieces) const {
  if (auto const id = words_.find(word); id != Trie::kNone) {
    pieces.push_back({id, 0, static_cast<std::uint32_t>(word.size())});
    return;
  }
  std::size_t const begin = pieces.size();
  split_into_bytes(word, pieces);
  if (pieces.size() - begin <= kShort)
    merge_short(pieces, begin);
  else
    merge_long(pieces, begin, scratch);
}

void BytePairs::split_into_bytes(std::string_view word, std::vector<Piece>& pieces) const {
  std::uint32_t at = 0;
  bool after_unknown = false;
  for (char const c : word) {
    auto const known = of_byte_[static_cast<unsigned char>(c)];
    auto const id = known == kNoToken ? unknown_id_ : known;
    if (id == kNoToken) continue;
    if (known == kNoToken && after_unknown && fuse_unknown_)
      ++pieces.back().end;
    else
      pieces.push_back({id, at, at + 1});
    ++at;
    after_unknown = known == kNoToken;
  }
}

void BytePairs::merge_short(std::vector<Piece>& pieces, std::size_t begin) const {
  std::array<std::uint32_t, kShort> ranks{};
  std::size_t n = pieces.size() - begin;
  auto* const piece = pieces.data() + begin;
  for (std::size_t i = 0; i + 1 < n; ++i) ranks[i] = rank(piece[i].id, piece[i + 1].id);
  while (n > 1) {
    auto const* const best = std::min_element(ranks.data(), ranks.data() + n - 1);
    if (*best == kNoRank) break;
    auto const i = static_cast<std::size_t>(best - ranks.data());
    piece[i] = {merged_[*best], piece[i].begin, piece[i + 1].end};
    std::move(piece + i + 2, piece + n, piece + i + 1);
    std::move(ranks.data() + i + 1, ranks.data() + n - 1, ranks.data() + i);
    --n;
    if (i > 0) ranks[i - 1] = rank(piece[i - 1].id, piece[i].id);
    if (i + 1 < n) ranks[i] = rank(piece[i].id, piece[i + 1].id);
  }
  pieces.resize(begin + n);
}

void BytePairs::merge_long(std::vector<Piece>& pieces, std::size_t begin, Scratch& scratch) const {
  auto* const piece = pieces.data() + begin;
  auto const n = static_cast<std::uint32_t>(pieces.size() - begin);
  constexpr std::uint32_t kEnd = 0xFFFF'FFFF;
  auto& links = scratch.links;
  links.resize(n);
  auto const note = [&](std::uint32_t at, auto const& waits) {
    auto const right = links[at].next;
    links[at].rank = right == kEnd ? kNoRank : rank(piece[at].id, piece[right].id);
    if (links[at].rank != kNoRank) waits(links[at].rank, at);
  };
  auto const merge = [&](std::uint32_t best, std::uint32_t at, auto const& waits) {
    if (links[at].rank != best) return;  // one of the two has changed since
    auto const right = links[at].next;
    piece[at] = {merged_[best], piece[at].begin, piece[right].end};
    piece[right].id = kNoToken;
    links[right].rank = kNoRank;
    links[at].next = links[right].next;
    if (links[at].next != kEnd) links[links[at].next].previous = at;
    note(at, waits);
    if (links[at].previous != kEnd) note(links[at].previous, waits);
  };
  for (std::uint32_t i = 0; i < n; ++i) links[i] = {i + 1 < n ? i + 1 : kEnd, i > 0 ? i - 1 : kEnd, kNoRank};

  // Rank, then place: the best pair, of equal ones the first.
  auto& heap = scratch.heap;
  heap.clear();
  auto const to_heap = [&](std::uint32_t best, std::uint32_t at) {
    heap.push_back(std::uint64_t{best} << 32 | at);
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  auto const empty_heap = [&](auto const& waits) {
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      auto const top = heap.back();
      heap.pop_back();
      merge(static_cast<std::uint32_t>(top >> 32), static_cast<std::uint32_t>(top), waits);
    }
  };
  if (n < kVeryLong) {
    for (std::uint32_t i = 0; i + 1 < n; ++i)
      note(i, [&](std::uint32_t best, std::uint32_t at) { heap.push_back(std::uint64_t{best} << 32 | at); });
    std::make_heap(heap.begin(), heap.end(), std::greater<>());
    empty_heap(to_heap);
  } else {
    // A heap of a million pairs is slow to reach into. Nearly every new pair was learnt after the one that made it, so
    // pairs wait by rank, and only the others go to the heap, which comes first.
    std::vector<std::vector<std::uint32_t>> waiting(merged_.size());
    std::uint32_t now = 0;
    for (std::uint32_t i = 0; i + 1 < n; ++i)
      note(i, [&](std::uint32_t best, std::uint32_t at) { waiting[best].push_back(at); });
    auto const waits = [&](std::uint32_t best, std::uint32_t at) {
      if (best > now)
        waiting[best].push_back(at);
      else
        to_heap(best, at);
    };
    for (; now < waiting.size(); ++now) {
      auto places = std::move(waiting[now]);
      std::sort(places.begin(), places.end());
      for (auto const at : places) {
        merge(now, at, waits);
        empty_heap(waits);
      }
    }
  }
  pieces.erase(std::remove_if(pieces.begin() + static_cast<std::ptrdiff_t>(begin), pieces.end(),
                              [](auto const& one) { return one.id == kNoToken; }),
               pieces.end());
}

}  // namespace polytask::text
