#include "exchange/internal/onnx_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "exchange/onnx_model.h"

namespace polytask::exchange {
namespace {

using model::EncoderConfig;
using model::HeadSpec;
using model::ModelSpec;
using model::Reading;
using Attributes = std::vector<onnx::AttributeProto>;
using Values = std::vector<std::string>;  ///< names of values

onnx::AttributeProto attribute(std::string const& name, std::int64_t value) {
  onnx::AttributeProto made;
  made.set_name(name);
  made.set_type(onnx::AttributeProto::INT);
  made.set_i(value);
  return made;
}

onnx::AttributeProto attribute(std::string const& name, float value) {
  onnx::AttributeProto made;
  made.set_name(name);
  made.set_type(onnx::AttributeProto::FLOAT);
  made.set_f(value);
  return made;
}

onnx::AttributeProto attribute(std::string const& name, std::vector<std::int64_t> const& values) {
  onnx::AttributeProto made;
  made.set_name(name);
  made.set_type(onnx::AttributeProto::INTS);
  for (auto const value : values) made.add_ints(value);
  return made;
}

/// A dimension is a number, or a name for what is known when texts are there.
void describe(onnx::ValueInfoProto& value, std::string const& name, onnx::TensorProto::DataType type,
              Values const& named, std::optional<std::int64_t> last = {}) {
  value.set_name(name);
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  for (auto const& dimension : named) tensor.mutable_shape()->add_dim()->set_dim_param(dimension);
  if (last) tensor.mutable_shape()->add_dim()->set_dim_value(*last);
}

std::string head_prefix(HeadSpec const& head) {
  return fmt::format("tasks.{}.", model::head_file_name(head.task.name));
}

/// Before the published names of the top layers that the branch has for itself.
std::string layer_prefix(ModelSpec const& spec, model::Branch const& branch) {
  return branch.reading ? fmt::format("private.{}.", to_string(*branch.reading))
                        : head_prefix(spec.heads[branch.heads.front()]);
}

/// Mean states of a pair's two texts, [rows, hidden] each.
struct Means {
  std::string u;
  std::string v;
};

/// Of the tokens where a mask is 1: their summed states [batch, hidden] and their number [batch, 1].
struct Sums {
  std::string states;
  std::string count;
};

class GraphBuilder {
 public:
  GraphBuilder(EncoderConfig const& config, ModelSpec const& spec) : config_(config), spec_(spec) {}

  onnx::GraphProto build() {
    graph_.set_name("polytask");
    for (auto const* name : {"input_ids", "attention_mask", "token_type_ids"})
      describe(*graph_.add_input(), name, onnx::TensorProto::INT64, {"batch_size", "sequence_length"});
    read_mask();
    auto hidden = embed();
    std::vector<std::string> shared{hidden};  // what the encoder's first layers make of the texts, by their number
    for (auto const& branch : spec_.branches()) {
      auto const parts_at = config_.num_hidden_layers - branch.n_own_layers;
      for (auto i = std::ssize(shared) - 1; i < parts_at; ++i) shared.push_back(layer(shared.back(), "", i));
      auto top = shared[static_cast<std::size_t>(parts_at)];
      for (auto i = parts_at; i < config_.num_hidden_layers; ++i) top = layer(top, layer_prefix(spec_, branch), i);
      for (auto const reading : model::kReadings) answer(branch, reading, top);
    }
    for (auto const& head : spec_.heads) describe_output(head);
    return std::move(graph_);
  }

 private:
  /// A node named after the part of the model that it belongs to; the name of what it gives.
  std::string add(std::string const& op, Values const& inputs, Attributes attributes = {}, std::string output = {}) {
    if (output.empty()) {
      output = fmt::format("{}/{}", scope_, op);
      if (auto const n = ++n_of_name_[output]; n > 1) output += fmt::format("_{}", n);
    }
    auto& node = *graph_.add_node();
    node.set_op_type(op);
    node.set_name(output);
    for (auto const& input : inputs) node.add_input(input);
    node.add_output(output);
    for (auto& one : attributes) *node.add_attribute() = std::move(one);
    return output;
  }

  std::string constant(float value) { return add("Constant", {}, {attribute("value_float", value)}); }
  std::string constant(std::vector<std::int64_t> const& values) {
    return add("Constant", {}, {attribute("value_ints", values)});
  }

