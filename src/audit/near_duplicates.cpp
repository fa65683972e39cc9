#include "audit/near_duplicates.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "base/utf8.h"

namespace polytask::audit {
namespace {

// A pair of similarity s shares a band of 4 with s^4, and at least two of 20 bands with 0.99 for s = 0.7, 0.9999 for
// 0.8.
constexpr std::size_t kBands = 20;
constexpr std::size_t kRowsPerBand = 4;
constexpr std::size_t kHashes = kBands * kRowsPerBand;
constexpr std::size_t kFewestCommonBands = 2;
constexpr std::size_t kShingle = 4;           // code points
constexpr std::size_t kFirstMembers = 4;      // of a bucket, that each member is compared with,
constexpr std::size_t kNeighbours = 4;        // and of those in front of it
constexpr std::size_t kMostComparisons = 48;  // of one text

using Bands = std::array<std::uint32_t, kBands>;

std::uint32_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return static_cast<std::uint32_t>((x ^ (x >> 31)) >> 16);
}

/// Odd factors and summands of multiply-add hash functions modulo 2^32.
struct HashFunctions {
  std::array<std::uint32_t, kHashes> factors{}, summands{};
  explicit HashFunctions(std::uint64_t seed) {
    Rng rng(seed);
    for (auto& factor : factors) factor = static_cast<std::uint32_t>(rng.next()) | 1U;
    for (auto& summand : summands) summand = static_cast<std::uint32_t>(rng.next());
  }

  [[nodiscard]] Bands bands_of(std::vector<std::uint32_t> const& shingles) const {
    std::array<std::uint32_t, kHashes> least;
    least.fill(std::numeric_limits<std::uint32_t>::max());
    for (auto const shingle : shingles)
      for (std::size_t h = 0; h < kHashes; ++h) {
        std::uint32_t const hash = shingle * factors[h] + summands[h];
        least[h] = hash < least[h] ? hash : least[h];
      }
    Bands bands{};
    for (std::size_t band = 0; band < kBands; ++band) {
      std::uint64_t key = band + 1;
      for (std::size_t r = 0; r < kRowsPerBand; ++r) key = key * 0x9E3779B97F4A7C15U + least[band * kRowsPerBand + r];
      bands[band] = mixed(key);
    }
    return bands;
  }
};

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  bool const is_mark = (c >= 0x2000 && c <= 0x206F) || (c >= 0x3000 && c <= 0x3003) || (c >= 0x3008 && c <= 0x301F) ||
                       (c >= 0xFF01 && c <= 0xFF0F) || (c >= 0xFF1A && c <= 0xFF20) || c == 0xA0 || c == 0xAB ||
                       c == 0xB7 || c == 0xBB || c == 0xBF || c == 0xA1;
  return !is_mark;
}

class Finder {
 public:
  Finder(std::size_t n_texts, std::function<std::string(std::size_t)> const& text_of,
         NearDuplicateOptions const& options)
      : text_of_(text_of), options_(options), bands_(n_texts), found_(n_texts), n_comparisons_(n_texts) {
    HashFunctions const hashes(options.seed);
    for (std::size_t i = 0; i < n_texts; ++i) {
      auto const shingles = shingles_of(text_of(i));
      if (shingles.size() < options.fewest_shingles) continue;
      bands_[i] = hashes.bands_of(shingles);
      long_enough_.push_back(static_cast<std::uint32_t>(i));
    }
  }

  std::vector<NearDuplicate> find() {
    for (std::size_t band = 0; band < kBands; ++band) look_in(band);
    std::vector<NearDuplicate> all;
    for (auto const& one : found_)
      if (one) all.push_back(*one);
    return all;
  }

