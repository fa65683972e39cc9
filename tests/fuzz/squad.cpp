#include "rows.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  polytask::fuzzing::expect_value_or_error(data, size, [](std::string_view bytes) {
    polytask::fuzzing::read_all(bytes, polytask::data::Format::Squad, {.max_row_bytes = 4'096});
  });
  return 0;
}
