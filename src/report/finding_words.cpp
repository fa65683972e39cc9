#include "report/finding_words.h"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <map>

#include "base/error.h"

namespace polytask::report {
namespace {

using audit::Finding;

/// What sentences take from a finding.
class Parts {
 public:
  explicit Parts(Finding const& finding) : finding_(finding) {}

  [[nodiscard]] std::string n() const { return count(static_cast<double>(finding_.n)); }
  [[nodiscard]] std::string of() const { return count(static_cast<double>(finding_.of)); }
  [[nodiscard]] std::string share() const {
    return percent(finding_.of == 0 ? 0 : static_cast<double>(finding_.n) / static_cast<double>(finding_.of));
  }
  [[nodiscard]] double number(std::string const& name) const {
    auto const at = finding_.numbers.find(name);
    return at == finding_.numbers.end() ? 0.0 : at->second;
  }
  [[nodiscard]] bool has(std::string const& name) const { return finding_.numbers.contains(name); }
  [[nodiscard]] std::string count(std::string const& name) const { return count(number(name)); }
  [[nodiscard]] std::string percent(std::string const& name) const { return percent(number(name)); }
  [[nodiscard]] std::string name(std::size_t index) const {
    return index < finding_.names.size() ? quote(finding_.names[index]) : "\"\"";
  }
  /// Names from `from` on, in twos with `between`, the twos apart by commas.
  [[nodiscard]] std::string pairs() const {
    std::string list;
    for (std::size_t i = 0; i + 1 < finding_.names.size() && i < 12; i += 2)
      list += fmt::format("{}{} / {}", list.empty() ? "" : ", ", name(i), name(i + 1));
    return list;
  }

  static std::string count(double value) {
    auto digits = fmt::format("{:.0f}", value);
    for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
    return digits;
  }
  static std::string percent(double share) {
    return 100 * share < 1 ? fmt::format("{:.2g} %", 100 * share) : fmt::format("{:.1f} %", 100 * share);
  }

