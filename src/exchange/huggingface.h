// One task as a folder that Hugging Face transformers or sentence-transformers reads, and the way back.
//
//   a task                                    becomes
//   tagging                                   BertForTokenClassification with BIO tags
//   one text, first-token pooling             BertForSequenceClassification; where the head has no pooler, with one
//                                             that does nothing (exchange/linear_pooler.h)
//   a pair as one sequence, first-token       the same, when the head does not look at how the two texts differ
//   pooling
//   a text and its choices, first-token       BertForMultipleChoice, with such a pooler too
//   pooling
//   one text, mean pooling                    a sentence-transformers folder: encoder, mean, and the head as a Dense
//   regression over two texts by themselves   a sentence-transformers folder whose cosine it is a line through
//
// Logits are ours, before the temperature. What the libraries have no word for stands in config.json under "polytask":
//   schema 1; max_length, pooling; task: a task.json; of a cosine: slope and intercept of value = slope cos + intercept
// Neither direction knows pickle files or code ("auto_map").
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "exchange/task_model.h"
#include "task/task_spec.h"

namespace polytask::exchange {

/// Writes the new folder, whole or not at all, and returns what it is: "BertForTokenClassification",
/// "BertForSequenceClassification", "BertForMultipleChoice" or "SentenceTransformer". Equal models give equal bytes.
/// Throws Error{InvalidUsage} for a head that the library has no place for, saying what has, and for a place inside the
/// model's source or a package; Error{Conflict} where something is there already; Error{Unavailable}.
std::string export_huggingface(TaskModel const& model, std::filesystem::path const& folder);

/// What a folder may not say of its task. Empty = as the folder says.
struct ImportOptions {
  std::string task;  ///< its name; else that of the "polytask" section, else the folder's
  std::optional<task::TaskType> type;
  std::vector<std::string> text;  ///< its columns: one, or two for a pair; else "text"
  std::string label;              ///< its column; else "label", of a tagging "spans"
  std::size_t max_length = 0;     ///< tokens
};

/// Reads and checks what transformers saves of a BertForSequenceClassification, BertForTokenClassification or
/// BertForMultipleChoice (whose columns are then "text", "choices" and "label"), or what export_huggingface writes. The
/// "polytask" section says what the weights cannot, and is refused where they, the labels beside it, or the lengths at
/// which the folder's files have texts cut say otherwise; the latter are not asked where the options give a length.
/// Throws Error{NotFound, InvalidInput} naming the file, what was found, what was expected and what to do.
[[nodiscard]] TaskModel import_huggingface(std::filesystem::path const& folder, ImportOptions const& options);

}  // namespace polytask::exchange
