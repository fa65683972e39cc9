// Labels as transformers names the outputs of a head: "id2label" and "label2id" of a config.json.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/head_spec.h"

namespace polytask::exchange {

/// Name of each output of the head, in order: labels; of a tagging its BIO tags; of a regression the task.
[[nodiscard]] std::vector<std::string> output_names(model::HeadSpec const& head);

/// "id2label" and "label2id".
void add_output_names(OrderedJson& config, std::vector<std::string> const& names);

/// Back again, by id. A config without names has two outputs, or "num_labels", called LABEL_0 and so on: the library's
/// default. `where` starts the messages. Throws Error{InvalidInput}: ids that are not 0 to n - 1, names that are not
/// text or stand twice, a label2id that says otherwise.
[[nodiscard]] std::vector<std::string> read_output_names(Json const& config, std::string const& where);

/// What BIO tags in any order are: the labels in the order in which they first appear, and for each output of our head
/// (O, B-x, I-x for each label) the row of theirs.
struct BioOutputs {
  std::vector<std::string> labels;
  std::vector<std::size_t> rows;
};
/// Throws Error{InvalidInput} naming the tag for any other scheme, and for a label without its B- or I-.
[[nodiscard]] BioOutputs parse_bio(std::vector<std::string> const& names, std::string const& where);

}  // namespace polytask::exchange
