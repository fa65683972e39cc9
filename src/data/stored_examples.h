// Examples on disk, for training data that is larger than memory should be.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "task/example.h"

namespace polytask::data {

using VisitExample = std::function<void(task::Example const&)>;

/// Memory does not grow with the number of examples. The files have no name: they go with the process, however that
/// ends. Not thread-safe.
class StoredExamples {
 public:
  /// Makes the folder where it is missing. Throws Error{Unavailable}.
  explicit StoredExamples(std::filesystem::path const& folder);
  ~StoredExamples();
  StoredExamples(StoredExamples const&) = delete;
  StoredExamples& operator=(StoredExamples const&) = delete;

  /// Throws Error{Unavailable}: the disk is full.
  void add(task::Example const& example);
  [[nodiscard]] std::size_t size() const noexcept;
  /// In the order in which they were added. Throws Error{Unavailable} where the disk does not give them.
  void for_each(VisitExample const& visit) const;
  /// The same without texts, words and ids: many times faster.
  void for_each_labels(VisitExample const& visit) const;
  /// Of all that is in them: 64 hexadecimal digits.
  [[nodiscard]] std::string sha256() const;

 private:
  struct Files;
  std::unique_ptr<Files> files_;
};

}  // namespace polytask::data
