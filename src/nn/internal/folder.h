// A folder of the module tree: it only gives its children a longer name.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace polytask::nn {

struct FolderImpl : torch::nn::Module {};
TORCH_MODULE(Folder);

}  // namespace polytask::nn
