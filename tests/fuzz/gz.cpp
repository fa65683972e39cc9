#include "rows.h"

// Packed bytes: the stream may be cut, damaged, several members long or not packed at all.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  static polytask::fuzzing::Folder const folder;
  polytask::fuzzing::expect_value_or_error(data, size, [](std::string_view bytes) {
    polytask::fuzzing::read_all(
        *polytask::data::open_rows(folder.write("rows.jsonl.gz", bytes), {.max_row_bytes = 4'096}));
  });
  return 0;
}
