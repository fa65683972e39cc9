#include "fuzzing.h"
#include "model/model_folder.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  polytask::fuzzing::expect_value_or_error(data, size, [](std::string_view text) {
    for (auto const& head : polytask::model::parse_model_spec(text, "model.json").heads) {
      polytask::fuzzing::require(head.n_outputs() > 0 && head.target_scale > 0, "a head has outputs and a scale");
      polytask::fuzzing::require(head.task.text.size() <= 2, "a task reads one text or a pair");
      auto const name = polytask::model::head_file_name(head.task.name);
      polytask::fuzzing::require(
          !name.empty() && name != ".." && name.find('/') == std::string::npos && name.find('\0') == std::string::npos,
          "a head's file stays in its folder");
    }
  });
  return 0;
}
