#include "report/data_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "report/finding_words.h"
#include "report/internal/html.h"
#include "report/internal/share_bars.h"
#include "report/internal/style.h"
#include "report/internal/words.h"

namespace polytask::report {
namespace {

constexpr std::size_t kShownRows = 12;  // of a finding; the JSON has more
constexpr std::size_t kShownLabels = 20;
constexpr std::size_t kShownLanguages = 10;
constexpr std::size_t kShownProblems = 5;  // of a kind
constexpr std::size_t kTextCharacters = 240;

Words html_of(Sentence const& sentence) { return {escaped(sentence.en), escaped(sentence.ja)}; }

std::string both_of(Sentence const& sentence) { return both(html_of(sentence)); }

std::string cost_text(double cost) { return cost < 0.1 ? "< 0.1" : fmt::format("{:.1f}", cost); }

// --- the findings --------------------------------------------------------------------------------------------------

std::string overview(audit::Audit const& audit) {
  auto out = fmt::format("<h2>{}</h2>", both({"What is wrong, the costliest first", "問題点(影響の大きい順)"}));
  if (audit.findings.empty())
    return out + fmt::format(R"(<p class="note">{}</p>)", both({"Nothing was found that concerns the data as a whole.",
                                                                "データ全体に関わる問題は見つかりませんでした。"}));
  out += R"(<div class="card scroll" tabindex="0"><table class="summary"><caption>)";
  out += both({"Points: hundredths of the task's metric that are at stake, an estimate made for this order alone.",
               "ポイント:影響を受けうるスコアの見積もり(指標の百分の一)。並べ順のためだけの値です。"});
  out += fmt::format(
      R"(</caption><thead><tr><th scope="col">{}</th><th scope="col" class="number">{}</th><th scope="col" class="number wide">{}</th><th scope="col">{}</th></tr></thead><tbody>)",
      both({"finding", "問題"}), both({"points", "ポイント"}), both({"rows", "件数"}), both({"tasks", "タスク"}));
  for (std::size_t i = 0; i < audit.findings.size(); ++i) {
    auto const& finding = audit.findings[i];
    std::string tasks;
    for (auto const& task : finding.tasks)
      tasks += fmt::format("{}<bdi>{}</bdi>", tasks.empty() ? "" : ", ", escaped(task));
    out += fmt::format(
        R"(<tr><th scope="row"><a href="#finding-{}">{}</a></th><td class="number"><b>{}</b></td><td class="number wide">{}</td><td>{}</td></tr>)",
        i, both_of(words_of(finding).title), cost_text(finding.cost), count_text(static_cast<std::int64_t>(finding.n)),
        tasks);
  }
  return out + "</tbody></table></div>";
}

std::string evidence_table(audit::Finding const& finding) {
  if (finding.evidence.empty()) return {};
  bool const has_other = std::any_of(finding.evidence.begin(), finding.evidence.end(),
                                     [](auto const& evidence) { return !evidence.other_text.empty(); });
  auto out = fmt::format(
      R"(<details{}><summary>{}</summary><table class="misses"><thead><tr><th scope="col">{}</th>{}<th scope="col">{}</th></tr></thead><tbody>)",
      finding.evidence.size() <= 4 ? " open" : "",
      both({fmt::format("rows that show it ({})", std::min(finding.evidence.size(), kShownRows)),
            fmt::format("該当する行の例({} 件)", std::min(finding.evidence.size(), kShownRows))}),
      both({"row", "行"}), has_other ? fmt::format(R"(<th scope="col">{}</th>)", both({"beside", "比べた行"})) : "",
      both({"remark", "備考"}));
  for (std::size_t i = 0; i < std::min(finding.evidence.size(), kShownRows); ++i) {
    auto const& evidence = finding.evidence[i];
    auto const cell = [](std::string const& text, std::string const& where) {
      return fmt::format(R"(<td class="texts"><p>{}</p><p class="where">{}</p></td>)",
                         escaped_head(text, kTextCharacters), escaped(where));
    };
    out += "<tr>" + cell(evidence.text, evidence.where);
    if (has_other) out += cell(evidence.other_text, evidence.other_where);
    out += fmt::format("<td>{}</td></tr>", escaped_head(evidence.note, 120));
  }
  return out + "</tbody></table></details>";
}

std::string finding_section(audit::Finding const& finding, std::size_t index) {
  auto const words = words_of(finding);
  std::vector<std::string> about;
  for (auto const& task : finding.tasks) about.push_back(fmt::format("<bdi>{}</bdi>", escaped(task)));
  auto out = fmt::format(
      R"(<section class="card task" id="finding-{0}" aria-labelledby="finding-{0}-name"><div class="head"><h3 id="finding-{0}-name">{1}</h3><a class="back" href="#top">{2}</a></div>)",
      index, both_of(words.title), both({"↑ top", "↑ 先頭へ"}));
  out += fmt::format(R"(<p class="note"><code>{}</code> · {} · {}{}</p>)", escaped(finding.kind),
                     both({cost_text(finding.cost) + " points", cost_text(finding.cost) + " ポイント"}),
                     fmt::join(about, ", "),
                     finding.dataset.empty() ? "" : fmt::format(" · <bdi>{}</bdi>", escaped(finding.dataset)));
  out += fmt::format("<p>{}</p><p><b>{}</b></p>", both_of(words.message), both_of(words.advice));
  if (!finding.bars.empty()) {
    auto const id = fmt::format("bars-{}", index);
    bool const of_label = finding.kind.starts_with("label-by-") && finding.names.size() > 1;
    auto const caption =
        of_label ? Words{fmt::format("share of label <bdi>{}</bdi> in each part", escaped(finding.names[1])),
                         fmt::format("各部分でのラベル <bdi>{}</bdi> の割合", escaped(finding.names[1]))}
                 : Words{"shares", "割合"};
    out += fmt::format(R"(<figure><figcaption id="{}">{}</figcaption>{}</figure>)", id, both(caption),
                       share_bars(finding.bars, id));
  }
  return out + evidence_table(finding) + "</section>";
}

// --- the tasks and the texts ---------------------------------------------------------------------------------------

std::string fact(Words const& term, std::string const& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", both(term), value);
}

std::string task_section(audit::TaskFacts const& task, std::size_t index) {
  auto const count = [](std::size_t n) { return count_text(static_cast<std::int64_t>(n)); };
  auto out = fmt::format(
      R"(<section class="card task" id="task-{}"><h3><bdi>{}</bdi></h3><p class="note">{} · {}</p><dl class="facts">)",
      index, escaped(task.name), both(type_words(task.type)), escaped(task.metric));
  out += fact({"train / dev / test", "学習 / 開発 / テスト"},
              fmt::format("{} / {} / {}", count(task.n[0]), count(task.n[1]), count(task.n[2])));
  if (!task.labels.empty()) out += fact({"labels", "ラベル数"}, count(task.labels.size()));
  out += fact({"metric for nothing", "何も読まない場合の指標"}, task.majority ? score_text(*task.majority) : "–");
  if (task.bag_of_words) out += fact({"bag of words (accuracy)", "単語モデル(正解率)"}, score_text(*task.bag_of_words));
  auto const beside = [](double score, eval::Score const& difference) {
    if (!std::isfinite(difference.value)) return score_text(score);
    return fmt::format("{} <small>{:+.3f} ({:+.3f} – {:+.3f})</small>", score_text(score), difference.value,
                       difference.interval.low, difference.interval.high);
  };
  if (auto const& probe = task.probe) {
    out += fact({"frozen encoder: linear probe", "固定エンコーダ:線形プローブ"}, score_text(probe->probe));
    out += fact({"bag of words, and how far the probe is ahead", "単語モデルと、プローブとの差"},
                beside(probe->bag_of_words, probe->gain));
    if (std::isfinite(probe->majority))
      out += fact({"majority, and how far the probe is ahead", "最頻ラベルと、プローブとの差"},
                  beside(probe->majority, probe->over_majority));
  }
  if (task.not_probed) {
    auto const why = words_of(*task.not_probed);
    out += fact({"frozen encoder: not probed", "固定エンコーダ:未調査"}, both({why.en, why.ja}));
  }
  out += fact({"smallest visible difference", "見分けられる最小の差"},
              task.n[2] == 0 ? "–"
                             : both({fmt::format("{:.1f} points", 100 * task.detectable),
                                     fmt::format("{:.1f} ポイント", 100 * task.detectable)}));
  out += fact({"doubtful labels", "疑わしいラベル"}, count(task.n_suspects)) + "</dl>";
  std::vector<std::pair<std::string, double>> shares;
  double n_all = 0;
  for (auto const& label : task.labels) n_all += static_cast<double>(label.n[0]);
  for (auto const& label : task.labels)
    if (shares.size() < kShownLabels && n_all > 0)
      shares.emplace_back(label.label, static_cast<double>(label.n[0]) / n_all);
  if (!shares.empty()) {
    auto const id = fmt::format("labels-{}", index);
    auto const more =
        task.labels.size() > shares.size()
            ? Words{fmt::format("labels in training, the {} most frequent of {}", shares.size(), task.labels.size()),
                    fmt::format("学習データのラベル({} 種のうち多いほうから {} 種)", task.labels.size(), shares.size())}
            : Words{"labels in training", "学習データのラベル"};
    out += fmt::format(R"(<figure><figcaption id="{}">{}</figcaption>{}</figure>)", id, both(more),
                       share_bars(shares, id));
  }
  return out + "</section>";
}

std::string dataset_section(audit::DatasetFacts const& dataset, std::size_t index) {
  std::vector<std::pair<std::string, std::size_t>> lengths;
  for (std::size_t i = 0; i < dataset.lengths.size(); ++i)
    lengths.emplace_back(i + 1 < dataset.lengths.size() ? fmt::format("< {}", std::size_t{8} << i) : "…",
                         dataset.lengths[i]);
  std::vector<std::pair<std::string, double>> languages;
  std::size_t n = 0;
  for (auto const& [language, count] : dataset.languages) n += count;
  for (auto const& [language, count] : dataset.languages)
    if (languages.size() < kShownLanguages)
      languages.emplace_back(language, static_cast<double>(count) / static_cast<double>(std::max<std::size_t>(n, 1)));
  auto out = fmt::format(
      R"(<section class="card task"><h3><bdi>{}</bdi></h3><p class="note">{}</p><div class="row">)",
      escaped(dataset.name),
      both({fmt::format("{} training, {} dev, {} test rows", count_text(static_cast<std::int64_t>(dataset.n[0])),
                        count_text(static_cast<std::int64_t>(dataset.n[1])),
                        count_text(static_cast<std::int64_t>(dataset.n[2]))),
            fmt::format("学習 {} 行、開発 {} 行、テスト {} 行", count_text(static_cast<std::int64_t>(dataset.n[0])),
                        count_text(static_cast<std::int64_t>(dataset.n[1])),
                        count_text(static_cast<std::int64_t>(dataset.n[2])))}));
  out += fmt::format(
      R"(<figure><figcaption id="lengths-{0}">{1}</figcaption>{2}</figure><figure><figcaption id="languages-{0}">{3}</figcaption>{4}</figure>)",
      index, both({"rows by length in characters", "文字数ごとの行数"}),
      histogram(lengths, fmt::format("lengths-{}", index)),
      both({"scripts, and languages where small words tell", "文字種と、機能語から分かる言語"}),
      share_bars(languages, fmt::format("languages-{}", index)));
  return out + "</div></section>";
}

std::string problems_section(std::vector<Problem> const& problems) {
  if (problems.empty()) return {};
  std::map<std::string, std::vector<Problem const*>> by_kind;
  for (auto const& problem : problems) by_kind[problem.kind].push_back(&problem);
  auto out = fmt::format(R"(<h2>{}</h2><div class="files">)", both({"Single rows", "個々の行の問題"}));
  for (auto const& [kind, list] : by_kind) {
    out += fmt::format(R"(<details><summary>{} ({})</summary><div class="scroll" tabindex="0"><table><tbody>)",
                       escaped(kind), count_text(static_cast<std::int64_t>(list.size())));
    for (std::size_t i = 0; i < std::min(list.size(), kShownProblems); ++i)
      out += fmt::format(R"(<tr><th scope="row"><code>{}</code></th><td>{}</td></tr>)", escaped(list[i]->where),
                         escaped_head(list[i]->message, 400));
    out += "</tbody></table></div></details>";
  }
  return out + "</div>";
}

}  // namespace

std::string data_page(DataPageData const& data) {
  auto out = page_head(data.project);
  out += fmt::format(
      R"(<header id="top"><div class="top"><span><span class="brand">POLYTASK</span>{}</span><span class="languages" role="group" aria-label="Language / 言語" hidden><button type="button" value="en" lang="en">English</button><button type="button" value="ja" lang="ja">日本語</button></span></div><script>{}</script><h1><bdi>{}</bdi></h1><p class="lead">{}</p></header>)",
      data.date.empty() ? "" : " · " + escaped(data.date), language_script(), escaped(data.project),
      both({fmt::format("What {} tasks over {} datasets should know about their data before training.",
                        data.audit.tasks.size(), data.audit.datasets.size()),
            fmt::format("学習の前に知っておきたい、{} 個のデータセットの {} タスクのデータの状態。",
                        data.audit.datasets.size(), data.audit.tasks.size())}));
  out += "\n<main>\n" + overview(data.audit) + "\n";
  for (std::size_t i = 0; i < data.audit.findings.size(); ++i) out += finding_section(data.audit.findings[i], i) + "\n";
  out += fmt::format("<h2>{}</h2>\n", both({"Tasks", "タスク"}));
  for (std::size_t i = 0; i < data.audit.tasks.size(); ++i) out += task_section(data.audit.tasks[i], i) + "\n";
  out += fmt::format("<h2>{}</h2>\n", both({"Texts", "文"}));
  for (std::size_t i = 0; i < data.audit.datasets.size(); ++i) out += dataset_section(data.audit.datasets[i], i) + "\n";
  out += problems_section(data.problems);
  out += fmt::format("</main>\n<footer>{}</footer>\n</body>\n</html>\n",
                     both({"This page loads nothing from anywhere.", "このページは外部から何も読み込みません。"}));
  return out;
}

}  // namespace polytask::report
