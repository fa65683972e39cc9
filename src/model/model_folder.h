// What a trained multi-task model is on disk.
//   model.json how the encoder is read, and the names of the tasks in order
//   encoder/   config.json, model.safetensors and the tokenizer's files, in Hugging Face layout
//   tasks/     <task>/task.json: what the task's head means, and
//              <task>/head.safetensors: "weight" [num_outputs, hidden; pairs: 3 hidden; cosines: 1], "bias"
//              [num_outputs]; with a pooler also "pooler.weight" [hidden, hidden], "pooler.bias" [hidden]
//              <task>/private.safetensors: top layers that the task has for itself, named as in encoder/
//   private/   <reading>.safetensors: the same of all tasks of a reading that have none for themselves
// No file holds a run's name, a time or a path: equal models have equal bytes. A change of one task touches its folder
// alone.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/head_spec.h"

namespace polytask::model {

enum class Pooling { Mean, First };
[[nodiscard]] std::string_view to_string(Pooling pooling);
[[nodiscard]] std::optional<Pooling> parse_pooling(std::string_view word);

/// Heads that pass the same layers. All pass those of encoder/ from the bottom on; a branch leaves them so many layers
/// below the top as it has for itself.
struct Branch {
  std::int64_t n_own_layers = 0;   ///< 0 = it passes all of encoder/
  std::optional<Reading> reading;  ///< that has them, in private/; nothing = its one head has, or there are none
  std::vector<std::size_t> heads;  ///< indices, ascending

  [[nodiscard]] bool has(std::size_t head) const { return std::binary_search(heads.begin(), heads.end(), head); }
};

struct ModelSpec {
  Pooling pooling = Pooling::Mean;
  std::size_t max_length = 128;     ///< tokens, special tokens included
  std::int64_t private_layers = 0;  ///< top layers of the encoder that every reading has for itself; 0 = all are shared
  std::vector<HeadSpec> heads;      ///< HeadSpec::private_layers: those that have some for themselves
  /// Where layers are private: the reading that owns the top layers in encoder/. The first of `readings()` when a model
  /// is made; it stays so when the model loses or gains tasks.
  std::optional<Reading> encoder_reading;
  /// Readings of the heads without layers for themselves, each once, as the enumeration orders them.
  [[nodiscard]] std::vector<Reading> readings() const;
  /// Those of them that have top layers of their own, in private/.
  [[nodiscard]] std::vector<Reading> private_readings() const;
  /// Every head is in one: those without layers for themselves by reading where readings have some, else together; then
  /// each of the others.
  [[nodiscard]] std::vector<Branch> branches() const;
  /// How many layers below the top the branch has parted from all others: its own, or those of encoder/ that are the
  /// reading's that it is of.
  [[nodiscard]] std::int64_t height_of(Branch const& branch) const {
    return branch.n_own_layers > 0 ? branch.n_own_layers : private_layers;
  }
  /// Of the heads, in their order.
  [[nodiscard]] std::vector<std::string> task_names() const;
  /// Index of the task's head; nothing when the model does not have the task.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view task) const;
};

/// The text of a model.json.
[[nodiscard]] std::string model_json(ModelSpec const& spec);
/// Back again. `head_of` reads the head of each task it names; `where` starts the messages. Throws
/// Error{InvalidInput} naming the file and the key.
[[nodiscard]] ModelSpec parse_model_spec(std::string_view text, std::string const& where,
                                         std::function<HeadSpec(std::string const& task)> const& head_of);
/// model.json and every task.json. Throws Error{NotFound, InvalidInput} naming the file.
[[nodiscard]] ModelSpec read_model_spec(std::filesystem::path const& folder);
void write_model_spec(std::filesystem::path const& folder, ModelSpec const& spec);

/// Places in a model folder.
[[nodiscard]] std::filesystem::path task_folder(std::filesystem::path const& model_folder,
                                                std::string const& task_name);
[[nodiscard]] std::filesystem::path private_file(std::filesystem::path const& model_folder, Reading reading);
[[nodiscard]] std::filesystem::path private_file(std::filesystem::path const& model_folder,
                                                 std::string const& task_name);

}  // namespace polytask::model
