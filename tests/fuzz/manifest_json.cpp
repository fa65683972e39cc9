#include "fuzzing.h"
#include "model/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace polytask;
  fuzzing::expect_value_or_error(data, size, [](std::string_view text) {
    auto const manifest = model::parse_manifest(text, "manifest.json");
    fuzzing::require(model::manifest_text(manifest) == text, "a manifest has one text");
    for (auto const& [path, hash] : manifest.files) {
      fuzzing::require(hash.size() == 64, "a hash has 64 digits");
      std::filesystem::path const inner(path);
      fuzzing::require(inner.is_relative() && inner.lexically_normal() == inner && *inner.begin() != "..",
                       "a file stays in its package");
    }
    (void)model::encoder_hash(manifest.files);
  });
  return 0;
}
