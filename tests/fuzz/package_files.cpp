#include <algorithm>

#include "base/file.h"
#include "base/hash.h"
#include "engine/answer_texts.h"
#include "engine/engine.h"
#include "engine/test_support.h"
#include "fuzzing.h"
#include "model/package.h"

// One file of a package is another, and its manifest says so: the first byte of the input chooses the file, the second
// whether the rest replaces it or stands in it at the place that the two next bytes say.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace polytask;
  namespace fs = std::filesystem;
  if (size < 4) return 0;
  static fuzzing::Folder const folder;
  static fs::path const package = folder.path() / "package";
  static model::Manifest const manifest = [] {
    if (!fs::exists(package)) engine::test_support::write_sample_package(package);
    return model::open_package(package).manifest;
  }();
  auto const at = std::next(manifest.files.begin(), data[0] % static_cast<std::ptrdiff_t>(manifest.files.size()));
  auto const path = package / at->first;
  static std::map<std::string, std::string> originals;
  auto& original = originals[at->first];
  if (original.empty()) original = read_file(path);
  std::string_view const bytes(reinterpret_cast<char const*>(data) + 4, size - 4);
  std::string changed(bytes);
  if (data[1] % 2 == 1) {
    std::size_t const place = (data[2] * 256U + data[3]) % (original.size() + 1);
    changed = original;
    changed.replace(place, std::min(bytes.size(), original.size() - place), bytes);
  }
  write_file_atomically(path, changed);
  auto described = manifest;
  auto const hash = sha256_hex(changed);
  described.files[at->first] = hash;
  described.encoder = model::encoder_hash(described.files);
  for (auto& [name, task] : described.tasks) {
    task.encoder = described.encoder;
    if (at->first == task.folder + "/head.safetensors") task.head = hash;
    if (at->first.starts_with("private/") && task.private_layers == at->second) task.private_layers = hash;
  }
  write_file_atomically(package / "manifest.json", model::manifest_text(described));
  fuzzing::expect_value_or_error(data, size, [](std::string_view) {
    (void)model::open_package(package);
    auto const model = engine::Engine::load(package, {});
    (void)engine::answer_texts(model, std::vector<engine::Texts>{{"please track my lamp"}, {""}}, {});
    (void)engine::answer_texts(model, std::vector<engine::Texts>{{"a lamp", "osaka"}}, {});
  });
  write_file_atomically(path, original);
  return 0;
}
