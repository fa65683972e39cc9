// A folder of files -> the datasets and tasks that they probably are: the first guess of `polytask init`.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "task/task_spec.h"

namespace polytask::data {

struct DiscoveredTask {
  task::TaskSpec spec;
  std::string facts;      ///< what was seen: "77 labels, 35 to 187 rows each"
  bool doubtful = false;  ///< it might as well be a remark of the collectors: where a text came from, say
};

struct DiscoveredDataset {
  DatasetSpec spec;
  std::string facts;                  ///< "10003 training rows; ..."
  std::vector<DiscoveredTask> tasks;  ///< the certain ones first
};

struct LeftOutFile {
  std::filesystem::path file;
  std::string reason;
};

struct Discovery {
  std::vector<DiscoveredDataset> datasets;  ///< each with at least one task that is not doubtful
  std::vector<LeftOutFile> left_out;        ///< what looked like data, by name
};

/// Looks at the files of a folder and of the folders in it, two deep. The format is told by the first lines, the
/// split by words in the name ("train", "dev", "valid", "test", ...), the tasks by the columns of the training rows:
/// which read like texts, which hold few values, numbers, lists or spans. At most `max_rows` rows of a file are read.
/// Throws Error{NotFound} when the folder cannot be read.
[[nodiscard]] Discovery discover(std::filesystem::path const& folder, std::size_t max_rows = 20'000);

}  // namespace polytask::data
