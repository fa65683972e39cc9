#include "report/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"

namespace polytask::report {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void damaged(std::string const& where, std::string const& what) {
  throw Error(ErrorCode::Corrupt,
              fmt::format("{}: {}; the run's files are damaged, train it again under a new name", where, what));
}

Json parse(std::string_view text, std::string const& where) {
  auto json = parse_json(text, where);
  if (!json) damaged(json.error().what(), "this is not the JSON that was written");
  return std::move(json).value();
}

/// One JSON object with the place it came from, so that every fault can be named.
class Record {
 public:
  Record(Json const& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json_.is_object()) damaged(where_, fmt::format("found {}, expected an object", json_.type_name()));
  }

  /// Nothing when the key is absent or null.
  [[nodiscard]] Json const* find(char const* key) const {
    auto const found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  [[nodiscard]] double number(char const* key) const {
    auto const* value = find(key);
    return value == nullptr ? std::nan("") : as_number(*value, key);
  }
  [[nodiscard]] std::optional<std::int64_t> count(char const* key) const {
    auto const* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_integer() || *value < 0) wrong(key, *value, "a count");
    return value->get<std::int64_t>();
  }
  [[nodiscard]] std::string text(char const* key) const {
    auto const* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_string()) wrong(key, *value, "a text");
    return value->get<std::string>();
  }
  [[nodiscard]] std::vector<std::string> texts(char const* key) const {
    auto const* value = find(key);
    return value == nullptr ? std::vector<std::string>{} : as_texts(*value, key);
  }
  [[nodiscard]] bool flag(char const* key) const {
    auto const* value = find(key);
    if (value != nullptr && !value->is_boolean()) wrong(key, *value, "true or false");
    return value != nullptr && value->get<bool>();
  }
  /// An empty object when the key is absent.
  [[nodiscard]] Record record(char const* key) const {
    static Json const nothing = Json::object();
    auto const* value = find(key);
    return {value == nullptr ? nothing : *value, fmt::format("{}: \"{}\"", where_, key)};
  }
  [[nodiscard]] Json const& json() const { return json_; }
  [[nodiscard]] std::string const& where() const { return where_; }

  [[nodiscard]] double as_number(Json const& value, std::string_view key) const {
    if (value.is_null()) return std::nan("");
    if (!value.is_number()) wrong(key, value, "a number");
    return value.get<double>();
  }
  [[nodiscard]] std::vector<std::string> as_texts(Json const& value, std::string_view key) const {
    if (!value.is_array()) wrong(key, value, "a list of texts");
    std::vector<std::string> texts;
    for (auto const& one : value) {
      if (!one.is_string()) wrong(key, one, "a list of texts");
      texts.push_back(one.get<std::string>());
    }
    return texts;
  }
  [[noreturn]] void wrong(std::string_view key, Json const& value, char const* expected) const {
    damaged(where_, fmt::format("{} is {}, expected {}", quote(key),
                                quote(value.dump(-1, ' ', false, Json::error_handler_t::replace), 40), expected));
  }

 private:
  Json const& json_;
  std::string where_;
};

/// Nested objects become dotted keys; lists of words become "a, b".
void flatten(OrderedJson const& json, std::string const& path, KeyValues& out) {
  if (json.is_object() && !json.empty()) {
    for (auto const& [key, value] : json.items()) flatten(value, path.empty() ? key : path + "." + key, out);
    return;
  }
  std::string text;
  if (json.is_string()) {
    text = json.get<std::string>();
  } else if (json.is_array() && !json.empty() &&
             std::all_of(json.begin(), json.end(), [](auto const& one) { return one.is_string(); })) {
    for (auto const& one : json) text += (text.empty() ? "" : ", ") + one.get<std::string>();
  } else {
    text = json.dump();
  }
  out.emplace_back(path, text);
}

/// In the order of the file; `parse` has checked the text already.
OrderedJson ordered(std::string const& text) { return OrderedJson::parse(text); }

eval::Score read_score(Record const& record) {
  eval::Score score{.value = record.number("value"), .interval = {std::nan(""), std::nan("")}};
  if (auto const* interval = record.find("interval")) {
    if (!interval->is_array() || interval->size() != 2) record.wrong("interval", *interval, "two numbers");
    score.interval = {record.as_number((*interval)[0], "interval"), record.as_number((*interval)[1], "interval")};
  }
  return score;
}

