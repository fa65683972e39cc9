// metrics.jsonl: one line a step and one an evaluation. A resumed run first cuts what came after its checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/json.h"

namespace polytask::train {

class MetricsFile {
 public:
  /// `evaluation_key`: lines that have it are evaluations. Throws Error{Unavailable} as `add`.
  MetricsFile(std::filesystem::path path, std::string const& evaluation_key, std::int64_t last_step,
              std::int64_t last_evaluated_step);
  /// Throws Error{Unavailable} when the line cannot be written.
  void add(OrderedJson const& line);

 private:
  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace polytask::train
