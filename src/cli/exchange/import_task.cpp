#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "cli/exchange/verbs.h"
#include "exchange/huggingface.h"
#include "exchange/onnx_folder.h"
#include "model/manifest.h"

namespace polytask::cli {
namespace {

int read_onnx(CommandLine const& line) {
  if (!line.tasks.empty() || !line.type.empty() || !line.texts.empty() || !line.label.empty() || line.max_length > 0)
    throw Error(
        ErrorCode::InvalidUsage,
        "--task, --type, --text, --label and --max-length are of Hugging Face folders; an ONNX file of polytask "
        "says all of it: leave them out");
  auto const written = exchange::import_onnx(line.from, line.to, POLYTASK_VERSION);
  auto const names = model::read_model_spec(line.to).task_names();
  if (line.output == Output::Json)
    std::cout
        << OrderedJson{{"package", written.id}, {"folder", line.to}, {"new", written.is_new}, {"tasks", names}}.dump(1)
        << '\n';
  else
    std::cout << fmt::format(
        "{} {}: package {} of {} {} ({})\n", line.to, written.is_new ? "is ready" : "is there already and unchanged",
        model::short_id(written.id), names.size(), names.size() == 1 ? "task" : "tasks", fmt::join(names, ", "));
  return 0;
}

}  // namespace

int import_task(CommandLine const& line) {
  if (exchange::is_onnx_folder(line.from)) return read_onnx(line);
  auto const model = exchange::import_huggingface(line.from, {.task = line.tasks.empty() ? "" : line.tasks.front(),
                                                              .type = task::parse_task_type(line.type),
                                                              .text = line.texts,
                                                              .label = line.label,
                                                              .max_length = line.max_length});
  auto const written = exchange::write_task_package(model, line.to, POLYTASK_VERSION);
  auto const& task = model.head.task;
  if (line.output == Output::Json)
    std::cout << OrderedJson{{"package", written.id},
                             {"folder", line.to},
                             {"new", written.is_new},
                             {"task", task.name},
                             {"type", task::to_string(task.type)}}
                     .dump(1)
              << '\n';
  else
    std::cout << fmt::format("{} {}: package {} of the task {} ({})\n", line.to,
                             written.is_new ? "is ready" : "is there already and unchanged",
                             model::short_id(written.id), quote(task.name), task::to_string(task.type));
  return 0;
}

}  // namespace polytask::cli