eval::TaskScores read_scores(Record const& record, std::string const& task) {
  eval::TaskScores scores{.task = task, .metric = record.text("metric"), .primary = read_score(record)};
  scores.n = static_cast<std::size_t>(record.count("n").value_or(0));
  auto const all = record.record("all");
  for (auto const& [name, score] : all.json().items()) scores.all[name] = read_score(all.record(name.c_str()));
  auto const by_label = record.record("confusion_by_label");
  for (auto const& [label, json] : by_label.json().items()) {
    auto const counts = by_label.record(label.c_str());
    auto const count = [&](char const* key) { return static_cast<std::size_t>(counts.count(key).value_or(0)); };
    scores.confusion_by_label.emplace_back(label,
                                           eval::LabelCounts{count("tp"), count("fp"), count("fn"), count("tn")});
  }
  scores.confusion_labels = record.texts("confusion_labels");
  if (auto const* rows = record.find("confusion")) {
    try {
      scores.confusion = rows->get<std::vector<std::vector<std::size_t>>>();
    } catch (Json::exception const&) {
      damaged(record.where(), "\"confusion\" is not a matrix of counts");
    }
    auto const n = scores.confusion_labels.size();
    for (auto const& row : scores.confusion)
      if (row.size() != n || scores.confusion.size() != n)
        damaged(record.where(), fmt::format("\"confusion\" has {} rows, one of {} columns, for {} labels",
                                            scores.confusion.size(), row.size(), n));
  }
  return scores;
}

/// [[start, end, "LABEL", ...], ...] in code points.
std::vector<task::Span> read_spans(Record const& record, char const* key, Json const& json, std::string const& text) {
  std::vector<task::Span> spans;
  Utf8Offsets const offsets(text);
  if (!json.is_array()) record.wrong(key, json, "a list of spans");
  for (auto const& one : json) {
    if (!one.is_array() || one.size() < 3 || !one[0].is_number_unsigned() || !one[1].is_number_unsigned() ||
        !one[2].is_string())
      record.wrong(key, one, "[start, end, \"LABEL\"]");
    auto const begin = offsets.to_bytes(one[0].get<std::size_t>());
    auto const end = offsets.to_bytes(one[1].get<std::size_t>());
    if (!begin || !end) record.wrong(key, one, "a span inside the text");
    spans.push_back({*begin, *end, one[2].get<std::string>()});
  }
  return spans;
}

/// Pieces of the second text: gold ones [{"text": .., "answer_start": ..}, ..], of the answer "start" and "end".
void read_answers(Record const& record, Json const& gold, Record const& predicted, Miss& miss) {
  auto const context = miss.texts.size() < 2 ? std::string() : miss.texts[1];
  Utf8Offsets const offsets(context);
  if (!gold.is_null() && !gold.is_array()) record.wrong("gold", gold, "a list of answers");
  for (auto const& one : gold) {
    if (!one.is_object() || !one.contains("text") || !one["text"].is_string() || !one.contains("answer_start") ||
        !one["answer_start"].is_number_unsigned())
      record.wrong("gold", one, R"({"text": .., "answer_start": ..})");
    auto const begin = offsets.to_bytes(one["answer_start"].get<std::size_t>());
    auto const text = one["text"].get<std::string>();
    if (!begin || *begin + text.size() > context.size()) record.wrong("gold", one, "an answer inside the context");
    miss.gold.spans.push_back({*begin, *begin + text.size(), ""});
    miss.gold.labels.push_back(text);
  }
  if (auto answer = predicted.text("answer"); !answer.empty()) miss.predicted.labels.push_back(std::move(answer));
  auto const *start = predicted.find("start"), *end = predicted.find("end");
  if (start != nullptr && end != nullptr) {
    auto const begin = start->is_number_unsigned() ? offsets.to_bytes(start->get<std::size_t>()) : std::nullopt;
    auto const stop = end->is_number_unsigned() ? offsets.to_bytes(end->get<std::size_t>()) : std::nullopt;
    if (!begin || !stop) predicted.wrong("start", *start, "a place in the context");
    miss.predicted.spans.push_back({*begin, *stop, ""});
  }
  if (predicted.find("score") != nullptr) miss.predicted.confidence = predicted.number("score");
}

/// Which of the choices behind the first text is right, and which was answered.
void read_choices(Record const& record, Record const& predicted, Miss& miss) {
  auto const text_of = [&](Record const& of, char const* key) {
    auto const* value = of.find(key);
    if (value == nullptr) return std::vector<std::string>();
    if (!value->is_number_unsigned() || value->get<std::size_t>() + 1 >= miss.texts.size())
      of.wrong(key, *value, "the number of a choice");
    return std::vector<std::string>{miss.texts[1 + value->get<std::size_t>()]};
  };
  miss.gold.labels = text_of(record, "gold");
  miss.predicted.labels = text_of(predicted, "choice");
  if (predicted.find("score") != nullptr) miss.predicted.confidence = predicted.number("score");
}

