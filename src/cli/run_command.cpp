#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <iostream>
#include <new>

#include "base/error.h"
#include "cli/project_file.h"
#include "cli/verbs.h"

namespace polytask::cli {

void print_problems(std::ostream& out, std::vector<Problem> const& problems) {
  for (auto const severity : {Severity::Error, Severity::Warning})
    for (auto const& problem : problems)
      if (problem.severity == severity)
        out << (severity == Severity::Warning ? "warning: " : "") << problem.where << ": " << problem.message << '\n';
}

void refuse_verb(char const* program, char const* its_verbs, char** argv) {
  throw Error(ErrorCode::InvalidUsage, fmt::format("{} is the part of polytask for {} and has no other verb; run "
                                                   "`polytask {}`",
                                                   program, its_verbs, argv[1]));
}

int run_command(int argc, char** argv, std::function<int(CommandLine const&, int, char**)> const& run) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error like a full disk
  try {
    auto const line = parse_command_line(argc, argv);
    int const code = line ? run(*line, argc, argv) : 0;
    if (!std::cout.flush())
      throw Error(ErrorCode::Unavailable, "standard output cannot be written; what was printed is cut");
    return code;
  } catch (ProjectProblems const& error) {
    print_problems(std::cerr, error.problems);
    return exit_code(error.code());
  } catch (Error const& error) {
    std::cerr << "polytask: " << error.what() << '\n';
    return exit_code(error.code());
  } catch (std::filesystem::filesystem_error const& error) {
    std::cerr << "polytask: " << error.path1().string() << ": cannot be looked at (" << error.code().message()
              << "); check the path and its permissions\n";
    return exit_code(ErrorCode::InvalidInput);
  } catch (std::bad_alloc const&) {
    std::cerr << "polytask: the memory is not enough; lower train.batch_tokens or train.max_length\n";
    return exit_code(ErrorCode::Unavailable);
  } catch (std::exception const& error) {
    std::cerr << "polytask: this is our mistake, please report it: " << error.what() << '\n';
    return 42;
  }
}

}  // namespace polytask::cli
