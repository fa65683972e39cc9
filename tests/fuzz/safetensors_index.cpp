#include "model/encoder_files.h"

#include "fuzzing.h"

// The index of a sharded encoder, beside one shard that holds everything.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace polytask;
  static model::EncoderConfig const config{.vocab_size = 2,
                                           .hidden_size = 1,
                                           .num_hidden_layers = 1,
                                           .num_attention_heads = 1,
                                           .intermediate_size = 1,
                                           .max_position_embeddings = 1,
                                           .type_vocab_size = 1};
  static fuzzing::Folder const folder;
  static bool const prepared = [] {
    std::map<std::string, model::Tensor> weights;
    for (auto const& [name, shape] : model::expected_encoder_tensors(config)) {
      std::size_t n = 1;
      for (auto const dimension : shape) n *= static_cast<std::size_t>(dimension);
      weights[name] = {shape, std::vector<float>(n, 0.5F)};
    }
    model::write_encoder_weights(folder.path(), config, weights);
    std::filesystem::rename(folder.path() / "model.safetensors", folder.path() / "a.safetensors");
    return true;
  }();
  fuzzing::require(prepared, "there is a shard");
  fuzzing::expect_value_or_error(data, size, [](std::string_view bytes) {
    folder.write("model.safetensors.index.json", bytes);
    fuzzing::require(
        model::read_encoder_weights(folder.path(), config).size() == model::expected_encoder_tensors(config).size(),
        "every weight is read");
  });
  return 0;
}
