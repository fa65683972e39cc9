#include "kernels/peak.h"

#include <gtest/gtest.h>

namespace polytask::kernels {
namespace {

TEST(Peak, IsWhatAProcessorCanDo) {
  double const peak = measured_peak(Precision::Float32);
  EXPECT_GT(peak, 1e9);
  EXPECT_LT(peak, 1e13);
}

TEST(Peak, ASlowerWayIsNotWorthwhile) {
  if (detected_instructions() < InstructionSet::Avx512Bf16) {
    EXPECT_EQ(bfloat16_gain(), 0);
    EXPECT_EQ(worthwhile_precision(), Precision::Float32);
    return;
  }
  double const gain = bfloat16_gain();
  EXPECT_GT(gain, 0.1);
  EXPECT_LT(gain, 10);
  EXPECT_EQ(bfloat16_gain(), gain) << "measured once: a run does not change its mind";
  EXPECT_EQ(worthwhile_precision(), gain >= kWorthwhileGain ? Precision::BFloat16 : Precision::Float32);
}

}  // namespace
}  // namespace polytask::kernels
