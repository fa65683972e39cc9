#include "exchange/onnx_model.h"

#include "fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace polytask;
  fuzzing::expect_value_or_error(data, size, [](std::string_view bytes) {
    auto const model = exchange::parse_onnx(std::string(bytes), "f");
    auto const again = exchange::onnx_bytes(model, "0.1.0", "f");
    auto const found = exchange::parse_onnx(again, "f");
    fuzzing::require(exchange::onnx_bytes(found, "0.1.0", "f") == again, "what is read is written and read again");
  });
  return 0;
}