Miss read_miss(Record const& record, task::TaskType type) {
  Miss miss{.where = record.text("where"), .texts = record.texts("text")};
  auto const text = miss.texts.empty() ? std::string() : miss.texts[0];
  auto const predicted = record.record("predicted");
  static Json const nothing;
  auto const* gold = record.find("gold") == nullptr ? &nothing : record.find("gold");
  switch (type) {
    case task::TaskType::Classification:
      if (auto label = record.text("gold"); !label.empty()) miss.gold.labels.push_back(std::move(label));
      if (auto label = predicted.text("label"); !label.empty()) miss.predicted.labels.push_back(std::move(label));
      if (predicted.find("score") != nullptr) miss.predicted.confidence = predicted.number("score");
      break;
    case task::TaskType::Multilabel:
      miss.gold.labels = record.texts("gold");
      miss.predicted.labels = predicted.texts("labels");
      break;
    case task::TaskType::Regression:
      miss.gold.value = record.number("gold");
      miss.predicted.value = predicted.number("value");
      break;
    case task::TaskType::Tagging:
      if (!gold->is_null()) miss.gold.spans = read_spans(record, "gold", *gold, text);
      if (auto const* spans = predicted.find("spans"))
        miss.predicted.spans = read_spans(predicted, "spans", *spans, text);
      break;
    case task::TaskType::Span: read_answers(record, *gold, predicted, miss); break;
    case task::TaskType::MultipleChoice: read_choices(record, predicted, miss); break;
  }
  return miss;
}

class RunReader {
 public:
  explicit RunReader(fs::path folder) : folder_(std::move(folder)) {}

  RunPageData read() {
    data_.id = (folder_ / "").parent_path().filename().string();
    read_config();
    read_result();
    read_state();
    read_environment();
    read_all_scores();
    read_metrics();
    read_misses();
    return std::move(data_);
  }

 private:
  [[nodiscard]] std::string place(char const* name) const { return (folder_ / name).string(); }

  /// Text of a file that may be absent.
  [[nodiscard]] std::optional<std::string> text_of(char const* name) const {
    return fs::exists(folder_ / name) ? std::optional(read_file(folder_ / name)) : std::nullopt;
  }

  void read_config() {
    auto const text = text_of("config.json");
    if (!text)
      throw Error(
          ErrorCode::NotFound,
          fmt::format("{}: there is no config.json, so this is not a run folder; `polytask runs` lists the runs",
                      folder_.string()));
    auto const json = parse(*text, place("config.json"));
    Record const config(json, place("config.json"));
    data_.project = config.text("project");
    data_.encoder = config.text("encoder");
    data_.selection = config.record("train").record("selection").text("rule");
    auto const tasks = config.record("tasks");
    auto shown = ordered(*text);
    auto const in_order = shown.value("tasks", OrderedJson::object());
    for (auto const& [name, value] : in_order.items()) {
      auto const task = tasks.record(name.c_str());
      auto const type = task::parse_task_type(task.text("type"));
      if (!type) damaged(task.where(), fmt::format("type {} is not known", quote(task.text("type"))));
      auto metric = task.text("metric");
      if (metric.empty()) metric = task::default_metric(*type);
      index_[name] = data_.tasks.size();
      data_.tasks.push_back({.name = name,
                             .type = *type,
                             .metric = metric,
                             .owner = task.text("owner"),
                             .datasets = task.texts("dataset")});
    }
    for (auto const& [name, value] : config.record("hidden_words").json().items())
      data_.hidden_words.push_back({.name = name, .train_loss = {}, .perplexity = {}});
    for (auto const& [dataset, hash] : config.record("data_sha256").json().items())
      data_.hashes.emplace_back("dataset " + dataset, hash.is_string() ? hash.get<std::string>() : hash.dump());
    for (auto const& [file, hash] : config.record("encoder_sha256").json().items())
      data_.hashes.emplace_back("encoder " + file, hash.is_string() ? hash.get<std::string>() : hash.dump());
    shown.erase("data_sha256");
    shown.erase("encoder_sha256");
    flatten(shown, "", data_.configuration);
  }

