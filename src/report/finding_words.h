// The findings of an audit in sentences, in two languages.
#pragma once

#include <string>

#include "audit/audit.h"

namespace polytask::report {

/// One meaning in English and Japanese, as plain text: names from the data in it are quoted and not escaped.
struct Sentence {
  std::string en;
  std::string ja;
};

struct FindingWords {
  Sentence title;    ///< a few words: "test texts stand in training"
  Sentence message;  ///< what was found, with its numbers
  Sentence advice;   ///< what it costs and what to do
};

/// For every kind that an audit, or the probe of an encoder, gives.
[[nodiscard]] FindingWords words_of(audit::Finding const& finding);

[[nodiscard]] Sentence words_of(audit::NotProbed reason);

}  // namespace polytask::report
