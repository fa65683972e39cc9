#include <fmt/format.h>

#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "cli/verbs.h"
#include "exchange/huggingface.h"
#include "model/manifest.h"

namespace polytask::cli {

int import_task(CommandLine const& line) {
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
