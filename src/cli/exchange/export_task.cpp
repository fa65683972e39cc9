#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/exchange/verbs.h"
#include "cli/load_engine.h"
#include "cli/shipped_encoders.h"
#include "exchange/encoder_export.h"
#include "exchange/huggingface.h"
#include "exchange/onnx_folder.h"

namespace polytask::cli {
namespace {

int write_huggingface(CommandLine const& line, ModelPlace const& place) {
  if (line.tasks.size() > 1)
    throw Error(ErrorCode::InvalidUsage,
                "a Hugging Face folder holds one task: give --task once, and run the command for each task");
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

int write_encoder(CommandLine const& line) {
  if (line.format != "huggingface")
    throw Error(ErrorCode::InvalidUsage, "an encoder without tasks has no outputs; write it with --format huggingface");
  if (!line.run.empty() || !line.package.empty() || !line.tasks.empty())
    throw Error(ErrorCode::InvalidUsage,
                "--encoder writes an encoder without tasks: leave out --run, --package and --task, or --encoder");
  auto const folder = encoder_folder(line.encoder, line.encoder);
  if (!is_there(folder))
    throw Error(ErrorCode::NotFound,
                fmt::format("{}: there is no such folder; --encoder names one, or the encoder that comes with polytask "
                            "({})",
                            folder.string(), fmt::join(shipped_encoders(), ", ")));
  auto const n_tensors = exchange::export_encoder(folder, line.to);
  if (line.output == Output::Json)
    std::cout << OrderedJson{{"folder", line.to}, {"format", line.format}, {"tensors", n_tensors}}.dump(1) << '\n';
  else
    std::cout << fmt::format("{} is ready: the encoder {}, {} tensors as float32\n", line.to, line.encoder, n_tensors);
  return 0;
}

int write_onnx(CommandLine const& line, ModelPlace const& place) {
  auto const outputs = exchange::export_onnx(place.folder, line.tasks, line.to, POLYTASK_VERSION);
  if (line.output == Output::Json) {
    std::cout << OrderedJson{{"folder", line.to}, {"format", line.format}, {"outputs", outputs}}.dump(1) << '\n';
    return 0;
  }
  std::vector<std::string> tasks;
  for (auto const& [task, output] : outputs) tasks.push_back(task);
  std::cout << fmt::format("{} is ready: {} {} of {} ({}) as one ONNX file\n", line.to, tasks.size(),
                           tasks.size() == 1 ? "task" : "tasks", model_name(place), fmt::join(tasks, ", "));
  return 0;
}

}  // namespace

int export_task(CommandLine const& line) {
  if (!line.encoder.empty()) return write_encoder(line);
  auto const place = model_place(line);
  if (place.run) refuse_inside_run(*place.run, line.to);
  return line.format == "onnx" ? write_onnx(line, place) : write_huggingface(line, place);
}

}  // namespace polytask::cli
