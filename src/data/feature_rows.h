// The training rows of a stream as numbers: in memory, or in a file that is made once and found again by what it was
// made of.
//   <key>.rows   "PTROWS01", the key [64], the rows one after another; then for each row its bytes u32, tokens u32 and
//                CRC-32 u32; at the end the rows and those of them that were cut u64, CRC-32 of that and the list u32,
//                "PTRE"
//   lock         held by the process that makes one
// A file has its name only when it is whole and on the disk. What is found damaged is made again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/features.h"

namespace polytask::data {

/// Immutable, 16 bytes a row in memory; safe to share between threads.
class FeatureFile {
 public:
  ~FeatureFile();
  FeatureFile(FeatureFile const&) = delete;
  FeatureFile& operator=(FeatureFile const&) = delete;

  [[nodiscard]] std::size_t size() const noexcept;
  /// Tokens of a row.
  [[nodiscard]] std::int32_t length(std::size_t row) const;
  /// Throws Error{Corrupt} where the bytes are no longer those that were written, and removes the file.
  [[nodiscard]] Features read(std::size_t row) const;
  [[nodiscard]] std::size_t n_truncated() const noexcept;
  void for_each(std::function<void(Features const&)> const& visit) const;

 private:
  friend class FeatureStore;
  struct State;
  explicit FeatureFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

using AddFeatures = std::function<void(Features const&)>;

struct FeatureStoreOptions {
  std::uint64_t disk_bytes = std::uint64_t{20} << 30;  ///< of all files; those used longest ago go, but not the new one
  std::function<void()> on_wait{};                     ///< called once where another process makes rows
  std::function<void(std::string const& sentence)> on_problem{};  ///< a file that was found damaged
};

/// A folder of such files. Not thread-safe; several processes may use one folder.
class FeatureStore {
 public:
  FeatureStore(std::filesystem::path folder, FeatureStoreOptions options);

  /// The rows that `fill` adds, or those that an earlier call added for this key: 64 hexadecimal digits of all that
  /// they depend on. Throws what `fill` throws; Error{Unavailable} (a full disk, no locks); Error{Interrupted} soon
  /// after `stop` while another process is waited for. Then nothing is left behind.
  [[nodiscard]] std::shared_ptr<FeatureFile const> rows_of(std::string const& key,
                                                           std::function<void(AddFeatures const&)> const& fill,
                                                           std::stop_token const& stop);

 private:
  [[nodiscard]] std::shared_ptr<FeatureFile const> find(std::string const& key) const;
  void make(std::string const& key, std::function<void(AddFeatures const&)> const& fill) const;
  void make_room(std::filesystem::path const& kept) const;
  std::filesystem::path folder_;
  FeatureStoreOptions options_;
};

/// Not thread-safe.
class FeatureRows {
 public:
  FeatureRows() = default;
  explicit FeatureRows(std::shared_ptr<FeatureFile const> file) : file_(std::move(file)) {}

  [[nodiscard]] std::size_t size() const { return file_ ? file_->size() : rows_.size(); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  /// Tokens of a row.
  [[nodiscard]] std::int32_t length(std::size_t row) const {
    return file_ ? file_->length(row) : static_cast<std::int32_t>(rows_[row].ids.size());
  }
  /// To those in memory.
  void push_back(Features features) { rows_.push_back(std::move(features)); }
  /// Reads these rows from the file, if there is one, in the place of those that were brought before.
  void bring(std::span<std::size_t const> rows);
  /// Reads all rows of the file for good.
  void bring_all();
  /// A row in memory, or one that was brought last: valid until the next ones are.
  [[nodiscard]] Features const& operator[](std::size_t row) const;
  [[nodiscard]] Features const& at(std::size_t row) const { return (*this)[row]; }
  void for_each(std::function<void(Features const&)> const& visit) const;

 private:
  std::vector<Features> rows_;
  std::shared_ptr<FeatureFile const> file_;
  std::unordered_map<std::size_t, Features> brought_;
};

}  // namespace polytask::data
