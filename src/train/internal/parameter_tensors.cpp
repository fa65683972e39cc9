#include "train/internal/parameter_tensors.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include "base/error.h"

namespace polytask::train {

model::Tensor to_tensor(torch::Tensor const& tensor) {
  auto const values = tensor.detach().to(torch::kCPU).contiguous();
  return {values.sizes().vec(), {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()}};
}

void from_tensor(torch::Tensor target, NamedTensors const& tensors, std::string const& name) {
  auto const found = tensors.find(name);
  if (found == tensors.end() || found->second.shape != target.sizes().vec())
    throw Error(ErrorCode::Corrupt, fmt::format("tensor {} is missing or of another shape", quote(name)));
  torch::NoGradGuard const no_grad;
  target.copy_(torch::from_blob(const_cast<float*>(found->second.values.data()), found->second.shape, torch::kFloat32));
}

void store_parameters(AdamW const& optimizer, Checkpoint& checkpoint) {
  for (auto const& parameter : optimizer.parameters()) {
    checkpoint.tensors[parameter.name] = to_tensor(parameter.weight);
    checkpoint.tensors[parameter.name + ".first_moment"] = to_tensor(parameter.first_moment);
    checkpoint.tensors[parameter.name + ".second_moment"] = to_tensor(parameter.second_moment);
    checkpoint.state.n_updates[parameter.name] = parameter.n_updates;
  }
}

void restore_parameters(AdamW& optimizer, Checkpoint const& checkpoint) {
  for (auto& parameter : optimizer.parameters()) {
    from_tensor(parameter.weight, checkpoint.tensors, parameter.name);
    from_tensor(parameter.first_moment, checkpoint.tensors, parameter.name + ".first_moment");
    from_tensor(parameter.second_moment, checkpoint.tensors, parameter.name + ".second_moment");
    auto const found = checkpoint.state.n_updates.find(parameter.name);
    parameter.n_updates = found == checkpoint.state.n_updates.end() ? 0 : found->second;
    parameter.rows.reset();
  }
}

}  // namespace polytask::train
