#include "exchange/encoder_export.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "exchange/test_support.h"
#include "model/compact_weights.h"
#include "model/encoder_files.h"

namespace polytask::exchange {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// Of a byte a weight, with its configuration, a tokenizer and a card.
class EncoderExport : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(encoder_);
    write_file_atomically(encoder_ / "config.json", model::encoder_config_text(model_.config));
    write_file_atomically(encoder_ / "README.md", "a card");
    write_file_atomically(encoder_ / "LICENSE", "a licence");
    write_file_atomically(encoder_ / "modules.json", "of a library that needs more than this file");
    write_file_atomically(encoder_ / "pytorch_model.bin", "a pickle");
    model_.tokenizer->save(encoder_);
    weights_ = model_.encoder;
    weights_["cls.predictions.bias"] = {{2}, {0.25F, -1}};
    model::write_compact_weights(encoder_, weights_);
  }

  test_support::TemporaryFolder const folder_;
  fs::path const encoder_ = folder_ / "encoder";
  fs::path const written_ = folder_ / "written";
  TaskModel model_ = test_support::model_of(test_support::head_of(task::TaskType::Classification, {"a", "b"}));
  std::map<std::string, model::Tensor> weights_;
};

TEST_F(EncoderExport, WritesTheValuesThatWeComputeWithAndTheFilesBesideThem) {
  EXPECT_EQ(export_encoder(encoder_, written_), weights_.size());
  auto const file = model::SafetensorsFile::open(written_ / "model.safetensors");
  auto const ours = model::read_all_tensors(encoder_);
  ASSERT_EQ(file.tensors().size(), weights_.size());
  for (auto const& [name, view] : file.tensors()) {
    EXPECT_EQ(view.dtype, model::DType::F32) << name;
    EXPECT_EQ(view.shape, weights_.at(name).shape) << name;
    EXPECT_EQ(view.to_floats(), ours.at(name).values) << name;
  }
  EXPECT_EQ(model::encoder_config_text(model::read_encoder_config(written_)),
            model::encoder_config_text(model_.config));
  for (auto const* name : {"tokenizer.json", "README.md", "LICENSE"})
    EXPECT_EQ(read_file(written_ / name), read_file(encoder_ / name)) << name;
  EXPECT_FALSE(fs::exists(written_ / "pytorch_model.bin"));
  EXPECT_FALSE(fs::exists(written_ / "modules.json"));
  EXPECT_FALSE(fs::exists(written_ / model::kCompactWeights));
}

TEST_F(EncoderExport, LeavesNothingWhereTheWeightsAreDamagedOrThePlaceIsTaken) {
  auto const error_of = [&] {
    try {
      (void)export_encoder(encoder_, written_);
    } catch (Error const& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  write_file_atomically(encoder_ / model::kCompactWeights, "nothing");
  EXPECT_THAT(error_of(), HasSubstr(model::kCompactWeights));
  EXPECT_FALSE(fs::exists(written_));
  weights_.erase("embeddings.word_embeddings.weight");
  model::write_compact_weights(encoder_, weights_);
  EXPECT_THAT(error_of(), HasSubstr("word_embeddings"));
  EXPECT_FALSE(fs::exists(written_));
  fs::create_directories(written_);
  model::write_compact_weights(encoder_, model_.encoder);
  EXPECT_THAT(error_of(), HasSubstr("is there already"));
  EXPECT_TRUE(fs::is_empty(written_));
}

}  // namespace
}  // namespace polytask::exchange
