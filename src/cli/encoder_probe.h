// Whether a frozen encoder carries the tasks of a project: a linear probe beside a bag of words and the majority.
#pragma once

#include <cstdint>
#include <filesystem>

#include "audit/audit.h"
#include "data/corpus.h"

namespace polytask::cli {

struct ProbeOptions {
  /// Rows of a task, drawn with the seed. Of tagging ten times as many words, of multiple choice ten times as many
  /// choices, in whole rows.
  std::size_t most_train = 3'000;
  std::size_t most_scored = 1'000;  ///< the same of test, or of dev where there is no test
  std::size_t max_length = 256;     ///< tokens
  int n_workers = 1;
  std::uint64_t seed = 1;
};

/// Fills TaskFacts::probe, or not_probed, of every task, and adds a finding where the encoder's states say less than a
/// bag of words, or no more than the majority (95 % intervals). Says its progress on standard error. Throws as
/// engine::LowerStates::load and text::load_tokenizer.
void probe_encoder(std::filesystem::path const& encoder, data::Corpus const& corpus, ProbeOptions const& options,
                   audit::Audit& audit);

}  // namespace polytask::cli
