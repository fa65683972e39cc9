#include "report/run_page.h"

#include <gmock/gmock.h>

#include <cmath>
#include <regex>
#include <set>

#include "report/internal/charts.h"
#include "report/internal/html.h"
#include "report/internal/style.h"

namespace polytask::report {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

double const kUndefined = std::nan("");

std::size_t count(std::string const& text, std::string const& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

/// Every start and end tag of the page; what lies between cannot open one when it is escaped.
std::multiset<std::string> elements(std::string const& html) {
  static std::regex const tag("<([a-zA-Z][a-zA-Z0-9]*)");
  std::multiset<std::string> names;
  for (std::sregex_iterator at(html.begin(), html.end(), tag), end; at != end; ++at) names.insert((*at)[1]);
  return names;
}

/// Without the elements of that name and what they hold. By hand: std::regex recurses with each byte.
std::string without(std::string html, std::string const& name) {
  for (auto begin = html.find("<" + name + ">"); begin != std::string::npos;
       begin = html.find("<" + name + ">", begin)) {
    auto const end = html.find("</" + name + ">", begin);
    EXPECT_NE(end, std::string::npos) << name;
    html.erase(begin, end - begin + name.size() + 3);
  }
  return html;
}

/// Opened and closed alike, in order; the void elements apart.
void expect_balanced(std::string const& html) {
  static std::regex const tag("<(/?)([a-zA-Z][a-zA-Z0-9]*)[^>]*?(/?)>");
  static std::set<std::string> const empty{"meta", "br"};
  auto const body = without(without(html, "style"), "script");
  std::vector<std::string> open;
  for (std::sregex_iterator at(body.begin(), body.end(), tag), end; at != end; ++at) {
    std::string const name = (*at)[2];
    if (empty.contains(name) || (*at)[3] == "/") continue;
    if ((*at)[1].length() == 0) {
      open.push_back(name);
    } else {
      ASSERT_FALSE(open.empty()) << "</" << name << "> closes nothing";
      ASSERT_EQ(open.back(), name) << "at byte " << at->position();
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty());
}

eval::TaskScores scores(std::string const& metric, double value) {
  eval::Score const score{value, {value - 0.05, value + 0.05}};
  return {.task = "t", .metric = metric, .primary = score, .n = 1234, .all = {{metric, score}}};
}

TaskReport classification(std::string const& name) {
  TaskReport task{.name = name, .metric = "accuracy", .owner = "team", .datasets = {"tickets"}, .examples_drawn = 4321};
  task.dev = scores("accuracy", 0.75);
  task.dev->confusion_labels = {"no", "yes"};
  task.dev->confusion = {{30, 4}, {0, 66}};
  task.train_loss = {{1, 0.9}, {2, 0.7}, {3, 0.6}};
  task.dev_metric = {{1, 0.5}, {2, 0.8}, {3, 0.75}};
  return task;
}

RunPageData small_run() {
  return {.id = "first",
          .project = "helpdesk",
          .started = "2026-01-17T09:30:12Z",
          .seconds = 75,
          .tokens_per_second = 3268.4,
          .parameters = 22'713'216,
          .steps = 3,
          .best_step = 3,
          .selection = "mean",
          .tasks = {classification("intent")},
          .loss = {{1, 1.0}, {2, 0.8}, {3, 0.7}},
          .selection_score = {{1, 0.5}, {2, 0.8}, {3, 0.75}},
          .configuration = {{"train.learning_rate", "0.0002"}},
          .environment = {{"libtorch", "2.6.0"}},
          .hashes = {{"dataset tickets", "9f86d0"}}};
}

TEST(RunPage, SaysWhatWasTrained) {
  auto const page = run_page(small_run());
  for (char const* part :
       {"first", "helpdesk", "2026-01-17 09:30 UTC", "1 min 15 s", "1 分 15 秒", "3,268", "22.7 M", "intent", "0.750",
        "0.700 – 0.800", "1,234", "4,321", "train.learning_rate", "0.0002", "2.6.0", "9f86d0"})
    EXPECT_THAT(page, HasSubstr(part));
  expect_balanced(page);
}

TEST(RunPage, NamesEveryTaskInTheTableTheCurvesAndASectionOfItsOwn) {
  auto data = small_run();
  for (int i = 0; i < 30; ++i) data.tasks.push_back(classification("task number " + std::to_string(i)));
  auto const page = run_page(data);
  for (std::size_t i = 0; i < data.tasks.size(); ++i) {
    auto const name = "<bdi>" + data.tasks[i].name + "</bdi>";
    auto const id = "task-" + std::to_string(i);
    EXPECT_THAT(page, HasSubstr("<a href=\"#" + id + "\">" + name + "</a>"));
    EXPECT_THAT(page, HasSubstr("<h3 id=\"" + id + "-name\">" + name));
    EXPECT_THAT(page, HasSubstr("<h3>" + name + "</h3>"));
  }
  expect_balanced(page);
}

TEST(RunPage, AddsNoElementForMarkupInTheData) {
  std::string const markup = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)></title></style><!--";
  auto const fill = [](std::string const& text) {
    auto data = small_run();
    for (auto* field : {&data.id, &data.project, &data.encoder, &data.started, &data.selection}) *field = text;
    data.configuration = data.environment = data.hashes = {{text, text}};
    auto& task = data.tasks[0];
    for (auto* field : {&task.name, &task.metric, &task.owner, &task.datasets[0]}) *field = text;
    task.dev->metric = text;
    task.dev->all = {{text, task.dev->primary}};
    task.dev->confusion_labels = {text, "yes"};
    task.misses = {{.where = text,
                    .texts = {text, text},
                    .gold = {.labels = {text}},
                    .predicted = {.labels = {"yes"}, .confidence = 0.9}}};
    auto tagging = classification(text);
    tagging.type = task::TaskType::Tagging;
    tagging.misses = {{.where = text,
                       .texts = {text + text},
                       .gold = {.spans = {{0, 8, text}}},
                       .predicted = {.spans = {{8, 16, text + "2"}}}}};
    data.tasks.push_back(tagging);
    auto multilabel = tagging;
    multilabel.type = task::TaskType::Multilabel;
    multilabel.misses = {
        {.where = text, .texts = {text}, .gold = {.labels = {text, "a"}}, .predicted = {.labels = {text}}}};
    data.tasks.push_back(multilabel);
    data.state = RunState::Interrupted;
    return run_page(data);
  };
  auto const page = fill(markup);
  EXPECT_EQ(elements(page), elements(fill(std::string(markup.size(), 'x'))));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("\"'>")));
  expect_balanced(page);
}

