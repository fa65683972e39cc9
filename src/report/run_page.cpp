#include "report/run_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "report/internal/charts.h"
#include "report/internal/confusion.h"
#include "report/internal/html.h"
#include "report/internal/misses.h"
#include "report/internal/style.h"
#include "report/internal/words.h"

namespace polytask::report {
namespace {

bool any_test(RunPageData const& data) {
  return std::any_of(data.tasks.begin(), data.tasks.end(), [](auto const& task) { return task.test.has_value(); });
}

std::string interval_text(eval::Score const& score) {
  if (!std::isfinite(score.interval.low) || !std::isfinite(score.interval.high)) return "";
  return fmt::format("{} – {}", score_text(score.interval.low), score_text(score.interval.high));
}

double value_at(Curve const& curve, std::optional<std::int64_t> step) {
  for (auto const& point : curve)
    if (step && point.step == static_cast<double>(*step)) return point.value;
  return std::nan("");
}

std::optional<CurvePoint> best_of(Curve const& curve) {
  std::optional<CurvePoint> best;
  for (auto const& point : curve)
    if (std::isfinite(point.value) && (!best || point.value > best->value)) best = point;
  return best;
}

std::string count_or_dash(std::optional<std::int64_t> count) { return count ? count_text(*count) : "–"; }

// --- what was trained ---------------------------------------------------------------------------------------------

Words lead(RunPageData const& data) {
  std::set<std::string> datasets;
  for (auto const& task : data.tasks) datasets.insert(task.datasets.begin(), task.datasets.end());
  auto const n_tasks = data.tasks.size();
  auto const parameters = data.parameters ? short_count_text(*data.parameters) : "";
  auto const encoder = escaped(data.encoder);
  Words words;
  words.en = data.encoder.empty() ? "One encoder trained from scratch"
                                  : fmt::format("One encoder, started from <b><bdi>{}</bdi></b>", encoder);
  if (!parameters.empty()) words.en += fmt::format(" ({} parameters with the heads)", parameters);
  words.en += fmt::format(", for {} {} from {} {}.", n_tasks, n_tasks == 1 ? "task" : "tasks", datasets.size(),
                          datasets.size() == 1 ? "dataset" : "datasets");
  words.ja = data.encoder.empty() ? "はじめから学習した" : fmt::format("<b><bdi>{}</bdi></b> から始めた", encoder);
  words.ja += "ひとつのエンコーダ";
  if (!parameters.empty()) words.ja += fmt::format("(ヘッドを含め {} パラメータ)", parameters);
  words.ja += fmt::format("で、{} 個のデータセットの {} タスクに答えます。", datasets.size(), n_tasks);
  return words;
}

std::string fact(Words const& term, std::string const& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", both(term), value);
}

std::string facts(RunPageData const& data) {
  std::int64_t drawn = 0;
  bool knows_drawn = false;
  for (auto const& task : data.tasks)
    if (task.examples_drawn) drawn += *task.examples_drawn, knows_drawn = true;
  std::string out = R"(<dl class="facts">)";
  out += fact({"training time", "学習時間"}, both(duration_words(data.seconds)));
  out += fact({"tokens per second", "毎秒トークン数"},
              std::isfinite(data.tokens_per_second)
                  ? count_text(std::llround(std::clamp(data.tokens_per_second, 0.0, 1e15)))
                  : "–");
  out += fact({"parameters", "パラメータ数"}, data.parameters ? short_count_text(*data.parameters) : "–");
  out += fact(
      {"selected step", "採用したステップ"},
      count_or_dash(data.best_step) + (data.steps ? fmt::format(" <small>/ {}</small>", count_text(*data.steps)) : ""));
  out += fact({"selection rule", "選択規則"}, data.selection == "mean" ? both({"mean of tasks", "タスクの平均"})
                                              : data.selection.empty() ? "–"
                                                                       : escaped(data.selection));
  out += fact({"labels trained on", "学習に使ったラベル数"}, knows_drawn ? count_text(drawn) : "–");
  return out + "</dl>";
}

std::string notes(RunPageData const& data) {
  std::string out;
  auto const warn = [&](Words const& words) { out += fmt::format(R"(<p class="warning">{}</p>)", both(words)); };
  if (data.state == RunState::Running)
    warn({"This run was not complete when the page was written.",
          "このページを作った時点で、実行はまだ終わっていません。"});
  if (data.state == RunState::Interrupted)
    warn({fmt::format("This run was interrupted. Continue it with <code>polytask train --run {} --resume</code>.",
                      escaped(data.id)),
          fmt::format("この実行は中断されました。<code>polytask train --run {} --resume</code> で続けられます。",
                      escaped(data.id))});
  std::vector<Words> remarks;
  if (data.stopped_early)
    remarks.push_back({"Training stopped early: the scores on dev no longer rose.",
                       "開発データのスコアが上がらなくなり、早期に終了しました。"});
  if (data.resumed_from_step > 0) {
    auto const step = count_text(data.resumed_from_step);
    remarks.push_back({fmt::format("It was interrupted and went on from step {}.", step),
                       fmt::format("ステップ {} から再開しました。", step)});
  }
  for (auto const& remark : remarks) out += fmt::format(R"(<p class="note">{}</p>)", both(remark));
  return out;
}

std::string page_header(RunPageData const& data) {
  auto date = escaped(data.started);
  if (data.started.size() == 20 && data.started[10] == 'T' && data.started[19] == 'Z')
    date = escaped(data.started.substr(0, 10) + " " + data.started.substr(11, 5) + " UTC");
  auto out = fmt::format(
      R"(<header id="top"><div class="top"><span><span class="brand">POLYTASK</span> · <bdi>{}</bdi>{}</span><span class="languages" role="group" aria-label="Language / 言語" hidden><button type="button" value="en" lang="en">English</button><button type="button" value="ja" lang="ja">日本語</button></span></div>)",
      escaped(data.project), date.empty() ? "" : " · " + date);
  out += fmt::format("<script>{}</script>", language_script());
  out += fmt::format(R"(<h1><bdi>{}</bdi></h1><p class="lead">{}</p>)", escaped(data.id), both(lead(data)));
  return out + notes(data) + facts(data) + "</header>";
}

// --- every task in one table --------------------------------------------------------------------------------------

std::string own_best(RunPageData const& data, TaskReport const& task) {
  auto const best = best_of(task.dev_metric);
  if (!best) return "–";
  auto const selected = value_at(task.dev_metric, data.best_step);
  return fmt::format("{} <small>{}</small><br><small>{}</small>", score_text(best->value),
                     both({fmt::format("at step {}", count_text(std::llround(best->step))),
                           fmt::format("ステップ {}", count_text(std::llround(best->step)))}),
                     both({"selected: " + score_text(selected), "採用: " + score_text(selected)}));
}

std::string summary(RunPageData const& data) {
  std::vector<eval::Score> scores;
  for (auto const& task : data.tasks)
    if (auto const* found = task.judged()) scores.push_back(found->primary);
  auto const axis = score_axis(scores);
  bool const test = any_test(data);
  auto const split = split_words(test);
  auto out = fmt::format("<h2>{}</h2>", both({"Scores", "スコア"}));
  out += R"(<div class="card scroll" tabindex="0"><table class="summary"><caption>)";
  out += both({fmt::format("On {}, with 95 % bootstrap intervals over rows. Bars run from {} to 1.", split.en,
                           fmt::format("{:g}", axis.low)),
               fmt::format("{}での値と、行の再標本化(ブートストラップ)による 95 % 信頼区間。棒の目盛りは {} から 1。",
                           split.ja, fmt::format("{:g}", axis.low))});
  out += fmt::format(
      R"(</caption><thead><tr><th scope="col">{}</th><th scope="col">{}</th><td class="bar-cell"></td><th scope="col" class="number wide">{}</th><th scope="col" class="number wide">{}</th><th scope="col" class="wide">{}</th></tr></thead><tbody>)",
      both({"task", "タスク"}), both({"score", "スコア"}), both({"rows", "件数"}),
      both({"labels trained on", "学習ラベル数"}), both({"own best on dev", "開発データでの最良値"}));
  for (std::size_t i = 0; i < data.tasks.size(); ++i) {
    auto const& task = data.tasks[i];
    auto const* found = task.judged();
    auto const score = found ? found->primary : eval::Score{std::nan(""), {std::nan(""), std::nan("")}};
    out += fmt::format(R"(<tr><th scope="row"><a href="#task-{}"><bdi>{}</bdi></a><small>{} · {}{}</small></th>)", i,
                       escaped(task.name), both(type_words(task.type)), escaped(found ? found->metric : task.metric),
                       found != nullptr && test && !task.test ? " · " + both({"on dev", "開発データ"}) : "");
    out += fmt::format(
        R"(<td class="score"><b>{0}</b><small>{1}</small><small class="narrow">n = {3}</small></td><td class="bar-cell">{2}</td><td class="number wide">{3}</td><td class="number wide">{4}</td><td class="wide best">{5}</td></tr>)",
        score_text(score.value), interval_text(score), score_bar(score, axis),
        found ? count_text(static_cast<std::int64_t>(found->n)) : "0", count_or_dash(task.examples_drawn),
        own_best(data, task));
  }
  return out + "</tbody></table></div>";
}

// --- learning curves ----------------------------------------------------------------------------------------------

constexpr std::size_t kMaxCurvePoints = 240;

double last_step(RunPageData const& data) {
  double last = data.steps ? static_cast<double>(*data.steps) : 0;
  for (auto const* curve : {&data.loss, &data.selection_score})
    if (!curve->empty()) last = std::max(last, curve->back().step);
  return last;
}

class Curves {
 public:
  explicit Curves(RunPageData const& data) : last_step_(last_step(data)) {
    if (data.best_step && *data.best_step > 0) selected_ = static_cast<double>(*data.best_step);
  }

