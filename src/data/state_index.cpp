#include "data/state_index.h"

#include <zlib.h>

#include <bit>
#include <cstring>

#include "base/error.h"

namespace polytask::data {
namespace {

static_assert(std::endian::native == std::endian::little,
              "files are little endian, as the processors that we build for");

constexpr std::size_t kChecked = kStateEntryBytes - 4;  ///< bytes of an entry before its own checksum

template <typename T>
T read_as(char const* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <typename T>
void append_as(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<char const*>(&value), sizeof value);
}

bool lies_inside(StateEntry const& entry, std::uint64_t n_state_bytes) {
  return entry.n_tokens >= 1 && entry.n_tokens <= StateEntry::kMostTokens && entry.hidden_size >= 1 &&
         entry.hidden_size <= StateEntry::kWidest && entry.offset <= n_state_bytes &&
         entry.n_bytes() <= n_state_bytes - entry.offset;
}

}  // namespace

std::size_t StateKeyHash::operator()(StateKey const& key) const noexcept {
  std::size_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

std::uint32_t checksum_of(void const* bytes, std::size_t n_bytes) {
  return static_cast<std::uint32_t>(::crc32_z(0, static_cast<Bytef const*>(bytes), n_bytes));
}

std::string bytes_of(StateEntry const& entry) {
  std::string bytes(reinterpret_cast<char const*>(entry.key.data()), entry.key.size());
  append_as(bytes, entry.offset);
  append_as(bytes, entry.n_tokens);
  append_as(bytes, entry.hidden_size);
  append_as(bytes, entry.checksum);
  append_as(bytes, checksum_of(bytes.data(), bytes.size()));
  expects(bytes.size() == kStateEntryBytes, "an entry of an index has one size");
  return bytes;
}

StateIndex parse_state_index(std::string_view bytes, std::uint64_t n_state_bytes) {
  StateIndex index;
  if (!bytes.starts_with(kStateIndexBegin)) return index;
  index.is_index = true;
  bytes.remove_prefix(kStateIndexBegin.size());
  for (std::size_t i = 0; bytes.size() >= kStateEntryBytes; ++i, bytes.remove_prefix(kStateEntryBytes)) {
    char const* const at = bytes.data();
    StateEntry entry;
    std::memcpy(entry.key.data(), at, entry.key.size());
    entry.offset = read_as<std::uint64_t>(at + 32);
    entry.n_tokens = read_as<std::uint32_t>(at + 40);
    entry.hidden_size = read_as<std::uint32_t>(at + 44);
    entry.checksum = read_as<std::uint32_t>(at + 48);
    bool const is_whole = checksum_of(at, kChecked) == read_as<std::uint32_t>(at + kChecked);
    if (is_whole && lies_inside(entry, n_state_bytes))
      index.entries.push_back(entry);
    else
      index.damaged.push_back(i);
  }
  index.n_torn_bytes = bytes.size();
  return index;
}

}  // namespace polytask::data