TEST(RunPage, AllowsNothingButItsOwnStyleAndScript) {
  auto const page = run_page(small_run());
  EXPECT_THAT(page,
              HasSubstr("<meta http-equiv=\"Content-Security-Policy\" content=\"" + content_security_policy() + "\">"));
  EXPECT_THAT(content_security_policy(), HasSubstr("default-src 'none'"));
  EXPECT_THAT(content_security_policy(), Not(HasSubstr("unsafe")));
  EXPECT_EQ(count(page, "<script"), 1U);
  EXPECT_EQ(count(page, "<style"), 1U);
  // The policy would block these, and the page must not need them.
  for (char const* part : {" style=", " onclick=", " src=", "http://", "https://", "@import", "url("})
    EXPECT_THAT(page, Not(HasSubstr(part)));
}

TEST(RunPage, ShowsADashWhereANumberIsMissing) {
  auto data = small_run();
  data.seconds = data.tokens_per_second = kUndefined;
  data.parameters = data.steps = data.best_step = std::nullopt;
  data.selection.clear();
  auto& task = data.tasks[0];
  task.examples_drawn = std::nullopt;
  task.dev->primary = {kUndefined, {kUndefined, kUndefined}};
  task.dev->all["accuracy"] = {kUndefined, {kUndefined, kUndefined}};
  for (auto* curve : {&task.train_loss, &task.dev_metric, &data.loss, &data.selection_score})
    for (auto& point : *curve) point.value = kUndefined;
  auto const page = run_page(data);
  for (char const* word : {"nan", "NaN", "inf"}) EXPECT_THAT(page, Not(HasSubstr(std::string(">") + word))) << word;
  EXPECT_THAT(page, HasSubstr("<b>–</b>"));
  EXPECT_THAT(page, HasSubstr("no values"));
  EXPECT_EQ(count(page, "<polyline"), 0U);
  expect_balanced(page);
}

