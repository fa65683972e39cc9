#include "exchange/internal/new_folders.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "model/new_folder.h"

namespace polytask::exchange {

namespace fs = std::filesystem;

fs::path exported_folder(fs::path const& folder, fs::path const& source) {
  auto target = model::new_folder_name(folder);
  model::refuse_inside_sources(target, {source});
  if (is_there(target))
    throw Error(ErrorCode::Conflict,
                fmt::format("{}: is there already; choose another --to, or remove it", target.string()));
  return target;
}

model::WrittenPackage write_imported_package(fs::path const& folder, fs::path const& source,
                                             std::string const& polytask,
                                             std::function<void(fs::path const&)> const& write_model) {
  auto const target = model::new_folder_name(folder);
  model::refuse_inside_sources(target, {source});
  model::NewFolder const scratch(target);  // never put in place: the package is copied from it, and checked
  write_model(scratch.path());
  auto contents = model::contents_of_model(scratch.path(), [](model::HeadSpec const&) { return model::TaskOrigin{}; });
  contents.name = target.string();
  return model::write_package(contents, target, polytask);
}

}  // namespace polytask::exchange
