// Hidden states of texts on disk, found by what they depend on: a changed encoder asks for other keys, so nothing stale
// is ever read. A cache: whatever is lost or damaged is computed again.
//   <n>.states   states one after another (float16); it only grows
//   <n>.index    where each text's states lie (data/state_index.h); written after them
//   lock         held by the process that adds
// A process killed at any moment leaves whole texts and perhaps the torn end of one, which is dropped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/state_index.h"

namespace polytask::data {

struct StateLimits {
  std::uint64_t disk_bytes = std::uint64_t{20} << 30;      ///< of all files; 0 = nothing is stored
  std::uint64_t memory_bytes = std::uint64_t{512} << 20;   ///< of states that are kept in memory
  std::uint64_t segment_bytes = std::uint64_t{256} << 20;  ///< a file of states that has so much gets a successor
  std::uint64_t free_bytes = 1'000'000'000;                ///< of the disk, which stay free whatever the limit says
};

/// Not thread-safe. The index is in memory, about 100 bytes a text, beside `memory_bytes` of states: those that were
/// read or added first, as a training that goes through all texts again and again gains nothing from any other choice.
class StateStore {
 public:
  /// Makes the folder where it is missing. Reads what is there, also while another process adds to it. Holds some files
  /// open, at most a quarter of what the process may have. Throws Error{Unavailable} where the folder cannot be made,
  /// or a file in it not be opened: that is no damage, and no reason to lose it.
  StateStore(std::filesystem::path folder, StateLimits limits);
  StateStore(StateStore&&) noexcept;
  StateStore& operator=(StateStore&&) noexcept;
  ~StateStore();

  /// Whether the disk has states of that text, which nobody may have read yet.
  [[nodiscard]] bool contains(StateKey const& key) const;
  /// Fills `states` ([tokens * hidden]) and returns true; false where there are none of that size. States whose
  /// checksum is wrong are none: a sentence goes to `take_problems`, and they are no longer contained. Throws
  /// Error{Unavailable} where their file cannot be opened.
  [[nodiscard]] bool read(StateKey const& key, std::span<std::uint16_t> states);
  /// Keeps them in memory alone, if there is room.
  void remember(StateKey const& key, std::span<std::uint16_t const> states);

  [[nodiscard]] StateLimits const& limits() const noexcept;
  /// Of all files, as far as this object knows.
  [[nodiscard]] std::uint64_t disk_bytes() const noexcept;
  /// What was found damaged since the last call, a sentence each.
  [[nodiscard]] std::vector<std::string> take_problems();

 private:
  friend class StateWriter;
  struct State;
  std::unique_ptr<State> state_;
};

/// The right to add to a store. One process at a time has it; it ends with the process, however that ends.
class StateWriter {
 public:
  /// Nothing while another process adds. Drops what a killed one left unfinished, and reads what others have added.
  /// The store must outlive the writer. Throws Error{Unavailable}, also where the file system has no locks; the store
  /// is then as it was.
  static std::unique_ptr<StateWriter> try_begin(StateStore& store);
  ~StateWriter();
  StateWriter(StateWriter const&) = delete;
  StateWriter& operator=(StateWriter const&) = delete;

  /// Texts that will be asked for.
  struct Wanted {
    StateKey key{};
    std::uint64_t n_values = 0;
  };
  /// Removes files until what is missing of `wanted` fits under the limit: the oldest that hold nothing of it first,
  /// then the oldest. Where nothing is missing, nothing is removed, whatever the limit. Returns how many bytes went.
  /// Other processes go on reading a removed file that they hold open, and miss what is in another one.
  std::uint64_t make_room(std::span<Wanted const> wanted);
  /// states: [n_tokens * hidden_size]. False, and nothing is added, where the limit leaves no room. Throws
  /// Error{Unavailable} (a full disk, or one with less free space than is to be kept); what was added before stays.
  [[nodiscard]] bool add(StateKey const& key, std::uint32_t n_tokens, std::span<std::uint16_t const> states);
  /// Flushes to the disk. What was added is found without it too, unless the power fails.
  void flush();

  /// Bytes on disk of a text's states.
  [[nodiscard]] static std::uint64_t n_bytes(std::uint64_t n_values) { return 2 * n_values + kStateEntryBytes; }

 private:
  struct Files;
  StateWriter(StateStore& store, std::unique_ptr<Files> files);
  void recover();
  void remove_unfinished_indexes();
  void take_space(std::uint64_t n_more);
  void open_segment(std::uint64_t number);
  void remove_segment(std::uint64_t number);
  StateStore& store_;
  std::unique_ptr<Files> files_;
};

}  // namespace polytask::data
