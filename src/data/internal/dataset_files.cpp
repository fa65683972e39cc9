#include "data/internal/dataset_files.h"

#include <algorithm>
#include <system_error>

namespace polytask::data {

std::vector<std::filesystem::path> files_of(std::filesystem::path const& file, Sha256& hash,
                                            std::vector<Problem>& problems) {
  std::error_code failed;
  if (!std::filesystem::is_directory(file, failed)) return {file};
  std::vector<std::filesystem::path> files;
  std::filesystem::recursive_directory_iterator entry(file, failed);
  for (; !failed && entry != std::filesystem::recursive_directory_iterator(); entry.increment(failed)) {
    std::error_code unknown;
    bool const is_hidden = entry->path().filename().string().starts_with(".");
    if (is_hidden && entry->is_directory(unknown)) entry.disable_recursion_pending();
    if (!is_hidden && entry->is_regular_file(unknown)) files.push_back(entry->path());
  }
  if (failed || files.empty())
    problems.push_back({Severity::Error, "unreadable-file", file.string(),
                        failed ? "the folder cannot be read (" + failed.message() + "); check its permissions"
                               : "the folder holds no file; expected files of rows, or texts with format: text"});
  std::sort(files.begin(), files.end());
  for (auto const& one : files) hash.update(one.lexically_relative(file).string()).update("\n");
  return files;
}

}  // namespace polytask::data
