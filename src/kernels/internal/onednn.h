// The two functions of oneDNN that are used, from a library that nothing else in the process can disturb.
#pragma once

#include <oneapi/dnnl/dnnl.h>

namespace polytask::kernels {

struct OneDnn {
  decltype(&dnnl_sgemm) sgemm;
  decltype(&dnnl_version) version;
};

/// Errors: Unavailable where the library is opened at run time and is not there.
[[nodiscard]] OneDnn const& onednn();

}  // namespace polytask::kernels
