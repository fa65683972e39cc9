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

int report(CommandLine const& line, model::WrittenPackage const& written, OrderedJson const& facts,
           std::string const& holds) {
  OrderedJson json{{"package", written.id}, {"folder", line.to}, {"new", written.is_new}};
  json.update(facts);
  if (line.output == Output::Json)
    std::cout << json.dump(1) << '\n';
  else
    std::cout << fmt::format("{} {}: package {} of {}\n", line.to,
                             written.is_new ? "is ready" : "is there already and unchanged",
                             model::short_id(written.id), holds);
  return 0;
}

int read_onnx(CommandLine const& line) {
  if (!line.tasks.empty() || !line.type.empty() || !line.texts.empty() || !line.label.empty() || line.max_length > 0)
    throw Error(
        ErrorCode::InvalidUsage,
        "--task, --type, --text, --label and --max-length are of Hugging Face folders; an ONNX file of polytask "
        "says all of it: leave them out");
  auto const written = exchange::import_onnx(line.from, line.to, POLYTASK_VERSION);
  auto const names = model::read_model_spec(line.to).task_names();
  return report(line, written, {{"tasks", names}},
                fmt::format("{} {} ({})", names.size(), names.size() == 1 ? "task" : "tasks", fmt::join(names, ", ")));
}

int read_huggingface(CommandLine const& line) {
  auto const model = exchange::import_huggingface(line.from, {.task = line.tasks.empty() ? "" : line.tasks.front(),
                                                              .type = task::parse_task_type(line.type),
                                                              .text = line.texts,
                                                              .label = line.label,
                                                              .max_length = line.max_length});
  auto const written = exchange::write_task_package(model, line.to, POLYTASK_VERSION);
  auto const& task = model.head.task;
  auto const type = task::to_string(task.type);
  return report(line, written, {{"task", task.name}, {"type", type}},
                fmt::format("the task {} ({})", quote(task.name), type));
}

}  // namespace

int import_task(CommandLine const& line) {
  return exchange::is_onnx_folder(line.from) ? read_onnx(line) : read_huggingface(line);
}

}  // namespace polytask::cli
