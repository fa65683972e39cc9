// The checks of an audit, each adding its findings.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/audit.h"
#include "audit/internal/pool.h"
#include "eval/baselines.h"

namespace polytask::audit {

/// A count as the other numbers of a finding.
[[nodiscard]] inline double number(std::size_t n) { return static_cast<double>(n); }

/// Labelled rows of one task, of one split or of all.
[[nodiscard]] eval::LabelledRows labelled_rows(data::Corpus const& corpus, std::size_t task,
                                               std::optional<data::Split> split);

/// Whether an earlier stream reads the same columns of the same rows, and only encodes them differently.
[[nodiscard]] bool is_read_before(data::Corpus const& corpus, std::size_t stream);
/// Of all streams that read what this one reads.
[[nodiscard]] std::vector<std::string> task_names(data::Corpus const& corpus, data::Stream const& stream);
[[nodiscard]] Evidence evidence_of(data::Corpus const& corpus, task::Example const& example, std::string note);
[[nodiscard]] Evidence evidence_of(data::Corpus const& corpus, task::Example const& example, task::Example const& other,
                                   std::string note);
/// A label as one reads it: "refund", "a | b", "3.5", "2 spans".
[[nodiscard]] std::string shown(task::Label const& label);

/// Test and dev rows in training, in their own dataset and in others; test rows in dev.
void check_leakage(Pool const& pool, Audit& audit);
/// Copies inside a split; one text with several labels.
void check_copies(Pool const& pool, Audit& audit);
/// Tasks that give one text different labels of one name.
void check_clashes(Pool const& pool, Audit& audit);

/// Facts of every task, majority baselines, labels that are written in two ways, too few test rows.
void check_labels(data::Corpus const& corpus, AuditOptions const& options, Audit& audit);
/// Labels that are probably wrong; after check_labels.
void check_noise(data::Corpus const& corpus, AuditOptions const& options, Audit& audit);
/// Words that are tagged nearly everywhere, and here not.
void check_spans(data::Corpus const& corpus, Audit& audit);

/// Labels that go with a column, a language, a length or the time; splits that differ in them.
void check_slices(data::Corpus const& corpus, RowColumns const& columns, Audit& audit);

/// Facts of every dataset; empty and broken texts, markup, boilerplate, languages.
void check_texts(data::Corpus const& corpus, Audit& audit);
/// What the length limit cuts away.
void check_length_limit(data::Corpus const& corpus, TokenLimit const& tokens, Audit& audit);

}  // namespace polytask::audit
