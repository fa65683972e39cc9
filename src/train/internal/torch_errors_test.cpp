#include "train/internal/torch_errors.h"

#include <c10/core/CPUAllocator.h>
#include <gmock/gmock.h>

#include <functional>

namespace polytask::train {
namespace {
using testing::HasSubstr;

Error error_of_work(std::function<void()> const& work) {
  try {
    translated("training", work);
  } catch (Error const& error) {
    return error;
  }
  return {ErrorCode::NotFound, "nothing was thrown"};
}

TEST(TorchErrors, AreOneSentenceOfOurs) {
  auto const error = error_of_work([] { TORCH_CHECK(false, "sizes differ\nand more"); });
  EXPECT_EQ(error.code(), ErrorCode::InvalidInput);
  EXPECT_STREQ(error.what(), "training: LibTorch could not go on: sizes differ");
}

TEST(TorchErrors, AreSomethingToTryAgainWhenMemoryWasNotEnough) {
  for (auto const& work : std::vector<std::function<void()>>{
           [] { throw std::bad_alloc(); },
           [] { (void)c10::GetDefaultCPUAllocator()->allocate(std::size_t{1} << 60); }}) {
    auto const error = error_of_work(work);
    EXPECT_EQ(error.code(), ErrorCode::Unavailable) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("training: the memory is not enough"));
  }
}

TEST(TorchErrors, LeaveOurOwnAlone) {
  EXPECT_EQ(error_of_work([] { throw Error(ErrorCode::Interrupted, "stopped"); }).code(), ErrorCode::Interrupted);
  EXPECT_EQ(translated("training", [] { return 7; }), 7);
}

}  // namespace
}  // namespace polytask::train
