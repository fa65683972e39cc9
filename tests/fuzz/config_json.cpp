#include "fuzzing.h"
#include "model/encoder_files.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  polytask::fuzzing::expect_value_or_error(data, size, [](std::string_view text) {
    auto const config = polytask::model::parse_encoder_config(text, "config.json");
    polytask::fuzzing::require(config.hidden_size > 0 && config.num_attention_heads > 0 &&
                                   config.hidden_size % config.num_attention_heads == 0,
                               "heads share the hidden size");
    polytask::fuzzing::require(
        config.num_hidden_layers > 0 && config.num_hidden_layers <= 1'000 && config.layer_norm_eps >= 0,
        "sizes are checked");
    if (config.num_hidden_layers <= 10) (void)polytask::model::expected_encoder_tensors(config);
  });
  return 0;
}