TEST(RunPage, SurvivesNumbersOfAnySize) {
  auto data = small_run();
  double const values[] = {
      1e308, -1e308, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), 5e-324, 0};
  data.tokens_per_second = 1e308;
  data.seconds = 1e308;
  for (double const value : values) {
    data.tasks[0].dev->primary = {value, {-value, value}};
    data.tasks[0].dev->all["accuracy"] = data.tasks[0].dev->primary;
    for (auto* curve : {&data.tasks[0].dev_metric, &data.tasks[0].train_loss, &data.loss})
      *curve = {{1, value}, {2, 1}, {1e300, value}};
    auto const page = run_page(data);
    for (char const* word : {"nan", "inf"})
      EXPECT_FALSE(std::regex_search(page, std::regex(std::string("[\" ,>-]") + word + "[\" ,<]"))) << value;
    expect_balanced(page);
  }
}

TEST(RunPage, SaysThatATaskWithoutRowsWasNotJudged) {
  auto data = small_run();
  data.tasks[0].dev = std::nullopt;
  data.tasks[0].dev_metric.clear();
  auto const page = run_page(data);
  EXPECT_THAT(page, HasSubstr("neither dev nor test has any"));
  EXPECT_THAT(page, Not(HasSubstr("Misses on dev")));
  expect_balanced(page);
}

TEST(RunPage, HasAPageForARunWithoutAnything) {
  auto const page = run_page({});
  expect_balanced(page);
  EXPECT_THAT(page, HasSubstr("</html>"));
}

TEST(RunPage, JudgesByTestWhereThereIsOne) {
  auto data = small_run();
  EXPECT_THAT(run_page(data), HasSubstr("On dev, with"));
  data.tasks[0].test = scores("accuracy", 0.625);
  auto const page = run_page(data);
  EXPECT_THAT(page, HasSubstr("On test, with"));
  EXPECT_THAT(page, HasSubstr("<td class=\"score\"><b>0.625</b>"));
}

TEST(RunPage, MarksTheSelectedStepAndATasksOwnBest) {
  auto const page = run_page(small_run());
  EXPECT_THAT(page, HasSubstr("0.800 <small><span class=\"en\" lang=\"en\">at step 2</span>"));
  EXPECT_THAT(page, HasSubstr("selected: 0.750"));
  EXPECT_EQ(count(page, "class=\"selected\""),
            4U);  // selection, total loss, dev metric, loss; the learning rate has no values
}

TEST(RunPage, ShowsAtMostFiftyMissesAndSaysHowManyMoreThereAre) {
  auto data = small_run();
  auto& task = data.tasks[0];
  for (std::size_t i = 0; i < 80; ++i)
    task.misses.push_back({.where = "dev:" + std::to_string(i),
                           .texts = {"text"},
                           .gold = {.labels = {"no"}},
                           .predicted = {.labels = {"yes"}, .confidence = 0.9}});
  task.n_misses = 1312;
  auto const page = run_page(data);
  EXPECT_EQ(count(page, "<p class=\"where\">"), kShownMisses);
  EXPECT_THAT(page, HasSubstr("dev:49<"));
  EXPECT_THAT(page, HasSubstr("1,262 more in <code>misses.jsonl</code>"));
}

