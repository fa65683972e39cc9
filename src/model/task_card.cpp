#include "model/task_card.h"

#include <fmt/format.h>

#include <algorithm>

namespace polytask::model {
namespace {

/// As it stands in a line of Markdown: what would be markup is escaped, line ends become spaces.
std::string plain(std::string_view text) {
  std::string result;
  for (char const c : text) {
    if (std::string_view("\\`*_{}[]<>#|!").find(c) != std::string_view::npos) result += '\\';
    result += c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  }
  return result;
}

std::string list_of(std::vector<std::string> const& words) {
  std::string text;
  for (auto const& word : words) text += (text.empty() ? "" : ", ") + plain(word);
  return text;
}

std::string what_it_answers(HeadSpec const& head) {
  auto const& columns = head.task.text;
  auto const what = columns.empty()       ? std::string("the words of a text")
                    : columns.size() == 2 ? fmt::format("a pair of texts ({})", list_of(columns))
                                          : fmt::format("a text ({})", list_of(columns));
  switch (head.task.type) {
    case task::TaskType::Classification: return fmt::format("One of {} labels for {}.", head.labels.size(), what);
    case task::TaskType::Multilabel:
      return fmt::format("Any number of {} labels for {}: those of probability {} or more.", head.labels.size(), what,
                         head.threshold);
    case task::TaskType::Regression: return fmt::format("A number for {}.", what);
    case task::TaskType::Tagging:
      return fmt::format("Spans in {}, of {} kind{}.", columns.empty() ? what : fmt::format("the words of {}", what),
                         head.labels.size(), head.labels.size() == 1 ? "" : "s");
    case task::TaskType::Span:
      return fmt::format("The piece of a context that answers a question ({}), of at most {} tokens{}.",
                         list_of(columns), head.task.longest_answer,
                         head.null_threshold ? ", or that there is none" : "; there always is one");
    case task::TaskType::MultipleChoice:
      return fmt::format("One of the choices ({}) that stand beside {}, whatever their number.",
                         list_of(head.task.choices), what);
  }
  return "";
}

std::string score_line(TaskScore const& score) {
  if (!score.value)
    return fmt::format("{} is not defined on the {} rows of {}.", plain(score.metric), score.n, plain(score.split));
  auto const interval =
      score.interval ? fmt::format(", 95 % interval {:.4f} to {:.4f}", (*score.interval)[0], (*score.interval)[1]) : "";
  return fmt::format("{} {:.4f}{}, on {} rows of {}.", plain(score.metric), *score.value, interval, score.n,
                     plain(score.split));
}

std::string precision_lines(std::string const& task, PrecisionPlan const& plan) {
  auto const text = fmt::format(
      "Products are computed in {}{}.\n", plan.precision,
      plan.higher.empty()
          ? ""
          : fmt::format(", in {} layer group{} more exactly", plan.higher.size(), plan.higher.size() == 1 ? "" : "s"));
  auto const found = plan.losses.find(task);
  if (found == plan.losses.end()) return text + "What that costs this task was not measured.\n";
  auto const& loss = found->second;
  return text + fmt::format(
                    "On {} rows of {} its {} is {:.4f} so, and {:.4f} in f32: a difference of {:+.4f}, 95 % interval "
                    "{:+.4f} to {:+.4f}.\n",
                    loss.n, plain(loss.split), plain(loss.metric), loss.now, loss.exact, loss.now - loss.exact,
                    loss.difference_interval[0], loss.difference_interval[1]);
}

}  // namespace

std::string card_text(HeadSpec const& head, TaskOrigin const& origin, std::optional<PrecisionPlan> const& plan) {
  std::string text = fmt::format("# {}\n\n{}\n", plain(head.task.name), what_it_answers(head));
  if (!head.task.owner.empty()) text += fmt::format("\nOwner: {}\n", plain(head.task.owner));
  if (!head.labels.empty()) {
    constexpr std::size_t kShown = 200;
    auto names = head.labels.names();
    auto const n = names.size();
    names.resize(std::min(n, kShown));
    text += fmt::format("\n## Labels\n\n{}{}\n", list_of(names),
                        n > kShown ? fmt::format(" and {} more (task.json)", n - kShown) : "");
  }
  text += "\n## Score\n\n" + (origin.score ? score_line(*origin.score) : "It is not known how good its answers are.") +
          "\n";
  if (head.temperature != 1.0)
    text += fmt::format("Probabilities are calibrated on dev, with the temperature {:.3f}.\n", head.temperature);
  if (head.null_threshold)
    text += fmt::format(
        "It says that there is no answer where that outscores the best piece by more than {:.3f}, fitted on dev.\n",
        *head.null_threshold);
  if (plan) text += "\n## Precision\n\n" + precision_lines(head.task.name, *plan);
  text += "\n## Data\n\n";
  if (origin.data.empty()) text += "It is not known what it learned from.\n";
  for (auto const& [name, hash] : origin.data) text += fmt::format("- {}, SHA-256 {}\n", plain(name), hash);
  text +=
      "\n## Limits\n\n- It answers on the encoder of this package alone, and sees of a text what model.json's "
      "max_length lets it see.\n"
      "- The score is of rows like those it learned from; of other texts it says nothing.\n";
  if (!head.labels.empty()) text += "- It knows no other labels than these.\n";
  if (head.task.type == task::TaskType::Span)
    text += "- It reads a context of any length, in windows; an answer that no window shows whole it does not give.\n";
  if (task::reads_choices(head.task)) text += "- Where no choice is right it gives one all the same.\n";
  if (head.task.type == task::TaskType::Classification) text += "- A text that fits no label gets one all the same.\n";
  return text;
}

}  // namespace polytask::model
