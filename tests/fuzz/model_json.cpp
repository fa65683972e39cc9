#include "fuzzing.h"
#include "model/model_folder.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace polytask;
  fuzzing::expect_value_or_error(data, size, [](std::string_view text) {
    auto const spec = model::parse_model_spec(text, "model.json", [](std::string const& task) {
      auto const folder = model::task_folder("model", task).string();
      fuzzing::require(folder.starts_with("model/tasks/") && folder.find('/', 12) == std::string::npos &&
                           folder.find('\0') == std::string::npos && !folder.ends_with("/..") && folder.size() > 12,
                       "a task's folder stays in its place");
      model::HeadSpec head;
      head.task.name = task;
      return head;
    });
    fuzzing::require(spec.max_length >= 8 && spec.private_layers >= 0, "sizes are checked");
  });
  return 0;
}
