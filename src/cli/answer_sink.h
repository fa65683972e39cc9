// Where the answers of `predict` go: standard output as they come, or a file that appears whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"

namespace polytask::cli {

/// Who answers what, as far as the answers depend on it: an interrupted file is only continued by the same.
struct AnswerJob {
  std::string model;  ///< hash of all its files
  std::string how;    ///< precision, tasks, how long texts are read, format, columns, version, instructions
  std::filesystem::path input;
};

class AnswerSink {
 public:
  /// Standard output for "-". Throws Error{InvalidUsage} for a folder.
  explicit AnswerSink(std::string const& name);
  /// A file that is written as `<name>.unfinished` and continued where the same job left one; what the job is stands
  /// in `<name>.unfinished.job`. Throws Error{InvalidUsage} where target or input are no plain files, or the same;
  /// Error{Conflict} where another job or process is at it.
  AnswerSink(std::string const& name, AnswerJob const& job);
  ~AnswerSink();
  AnswerSink(AnswerSink const&) = delete;
  AnswerSink& operator=(AnswerSink const&) = delete;

  /// Rows that an interrupted call has answered, and how many of those it could not.
  [[nodiscard]] std::size_t n_answered() const noexcept { return n_answered_; }
  [[nodiscard]] std::size_t n_errors() const noexcept { return n_errors_; }

  /// Throws Error{Unavailable} with the system's reason.
  void print(std::vector<std::string> const& lines);
  /// Puts the file in its place.
  void commit();

 private:
  struct Unfinished {
    std::filesystem::path target;
    std::filesystem::path file;
    std::filesystem::path job;
    int descriptor = -1;  ///< of `file`, locked
  };
  void open_unfinished(std::string const& description);
  void count_answers();

  std::optional<AtomicFile> file_;
  std::optional<Unfinished> unfinished_;
  std::size_t n_answered_ = 0;
  std::size_t n_errors_ = 0;
};

}  // namespace polytask::cli