TEST(RunPage, MarksSpansAsFoundMissedInventedOrDifferent) {
  auto data = small_run();
  auto& task = data.tasks[0];
  task.type = task::TaskType::Tagging;
  std::string const text = "新しい gcc と old make, grep";  // 新しい = 9 bytes
  task.misses = {{.where = "dev:1",
                  .texts = {text},
                  .gold = {.spans = {{10, 13, "TOOL"}, {18, 26, "TOOL"}, {28, 32, "TOOL"}}},
                  .predicted = {.spans = {{0, 9, "OTHER"}, {10, 13, "TOOL"}, {22, 26, "TOOL"}}}}};
  auto const page = run_page(data);
  EXPECT_THAT(page, HasSubstr("<mark class=\"invented\">新しい</mark><sub class=\"invented\">OTHER</sub> <mark "
                              "class=\"found\">gcc</mark><sub class=\"found\">TOOL</sub>"));
  EXPECT_THAT(page, HasSubstr("<mark class=\"missed\">old </mark><mark class=\"differs\">make</mark><sub "
                              "class=\"differs\">TOOL</sub>, <mark class=\"missed\">grep</mark>"));
}

TEST(RunPage, LeavesOutSpansThatDoNotFitTheirText) {
  auto data = small_run();
  data.tasks[0].type = task::TaskType::Tagging;
  data.tasks[0].misses = {{.texts = {"日本"},
                           .gold = {.spans = {{1, 3, "INSIDE A CHARACTER"}, {0, 99, "TOO LONG"}, {5, 2, "TURNED"}}},
                           .predicted = {}},
                          {.texts = {}, .gold = {.spans = {{0, 1, "X"}}}, .predicted = {}}};
  auto const page = run_page(data);
  EXPECT_THAT(page, HasSubstr("<p dir=\"auto\">日本</p>"));
  expect_balanced(page);
}

TEST(RunPage, CutsLongTextsAndSaysHowMuchIsMissing) {
  auto data = small_run();
  data.tasks[0].misses = {{.where = "dev:1",
                           .texts = {std::string(5000, 'a')},
                           .gold = {.labels = {"no"}},
                           .predicted = {.labels = {"yes"}}}};
  auto const page = run_page(data);
  EXPECT_THAT(page, HasSubstr("aaa… (+4,580)"));
  EXPECT_THAT(page, Not(HasSubstr(std::string(421, 'a'))));
}

TEST(RunPage, ShowsASmallConfusionAsATableAndALargeOneAsAFigureOfItsFilledCells) {
  auto data = small_run();
  auto const small = run_page(data);
  EXPECT_THAT(small, HasSubstr("<td class=\"h9\">30</td>"));
  EXPECT_THAT(small, HasSubstr("<td class=\"h0\"></td>"));
  EXPECT_THAT(small, HasSubstr("<td class=\"number\">4</td><td class=\"number\">12 %</td>"));

  auto& dev = *data.tasks[0].dev;
  dev.confusion_labels.clear();
  for (int i = 0; i < 151; ++i) dev.confusion_labels.push_back("label " + std::to_string(i));
  dev.confusion.assign(151, std::vector<std::size_t>(151, 0));
  dev.confusion[150][3] = 7;
  dev.confusion[2][2] = 5;
  auto const large = run_page(data);
  EXPECT_THAT(large, HasSubstr("Matrix of all 151 labels"));
  EXPECT_EQ(count(large, "<title>label "), 2U);
  EXPECT_THAT(large, HasSubstr("<title>label 150 → label 3: 7</title>"));
  EXPECT_THAT(large, HasSubstr("<bdi>label 150</bdi></td><td><bdi>label 3</bdi></td><td class=\"number\">7</td>"));
}

