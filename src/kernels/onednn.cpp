#include "kernels/internal/onednn.h"

#ifdef POLYTASK_ONEDNN_FILE
#include <dlfcn.h>
#include <fmt/format.h>

#include "base/error.h"
#endif

namespace polytask::kernels {

#ifdef POLYTASK_ONEDNN_FILE
namespace {

/// A LibTorch with a oneDNN of its own inside exports some of its weak symbols, among them the one-time initialisation
/// of matrix products: linked as usual, the two would run each other's. Opened so, ours sees its own symbols first.
OneDnn open_apart() {
  void* const library = dlopen(POLYTASK_ONEDNN_FILE, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (library == nullptr)
    throw Error(ErrorCode::Unavailable,
                fmt::format("oneDNN cannot be opened: {}; install it (libdnnl-dev) or build again", dlerror()));
  OneDnn const found{reinterpret_cast<decltype(&dnnl_sgemm)>(dlsym(library, "dnnl_sgemm")),
                     reinterpret_cast<decltype(&dnnl_version)>(dlsym(library, "dnnl_version"))};
  if (found.sgemm == nullptr || found.version == nullptr)
    throw Error(ErrorCode::Unavailable,
                fmt::format("{} is not the oneDNN that this was built with: it lacks dnnl_sgemm or dnnl_version",
                            POLYTASK_ONEDNN_FILE));
  return found;
}

}  // namespace

OneDnn const& onednn() {
  static OneDnn const functions = open_apart();
  return functions;
}
#else
OneDnn const& onednn() {
  static constexpr OneDnn functions{dnnl_sgemm, dnnl_version};
  return functions;
}
#endif

}  // namespace polytask::kernels