  /// x [.., inputs] -> [.., outputs]; the weights stand as published, [outputs, inputs].
  std::string linear(std::string const& x, std::string const& layer, std::string output = {}) {
    auto const weight = add("Transpose", {layer + "weight"}, {attribute("perm", std::vector<std::int64_t>{1, 0})});
    return add("Add", {add("MatMul", {x, weight}), layer + "bias"}, {}, std::move(output));
  }

  std::string normalize(std::string const& x, std::string const& norm) {
    return add("LayerNormalization", {x, norm + "weight", norm + "bias"},
               {attribute("axis", std::int64_t{-1}), attribute("epsilon", static_cast<float>(config_.layer_norm_eps))});
  }

  std::string sum_over(std::string const& x, std::int64_t axis, bool keep = false) {
    return add("ReduceSum", {x, constant(std::vector{axis})}, {attribute("keepdims", std::int64_t{keep ? 1 : 0})});
  }

  /// No token is attended to where the mask is 0: its score falls below every other.
  void read_mask() {
    scope_ = "attention_mask";
    auto const real = add("Cast", {"attention_mask"}, {attribute("to", std::int64_t{onnx::TensorProto::FLOAT})});
    mask_ = real;
    auto const keys = add("Unsqueeze", {real, constant(std::vector<std::int64_t>{1, 2})});
    score_mask_ = add("Mul", {add("Sub", {constant(1.0F), keys}), constant(std::numeric_limits<float>::lowest())});
  }

  /// [batch, seq, 1]: 1 where a token is real, 0 where it is padding. Made where it is first asked for: not every model
  /// has means.
  std::string const& tokens() {
    if (tokens_.empty()) tokens_ = add("Unsqueeze", {mask_, constant(std::vector<std::int64_t>{2})});
    return tokens_;
  }

  std::string embed() {
    scope_ = "embeddings";
    auto const length =
        add("Shape", {"input_ids"}, {attribute("start", std::int64_t{1}), attribute("end", std::int64_t{2})});
    auto const positions =
        add("Slice", {"embeddings.position_embeddings.weight", constant(std::vector<std::int64_t>{0}), length,
                      constant(std::vector<std::int64_t>{0})});
    auto const words = add("Gather", {"embeddings.word_embeddings.weight", "input_ids"});
    auto const types = add("Gather", {"embeddings.token_type_embeddings.weight", "token_type_ids"});
    auto const sum = add("Add", {add("Add", {words, positions}), types});
    return normalize(sum, "embeddings.LayerNorm.");
  }

  /// [batch, seq, hidden] -> [batch, heads, ...] in the order of `perm`.
  std::string by_head(std::string const& x, std::vector<std::int64_t> const& perm) {
    auto const heads = config_.num_attention_heads;
    auto const shape = constant(std::vector<std::int64_t>{0, 0, heads, config_.hidden_size / heads});
    return add("Transpose", {add("Reshape", {x, shape})}, {attribute("perm", perm)});
  }

  /// One Transformer layer, post-LayerNorm (Devlin et al. 2019, arXiv:1810.04805).
  std::string layer(std::string const& hidden, std::string const& prefix, std::int64_t index) {
    auto const name = fmt::format("{}encoder.layer.{}.", prefix, index);
    scope_ = name + "attention";
    auto const self = name + "attention.self.";
    auto const query = by_head(linear(hidden, self + "query."), {0, 2, 1, 3});
    auto const key = by_head(linear(hidden, self + "key."), {0, 2, 3, 1});
    auto const value = by_head(linear(hidden, self + "value."), {0, 2, 1, 3});
    auto const root = std::sqrt(static_cast<float>(config_.hidden_size / config_.num_attention_heads));
    auto const scores = add("Add", {add("Div", {add("MatMul", {query, key}), constant(root)}), score_mask_});
    auto const shares = add("Softmax", {scores}, {attribute("axis", std::int64_t{-1})});
    auto const context =
        add("Transpose", {add("MatMul", {shares, value})}, {attribute("perm", std::vector<std::int64_t>{0, 2, 1, 3})});
    auto const joined = add("Reshape", {context, constant(std::vector<std::int64_t>{0, 0, config_.hidden_size})});
    auto const attended = linear(joined, name + "attention.output.dense.");
    auto const middle = normalize(add("Add", {attended, hidden}), name + "attention.output.LayerNorm.");
    scope_ = name + "intermediate";
    auto const inner = activate(linear(middle, name + "intermediate.dense."));
    scope_ = name + "output";
    return normalize(add("Add", {linear(inner, name + "output.dense."), middle}), name + "output.LayerNorm.");
  }

