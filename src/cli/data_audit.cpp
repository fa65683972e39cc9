#include "cli/data_audit.h"

#include <fmt/format.h>

#include <cmath>
#include <ostream>

#include "base/error.h"
#include "report/finding_words.h"

namespace polytask::cli {
namespace {

OrderedJson number(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(); }

OrderedJson to_json(audit::Finding const& finding) {
  auto const words = report::words_of(finding);
  OrderedJson json{{"kind", finding.kind}, {"tasks", finding.tasks}};
  if (!finding.dataset.empty()) json["dataset"] = finding.dataset;
  json["cost"] = number(finding.cost);
  json["n"] = finding.n;
  json["of"] = finding.of;
  json["message"] = words.message.en;
  json["advice"] = words.advice.en;
  json["message_ja"] = words.message.ja;
  json["advice_ja"] = words.advice.ja;
  json["names"] = finding.names;
  json["numbers"] = OrderedJson::object();
  for (auto const& [name, value] : finding.numbers) json["numbers"][name] = number(value);
  json["shares"] = OrderedJson::array();
  for (auto const& [name, share] : finding.bars) json["shares"].push_back({{"name", name}, {"share", number(share)}});
  json["evidence"] = OrderedJson::array();
  for (auto const& evidence : finding.evidence) {
    OrderedJson row{{"where", evidence.where}, {"text", evidence.text}};
    if (!evidence.other_where.empty()) row["other_where"] = evidence.other_where;
    if (!evidence.other_text.empty()) row["other_text"] = evidence.other_text;
    if (!evidence.note.empty()) row["note"] = evidence.note;
    json["evidence"].push_back(std::move(row));
  }
  return json;
}

OrderedJson to_json(audit::TaskFacts const& task) {
  OrderedJson json{{"name", task.name}, {"metric", task.metric}};
  json["majority"] = task.majority ? number(*task.majority) : OrderedJson();
  json["bag_of_words"] = task.bag_of_words ? number(*task.bag_of_words) : OrderedJson();
  json["detectable_difference"] = number(task.detectable);
  json["doubtful_labels"] = task.n_suspects;
  json["label_counts"] = OrderedJson::array();
  for (auto const& label : task.labels)
    json["label_counts"].push_back(
        {{"label", label.label}, {"train", label.n[0]}, {"dev", label.n[1]}, {"test", label.n[2]}});
  if (task.not_probed) json["not_probed"] = to_string(*task.not_probed);
  if (!task.probe) return json;
  auto const& probe = *task.probe;
  json["probe"] = {
      {"metric", probe.metric},
      {"probe", number(probe.probe)},
      {"bag_of_words", number(probe.bag_of_words)},
      {"majority", number(probe.majority)},
      {"gain", number(probe.gain.value)},
      {"interval", {number(probe.gain.interval.low), number(probe.gain.interval.high)}},
      {"over_majority", number(probe.over_majority.value)},
      {"over_majority_interval", {number(probe.over_majority.interval.low), number(probe.over_majority.interval.high)}},
      {"train", probe.n_train},
      {"scored", probe.n_scored}};
  return json;
}

void print_probe(std::ostream& out, audit::TaskFacts const& task) {
  if (task.not_probed) out << fmt::format("probe of {}: none; {}\n", task.name, report::words_of(*task.not_probed).en);
  if (!task.probe) return;
  auto const& probe = *task.probe;
  // A constant answer has no correlation.
  auto const beside = [&](char const* who, double value, eval::Score const& difference) {
    if (!std::isfinite(value) || !std::isfinite(difference.value)) return std::string();
    return fmt::format("; {} {:.3f}, difference {:+.3f} ({:+.3f} to {:+.3f})", who, value, difference.value,
                       difference.interval.low, difference.interval.high);
  };
  out << fmt::format("probe of {}: frozen encoder {} {}{}{}\n", task.name, probe.metric,
                     std::isfinite(probe.probe) ? fmt::format("{:.3f}", probe.probe) : "not defined here",
                     beside("bag of words", probe.bag_of_words, probe.gain),
                     beside("majority", probe.majority, probe.over_majority));
}

}  // namespace

OrderedJson to_json(audit::Audit const& audit) {
  OrderedJson json;
  json["findings"] = OrderedJson::array();
  for (auto const& finding : audit.findings) json["findings"].push_back(to_json(finding));
  json["tasks"] = OrderedJson::array();
  for (auto const& task : audit.tasks) json["tasks"].push_back(to_json(task));
  json["datasets"] = OrderedJson::array();
  for (auto const& dataset : audit.datasets) {
    OrderedJson languages = OrderedJson::object();
    for (auto const& [language, n] : dataset.languages) languages[language] = n;
    json["datasets"].push_back({{"name", dataset.name}, {"languages", languages}, {"lengths", dataset.lengths}});
  }
  return json;
}

void print(std::ostream& out, audit::Audit const& audit) {
  for (auto const& task : audit.tasks) print_probe(out, task);
  if (audit.findings.empty()) {
    out << "Nothing was found that concerns the data as a whole.\n";
    return;
  }
  out << "What the data as a whole costs you, the most first (points: hundredths of a score at stake, estimated for "
         "this "
         "order):\n";
  for (std::size_t i = 0; i < audit.findings.size(); ++i) {
    auto const& finding = audit.findings[i];
    auto const words = report::words_of(finding);
    std::string tasks;
    for (auto const& task : finding.tasks) tasks += (tasks.empty() ? "" : ", ") + task;
    out << fmt::format("\n{:>3}. {} ({}{}{}; {:.1f} points)\n     {}\n     {}\n", i + 1, words.title.en, finding.kind,
                       tasks.empty() ? "" : "; ", tasks, finding.cost, words.message.en, words.advice.en);
    if (finding.evidence.empty()) continue;
    auto const& first = finding.evidence.front();
    out << fmt::format(
        "     {} {}{}{}\n", first.where, quote(first.text), first.note.empty() ? "" : "  " + quote(first.note),
        first.other_text.empty() ? "" : fmt::format("  {} {}", first.other_where, quote(first.other_text)));
  }
}

}  // namespace polytask::cli
