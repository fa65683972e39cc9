// The ONNX graph of a model, and where its weights stand in the file. Writer and reader share it: a file is read back
// only where its graph is the one that is built here.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/model_weights.h"

namespace polytask::exchange {

/// LayerNormalization is of operator set 17, which ONNX Runtime knows from 1.12 on.
constexpr std::int64_t kOperatorSet = 17;

/// One weight: its name in the file, the shape that configuration and heads ask for, and its place in a model.
using WeightVisitor =
    std::function<void(std::string const& name, std::vector<std::int64_t> const& shape, model::Tensor& tensor)>;

/// Every weight of a model once, in the order of the file. Places that `weights` does not have yet are made, empty. The
/// encoder's weights have their published names; those of private layers stand behind "private.<reading>.", a head's
/// are "tasks.<folder>.weight" and ".bias", and with a pooler ".pooler.weight" and ".pooler.bias". `config` and `spec`
/// belong together (check_belongs).
void visit_weights(model::EncoderConfig const& config, model::ModelSpec const& spec, model::ModelWeights& weights,
                   WeightVisitor const& visit);

/// Inputs, nodes and outputs, as exchange/onnx_model.h describes them; no initializers. `config` and `spec` belong
/// together, and there is a task.
[[nodiscard]] onnx::GraphProto build_graph(model::EncoderConfig const& config, model::ModelSpec const& spec);

}  // namespace polytask::exchange