 private:
  void look_in(std::size_t band) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> entries;  // key, text
    entries.reserve(long_enough_.size());
    for (auto const i : long_enough_) entries.emplace_back(bands_[i][band], i);
    std::sort(entries.begin(), entries.end());
    for (std::size_t begin = 0; begin < entries.size();) {
      std::size_t end = begin + 1;
      while (end < entries.size() && entries[end].first == entries[begin].first) ++end;
      for (std::size_t at = begin + 1; at < end; ++at) {
        auto const text = entries[at].second;
        std::size_t const first = std::min(begin + kFirstMembers, at);
        for (std::size_t other = begin; other < first; ++other) compare(text, entries[other].second);
        for (std::size_t other = at > first + kNeighbours ? at - kNeighbours : first; other < at; ++other)
          compare(text, entries[other].second);
      }
      begin = end;
    }
  }

  void compare(std::uint32_t text, std::uint32_t earlier) {
    if (found_[text] || n_comparisons_[text] == kMostComparisons) return;
    std::size_t n_common = 0;
    for (std::size_t band = 0; band < kBands; ++band) n_common += bands_[text][band] == bands_[earlier][band];
    if (n_common < kFewestCommonBands) return;
    ++n_comparisons_[text];
    if (current_ != text) {
      current_ = text;
      shingles_ = shingles_of(text_of_(text));
    }
    double const similarity = jaccard(shingles_, shingles_of(text_of_(earlier)));
    if (similarity >= options_.similarity) found_[text] = NearDuplicate{text, earlier, similarity};
  }

  std::function<std::string(std::size_t)> const& text_of_;
  NearDuplicateOptions const& options_;
  std::vector<Bands> bands_;
  std::vector<std::optional<NearDuplicate>> found_;
  std::vector<std::uint8_t> n_comparisons_;
  std::vector<std::uint32_t> long_enough_;
  std::optional<std::uint32_t> current_;  ///< whose shingles these are
  std::vector<std::uint32_t> shingles_;
};

}  // namespace

std::string normalised(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool gap = false;
  for (std::size_t at = 0; at < text.size();) {
    auto const c = decode_utf8(text, at);
    if (!is_letter(c.code_point)) {
      gap = gap || c.code_point <= ' ' || c.code_point == 0x3000 || c.code_point == 0xA0;
    } else {
      if (gap && !out.empty()) out.push_back(' ');
      gap = false;
      if (c.n_bytes == 1 && c.code_point >= 'A' && c.code_point <= 'Z')
        out.push_back(static_cast<char>(c.code_point + 32));
      else
        out.append(text.substr(at, c.n_bytes));
    }
    at += c.n_bytes;
  }
  return out;
}

std::vector<std::uint32_t> shingles_of(std::string_view text) {
  std::vector<std::uint32_t> shingles;
  std::array<std::uint64_t, kShingle> last{};
  std::size_t n = 0;
  for (std::size_t at = 0; at < text.size(); ++n) {
    auto const c = decode_utf8(text, at);
    last[n % kShingle] = c.code_point;
    at += c.n_bytes;
    if (n + 1 < kShingle) continue;
    std::uint64_t piece = 0;  // 21 bits hold a code point
    for (std::size_t k = 1; k <= kShingle; ++k) piece = piece * 0x1FFFFFU + last[(n + k) % kShingle];
    shingles.push_back(mixed(piece * 0x9E3779B97F4A7C15U + 1));
  }
  std::sort(shingles.begin(), shingles.end());
  shingles.erase(std::unique(shingles.begin(), shingles.end()), shingles.end());
  return shingles;
}

double jaccard(std::vector<std::uint32_t> const& a, std::vector<std::uint32_t> const& b) {
  std::size_t n_common = 0;
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();) {
    if (*x == *y) {
      ++n_common, ++x, ++y;
    } else if (*x < *y) {
      ++x;
    } else {
      ++y;
    }
  }
  auto const n_all = a.size() + b.size() - n_common;
  return n_all == 0 ? 0.0 : static_cast<double>(n_common) / static_cast<double>(n_all);
}

std::vector<NearDuplicate> near_duplicates(std::size_t n_texts, std::function<std::string(std::size_t)> const& text_of,
                                           NearDuplicateOptions const& options) {
  expects(options.similarity > 0 && options.similarity <= 1, "a similarity is a share");
  return Finder(n_texts, text_of, options).find();
}

}  // namespace polytask::audit