 private:
  Finding const& finding_;
};

using Make = std::function<FindingWords(Parts const&)>;

/// A test that was corrected for being one of many.
std::string test_en(Parts const& p) {
  return fmt::format("chi-square p {}, corrected for {} tests; Cramer's V {:.2f}",
                     p.number("p_value") < 1e-4 ? "< 0.0001" : fmt::format("= {:.4f}", p.number("p_value")),
                     p.count("tests"), p.number("cramers_v"));
}
std::string test_ja(Parts const& p) {
  return fmt::format("カイ二乗検定 p {}({} 回の検定について補正)、クラメールの V = {:.2f}",
                     p.number("p_value") < 1e-4 ? "< 0.0001" : fmt::format("= {:.4f}", p.number("p_value")),
                     p.count("tests"), p.number("cramers_v"));
}

FindingWords by_slice(Parts const& p, Sentence const& what) {
  return {
      {"labels go with " + what.en, what.ja + "とラベルが結びついています"},
      {fmt::format("{} alone gives the right label for {} of the training rows; always the most frequent label: {}; {}",
                   what.en, p.percent("by_slice"), p.percent("majority"), test_en(p)),
       fmt::format("{}だけで学習行の {} のラベルが当たります(最頻ラベルだけなら {})。{}", what.ja,
                   p.percent("by_slice"), p.percent("majority"), test_ja(p))},
      {"a model may learn it in place of the text and fail where it no longer holds; collect the missing combinations, "
       "or "
       "judge each part of the test set by itself",
       "本文の代わりにこの手がかりを学習し、それが成り立たない場面で外れるおそれがあります。足りない組み合わせを集める"
       "か、"
       "テストデータを部分ごとに評価してください"}};
}

std::map<std::string, Make> const& table() {
  static std::map<std::string, Make> const makers{
      {"leakage",
       [](Parts const& p) -> FindingWords {
         bool const test = p.number("is_test") > 0;
         return {
             {test ? "test texts stand in training" : "dev texts stand in training",
              test ? "テストの文が学習データにあります" : "開発データの文が学習データにあります"},
             {fmt::format("{} of {} {} texts ({}) also stand in training: {} the same, {} nearly", p.n(), p.of(),
                          test ? "test" : "dev", p.share(), p.count("exact"), p.count("near")),
              fmt::format("{} {} 件のうち {} 件({})が学習データにもあります(同一 {}、ほぼ同一 {})",
                          test ? "テスト" : "開発データ", p.of(), p.n(), p.share(), p.count("exact"), p.count("near"))},
             {fmt::format("their answers are remembered, so {}; remove them from training, or from {}",
                          test ? "the score is too good" : "dev chooses by rows that are known", test ? "test" : "dev"),
              "答えが記憶されるため、スコアが実際より良く出ます。どちらか一方から取り除いてください"}};
       }},
      {"leakage-across-tasks",
       [](Parts const& p) -> FindingWords {
         bool const test = p.number("is_test") > 0;
         return {
             {"test texts stand in another dataset's training rows",
              "テストの文が別のデータセットの学習データにあります"},
             {fmt::format(
                  "{} of {} {} texts ({}) also stand in the training rows of dataset {}: {} the same, {} nearly", p.n(),
                  p.of(), test ? "test" : "dev", p.share(), p.name(0), p.count("exact"), p.count("near")),
              fmt::format("{} {} 件のうち {} 件({})がデータセット {} の学習データにもあります(同一 {}、ほぼ同一 {})",
                          test ? "テスト" : "開発データ", p.of(), p.n(), p.share(), p.name(0), p.count("exact"),
                          p.count("near"))},
             {"the shared encoder sees them while it learns the other task; keep such a text on one side in all "
              "datasets",
              "共有エンコーダが別のタスクの学習でその文を見てしまいます。全データセットを通して片側だけに置いてくださ"
              "い"}};
       }},
      {"dev-in-test",
       [](Parts const& p) -> FindingWords {
         return {{"test texts stand in dev", "テストの文が開発データにあります"},
                 {fmt::format("{} of {} test texts ({}) also stand in dev: {} the same, {} nearly", p.n(), p.of(),
                              p.share(), p.count("exact"), p.count("near")),
                  fmt::format("テスト {} 件のうち {} 件({})が開発データにもあります(同一 {}、ほぼ同一 {})", p.of(),
                              p.n(), p.share(), p.count("exact"), p.count("near"))},
                 {"dev chooses the checkpoint; remove one of them",
                  "開発データはチェックポイントの選択に使われます。どちらか一方を取り除いてください"}};
       }},
      {"duplicates",
       [](Parts const& p) -> FindingWords {
         static constexpr std::array<char const*, 3> en{"training", "dev", "test"};
         static constexpr std::array<char const*, 3> ja{"学習", "開発", "テスト"};
         auto const split = static_cast<std::size_t>(p.number("split")) % 3;
         return {
             {"rows stand more than once", "重複した行があります"},
             {fmt::format("{} of {} {} rows ({}) repeat another one: {} the same, {} nearly", p.n(), p.of(), en[split],
                          p.share(), p.count("exact"), p.count("near")),
              fmt::format("{}データ {} 行のうち {} 行({})が他の行の繰り返しです(同一 {}、ほぼ同一 {})", ja[split],
                          p.of(), p.n(), p.share(), p.count("exact"), p.count("near"))},
             {split == 0 ? "they count several times in training and may fall on both sides of a cut; keep one of each"
                         : "they count several times, and the interval of the score looks narrower than it is; keep "
                           "one of each",
              split == 0 ? "学習で何度も数えられ、分割の両側に入るおそれがあります。ひとつだけ残してください"
                         : "何度も数えられ、信頼区間が実際より狭く見えます。ひとつだけ残してください"}};
       }},
      {"contradicting-labels",
       [](Parts const& p) -> FindingWords {
         return {
             {"one text, several labels", "同じ文に異なるラベルがあります"},
             {fmt::format("{} of {} labels ({}) contradict another row with the same text", p.n(), p.of(), p.share()),
              fmt::format("{} 件のラベルのうち {} 件({})が同じ文の別の行と食い違っています", p.of(), p.n(), p.share())},
             {"no model can be right on both; decide on one label",
              "両方に正解することはできません。ラベルを統一してください"}};
       }},
      {"near-contradictions",
       [](Parts const& p) -> FindingWords {
         return {
             {"nearly one text, other labels", "ほぼ同じ文に異なるラベルがあります"},
             {fmt::format("{} of {} labelled texts ({}) are nearly the same as one with another label", p.n(), p.of(),
                          p.share()),
              fmt::format("ラベル付きの文 {} 件のうち {} 件({})が、ほぼ同じ文とラベルが違います", p.of(), p.n(),
                          p.share())},
             {"one word may change a label, as on and off do; read a few, and decide on one label where it does not",
              "オンとオフのように一語でラベルが変わることもあります。いくつか読み、変わらないものはラベルを統一して"
              "ください"}};
       }},
      {"label-clash",
       [](Parts const& p) -> FindingWords {
         return {{"two tasks label the same texts differently", "2つのタスクで同じ文のラベルが食い違います"},
                 {fmt::format("of {} texts that both tasks label with names they share, {} ({}) carry different ones",
                              p.of(), p.n(), p.share()),
                  fmt::format("両タスクが共通のラベル名を付けた {} 件のうち {} 件({})で、ラベルが異なります", p.of(),
                              p.n(), p.share())},
                 {"the names mean different things, or one side is wrong; agree on a guideline, or rename the labels "
                  "of one task",
                  "同じ名前が別の意味か、どちらかが誤りです。基準をそろえるか、一方のラベル名を変えてください"}};
       }},
      {"label-spelling",
       [](Parts const& p) -> FindingWords {
         return {
             {"a label is written in two ways", "ラベルの表記が揺れています"},
             {fmt::format("{}: {} of {} training rows ({}) carry the rarer form", p.pairs(), p.n(), p.of(), p.share()),
              fmt::format("{}:学習 {} 行のうち {} 行({})が少ないほうの表記です", p.pairs(), p.of(), p.n(), p.share())},
             {"they are two classes for the model, and each teaches that the other is wrong; use one form",
              "モデルには別々のクラスになり、互いに誤りだと教え合います。表記を統一してください"}};
       }},
      {"majority-metric",
       [](Parts const& p) -> FindingWords {
         bool const has_mcc = p.number("has_mcc") > 0;
         Sentence const others =
             !has_mcc ? Sentence{"macro_f1 where the task has it, in which", "(使えるタスクでは)macro_f1 "}
                      : Sentence{"macro_f1 or mcc, in which", "macro_f1 や mcc "};
         return {{"the metric rewards saying nothing", "何も読まなくても指標が高く出ます"},
                 {fmt::format("{} is {:.3f} for always answering {}, which is right for {} of the training rows",
                              p.name(0), p.number("majority"), p.name(1), p.share()),
                  fmt::format("常に {} と答えるだけで {} は {:.3f} になります(学習行の {} で正解)", p.name(1),
                              p.name(0), p.number("majority"), p.share())},
                 {"compare with that number, or choose " + others.en + " rare labels count",
                  "この値と比べるか、少ないラベルも数える " + others.ja + "を選んでください"}};
       }},
      {"few-test-rows",
       [](Parts const& p) -> FindingWords {
         return {
             {"too few test rows to see the difference", "差を見るにはテストの行が足りません"},
             {fmt::format("{} test rows show differences of {:.1f} points and more; for {:.1f} points {} are needed "
                          "(two models that differ on {:.0f} % of the rows, 80 % power)",
                          p.n(), 100 * p.number("detectable"), 100 * p.number("difference"), p.of(),
                          100 * p.number("disagreement")),
              fmt::format("テスト {} 行で見えるのは {:.1f} ポイント以上の差です。{:.1f} ポイントの差には {} 行必要です"
                          "(2つのモデルの正誤が {:.0f} % の行で異なる場合、検出力 80 %)",
                          p.n(), 100 * p.number("detectable"), 100 * p.number("difference"), p.of(),
                          100 * p.number("disagreement"))},
             {"label more test rows, or ask for a larger difference (--difference)",
              "テストの行を増やすか、より大きな差を対象にしてください(--difference)"}};
       }},
      {"no-test-rows",
       [](Parts const& p) -> FindingWords {
         return {{"no test rows", "テストの行がありません"},
                 {fmt::format("no row of it is in test; {} would show a difference of {:.1f} points", p.of(),
                              100 * p.number("difference")),
                  fmt::format("テストの行がありません。{1:.1f} ポイントの差を見るには {0} 行必要です", p.of(),
                              100 * p.number("difference"))},
                 {"name a test file, or let split: cut one; dev chooses the checkpoint, so its score is too good",
                  "テストファイルを指定するか split: "
                  "で切り出してください。開発データは選択に使うため、スコアが良く出ます"}};
       }},
      {"label-noise",
       [](Parts const& p) -> FindingWords {
         return {
             {"labels that are probably wrong", "誤っていると思われるラベルがあります"},
             {fmt::format("{} of {} rows ({}) have a label that a bag-of-words model, which has not seen the row, is "
                          "sure is another one; it doubts {} in all",
                          p.n(), p.of(), p.share(), p.count("suspects")),
              fmt::format("{} 行のうち {} 行({})で、その行を見ていない単語モデルが確信をもって別のラベルを選びました"
                          "(疑わしいものは全部で {} 行)",
                          p.of(), p.n(), p.share(), p.count("suspects"))},
             {"read the first hundred, surest first: wrong labels teach wrong answers and make a right model lose "
              "points",
              "確信度の高い順に先頭の 100 "
              "件を見てください。誤ったラベルは誤った答えを教え、正しいモデルの点を下げます"}};
       }},
      {"number-noise",
       [](Parts const& p) -> FindingWords {
         return {{"numbers that are probably wrong", "誤っていると思われる数値があります"},
                 {fmt::format("{} of {} numbers ({}) are far from what texts with such words have", p.n(), p.of(),
                              p.share()),
                  fmt::format("{} 件の数値のうち {} 件({})が、似た語の文の値から大きく離れています", p.of(), p.n(),
                              p.share())},
                 {"read them, the farthest first", "離れている順に確認してください"}};
       }},
      {"span-inconsistent",
       [](Parts const& p) -> FindingWords {
         return {{"words tagged here and not there", "同じ語のタグ付けが一貫していません"},
                 {fmt::format("{} places ({} of the {} spans) have words that nearly everywhere carry a tag, and here "
                              "another one or none",
                              p.n(), p.share(), p.of()),
                  fmt::format("ほぼ常にタグの付く語が、{} 箇所(範囲 {} 件の {})では別のタグか、タグなしです", p.n(),
                              p.of(), p.share())},
                 {"tag them, or take the others back; a forgotten span counts as a mistake of the model",
                  "タグを付けるか、他を外してください。付け忘れはモデルの誤りとして数えられます"}};
       }},
      {"label-by-column",
       [](Parts const& p) {
         return by_slice(p, {"column " + p.name(0), "列 " + p.name(0)});
       }},
      {"label-by-time",
       [](Parts const& p) {
         return by_slice(p, {"the time in column " + p.name(0), "列 " + p.name(0) + " の時期"});
       }},
      {"label-by-language",
       [](Parts const& p) {
         return by_slice(p, {"the script or language of the text", "文の文字種や言語"});
       }},
      {"label-by-length",
       [](Parts const& p) {
         return by_slice(p, {"the length of the text", "文の長さ"});
       }},
      {"test-differs",
       [](Parts const& p) -> FindingWords {
         auto const kind = p.name(0);
         Sentence const what = kind == "\"label\""      ? Sentence{"labels", "ラベル"}
                               : kind == "\"language\"" ? Sentence{"scripts or languages", "文字種や言語"}
                               : kind == "\"length\""
                                   ? Sentence{"lengths", "長さ"}
                                   : Sentence{"values of column " + p.name(1), "列 " + p.name(1) + " の値"};
         return {
             {"test is not like training: " + what.en, "テストと学習で分布が違います:" + what.ja},
             {fmt::format("{} of the test rows would have to be others for its {} to be those of training; {}",
                          p.percent("distance"), what.en, test_en(p)),
              fmt::format("テスト行の {} を入れ替えないと、{}の分布が学習データと同じになりません。{}",
                          p.percent("distance"), what.ja, test_ja(p))},
             {"the score is of rows that training has seen less of; if that is not meant, cut test from the same rows",
              "学習で少ない種類の行を評価しています。意図したものでなければ、同じ行の集まりから切り出してください"}};
       }},
      {"empty-texts",
       [](Parts const& p) -> FindingWords {
         return {{"texts without a letter", "文字のない文があります"},
                 {fmt::format("{} of {} rows ({}) hold no letter and no digit", p.n(), p.of(), p.share()),
                  fmt::format("{} 行のうち {} 行({})に文字も数字もありません", p.of(), p.n(), p.share())},
                 {"nothing can be read in them; remove the rows, or find the lost texts",
                  "読み取れるものがありません。行を除くか、失われた文を探してください"}};
       }},
      {"broken-encoding",
       [](Parts const& p) -> FindingWords {
         return {{"characters broken by a wrong encoding", "文字化けがあります"},
                 {fmt::format("{} of {} rows ({}) hold UTF-8 that was read as another encoding, or lost characters",
                              p.n(), p.of(), p.share()),
                  fmt::format("{} 行のうち {} 行({})に、別の符号化として読まれた文字や失われた文字があります", p.of(),
                              p.n(), p.share())},
                 {"the tokenizer has no words for them; read the source again as UTF-8",
                  "トークナイザの語彙にありません。元データを UTF-8 として読み直してください"}};
       }},
      {"markup",
       [](Parts const& p) -> FindingWords {
         return {{"markup in the texts", "マークアップが混じっています"},
                 {fmt::format("{} of {} rows ({}) hold HTML tags or entities", p.n(), p.of(), p.share()),
                  fmt::format("{} 行のうち {} 行({})に HTML のタグや文字参照があります", p.of(), p.n(), p.share())},
                 {"it takes up tokens, and may tell where a row came from; take it out in the same way wherever the "
                  "model will read",
                  "トークンを無駄にし、行の出所の手がかりにもなります。モデルが読むすべての場面で同じように取り除いてく"
                  "ださい"}};
       }},
      {"boilerplate",
       [](Parts const& p) -> FindingWords {
         bool const at_end = p.number("at_end") > 0;
         return {{at_end ? "many texts end alike" : "many texts begin alike",
                  at_end ? "多くの文が同じ終わり方です" : "多くの文が同じ始まり方です"},
                 {fmt::format("{} of {} different rows ({}) {} {}", p.n(), p.of(), p.share(),
                              at_end ? "end with" : "begin with", p.name(0)),
                  fmt::format("{} 行のうち {} 行({})が {} で{}", p.of(), p.n(), p.share(), p.name(0),
                              at_end ? "終わります" : "始まります")},
                 {"it takes room from what was said, and where only some labels have it a model learns it; cut it off",
                  "本文の場所を奪い、一部のラベルだけにあるとモデルがそれを学習します。切り落としてください"}};
       }},
      {"mixed-languages",
       [](Parts const& p) -> FindingWords {
         return {{"a few rows in another language", "別の言語の行が少しあります"},
                 {fmt::format("{} of {} rows ({}) are not {}, as the others are", p.n(), p.of(), p.share(), p.name(0)),
                  fmt::format("ほかの行は {3} ですが、{1} 行のうち {0} 行({2})は違います", p.n(), p.of(), p.share(),
                              p.name(0))},
                 {"too few to be learned and enough to be wrong on; remove them, or collect enough and judge them by "
                  "themselves",
                  "学習するには少なく、誤るには十分な数です。除くか、十分に集めて別に評価してください"}};
       }},
      {"texts-cut",
       [](Parts const& p) -> FindingWords {
         auto const spans_en = p.number("spans") > 0 ? fmt::format("; {} of {} spans lie behind the cut",
                                                                   p.count("lost_spans"), p.count("spans"))
                                                     : "";
         auto const spans_ja = p.number("spans") > 0 ? fmt::format("。範囲 {} 件のうち {} 件が切られた先にあります",
                                                                   p.count("spans"), p.count("lost_spans"))
                                                     : "";
         return {{"texts longer than the model reads", "モデルが読む長さを超える文があります"},
                 {fmt::format("{} of {} texts ({}) have more than train.max_length = {} tokens and lose {} of theirs{}",
                              p.n(), p.of(), p.share(), p.count("max_length"), p.percent("lost"), spans_en),
                  fmt::format("{} 件の文のうち {} 件({})が train.max_length = {} トークンを超え、その {} を失います{}",
                              p.of(), p.n(), p.share(), p.count("max_length"), p.percent("lost"), spans_ja)},
                 {"what stands there is never read; raise train.max_length, or put first what matters",
                  "その先は読まれません。train.max_length を上げるか、大事な部分を先頭に置いてください"}};
       }},
      {"encoder-adds-nothing",
       [](Parts const& p) -> FindingWords {
         bool const has_majority = p.has("majority");  // a constant answer has no correlation
         auto const over = fmt::format("{:+.3f} ({:+.3f} to {:+.3f})", p.number("over_majority"),
                                       p.number("over_majority_low"), p.number("over_majority_high"));
         auto const over_ja = fmt::format("{:+.3f}({:+.3f} ~ {:+.3f})", p.number("over_majority"),
                                          p.number("over_majority_low"), p.number("over_majority_high"));
         auto const majority_en =
             has_majority ? fmt::format("; always the majority {:.3f}, probe minus that {}", p.number("majority"), over)
                          : "";
         auto const majority_ja =
             has_majority ? fmt::format("。最頻ラベルだけなら {:.3f}、その差は {}", p.number("majority"), over_ja) : "";
         bool const is_nothing = p.has("majority") && p.number("over_majority_low") <= 0;
         Sentence const title = is_nothing ? Sentence{"the encoder does not carry the task",
                                                      "エンコーダがこのタスクの情報を持っていません"}
                                           : Sentence{"the encoder says less of the task than words do",
                                                      "エンコーダが持つこのタスクの情報は単語モデルより少ないようです"};
         return {title,
                 {fmt::format(
                      "a linear probe on the frozen encoder reaches {:.3f} ({}), a bag of words {:.3f}; probe minus "
                      "bag of words {:+.3f} ({:+.3f} to {:+.3f}){}",
                      p.number("probe"), p.name(0), p.number("bag_of_words"), p.number("difference"), p.number("low"),
                      p.number("high"), majority_en),
                  fmt::format("固定したエンコーダの線形プローブは {:.3f}({})、単語モデルは {:.3f}。"
                              "プローブと単語モデルの差は {:+.3f}({:+.3f} ~ {:+.3f}){}",
                              p.number("probe"), p.name(0), p.number("bag_of_words"), p.number("difference"),
                              p.number("low"), p.number("high"), majority_ja)},
                 {"training all layers may still help, but a better fitting encoder helps more: check its language and "
                  "its case",
                  "全層の学習で良くなる可能性はありますが、より合ったエンコーダのほうが有効です。言語や大文字小文字の扱"
                  "いを確かめてください"}};
       }},
  };
  return makers;
}

}  // namespace

FindingWords words_of(Finding const& finding) {
  auto const maker = table().find(finding.kind);
  expects(maker != table().end(), ("every kind of finding has words: " + finding.kind).c_str());
  return maker->second(Parts(finding));
}

Sentence words_of(audit::NotProbed reason) {
  using audit::NotProbed;
  switch (reason) {
    case NotProbed::Span:
      return {"the answer of a question is a place, which no linear model over states finds",
              "質問の答えは文中の位置なので、線形プローブでは調べられません"};
    case NotProbed::Labels: return {"there is nothing to tell apart", "区別するラベルがありません"};
    case NotProbed::Length:
      return {"too few rows whose words train.max_length leaves whole", "train.max_length に収まる行が足りません"};
    case NotProbed::Rows:
      return {"too few labelled rows (50 in training and 30 in test or dev are needed)",
              "ラベル付きの行が足りません(学習 50 行、テストまたは開発 30 行が必要です)"};
  }
  expects(false, "every reason has words");
  return {};
}

}  // namespace polytask::report
