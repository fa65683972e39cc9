// Which text's hidden states lie where in a file: entries of one size, each with a checksum of its own.
//   "PTSTIX01", then for each text, little endian:
//     key [32], offset u64, tokens u32, hidden size u32, CRC-32 of the states u32, CRC-32 of the 52 bytes before u32
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace polytask::data {

/// SHA-256 of all that the hidden states of a text depend on.
using StateKey = std::array<std::uint8_t, 32>;

struct StateKeyHash {
  std::size_t operator()(StateKey const& key) const noexcept;
};

/// The states of one text: float16, [n_tokens, hidden_size].
struct StateEntry {
  static constexpr std::uint32_t kMostTokens = 1 << 20;
  static constexpr std::uint32_t kWidest = 1 << 16;

  StateKey key{};
  std::uint64_t offset = 0;  ///< bytes from the beginning of the file of states
  std::uint32_t n_tokens = 0;
  std::uint32_t hidden_size = 0;
  std::uint32_t checksum = 0;

  [[nodiscard]] std::uint64_t n_values() const { return std::uint64_t{n_tokens} * hidden_size; }
  [[nodiscard]] std::uint64_t n_bytes() const { return 2 * n_values(); }
  [[nodiscard]] std::uint64_t end() const { return offset + n_bytes(); }
  friend bool operator==(StateEntry const&, StateEntry const&) = default;
};

inline constexpr std::string_view kStateIndexBegin = "PTSTIX01";
inline constexpr std::size_t kStateEntryBytes = 56;

/// CRC-32 (ISO 3309) of bytes: finds accidents, not intentions.
[[nodiscard]] std::uint32_t checksum_of(void const* bytes, std::size_t n_bytes);

/// `kStateEntryBytes` bytes.
[[nodiscard]] std::string bytes_of(StateEntry const& entry);

struct StateIndex {
  bool is_index = false;  ///< begins as an index does
  std::vector<StateEntry> entries;
  std::vector<std::size_t> damaged;  ///< places among the entries of those that are left out
  std::size_t n_torn_bytes = 0;      ///< behind the last whole entry
};

/// Entries with a wrong checksum, and those whose states would not lie in a file of `n_state_bytes`, are left out.
[[nodiscard]] StateIndex parse_state_index(std::string_view bytes, std::uint64_t n_state_bytes);

}  // namespace polytask::data
