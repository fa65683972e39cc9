// A trained model folder that answers without LibTorch: one pass through the encoder, the heads that are asked for.
// Texts are packed into tiles that fit the caches; each worker takes one tile after another through all layers. A few
// texts are too little for that: all workers then go through one tile together.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/packed_linear.h"
#include "model/model_folder.h"
#include "task/example.h"
#include "task/prediction.h"

namespace polytask::engine {

/// What becomes of a single text that has more tokens than ModelSpec::max_length. A pair is always cut, as
/// is a text with a choice; a context behind a question is always read in windows.
enum class LongTexts {
  Cut,     ///< its first tokens are read, and the answer says how many are not
  Windows  ///< all of it is read, in windows of max_length tokens that overlap by a quarter
};
[[nodiscard]] std::string_view to_string(LongTexts long_texts);
/// "cut" or "windows".
[[nodiscard]] std::optional<LongTexts> parse_long_texts(std::string_view word);

/// Bytes of the longest single text that is read in windows. Its tokens, not their hidden states, are held until it is
/// answered, and for tasks that tag words their logits (docs/methods/windows-over-long-texts.md has figures).
constexpr std::size_t kLongestInWindows = std::size_t{1} << 22;

/// Why the engine does not read the example ("has a text of ..."), for whoever knows where it stands; nothing where it
/// does.
[[nodiscard]] std::optional<std::string> why_unreadable(task::Example const& example, LongTexts long_texts);

/// The same of a question and a context, which are always read in windows.
[[nodiscard]] std::optional<std::string> why_unreadable_passage(task::Example const& example);

struct Options {
  /// What all layers multiply in. Nothing = as the folder's precision.json says (model/precision_plan.h), float32 where
  /// there is none.
  std::optional<kernels::Precision> precision;
  int n_workers = 1;  ///< threads that compute, the caller's among them; >= 1
  kernels::InstructionSet instructions = kernels::detected_instructions();
  std::map<std::string, kernels::Precision> exceptions;  ///< by layer group (model::layer_groups), with `precision`
  LongTexts long_texts = LongTexts::Cut;
};

/// What the asked tasks say about one example.
struct Answer {
  std::vector<task::Prediction> predictions;  ///< by position in the task_indices that were asked
  std::size_t tokens_cut = 0;                 ///< of the example, that nobody has read; 0 = all was read
};

/// Cores that it makes sense for this process to compute on: of its affinity, and of its container's share; >= 1.
[[nodiscard]] int n_cores_of_process();

/// Calls from several threads wait for one another.
class Engine {
 public:
  /// Throws Error{NotFound, InvalidInput, Corrupt} for a folder that is not a model, naming the file.
  static Engine load(std::filesystem::path const& model_folder, Options const& options);
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();

  [[nodiscard]] model::ModelSpec const& spec() const noexcept;
  /// With the precisions that were chosen.
  [[nodiscard]] Options const& options() const noexcept;

  /// Result: [example]; task_indices are indices into spec().heads. The examples must fit the tasks (one text, a
  /// pair, or a text and its choices); span and multiple choice tasks are asked with tasks alone that read alike
  /// (task::read_alike). An example's answer is the same
  /// bits whatever stands beside it, in any order and with any number of workers.
  ///
  /// A text in windows (LongTexts::Windows): each of its tokens counts in one window alone, that in which it stands
  /// farthest from where the text was cut. The logits of classification, multilabel and regression are the mean of the
  /// windows' logits, each weighing as many tokens as count in it: of the same scale as those of a short text, as
  /// threshold and temperature want them, and no token counts twice. A mean dilutes what stands in one place alone. A
  /// unit's tags come from the window that its first token counts in; one best sequence (model::decode_units) is then
  /// found over the whole text.
  ///
  /// Throws Error{InvalidInput} where the weights are such that an answer is no finite number, and for a text of more
  /// than kLongestInWindows bytes that would be read in windows.
  [[nodiscard]] std::vector<Answer> answer(std::span<task::Example const> examples,
                                           std::span<std::size_t const> task_indices) const;
  /// The predictions of `answer` alone: [example][position in task_indices].
  [[nodiscard]] std::vector<std::vector<task::Prediction>> predict(std::span<task::Example const> examples,
                                                                   std::span<std::size_t const> task_indices) const;
  /// The same before decoding: [example][position in task_indices][units * outputs], one unit but for tagging, for span
  /// all tokens of all windows, and for multiple choice its choices.
  [[nodiscard]] std::vector<std::vector<std::vector<float>>> logits(std::span<task::Example const> examples,
                                                                    std::span<std::size_t const> task_indices) const;
  /// Tokens that the encoder reads of an example, special tokens included; where windows overlap, they count in each,
  /// and a text with each of its choices. `task_indices`: as for `answer`; they matter for span and multiple choice
  /// tasks alone. Throws as `answer` does for a text that is too
  /// long.
  [[nodiscard]] std::size_t n_tokens(task::Example const& example,
                                     std::span<std::size_t const> task_indices = {}) const;
  /// Seconds that the workers have spent in the network, layers and heads, since the model was loaded: the sum over all
  /// workers. What else a call takes, times the workers, goes to tokenizing, to decoding, and to waiting for the
  /// others.
  [[nodiscard]] double network_seconds() const;

 private:
  struct State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace polytask::engine
