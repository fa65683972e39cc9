// What the room's tests of whole trainings share.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "train/config.h"
#include "train/process_group.h"

namespace polytask::train::test_support {

/// A model that trains in a second, with several checkpoints.
inline TrainConfig small_config(std::int64_t layers, double epochs) {
  TrainConfig config;
  config.scratch = {.layers = layers, .hidden_size = 32, .heads = 2, .vocab_size = 200};
  config.epochs = epochs;
  config.learning_rate = 3e-3;
  config.batch_tokens = 120;
  config.max_length = 32;
  config.checkpoint_steps = 7;
  return config;
}

class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::string const& name)
      : path_(std::filesystem::temp_directory_path() / (name + "_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(TemporaryFolder const&) = delete;
  TemporaryFolder& operator=(TemporaryFolder const&) = delete;
  [[nodiscard]] std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Calls `work(group)` as `n` processes would, from a thread each.
template <typename Work>
void in_processes(int n, Work const& work) {
  TemporaryFolder const folder("polytask_processes");
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < n; ++rank)
    threads.emplace_back([&, rank] {
      ProcessGroup group({.rank = rank, .size = n, .file = folder.path() / "meeting"});
      work(group);
    });
}

/// Of the names and bytes of all its files.
inline std::string hash_of_folder(std::filesystem::path const& folder) {
  std::vector<std::filesystem::path> files;
  for (auto const& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  Sha256 hash;
  for (auto const& file : files) hash.update(std::filesystem::relative(file, folder).string()).update(read_file(file));
  return hash.hex_digest();
}

}  // namespace polytask::train::test_support
