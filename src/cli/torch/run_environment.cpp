#include "cli/torch/run_environment.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <torch/version.h>

#include <fstream>

#include "base/file.h"
#include "base/json.h"
#include "kernels/linear.h"

namespace polytask::cli {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

/// "Debian GNU/Linux 12 (bookworm), Linux 6.1.0".
std::string system_name() {
  std::string name = "unknown";
  std::ifstream file("/etc/os-release");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("PRETTY_NAME=")) name = line.substr(line.find('=') + 1);
  std::erase(name, '"');
  utsname kernel{};
  return ::uname(&kernel) == 0 ? fmt::format("{}, {} {}", name, kernel.sysname, kernel.release) : name;
}

#ifdef __clang__
constexpr auto kCompiler = "clang " __clang_version__;
#else
constexpr auto kCompiler = "g++ " __VERSION__;
#endif

}  // namespace

void write_environment(std::filesystem::path const& run_folder, int n_threads, std::string const& device) {
  OrderedJson json;
  json["polytask"] = POLYTASK_VERSION;
  json["compiler"] = kCompiler;
  json["libtorch"] = TORCH_VERSION;
  json["onednn"] = kernels::onednn_version();
  json["system"] = system_name();
  json["processor"] = processor_name();
  json["threads"] = n_threads;
  json["device"] = device;
  write_file_atomically(run_folder / "environment.json", json.dump(1) + "\n");
}

}  // namespace polytask::cli