TEST(RunPage, ShowsEveryLabelOfAMultilabelTaskAgainstTheRest) {
  auto data = small_run();
  auto& task = data.tasks[0];
  task.type = task::TaskType::Multilabel;
  task.dev->confusion.clear();
  task.dev->confusion_labels.clear();
  task.dev->confusion_by_label = {{"lamp", {30, 1, 2, 67}}, {"<chair>", {10, 5, 6, 1'079}}};
  auto const page = run_page(data);
  EXPECT_THAT(page, HasSubstr("Confusion on dev"));
  auto const chair = page.find(
      "<td><bdi>&lt;chair&gt;</bdi></td><td class=\"number\">10</td><td class=\"number\">6</td><td "
      "class=\"number\">5</td><td class=\"number\">1,079</td>");
  auto const lamp = page.find("<td><bdi>lamp</bdi></td>");
  ASSERT_NE(chair, std::string::npos);
  EXPECT_LT(chair, lamp) << "the most errors first";
}

TEST(RunPage, LeavesOutAConfusionWhoseSizesDoNotFit) {
  auto data = small_run();
  data.tasks[0].dev->confusion.pop_back();
  EXPECT_THAT(run_page(data), Not(HasSubstr("Confusion on")));
}

TEST(RunPage, SaysEverythingInBothLanguages) {
  auto const page = run_page(small_run());
  EXPECT_EQ(count(page, "<span class=\"en\" lang=\"en\">"), count(page, "<span class=\"ja\" lang=\"ja\">"));
  EXPECT_EQ(count(page, "lang=\"ja\"></span>"), 0U);
  EXPECT_EQ(count(page, "lang=\"en\"></span>"), 0U);
  for (char const* part : {"学習曲線", "スコア", "混同", "設定"}) EXPECT_THAT(page, HasSubstr(part));
}

TEST(RunPage, LabelsEveryFigureForScreenReadersByAnElementThatExists) {
  auto const page = run_page(small_run());
  std::regex const labelled("aria-labelledby=\"([^\"]+)\"");
  int n = 0;
  for (std::sregex_iterator at(page.begin(), page.end(), labelled), end; at != end; ++at, ++n)
    EXPECT_EQ(count(page, " id=\"" + (*at)[1].str() + "\""), 1U) << (*at)[1];
  EXPECT_GE(n, 5);
  EXPECT_EQ(count(page, "<svg"), count(page, "role=\"img\" aria-labelledby") + count(page, "aria-hidden=\"true\""));
  EXPECT_EQ(count(page, "<table"), count(page, "<caption"));
}

TEST(RunPage, TellsThatARunWasInterrupted) {
  auto data = small_run();
  data.state = RunState::Interrupted;
  EXPECT_THAT(run_page(data), HasSubstr("polytask train --run first --resume"));
}

// --- curves ---------------------------------------------------------------------------------------------------------

std::vector<std::size_t> points_a_line(std::string const& svg) {
  std::vector<std::size_t> n;
  std::regex const line("points=\"([^\"]*)\"");
  for (std::sregex_iterator at(svg.begin(), svg.end(), line), end; at != end; ++at) n.push_back(count((*at)[1], ","));
  return n;
}

TEST(LineChart, DrawsOnePointAValueAndAGapWhereOneIsUndefined) {
  LineChart const chart{
      .lines = {{{{1, 0.1}, {2, 0.2}, {3, kUndefined}, {4, 0.3}, {5, 0.4}, {6, 0.5}}, LineStyle::Points}},
      .last_step = 6};
  auto const svg = line_chart(chart, "label");
  EXPECT_THAT(points_a_line(svg), ElementsAre(2, 3));
  EXPECT_EQ(count(svg, "<circle class=\"dot\""), 5U);
}

TEST(LineChart, MarksTheSelectedStepWithItsValue) {
  LineChart const chart{.lines = {{{{10, 0.1}, {20, 0.25}}, LineStyle::Points}}, .last_step = 20, .marked_step = 20};
  auto const svg = line_chart(chart, "label");
  EXPECT_EQ(count(svg, "class=\"selected\""), 1U);
  EXPECT_THAT(svg, HasSubstr(">0.250</text>"));
}

TEST(LineChart, KeepsEveryPointInsideTheFigure) {
  LineChart const chart{
      .lines = {{{{1, 5}, {2, -3}, {900, 1e9}}, LineStyle::Faint}, {{{1, 1}, {2, 2}}, LineStyle::Line}},
      .last_step = 2};
  auto const svg = line_chart(chart, "label");
  std::regex const point("([-0-9.]+),([-0-9.]+)");
  for (std::sregex_iterator at(svg.begin(), svg.end(), point), end; at != end; ++at) {
    EXPECT_GE(std::stod((*at)[1]), 0);
    EXPECT_LE(std::stod((*at)[1]), 340);
    EXPECT_GE(std::stod((*at)[2]), 0);
    EXPECT_LE(std::stod((*at)[2]), 150);
  }
}

TEST(Thinned, AveragesNeighboursSoThatTheMeanStays) {
  Curve curve;
  for (int i = 0; i < 10'000; ++i) curve.push_back({static_cast<double>(i), static_cast<double>(i % 7)});
  auto const thin = thinned(curve, 100);
  ASSERT_EQ(thin.size(), 100U);
  double sum = 0;
  for (auto const& point : thin) sum += point.value;
  double all = 0;
  for (auto const& point : curve) all += point.value;
  EXPECT_NEAR(sum / 100, all / 10'000, 1e-9);
  EXPECT_EQ(thinned(curve, 20'000).size(), curve.size());
}

TEST(Thinned, LeavesUndefinedValuesOutOfTheMean) {
  auto const thin = thinned({{1, 2}, {2, kUndefined}, {3, kUndefined}, {4, kUndefined}}, 2);
  EXPECT_EQ(thin[0].value, 2);
  EXPECT_TRUE(std::isnan(thin[1].value));
}

TEST(Smoothed, IsTheMeanOfTheWindowAndKeepsGaps) {
  auto const smooth = smoothed({{1, 3}, {2, 6}, {3, 0}, {4, kUndefined}, {5, 2}}, 1);
  EXPECT_EQ(smooth[0].value, 4.5);
  EXPECT_EQ(smooth[1].value, 3);
  EXPECT_EQ(smooth[2].value, 3);
  EXPECT_TRUE(std::isnan(smooth[3].value));
  EXPECT_EQ(smooth[4].value, 2);
}

TEST(ScoreBar, ReachesLeftOfZeroForEveryRowWhenOneScoreDoes) {
  auto const axis = score_axis({{0.5, {0.4, 0.6}}, {-0.12, {-0.31, 0.05}}, {kUndefined, {kUndefined, kUndefined}}});
  EXPECT_DOUBLE_EQ(axis.low, -0.4);
  EXPECT_EQ(axis.high, 1);
  EXPECT_EQ(score_bar({kUndefined, {0, 1}}, axis), "");
}

// --- text and numbers -----------------------------------------------------------------------------------------------

TEST(Escaped, MakesTextHarmlessInHtmlAndAttributes) {
  EXPECT_EQ(escaped("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(escaped("日本語 ok\n"), "日本語 ok\n");
}

TEST(Escaped, ReplacesBrokenBytesControlsAndTurningCharacters) {
  EXPECT_EQ(escaped(std::string("a\0b", 3)), "a\uFFFDb");
  EXPECT_EQ(escaped("\xC3("), "\uFFFD(");
  EXPECT_EQ(escaped("\u202Eevil\u2066"), "\uFFFDevil\uFFFD");
}

TEST(EscapedHead, CutsBetweenCharactersAndCountsTheRest) {
  EXPECT_EQ(escaped_head("日本語<b>", 4), "日本語&lt;… (+2)");
  EXPECT_EQ(escaped_head("日本語", 3), "日本語");
}

TEST(NumberTexts, AreShortAndNeverNotANumber) {
  EXPECT_EQ(score_text(0.98765), "0.988");
  EXPECT_EQ(score_text(-0.0001), "0.000");
  EXPECT_EQ(score_text(-0.25), "−0.250");
  EXPECT_EQ(score_text(kUndefined), "–");
  EXPECT_EQ(number_text(std::numeric_limits<double>::infinity()), "–");
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1'234'567), "1,234,567");
  EXPECT_EQ(count_text(-1234), "-1,234");
  EXPECT_EQ(short_count_text(22'713'216), "22.7 M");
}

}  // namespace
}  // namespace polytask::report