  std::string activate(std::string const& x) {
    if (config_.hidden_act == "relu") return add("Relu", {x});
    if (config_.hidden_act == "gelu") {
      auto const part = add("Erf", {add("Div", {x, constant(std::numbers::sqrt2_v<float>)})});
      auto const share = add("Add", {part, constant(1.0F)});
      return add("Mul", {add("Mul", {x, share}), constant(0.5F)});
    }
    expects(config_.hidden_act == "gelu_new", "the configuration was checked for its activation");
    auto const cube = add("Mul", {add("Mul", {x, x}), x});
    auto const inside = add("Add", {x, add("Mul", {cube, constant(0.044715F)})});
    auto const scale = std::sqrt(2.0F * std::numbers::inv_pi_v<float>);
    auto const share = add("Add", {add("Tanh", {add("Mul", {inside, constant(scale)})}), constant(1.0F)});
    return add("Mul", {add("Mul", {x, share}), constant(0.5F)});
  }

  Sums sums(std::string const& hidden, std::string const& mask) {
    auto states = sum_over(add("Mul", {hidden, mask}), 1);
    return {std::move(states), sum_over(mask, 1)};
  }
  /// A row without a token, which only padding has, has the mean 0.
  std::string mean(Sums const& sums) { return add("Div", {sums.states, add("Max", {sums.count, constant(1.0F)})}); }

  std::string first_token(std::string const& hidden) {
    return add("Gather", {hidden, add("Constant", {}, {attribute("value_int", std::int64_t{0})})},
               {attribute("axis", std::int64_t{1})});
  }

  std::string pooled(std::string const& hidden) {
    return spec_.pooling == model::Pooling::First ? first_token(hidden) : mean(sums(hidden, tokens()));
  }

  /// Of a pair in one sequence: the tokens of type 0 and of type 1.
  Means means_of_types(std::string const& hidden) {
    auto const type = add("Cast", {"token_type_ids"}, {attribute("to", std::int64_t{onnx::TensorProto::FLOAT})});
    auto const second = add("Mul", {tokens(), add("Unsqueeze", {type, constant(std::vector<std::int64_t>{2})})});
    auto const first = add("Sub", {tokens(), second});
    return {mean(sums(hidden, first)), mean(sums(hidden, second))};
  }

  /// Rows first, first + 2, ... of [batch, ..] before `end`.
  std::string every_other(std::string const& rows, std::int64_t first, std::string const& end) {
    return add("Slice", {rows, constant(std::vector{first}), end, constant(std::vector<std::int64_t>{0}),
                         constant(std::vector<std::int64_t>{2})});
  }

  /// Of two texts each by itself, rows 2i and 2i + 1 of the batch: their means, and (`both`, where it is asked for) the
  /// pooled state of both together. An odd last row is left out.
  Means means_of_rows(std::string const& hidden, std::string* both) {
    auto const n =
        add("Shape", {"input_ids"}, {attribute("start", std::int64_t{0}), attribute("end", std::int64_t{1})});
    auto const two = constant(std::vector<std::int64_t>{2});
    auto const end = add("Mul", {add("Div", {n, two}), two});
    auto const [sum, count] = sums(hidden, tokens());
    Sums const u{every_other(sum, 0, end), every_other(count, 0, end)};
    Sums const v{every_other(sum, 1, end), every_other(count, 1, end)};
    if (both != nullptr)
      *both = spec_.pooling == model::Pooling::First
                  ? every_other(first_token(hidden), 0, end)
                  : mean({add("Add", {u.states, v.states}), add("Add", {u.count, v.count})});
    auto mean_u = mean(u);
    return {std::move(mean_u), mean(v)};
  }

  /// sqrt(hidden) * cos(u, v), [rows, 1].
  std::string scaled_cosine(Means const& means) {
    auto const length = [&](std::string const& x) { return add("Sqrt", {sum_over(add("Mul", {x, x}), 1, true)}); };
    auto const dot = sum_over(add("Mul", {means.u, means.v}), 1, true);
    auto const lengths = add("Mul", {length(means.u), length(means.v)});
    auto const cosine = add("Div", {dot, add("Max", {lengths, constant(1e-6F)})});
    return add("Mul", {cosine, constant(std::sqrt(static_cast<float>(config_.hidden_size)))});
  }

  /// [pooled, |u - v|, u * v], [rows, 3 hidden].
  std::string compared(std::string const& pooled_state, Means const& means) {
    auto const difference = add("Abs", {add("Sub", {means.u, means.v})});
    return add("Concat", {pooled_state, difference, add("Mul", {means.u, means.v})},
               {attribute("axis", std::int64_t{1})});
  }

