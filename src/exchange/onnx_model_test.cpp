#include "exchange/onnx_model.h"

#include <gmock/gmock.h>

#include <limits>
#include <set>
#include <span>

#include "base/error.h"
#include "base/json.h"
#include "exchange/internal/onnx_graph.h"
#include "exchange/internal/onnx_sizes.h"
#include "exchange/onnx_test_support.h"

namespace polytask::exchange {
namespace {

using namespace test_support;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

onnx::ModelProto parsed(std::string const& bytes) {
  onnx::ModelProto file;
  EXPECT_TRUE(file.ParseFromString(bytes));
  return file;
}

std::string error_of(std::string_view bytes) {
  try {
    (void)parse_onnx(std::string(bytes), "model.onnx");
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidInput);
    EXPECT_THAT(error.what(), StartsWith("model.onnx"));
    return error.what();
  }
  return "no error";
}

/// What is said of the file of a model with every kind of head after a change to it.
std::string error_after(std::function<void(onnx::ModelProto&)> const& change) {
  auto file = parsed(bytes_of(small_model()));
  change(file);
  return error_of(file.SerializeAsString());
}

onnx::TensorProto& initializer(onnx::ModelProto& file, std::string const& name) {
  for (auto& one : *file.mutable_graph()->mutable_initializer())
    if (one.name() == name) return one;
  throw std::logic_error("no initializer " + name);
}

std::string shape_of(onnx::ValueInfoProto const& value) {
  std::string text = onnx::TensorProto::DataType_Name(
      static_cast<onnx::TensorProto::DataType>(value.type().tensor_type().elem_type()));
  for (auto const& dimension : value.type().tensor_type().shape().dim())
    text += " " + (dimension.has_dim_value() ? std::to_string(dimension.dim_value()) : dimension.dim_param());
  return value.name() + ": " + text;
}

TEST(OnnxModel, HasOneOutputForEachTaskInTheOrderOfTheModel) {
  auto const file = parsed(bytes_of(small_model()));
  std::vector<std::string> inputs, outputs;
  for (auto const& input : file.graph().input()) inputs.push_back(shape_of(input));
  for (auto const& output : file.graph().output()) outputs.push_back(shape_of(output));
  EXPECT_THAT(inputs, ElementsAre("input_ids: INT64 batch_size sequence_length",
                                  "attention_mask: INT64 batch_size sequence_length",
                                  "token_type_ids: INT64 batch_size sequence_length"));
  EXPECT_THAT(outputs,
              ElementsAre("logits.intent: FLOAT batch_size 3", "logits.topics: FLOAT batch_size 2",
                          "logits.urgency: FLOAT batch_size 1",
                          "logits." + model::head_file_name("Things & more") + ": FLOAT batch_size sequence_length 3",
                          "logits.follows: FLOAT batch_size 2", "logits.likeness: FLOAT pairs 1",
                          "logits.duplicate: FLOAT pairs 2"));
}

TEST(OnnxModel, KeepsEveryWeightInItsPublishedShapeUnderItsPublishedName) {
  auto const model = small_model();
  auto file = parsed(bytes_of(model));
  for (auto const& [name, shape] : model::expected_encoder_tensors(model.config)) {
    auto const& found = initializer(file, name);
    EXPECT_EQ(std::vector<std::int64_t>(found.dims().begin(), found.dims().end()), shape) << name;
    auto const values = std::as_bytes(std::span(model.weights.encoder.at(name).values));
    EXPECT_EQ(found.raw_data(), std::string(reinterpret_cast<char const*>(values.data()), values.size())) << name;
  }
  EXPECT_EQ(initializer(file, "private.text.encoder.layer.1.output.dense.weight").dims_size(), 2);
  EXPECT_EQ(initializer(file, "tasks.intent.weight").dims(0), 3);
  EXPECT_EQ(initializer(file, "tasks.topics.pooler.weight").dims(0), model.config.hidden_size);
  EXPECT_EQ(initializer(file, "tasks.duplicate.weight").dims(1), 3 * model.config.hidden_size);
  EXPECT_EQ(initializer(file, "tasks.likeness.weight").dims(1), 1);
}

TEST(OnnxModel, UsesStandardOperatorsThatRuntimesOfOperatorSet17Know) {
  auto const file = parsed(bytes_of(small_model()));
  EXPECT_EQ(file.ir_version(), 8);
  ASSERT_EQ(file.opset_import_size(), 1);
  EXPECT_EQ(file.opset_import(0).version(), 17);
  std::set<std::string> const known{"Abs",
                                    "Add",
                                    "Cast",
                                    "Concat",
                                    "Constant",
                                    "Div",
                                    "Erf",
                                    "Gather",
                                    "MatMul",
                                    "Max",
                                    "LayerNormalization",
                                    "Mul",
                                    "ReduceSum",
                                    "Relu",
                                    "Reshape",
                                    "Shape",
                                    "Slice",
                                    "Softmax",
                                    "Sqrt",
                                    "Sub",
                                    "Tanh",
                                    "Transpose",
                                    "Unsqueeze"};
  for (auto const& node : file.graph().node()) {
    EXPECT_TRUE(known.contains(node.op_type())) << node.op_type();
    EXPECT_EQ(node.domain(), "");
  }
}

TEST(OnnxModel, ComputesNoValueThatNobodyReads) {
  for (auto const pooling : {model::Pooling::Mean, model::Pooling::First}) {
    auto model = small_model();
    model.spec.pooling = pooling;
    auto const file = parsed(bytes_of(model));
    std::set<std::string> given, read;
    for (auto const& input : file.graph().input()) given.insert(input.name());
    for (auto const& one : file.graph().initializer()) given.insert(one.name());
    for (auto const& output : file.graph().output()) read.insert(output.name());
    for (auto const& node : file.graph().node()) {
      for (auto const& input : node.input()) {
        EXPECT_TRUE(given.contains(input)) << node.name() << " reads " << input << " before it is there";
        read.insert(input);
      }
      EXPECT_TRUE(given.insert(node.output(0)).second) << node.output(0) << " is given twice";
    }
    EXPECT_EQ(given, read);
  }
}

TEST(OnnxModel, IsReadBackAsItWas) {
  for (auto const private_layers : {0, 1, 2})
    for (auto const* activation : {"gelu", "gelu_new", "relu"}) {
      auto const model = small_model(private_layers, activation);
      auto const found = parse_onnx(bytes_of(model), "model.onnx");
      EXPECT_EQ(model::encoder_config_text(found.config), model::encoder_config_text(model.config));
      EXPECT_EQ(model::model_json(found.spec), model::model_json(model.spec));
      for (std::size_t i = 0; i < model.spec.heads.size(); ++i)
        EXPECT_EQ(model::head_json(found.spec.heads[i]), model::head_json(model.spec.heads[i]));
      EXPECT_EQ(values_of(found), values_of(model));
      EXPECT_EQ(bytes_of(found), bytes_of(model));
    }
}

TEST(OnnxModel, OfAnotherProgramIsRefusedWithTheWayThatIsOpen) {
  EXPECT_THAT(error_after([](auto& file) { file.set_producer_name("pytorch"); }),
              AllOf(HasSubstr("was written by \"pytorch\""), HasSubstr("Hugging Face folder")));
  EXPECT_THAT(error_after([](auto& file) {
                file.clear_producer_name();
                file.clear_metadata_props();
              }),
              HasSubstr("was written by an unnamed program"));
}

TEST(OnnxModel, ThatIsDamagedOrCutOffAnywhereIsRefused) {
  auto const whole = bytes_of(small_model());
  EXPECT_THAT(error_of(""), HasSubstr("was written by an unnamed program"));
  EXPECT_THAT(error_of("a text and no model"), HasSubstr("is no ONNX file, or a damaged one"));
  for (std::size_t n = 1; n < whole.size(); n += whole.size() / 500)
    EXPECT_NE(error_of(std::string_view(whole).substr(0, n)), "no error") << n;
}

TEST(OnnxModel, WithWeightsThatAreNotInTheFileIsRefused) {
  EXPECT_THAT(error_after([](auto& file) {
                auto& weight = initializer(file, "tasks.intent.weight");
                weight.set_data_location(onnx::TensorProto::EXTERNAL);
                auto& place = *weight.add_external_data();
                place.set_key("location");
                place.set_value("../../elsewhere");
                weight.clear_raw_data();
              }),
              AllOf(HasSubstr("initializer \"tasks.intent.weight\" has its values in another file")));
}

TEST(OnnxModel, WithWeightsOfAnotherTypeOrShapeSaysWhatWasFoundAndExpected) {
  EXPECT_THAT(
      error_after([](auto& file) { initializer(file, "tasks.intent.bias").set_data_type(onnx::TensorProto::FLOAT16); }),
      HasSubstr("initializer \"tasks.intent.bias\" is of type FLOAT16; expected FLOAT"));
  EXPECT_THAT(error_after([](auto& file) { initializer(file, "tasks.intent.weight").set_dims(0, 2); }),
              HasSubstr("has shape [2, 4], the model's description asks for [3, 4]"));
  EXPECT_THAT(error_after([](auto& file) {
                for (int i = 0; i < 1000; ++i) initializer(file, "tasks.intent.weight").add_dims(1);
              }),
              HasSubstr("has shape [3, 4, 1, 1, ...]"));
  EXPECT_THAT(error_after([](auto& file) { initializer(file, "tasks.intent.bias").mutable_raw_data()->pop_back(); }),
              AllOf(HasSubstr("\"tasks.intent.bias\" has 11 bytes of raw data"), HasSubstr("expected 12 bytes")));
  EXPECT_THAT(error_after([](auto& file) { initializer(file, "tasks.intent.bias").add_float_data(1); }),
              HasSubstr("has 12 bytes of raw data and 1 values beside them"));
}

TEST(OnnxModel, OfAnotherFamilyThanBertIsNotWritten) {
  auto model = small_model();
  model.config.model_type = "roberta";
  EXPECT_THAT([&] { (void)bytes_of(model); },
              testing::ThrowsMessage<Error>(HasSubstr("of an encoder of the type \"roberta\", of which no graph")));
}

TEST(OnnxModel, WithValuesThatAreNoNumbersIsRefused) {
  for (float const bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    auto model = small_model();
    model.weights.encoder.at("embeddings.LayerNorm.bias").values[2] = bad;
    EXPECT_THAT(error_of(bytes_of(model)),
                AllOf(HasSubstr("initializer \"embeddings.LayerNorm.bias\" holds"), HasSubstr("at position 2")));
  }
}

TEST(OnnxModel, WithMissingRepeatedOrSurplusWeightsIsRefused) {
  EXPECT_THAT(error_after([](auto& file) { initializer(file, "tasks.intent.weight").set_name("other"); }),
              HasSubstr("has no initializer \"tasks.intent.weight\" of shape [3, 4]"));
  EXPECT_THAT(error_after([](auto& file) {
                auto const again = initializer(file, "tasks.intent.bias");
                *file.mutable_graph()->add_initializer() = again;
              }),
              HasSubstr("has the initializer \"tasks.intent.bias\" twice"));
  EXPECT_THAT(error_after([](auto& file) { file.mutable_graph()->add_initializer()->set_name("more"); }),
              HasSubstr("has the initializer \"more\", which no model of this description has"));
}

TEST(OnnxModel, WhoseGraphWasChangedIsRefusedAtTheFirstDifference) {
  auto const node = [](onnx::ModelProto& file, std::string const& op) -> onnx::NodeProto& {
    for (auto& one : *file.mutable_graph()->mutable_node())
      if (one.op_type() == op) return one;
    throw std::logic_error("no node " + op);
  };
  auto const answers_otherwise = HasSubstr("the graph was changed and would answer something else");
  EXPECT_THAT(
      error_after([&](auto& file) { node(file, "Erf").set_op_type("Tanh"); }),
      AllOf(HasSubstr(" is \"Tanh\" \"encoder.layer.0.intermediate/Erf\", expected \"Erf\""), answers_otherwise));
  EXPECT_THAT(error_after([&](auto& file) { node(file, "Softmax").mutable_attribute(0)->set_i(1); }),
              AllOf(HasSubstr("\"Softmax\" \"encoder.layer.0.attention/Softmax\" with other inputs or attributes"),
                    answers_otherwise));
  EXPECT_THAT(error_after([&](auto& file) { node(file, "Add").set_input(1, "embeddings.LayerNorm.bias"); }),
              AllOf(HasSubstr("with other inputs or attributes"), answers_otherwise));
  EXPECT_THAT(error_after([&](auto& file) { node(file, "Add").set_domain("com.example"); }), answers_otherwise);
  EXPECT_THAT(error_after([&](auto& file) { file.mutable_graph()->mutable_node()->RemoveLast(); }),
              AllOf(HasSubstr(" nodes, expected "), answers_otherwise));
  EXPECT_THAT(error_after([&](auto& file) { file.mutable_graph()->add_node()->set_op_type("Identity"); }),
              AllOf(HasSubstr(" nodes, expected "), answers_otherwise));
  EXPECT_THAT(error_after([&](auto& file) { file.mutable_graph()->mutable_input(0)->set_name("ids"); }),
              AllOf(HasSubstr("input 1 is \"ids\", expected \"input_ids\""), answers_otherwise));
  EXPECT_THAT(error_after([&](auto& file) { file.mutable_graph()->mutable_output()->SwapElements(0, 1); }),
              AllOf(HasSubstr("output 1 is \"logits.topics\", expected \"logits.intent\""), answers_otherwise));
  EXPECT_THAT(error_after([&](auto& file) { file.mutable_opset_import(0)->set_version(18); }),
              AllOf(HasSubstr("does not use operator set 17 alone"), answers_otherwise));
  EXPECT_THAT(error_after([&](auto& file) { file.add_functions()->set_name("Erf"); }), answers_otherwise);
}

TEST(OnnxModel, ThatOtherToolsHaveOnlyWrittenRemarksInIsRead) {
  EXPECT_EQ(error_after([](auto& file) {
              file.set_doc_string("looked at");
              auto& remark = *file.add_metadata_props();
              remark.set_key("owner");
              remark.set_value("somebody");
              file.mutable_graph()->add_value_info()->set_name("embeddings/Add");
            }),
            "no error");
}

TEST(OnnxModel, WhoseDescriptionIsIncompleteOrContradictsItselfIsRefused) {
  auto const text = [](onnx::ModelProto& file, std::string const& key) -> std::string& {
    for (auto& entry : *file.mutable_metadata_props())
      if (entry.key() == key) return *entry.mutable_value();
    throw std::logic_error("no entry " + key);
  };
  auto const changed = [&](std::string const& key, std::string const& from, std::string const& to) {
    return error_after([&](onnx::ModelProto& file) {
      auto& value = text(file, key);
      auto const at = value.find(from);
      ASSERT_NE(at, std::string::npos);
      value.replace(at, from.size(), to);
    });
  };
  EXPECT_THAT(error_after([](auto& file) { file.mutable_metadata_props()->RemoveLast(); }),
              HasSubstr("has no \"polytask.tasks.duplicate.task.json\" in its metadata"));
  EXPECT_THAT(error_after([](auto& file) {
                auto const again = file.metadata_props(1);
                *file.add_metadata_props() = again;
              }),
              HasSubstr("twice in its metadata"));
  EXPECT_THAT(error_after([](auto& file) {
                auto& more = *file.add_metadata_props();
                more.set_key("polytask.tasks.other.task.json");
                more.set_value("{}");
              }),
              HasSubstr("has \"polytask.tasks.other.task.json\" in its metadata, which its model.json does not name"));
  EXPECT_THAT(changed("polytask.model.json", "\"schema\"", "\"schematic\""),
              HasSubstr("model.onnx, polytask.model.json: is not a model description"));
  EXPECT_THAT(changed("polytask.model.json", "\"max_length\": 16", "\"max_length\": 17"),
              HasSubstr("texts are 17 tokens long, the encoder has 16 positions"));
  EXPECT_THAT(changed("polytask.model.json", "\"private_layers\": 1", "\"private_layers\": 3"),
              HasSubstr("3 layers are private, the encoder has 2"));
  EXPECT_THAT(changed("polytask.config.json", "\"gelu\"", "\"swish\""),
              AllOf(HasSubstr("polytask.config.json: \"hidden_act\""), HasSubstr("expected \"gelu\"")));
  EXPECT_THAT(changed("polytask.config.json", "\"gelu\"", "\"relu\""), HasSubstr("the graph was changed"));
  EXPECT_THAT(changed("polytask.tasks.intent.task.json", "\"classification\"", "\"guessing\""),
              HasSubstr("has type \"guessing\", which this version does not know"));
  EXPECT_THAT(changed("polytask.tasks.intent.task.json", "\"b\",\n", ""),
              HasSubstr("has shape [3, 4], the model's description asks for [2, 4]"));
}

TEST(OnnxModel, ThatCouldBecomeManyMoreObjectsThanBytesIsRefusedBeforeItIsParsed) {
  auto const nodes = [](std::size_t n) {
    onnx::ModelProto file;
    for (std::size_t i = 0; i < n; ++i) file.mutable_graph()->add_node();  // two bytes each
    return file.SerializeAsString();
  };
  EXPECT_THAT(error_of(nodes(kMostStructureBytes / 2 + 1)), HasSubstr("bytes beside its weights"));
  onnx::ModelProto entries;
  for (std::size_t i = 0; i <= kMostMetadataEntries; ++i) entries.add_metadata_props();
  EXPECT_THAT(error_of(entries.SerializeAsString()), HasSubstr("100001 entries of metadata"));
}

TEST(OnnxModel, WithGraphsInsideGraphsWithoutEndIsRefused) {
  onnx::GraphProto inner;
  for (int depth = 0; depth < 300; ++depth) {
    onnx::GraphProto outer;
    *outer.add_node()->add_attribute()->mutable_g() = inner;
    inner = outer;
  }
  onnx::ModelProto file;
  *file.mutable_graph() = inner;
  EXPECT_THAT(error_of(file.SerializeAsString()), HasSubstr("is no ONNX file, or a damaged one"));
}

TEST(OnnxModel, OfTwoGibibytesIsRefusedBeforeAnyWeightIsRead) {
  auto model = small_model();
  check_fits_onnx(model.config, model.spec, "folder");
  model.config.hidden_size = 1 << 14;
  model.config.num_hidden_layers = 24;
  try {
    check_fits_onnx(model.config, model.spec, "folder");
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidInput);
    EXPECT_THAT(error.what(), AllOf(StartsWith("folder: has "), HasSubstr("GiB of weights"),
                                    HasSubstr("less than 2 GiB"), HasSubstr("--format huggingface")));
  }
}

TEST(OnnxModel, WithoutTasksIsNotWritten) {
  auto model = small_model();
  model.spec.heads.clear();
  EXPECT_THROW((void)bytes_of(model), Error);
}

}  // namespace
}  // namespace polytask::exchange