  [[nodiscard]] std::string smooth(Curve const& curve, Words const& caption) {
    auto const values = thinned(curve, kMaxCurvePoints);
    return figure({.lines = {{values, LineStyle::Faint}, {smoothed(values, values.size() / 30), LineStyle::Line}},
                   .last_step = last_step_,
                   .marked_step = selected_},
                  caption);
  }
  [[nodiscard]] std::string plain(Curve const& curve, Words const& caption) {
    return figure({.lines = {{thinned(curve, kMaxCurvePoints), LineStyle::Line}},
                   .last_step = last_step_,
                   .marked_step = selected_},
                  caption);
  }
  [[nodiscard]] std::string points(Curve const& curve, Words const& caption) {
    return figure({.lines = {{curve, LineStyle::Points}}, .last_step = last_step_, .marked_step = selected_}, caption);
  }

 private:
  std::string figure(LineChart const& chart, Words const& caption) {
    auto const id = fmt::format("figure-{}", ++n_figures_);
    return fmt::format(R"(<figure><figcaption id="{}">{}</figcaption>{}</figure>)", id, both(caption),
                       line_chart(chart, id));
  }

  double last_step_;
  std::optional<double> selected_;
  int n_figures_ = 0;
};

std::string curves(RunPageData const& data) {
  Curves draw(data);
  auto out = fmt::format("<h2>{}</h2>", both({"Learning curves", "学習曲線"}));
  out += fmt::format(R"(<p class="note">{}</p>)",
                     both({"Over the training steps. The dashed line is the selected step: one checkpoint serves all "
                           "tasks. Losses are smoothed; the faint line behind them is not.",
                           "横軸は学習ステップ。破線は採用したステップで、ひとつのチェックポイントを全タスクで使います"
                           "。損失は平滑化した線で、背後の薄い線は平滑化前の値です。"}));
  out += R"(<div class="curves"><div class="card all">)";
  out += fmt::format("<h3>{}</h3>", both({"All tasks", "全タスク"}));
  out += R"(<div class="row">)";
  out += draw.points(data.selection_score,
                     {"selection score, from the tasks' dev metrics", "選択スコア(各タスクの開発データの指標から)"});
  out += draw.smooth(data.loss, {"total training loss", "全体の学習損失"});
  out += draw.plain(data.learning_rate, {"learning rate", "学習率"});
  out += "</div></div>";
  for (auto const& task : data.tasks) {
    auto const name = escaped(task.name);
    auto const metric = escaped(task.metric);
    out += fmt::format(R"(<div class="card"><h3><bdi>{}</bdi></h3>)", name);
    out += draw.points(task.dev_metric, {fmt::format("<bdi>{}</bdi>: {} on dev", name, metric),
                                         fmt::format("<bdi>{}</bdi>:開発データの {}", name, metric)});
    out += draw.smooth(task.train_loss, {fmt::format("<bdi>{}</bdi>: training loss", name),
                                         fmt::format("<bdi>{}</bdi>:学習損失", name)});
    out += "</div>";
  }
  for (auto const& task : data.hidden_words) {
    auto const name = escaped(task.name);
    out += fmt::format(R"(<div class="card"><h3><bdi>{}</bdi></h3>)", name);
    if (!task.perplexity.empty())
      out += draw.points(task.perplexity,
                         {fmt::format("<bdi>{}</bdi>: perplexity of hidden words of dev texts, lower is better", name),
                          fmt::format("<bdi>{}</bdi>:開発テキストの隠した単語のパープレキシティ(低いほど良い)", name)});
    out += draw.smooth(task.train_loss, {fmt::format("<bdi>{}</bdi>: training loss of hidden words", name),
                                         fmt::format("<bdi>{}</bdi>:隠した単語の学習損失", name)});
    out += "</div>";
  }
  return out + "</div>";
}

// --- task by task -------------------------------------------------------------------------------------------------

std::string metrics_table(TaskReport const& task) {
  std::vector<std::string> names{task.metric};
  std::vector<eval::Score> scores;
  auto const add = [&](std::string const& name) {
    bool const judged = (task.dev && task.dev->all.contains(name)) || (task.test && task.test->all.contains(name));
    if (judged && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (auto const& name : task::metrics_of(task.type)) add(name);
  for (auto const* split : {&task.dev, &task.test})
    if (*split)
      for (auto const& [name, score] : (*split)->all) add(name), scores.push_back(score);
  if (scores.empty())
    return fmt::format(R"(<p class="note">{}</p>)",
                       both({"No labelled rows to judge by: neither dev nor test has any.",
                             "開発データにもテストデータにもラベルのある行がなく、評価していません。"}));
  auto const axis = score_axis(scores);
  auto out = fmt::format(
      R"(<h4>{}</h4><div class="scroll" tabindex="0"><table class="metrics"><caption>{}</caption><thead><tr><th scope="col">{}</th>)",
      both({"Metrics", "指標"}),
      both({"With 95 % intervals; the task's own metric in bold", "95 % 信頼区間つき。太字はこのタスクの主要な指標"}),
      both({"metric", "指標"}));
  for (bool const test : {false, true})
    if (auto const& split = test ? task.test : task.dev) {
      auto const n = count_text(static_cast<std::int64_t>(split->n));
      auto const words = split_words(test);
      out += fmt::format(R"(<th scope="col">{}</th>)",
                         both({fmt::format("{}, {} rows", words.en, n), fmt::format("{}({} 件)", words.ja, n)}));
    }
  out += "</tr></thead><tbody>";
  for (auto const& name : names) {
    bool const primary = name == task.metric;
    auto const words = metric_words(name);
    out += fmt::format(R"(<tr{}><th scope="row">{}{}</th>)", primary ? R"( class="primary")" : "", escaped(name),
                       words.en.empty() ? "" : "<small>" + both(words) + "</small>");
    for (auto const* split : {&task.dev, &task.test}) {
      if (!*split) continue;
      auto const found = (*split)->all.find(name);
      if (found == (*split)->all.end()) {
        out += "<td>–</td>";
        continue;
      }
      auto const& score = found->second;
      out +=
          fmt::format(R"(<td class="score"><div class="beside"><div>{0}{2}{1}<small>{3}</small></div>{4}</div></td>)",
                      primary ? "<b>" : "", primary ? "</b>" : "", score_text(score.value), interval_text(score),
                      score_bar(score, axis));
    }
    out += "</tr>";
  }
  return out + "</tbody></table></div>";
}

std::string task_section(TaskReport const& task, std::size_t index) {
  auto out = fmt::format(
      R"(<section class="card task" id="task-{0}" aria-labelledby="task-{0}-name"><div class="head"><h3 id="task-{0}-name"><bdi>{1}</bdi></h3><a class="back" href="#top">{2}</a></div>)",
      index, escaped(task.name), both({"↑ top", "↑ 先頭へ"}));
  std::string datasets;
  for (auto const& name : task.datasets) datasets += (datasets.empty() ? "" : ", ") + escaped(name);
  std::vector<std::string> facts{both(type_words(task.type))};
  if (!datasets.empty()) facts.push_back(both({"dataset " + datasets, "データセット " + datasets}));
  if (!task.owner.empty()) facts.push_back(both({"owner " + escaped(task.owner), "担当 " + escaped(task.owner)}));
  if (task.examples_drawn)
    facts.push_back(both(
        {count_text(*task.examples_drawn) + " labels trained on", "学習ラベル数 " + count_text(*task.examples_drawn)}));
  out += fmt::format(R"(<p class="note">{}</p>)", fmt::join(facts, " · "));
  out += metrics_table(task);
  return out + confusion_section(task, fmt::format("matrix-{}", index)) + misses_section(task) + "</section>";
}

// --- what the run was made of -------------------------------------------------------------------------------------

std::string key_values(Words const& title, KeyValues const& rows) {
  if (rows.empty()) return {};
  auto out = fmt::format(
      R"(<details><summary>{0}</summary><div class="scroll" tabindex="0"><table><caption>{0}</caption><tbody>)",
      both(title));
  for (auto const& [key, value] : rows)
    out += fmt::format(R"(<tr><th scope="row"><code>{}</code></th><td><code>{}</code></td></tr>)", escaped(key),
                       escaped_head(value, 2000));
  return out + "</tbody></table></div></details>";
}

}  // namespace

std::string run_page(RunPageData const& data) {
  auto out = page_head(data.id + " · " + data.project);
  out += page_header(data);
  out += "\n<main>\n";
  out += summary(data) + "\n" + curves(data) + "\n";
  out += fmt::format("<h2>{}</h2>\n", both({"Task by task", "タスクごと"}));
  for (std::size_t i = 0; i < data.tasks.size(); ++i) out += task_section(data.tasks[i], i) + "\n";
  out += fmt::format(R"(<h2>{}</h2><div class="files">)", both({"What the run was made of", "この実行の材料"}));
  out += key_values({"Configuration", "設定"}, data.configuration);
  out += key_values({"Environment", "環境"}, data.environment);
  out += key_values({"Data hashes (SHA-256)", "データのハッシュ値(SHA-256)"}, data.hashes);
  out += "</div>\n</main>\n";
  out += fmt::format("<footer>{}</footer>\n</body>\n</html>\n",
                     both({"Scores are fractions. This page loads nothing from anywhere.",
                           "スコアは 0 から 1 の割合です。このページは外部から何も読み込みません。"}));
  return out;
}

}  // namespace polytask::report
