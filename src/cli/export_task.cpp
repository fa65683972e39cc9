#include <fmt/format.h>

#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "cli/load_engine.h"
#include "cli/verbs.h"
#include "exchange/huggingface.h"

namespace polytask::cli {

int export_task(CommandLine const& line) {
  auto const place = model_place(line);
  auto const model = exchange::read_task_model(place.folder, line.tasks.empty() ? "" : line.tasks.front());
  auto const architecture = exchange::export_huggingface(model, line.to);
  auto const& task = model.head.task.name;
  if (line.output == Output::Json)
    std::cout << OrderedJson{{"folder", line.to},
                             {"format", line.format},
                             {"task", task},
                             {"architecture", architecture}}
                     .dump(1)
              << '\n';
  else
    std::cout << fmt::format("{} is ready: task {} of {} as {}\n", line.to, quote(task), model_name(place),
                             architecture);
  return 0;
}

}  // namespace polytask::cli
