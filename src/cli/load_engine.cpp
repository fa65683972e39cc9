#include "cli/load_engine.h"

#include <fmt/format.h>

#include <iostream>

#include "base/error.h"
#include "cli/project_file.h"
#include "model/package.h"

namespace polytask::cli {

ModelPlace model_place(CommandLine const& line) {
  if (!line.package.empty()) {
    if (!line.run.empty())
      throw Error(ErrorCode::InvalidUsage, "--run and --package exclude one another: one model answers");
    auto const package = model::open_package(line.package, model::WeightCheck::ByTheirReader);
    return {.folder = package.folder, .package_id = package.id};
  }
  auto const project = read_project(line.project, line.overrides);
  auto run = complete_run(project.folder, line.run);
  auto folder = run.folder / "model";
  return {.folder = std::move(folder), .run = std::move(run), .project_folder = project.folder};
}

std::string model_name(ModelPlace const& place) {
  return place.run ? "run " + quote(place.run->id) : "package " + model::short_id(place.package_id);
}

void report_cut(std::size_t n_cut, std::size_t n_rows, engine::LongTexts long_texts) {
  if (n_cut == 0) return;
  std::cerr << fmt::format("note: {} of {} rows were longer than the model reads and were cut; {}\n", n_cut, n_rows,
                           long_texts == engine::LongTexts::Cut
                               ? "--long-texts windows reads single texts whole, not pairs and questions"
                               : "pairs and questions are, windows are for single texts and contexts");
}

engine::Engine load_engine(std::filesystem::path const& model_folder, CommandLine const& line) {
  return engine::Engine::load(model_folder, {.precision = kernels::parse_precision(line.precision),
                                             .n_workers = n_threads_of(line),
                                             .long_texts = line.long_texts});
}

}  // namespace polytask::cli