  /// The heads of a branch that are of one reading, over its hidden states, as nn::MultiTaskModel says.
  void answer(model::Branch const& branch, Reading reading, std::string const& hidden) {
    std::vector<HeadSpec const*> heads;
    for (auto const head : branch.heads)
      if (spec_.heads[head].reading() == reading) heads.push_back(&spec_.heads[head]);
    if (heads.empty()) return;
    bool const is_of_task = branch.n_own_layers > 0 && !branch.reading;
    scope_ = is_of_task ? head_prefix(*heads.front()) + "reading" : fmt::format("readings.{}", to_string(reading));
    std::string state;
    std::optional<Means> means;
    if (model::answers_tokens(reading)) {
      state = hidden;
    } else if (reading == Reading::Comparison) {
      bool const all_cosines =
          std::all_of(heads.begin(), heads.end(), [](auto const* head) { return head->sees_cosine(); });
      means = means_of_rows(hidden, all_cosines ? nullptr : &state);
    } else {
      state = pooled(hidden);
      if (reading == Reading::Pair) means = means_of_types(hidden);
    }
    for (auto const* head : heads) {
      scope_ = head_prefix(*head) + "head";
      auto const own =
          head->pooler == model::Pooler::Tanh ? add("Tanh", {linear(state, head_prefix(*head) + "pooler.")}) : state;
      auto const seen = head->sees_cosine() ? scaled_cosine(*means) : means ? compared(own, *means) : own;
      (void)linear(seen, head_prefix(*head), onnx_output(*head));
    }
  }

  void describe_output(HeadSpec const& head) {
    auto const rows = model::answers_tokens(head.reading())   ? Values{"batch_size", "sequence_length"}
                      : head.reading() == Reading::Comparison ? Values{"pairs"}
                                                              : Values{"batch_size"};
    describe(*graph_.add_output(), onnx_output(head), onnx::TensorProto::FLOAT, rows,
             static_cast<std::int64_t>(head.n_outputs()));
  }

  EncoderConfig const& config_;
  ModelSpec const& spec_;
  onnx::GraphProto graph_;
  std::string scope_;
  std::map<std::string, int> n_of_name_;
  std::string mask_;  ///< [batch, seq] as floats
  std::string tokens_;
  std::string score_mask_;  ///< [batch, 1, 1, seq]: what is added to the scores of its keys
};

}  // namespace

void visit_weights(EncoderConfig const& config, ModelSpec const& spec, model::ModelWeights& weights,
                   WeightVisitor const& visit) {
  auto const all = model::expected_encoder_tensors(config);
  for (auto const& [name, shape] : all) visit(name, shape, weights.encoder[name]);
  weights.heads.resize(spec.heads.size());
  for (auto const& branch : spec.branches())
    for (auto i = config.num_hidden_layers - branch.n_own_layers; i < config.num_hidden_layers; ++i) {
      auto const layer = fmt::format("encoder.layer.{}.", i);
      auto& own = branch.reading ? weights.private_layers[*branch.reading] : weights.heads[branch.heads.front()].layers;
      for (auto at = all.lower_bound(layer); at != all.end() && at->first.starts_with(layer); ++at)
        visit(layer_prefix(spec, branch) + at->first, at->second, own[at->first]);
    }
  for (std::size_t i = 0; i < spec.heads.size(); ++i) {
    auto const& head = spec.heads[i];
    auto const n_outputs = static_cast<std::int64_t>(head.n_outputs());
    visit(head_prefix(head) + "weight", {n_outputs, head.n_inputs(config.hidden_size)}, weights.heads[i].weight);
    visit(head_prefix(head) + "bias", {n_outputs}, weights.heads[i].bias);
    if (head.pooler == model::Pooler::None) continue;
    if (!weights.heads[i].pooler) weights.heads[i].pooler.emplace();
    auto& pooler = *weights.heads[i].pooler;
    visit(head_prefix(head) + "pooler.weight", {config.hidden_size, config.hidden_size}, pooler.weight);
    visit(head_prefix(head) + "pooler.bias", {config.hidden_size}, pooler.bias);
  }
}

onnx::GraphProto build_graph(EncoderConfig const& config, ModelSpec const& spec) {
  expects(!spec.heads.empty(), "a graph has an output");
  return GraphBuilder(config, spec).build();
}

}  // namespace polytask::exchange
