#include "train/internal/metrics_file.h"

#include "base/error.h"
#include "base/file.h"

namespace polytask::train {

MetricsFile::MetricsFile(std::filesystem::path path, std::string const& evaluation_key, std::int64_t last_step,
                         std::int64_t last_evaluated_step)
    : path_(std::move(path)) {
  std::string kept;
  if (std::ifstream old(path_); old) {
    for (std::string line; std::getline(old, line);) {
      auto const json = Json::parse(line, nullptr, false);  // the last line of a killed run may be cut
      if (!json.is_object()) continue;
      auto const last = json.contains(evaluation_key) ? last_evaluated_step : last_step;
      if (json.value("step", last + 1) <= last) kept += line + "\n";
    }
  }
  write_file_atomically(path_, kept);
  out_.open(path_, std::ios::app);
}

void MetricsFile::add(OrderedJson const& line) {
  out_ << line.dump() << '\n' << std::flush;
  if (!out_)
    throw Error(ErrorCode::Unavailable,
                path_.string() + ": cannot be written; free some space, then continue with --resume");
}

}  // namespace polytask::train
