// Writes the pages of made-up runs into a folder: what the browser test opens, and a way to look at a change.
#include <exception>
#include <iostream>

#include "base/file.h"
#include "report/data_page.h"
#include "report/internal/sample_audit.h"
#include "report/internal/sample_run.h"
#include "report/run_files.h"

int main(int argc, char** argv) try {
  namespace report = polytask::report;
  if (argc < 2) {
    std::cerr << "usage: report_sample_pages FOLDER [RUN-FOLDER...]\n"
                 "writes FOLDER/{ordinary,hostile,interrupted,data}.html, and report.html's content for each run "
                 "folder given\n";
    return 2;
  }
  std::filesystem::path const out = argv[1];
  auto const write_page = [&](std::filesystem::path const& run) {
    polytask::write_file_atomically(out / (run.filename().string() + ".html"), report::run_page(report::read_run(run)));
  };
  auto const runs = out / "runs";
  report::write_ordinary_run(runs / "ordinary");
  report::write_hostile_run(runs / "hostile");
  report::write_interrupted_run(runs / "interrupted");
  for (char const* name : {"ordinary", "hostile", "interrupted"}) write_page(runs / name);
  polytask::write_file_atomically(out / "data.html", report::data_page(report::hostile_audit()));
  for (int i = 2; i < argc; ++i) write_page(argv[i]);
  return 0;
} catch (std::exception const& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
