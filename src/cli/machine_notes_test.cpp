#include "cli/machine_notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polytask::cli {
namespace {

using kernels::InstructionSet;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Machine idle() { return {.n_cores = 4, .instructions = InstructionSet::Avx512}; }

TEST(MachineNotes, SayNothingOfAMachineThatIsAllOurs) {
  EXPECT_THAT(machine_notes(idle(), 4, 1), IsEmpty());
  EXPECT_THAT(machine_notes(idle(), 2, 2), IsEmpty());
  auto machine = idle();
  machine.granted = 3.5;
  machine.load = 0.7;
  machine.waiting = "active";
  EXPECT_THAT(machine_notes(machine, 4, 1), IsEmpty());
}

TEST(MachineNotes, NameThreadsThatFight) {
  EXPECT_THAT(machine_notes(idle(), 8, 1), ElementsAre(HasSubstr("8 threads compute on 4 cores")));
  EXPECT_THAT(machine_notes(idle(), 4, 2), ElementsAre(HasSubstr("give fewer --threads or --workers")));
  auto machine = idle();
  machine.load = 3.2;
  machine.waiting = "active";
  EXPECT_THAT(machine_notes(machine, 4, 1),
              ElementsAre(HasSubstr("load 3.2 on 4 cores"), HasSubstr("OMP_WAIT_POLICY")));
}

TEST(MachineNotes, NameAContainerThatIsGrantedLess) {
  auto machine = idle();
  machine.granted = 1.5;
  EXPECT_THAT(machine_notes(machine, 4, 1),
              ElementsAre(AllOf(HasSubstr("granted 1.5 of the machine's 4 cores"), HasSubstr("--threads 2"))));
  EXPECT_THAT(machine_notes(machine, 2, 1), IsEmpty());
}

TEST(MachineNotes, NameInstructionsThatAreMissing) {
  auto machine = idle();
  machine.instructions = InstructionSet::Portable;
  EXPECT_THAT(machine_notes(machine, 1, 1), ElementsAre(HasSubstr("no AVX2")));
}

TEST(MachineNotes, NameBFloat16ThatGainsNothing) {
  auto machine = idle();
  machine.bfloat16_gain = 1.9;
  EXPECT_THAT(machine_notes(machine, 4, 1), IsEmpty());
  machine.bfloat16_gain = 0.5;
  EXPECT_THAT(machine_notes(machine, 4, 1), ElementsAre(AllOf(HasSubstr("0.5 times"), HasSubstr("precision: f32"))));
  machine.bfloat16_gain = 0;  // no instructions for it: training refuses it, in a sentence of its own
  EXPECT_THAT(machine_notes(machine, 4, 1), IsEmpty());
}

}  // namespace
}  // namespace polytask::cli
