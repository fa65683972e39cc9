#include "cli/project_file.h"
#include "fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace polytask;
  fuzzing::expect_value_or_error(data, size, [](std::string_view text) {
    try {
      auto const project = cli::parse_project(text, "polytask.yaml", {"train.epochs=2", "tasks.new.label=y"});
      (void)cli::effective_configuration(project, {}).dump();
    } catch (cli::ProjectProblems const& found) {
      fuzzing::require(!found.problems.empty(), "a refused file has a reason");
      for (auto const& problem : found.problems)
        fuzzing::expect_value_or_error(nullptr, 0, [&](std::string_view) {
          throw Error(ErrorCode::InvalidUsage, problem.where + problem.message);
        });
    }
  });
  return 0;
}
