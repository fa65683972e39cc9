#include <algorithm>

#include "data/state_store.h"
#include "fuzzing.h"

namespace {

using namespace polytask;

/// The store that a folder with these two files is: opened, read and added to.
void look_at(std::string const& index, std::string_view states) {
  static fuzzing::Folder const folder;
  std::filesystem::remove(folder.path() / "000002.index");
  std::filesystem::remove(folder.path() / "000002.states");
  folder.write("000001.index", index);
  folder.write("000001.states", states);
  auto const parsed = data::parse_state_index(index, states.size());
  fuzzing::require(parsed.entries.size() * data::kStateEntryBytes <= index.size(), "no more entries than bytes");
  auto const read_all = [&](data::StateStore& store) {
    for (auto const& entry : parsed.entries) {
      fuzzing::require(entry.end() <= states.size(), "states lie in their file");
      std::vector<std::uint16_t> values(entry.n_values());
      if (!store.read(entry.key, values)) continue;
      auto const checksum = data::checksum_of(values.data(), 2 * values.size());
      fuzzing::require(std::any_of(parsed.entries.begin(), parsed.entries.end(),
                                   [&](auto const& one) { return one.key == entry.key && one.checksum == checksum; }),
                       "states are those of their entry");
    }
  };
  data::StateStore store(folder.path(), {.disk_bytes = 1 << 20, .memory_bytes = 1 << 10, .segment_bytes = 1 << 12});
  read_all(store);
  auto const writer = data::StateWriter::try_begin(store);
  read_all(store);
  data::StateKey key;
  key.fill(7);
  std::vector<std::uint16_t> const values{1, 2, 3, 4};
  if (!writer->add(key, 2, values)) return;
  data::StateStore again(folder.path(), {});
  std::vector<std::uint16_t> read(values.size());
  fuzzing::require(again.read(key, read) && read == values, "what is added to any store is found");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  fuzzing::expect_value_or_error(bytes, size, [](std::string_view text) {
    std::string index(text);
    look_at(index, text);
    // The same with right checksums, which no fuzzer guesses.
    constexpr auto kChecked = data::kStateEntryBytes - 4;
    for (auto at = data::kStateIndexBegin.size(); at + data::kStateEntryBytes <= index.size();
         at += data::kStateEntryBytes) {
      auto const checksum = data::checksum_of(index.data() + at, kChecked);
      std::copy_n(reinterpret_cast<char const*>(&checksum), 4,
                  index.begin() + static_cast<std::ptrdiff_t>(at + kChecked));
    }
    look_at(index, text);
  });
  return 0;
}
