// A multi-task model as one ONNX file (https://github.com/onnx/onnx, IR version 8, operator set 17), for ONNX Runtime
// (1.12 or newer) and all that reads the format. All tasks are in one graph over one encoder:
//
// Inputs, int64 [batch_size, sequence_length]:
//   input_ids
//   attention_mask    1 for a token, 0 for the padding behind the last one
//   token_type_ids
//
// Outputs, float32, named logits.<task>; <task> is the name of the task's folder (model::head_file_name):
//   a text, or a pair in one sequence   [batch_size, outputs]
//   tagging                             [batch_size, sequence_length, outputs]; a word's answer is at its first token
//   two texts each by itself            [pairs, outputs]; pair i is rows 2i and 2i + 1, an odd last row is left out
//
// Outputs are what a head says before it is decoded (model/decode.h), in float32 whatever precision.json says.
// Initializers are the weights, under their published names and in their published shapes; private layers have
// "private.<reading>." before the name, heads are "tasks.<folder>.weight" and ".bias".
// What the model is stands in metadata_props: polytask.version, polytask.config.json (the encoder's),
// polytask.model.json, and polytask.tasks.<folder>.task.json of each task.
#pragma once

#include <string>
#include <string_view>

#include "model/model_weights.h"

namespace polytask::exchange {

/// A model folder in memory, but for its tokenizer.
struct OnnxModel {
  model::EncoderConfig config;
  model::ModelSpec spec;
  model::ModelWeights weights;
};

/// Name of a task's output: "logits." and the name of its folder.
[[nodiscard]] std::string onnx_output(model::HeadSpec const& head);

/// The bytes of the file; equal models have equal bytes. `polytask` is the version that writes, `where` starts the
/// messages. Throws Error{InvalidInput} for a model without tasks, and for one of 2 GiB or more, which the format
/// cannot hold.
[[nodiscard]] std::string onnx_bytes(OnnxModel model, std::string const& polytask, std::string const& where);
/// Throws that before any weight is read.
void check_fits_onnx(model::EncoderConfig const& config, model::ModelSpec const& spec, std::string const& where);

/// Back again, from untrusted bytes. Only what onnx_bytes gives is read: a file of another program, a graph that was
/// changed (it would answer something else than the model that is made of its weights), weights outside the file, and
/// weights that are missing, surplus, of another shape or type or not finite are refused. Throws Error{InvalidInput}
/// that says what was found and what was expected; `where` starts the messages. Moved bytes are freed early: then no
/// model is in memory more than twice.
[[nodiscard]] OnnxModel parse_onnx(std::string bytes, std::string const& where);

}  // namespace polytask::exchange
