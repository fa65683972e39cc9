#include "exchange/task_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "exchange/huggingface.h"
#include "exchange/test_support.h"
#include "model/package.h"

namespace polytask::exchange {
namespace {

using ::testing::HasSubstr;
using namespace test_support;

std::string error_of(std::function<void()> const& call) {
  try {
    call();
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(TaskModel, ComesBackFromAModelFolderAsItWas) {
  auto head = head_of(task::TaskType::Classification, {"a", "b", "c"});
  head.pooler = model::Pooler::Tanh;
  auto const model = model_of(head);
  TemporaryFolder const folder;
  write_task_model(model, folder / "m");
  auto const back = read_task_model(folder / "m", "");
  EXPECT_EQ(model::head_json(back.head), model::head_json(model.head));
  EXPECT_EQ(back.weights.weight.values, model.weights.weight.values);
  EXPECT_EQ(back.weights.pooler.value().weight.values, model.weights.pooler->weight.values);
  EXPECT_EQ(back.weights.pooler->bias.values, model.weights.pooler->bias.values);
  EXPECT_EQ(back.encoder.at("embeddings.word_embeddings.weight").values,
            model.encoder.at("embeddings.word_embeddings.weight").values);
  EXPECT_EQ(back.max_length, 24U);
  EXPECT_EQ(back.pooling, model::Pooling::First);
}

TEST(TaskModel, HasThePrivateLayersOfItsReadingInTheEncodersPlace) {
  TemporaryFolder const folder;
  auto const things = model::test_support::things();
  model::test_support::write_sample_model(folder / "m", {model::test_support::intent(), things});
  write_file_atomically(folder / "m/encoder/vocab.txt", "[UNK]\n[CLS]\n[SEP]\n");
  auto const name = "encoder.layer.1.output.dense.weight";
  EXPECT_EQ(read_task_model(folder / "m", "intent").encoder.at(name).values.front(), 0.5F);
  auto const own = read_task_model(folder / "m", things.task.name);
  EXPECT_EQ(own.encoder.at(name).values.front(), 0.25F);
  EXPECT_EQ(own.encoder.at("encoder.layer.0.output.dense.weight").values.front(), 0.5F);
}

TEST(TaskModel, OfSeveralTasksSaysWhichThereAre) {
  TemporaryFolder const folder;
  model::test_support::write_sample_model(folder / "m");
  EXPECT_THAT(error_of([&] { (void)read_task_model(folder / "m", ""); }), HasSubstr("2 tasks (intent, Things & more)"));
  EXPECT_THAT(error_of([&] { (void)read_task_model(folder / "m", "intend"); }), HasSubstr("did you mean \"intent\"?"));
}

TEST(TaskModel, BecomesAPackageThatIsWholeAndTheSameEveryTime) {
  auto const model = model_of(head_of(task::TaskType::Multilabel, {"a", "b"}));
  TemporaryFolder const folder;
  auto const first = write_task_package(model, folder / "a", "1");
  EXPECT_EQ(model::open_package(folder / "a").id, first.id);
  EXPECT_EQ(write_task_package(model, folder / "b", "1").id, first.id);
  EXPECT_FALSE(write_task_package(model, folder / "b", "1").is_new);
  std::size_t n_entries = 0;
  for (auto const& entry : std::filesystem::directory_iterator((folder / "a").parent_path())) {
    (void)entry;
    ++n_entries;
  }
  EXPECT_EQ(n_entries, 2U) << "nothing else is left beside them";
}

TEST(TaskModel, IsNotWrittenIntoTheFolderItComesFrom) {
  TemporaryFolder const folder;
  write_task_model(model_of(head_of(task::TaskType::Tagging, {"PLACE"})), folder / "m");
  auto const model = read_task_model(folder / "m", "");
  EXPECT_THAT(error_of([&] { export_huggingface(model, folder / "m/encoder/x"); }), HasSubstr("lies inside"));
  export_huggingface(model, folder / "hf");
  auto const back = import_huggingface(folder / "hf", {});
  EXPECT_THAT(error_of([&] { (void)write_task_package(back, folder / "hf/./x", "1"); }), HasSubstr("lies inside"));
  EXPECT_FALSE(is_there(folder / "m/encoder/x") || is_there(folder / "hf/x"));
}

}  // namespace
}  // namespace polytask::exchange