  void read_result() {
    auto const text = text_of("result.json");
    has_result_ = text.has_value();
    if (!text) return;
    auto const json = parse(*text, place("result.json"));
    Record const result(json, place("result.json"));
    data_.seconds = result.number("seconds");
    data_.tokens_per_second = result.number("tokens_per_second");
    data_.parameters = result.count("parameters");
    data_.steps = result.count("steps");
    data_.best_step = result.count("best_step");
    data_.resumed_from_step = result.count("resumed_from_step").value_or(0);
    data_.stopped_early = result.flag("stopped_early");
    auto const drawn = result.record("examples_drawn");
    for (auto& task : data_.tasks) task.examples_drawn = drawn.count(task.name.c_str());
  }

  void read_state() {
    std::string status;
    if (auto const text = text_of("state.json")) {
      auto const json = parse(*text, place("state.json"));
      Record const state(json, place("state.json"));
      data_.started = state.text("started");
      status = state.text("status");
    }
    // result.json is written just before the state says "complete", and the page may be made in between.
    data_.state = has_result_ || status == "complete" ? RunState::Complete
                  : status == "interrupted"           ? RunState::Interrupted
                                                      : RunState::Running;
  }

  void read_environment() {
    auto const text = text_of("environment.json");
    if (!text) return;
    auto const json = parse(*text, place("environment.json"));
    Record const checked(json, place("environment.json"));
    flatten(ordered(*text), "", data_.environment);
  }

  void read_all_scores() {
    auto const text = text_of("scores.json");
    if (!text) return;
    auto const json = parse(*text, place("scores.json"));
    if (json.is_null()) return;  // neither dev nor test has rows
    Record const scores(json, place("scores.json"));
    for (bool const test : {false, true}) {
      auto const split = scores.record(test ? "test" : "dev");
      for (auto const& [name, value] : split.json().items()) {
        auto& task = task_of(name, split.where());
        (test ? task.test : task.dev) = read_scores(split.record(name.c_str()), name);
      }
    }
  }

  void read_metrics() {
    std::ifstream file(folder_ / "metrics.jsonl");
    std::size_t number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      if (file.eof()) break;  // no line end: cut by a kill, and a resumed run writes it again
      auto const where = fmt::format("{}:{}", place("metrics.jsonl"), number);
      auto const json = parse(line, where);
      Record const record(json, where);
      double const step = record.number("step");
      if (!std::isfinite(step)) damaged(where, "\"step\" is missing");
      if (auto const* dev = record.find("dev")) {
        auto const metrics = record.record("dev");
        for (auto const& [name, value] : dev->items())
          task_of(name, where).dev_metric.push_back({step, metrics.number(name.c_str())});
        auto const perplexity = record.record("perplexity");
        for (auto& words : data_.hidden_words)
          if (perplexity.find(words.name.c_str()) != nullptr)
            words.perplexity.push_back({step, perplexity.number(words.name.c_str())});
        data_.selection_score.push_back({step, dev->empty() ? std::nan("") : record.number("selection")});
        if (!has_result_ && record.flag("is_best")) data_.best_step = record.count("step");
        continue;
      }
      data_.loss.push_back({step, record.number("loss")});
      data_.learning_rate.push_back({step, record.number("learning_rate")});
      auto const losses = record.record("task_loss");
      for (auto const& [name, value] : losses.json().items())
        train_loss_of(name, where).push_back({step, losses.number(name.c_str())});
      if (!has_result_) {
        data_.seconds = record.number("seconds");
        data_.steps = record.count("step");
      }
    }
  }

  void read_misses() {
    std::ifstream file(folder_ / "misses.jsonl");
    std::size_t number = 0;
    for (std::string line; std::getline(file, line);) {
      auto const where = fmt::format("{}:{}", place("misses.jsonl"), ++number);
      auto const json = parse(line, where);
      Record const record(json, where);
      auto& task = task_of(record.text("task"), where);
      if (++task.n_misses <= kShownMisses) task.misses.push_back(read_miss(record, task.type));
    }
  }

  Curve& train_loss_of(std::string const& name, std::string const& where) {
    for (auto& words : data_.hidden_words)
      if (words.name == name) return words.train_loss;
    return task_of(name, where).train_loss;
  }

  TaskReport& task_of(std::string const& name, std::string const& where) {
    auto const found = index_.find(name);
    if (found == index_.end()) damaged(where, fmt::format("task {} is not in config.json", quote(name)));
    return data_.tasks[found->second];
  }

  fs::path folder_;
  RunPageData data_;
  std::map<std::string, std::size_t> index_;
  bool has_result_ = false;
};

}  // namespace

RunPageData read_run(fs::path const& run_folder) { return RunReader(run_folder).read(); }

}  // namespace polytask::report
