// The verbs of bin/polytask itself, and what all verbs share.
#pragma once

#include <functional>
#include <iosfwd>
#include <vector>

#include "base/problem.h"
#include "cli/command_line.h"

namespace polytask::cli {

/// `polytask init`: writes the project file; 5 when there is one.
int init(CommandLine const& line);
/// `polytask validate`: 0, or 3 when there are errors.
int validate(CommandLine const& line);
int evaluate(CommandLine const& line);
/// 0, or 3 when a row could not be answered.
int predict(CommandLine const& line);
/// `polytask bench`: throughput, latency, memory, by precision and number of tasks.
int bench(CommandLine const& line);
/// `polytask runs` and `polytask runs compare`.
int runs(CommandLine const& line);
/// `polytask package`, `polytask package diff` and `polytask package verify`.
int package(CommandLine const& line);
/// `polytask quantize`: 4 when more is lost than may be.
int quantize(CommandLine const& line);

/// Prints problems one line each, errors first: "place: message" or "warning: place: message".
void print_problems(std::ostream& out, std::vector<Problem> const& problems);

/// Of an executable that has a few verbs alone: throws Error{InvalidUsage} that says which command has the one in
/// `argv`.
[[noreturn]] void refuse_verb(char const* program, char const* its_verbs, char** argv);

/// Parses, runs the verb and turns every failure into one sentence and its exit code.
int run_command(int argc, char** argv, std::function<int(CommandLine const&, int argc, char** argv)> const& run);

}  // namespace polytask::cli
