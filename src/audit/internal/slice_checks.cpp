// Labels that go with where a row comes from rather than with what it says, and splits that are not alike.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "audit/internal/checks.h"
#include "audit/internal/label_view.h"
#include "audit/internal/quarters.h"
#include "audit/scripts.h"
#include "base/utf8.h"
#include "stats/contingency.h"

namespace polytask::audit {
namespace {

using data::Split;

constexpr double kLevel = 0.01;             // of Holm's p over all tests of an audit
constexpr double kStrongAssociation = 0.2;  // Cramer's V: with many rows everything is significant
constexpr double kStrongLength = 0.4;  // labels differ in length for good reasons: names are short, complaints are not
constexpr double kGain = 0.1;          // of the rows, that the slice alone would label rightly beyond the majority
constexpr double kStrongShift = 0.15;  // Cramer's V of splits
constexpr std::size_t kFewestRows = 50;
constexpr std::size_t kMostBars = 8;

/// One way of sorting the rows of a stream.
struct Dimension {
  std::string kind;  ///< "column", "time", "language", "length"
  std::string name;  ///< of the column
  std::vector<std::string> slices;
  std::array<std::vector<std::int32_t>, 3> of_rows;  ///< by split and row; -1 = none
};

std::array<std::vector<std::int32_t>, 3> rows_of(data::Stream const& stream, auto const& slice_of) {
  std::array<std::vector<std::int32_t>, 3> of_rows;
  for (auto const split : data::kSplits)
    for (auto const& example : stream.of(split)) of_rows[static_cast<std::size_t>(split)].push_back(slice_of(example));
  return of_rows;
}

Dimension length_of(data::Stream const& stream) {
  Dimension length{.kind = "length"};
  auto const characters = [](task::Example const& example) {
    std::size_t n = 0;
    for (auto const& text : example.texts) n += count_code_points(text);
    return static_cast<double>(n);
  };
  std::vector<double> values;
  for (auto const& example : stream.of(Split::Train)) values.push_back(characters(example));
  auto const borders = quartiles(std::move(values));
  length.slices = part_names(borders);
  length.of_rows = rows_of(stream, [&](auto const& example) { return part_of(borders, characters(example)); });
  return length;
}

/// By a name of each row's first text; rows with an empty one belong nowhere.
Dimension named_dimension(data::Stream const& stream, auto const& name_of) {
  Dimension language{.kind = "language"};
  std::map<std::string, std::int32_t> index;
  language.of_rows = rows_of(stream, [&](auto const& example) {
    std::string const name = name_of(example.texts[0]);
    if (name.empty()) return std::int32_t{-1};
    auto const [at, is_new] = index.emplace(name, static_cast<std::int32_t>(index.size()));
    if (is_new) language.slices.push_back(name);
    return at->second;
  });
  return language;
}

/// The small words of a short text often say nothing: its script does.
Dimension script_dimension(data::Stream const& stream) {
  return named_dimension(stream, [](std::string const& text) {
    auto const script = script_of(text);
    return script == "none" ? std::string() : std::string(script);
  });
}

/// Of the texts in Latin letters those whose language is known.
Dimension latin_dimension(data::Stream const& stream) {
  return named_dimension(stream, [](std::string const& text) {
    auto language = language_of(text);
    return language.starts_with("latin-") ? language : std::string();
  });
}

std::string date_text(std::int32_t days) {
  // The way back of days_of: years that begin in March.
  std::int32_t const z = days + 719'468, era = (z >= 0 ? z : z - 146'096) / 146'097, of_era = z - era * 146'097;
  std::int32_t const year_of_era = (of_era - of_era / 1'460 + of_era / 36'524 - of_era / 146'096) / 365;
  std::int32_t const of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  std::int32_t const m = (5 * of_year + 2) / 153;
  std::int32_t const month = m < 10 ? m + 3 : m - 9;
  return fmt::format("{:04}-{:02}-{:02}", year_of_era + era * 400 + (month <= 2 ? 1 : 0), month,
                     of_year - (153 * m + 2) / 5 + 1);
}

Dimension column_dimension(data::Stream const& stream, RowColumns const& columns, std::string const& name) {
  Dimension column{.kind = columns.is_time(name) ? "time" : "column", .name = name};
  auto const value_of = [&](task::Example const& example) { return columns.value(name, example.file, example.line); };
  if (column.kind == "column") {
    column.slices = columns.values(name);
    column.of_rows = rows_of(stream, [&](auto const& example) { return value_of(example).value_or(-1); });
    return column;
  }
  std::vector<double> days;
  for (auto const& example : stream.of(Split::Train))
    if (auto const value = value_of(example)) days.push_back(*value);
  auto const borders = quartiles(std::move(days));
  for (std::size_t i = 0; i <= borders.size(); ++i)
    column.slices.push_back(
        i == 0 ? "< " + (borders.empty() ? std::string("?") : date_text(static_cast<std::int32_t>(borders[0])))
               : ">= " + date_text(static_cast<std::int32_t>(borders[i - 1])));
  column.of_rows = rows_of(stream, [&](auto const& example) {
    auto const value = value_of(example);
    return value ? part_of(borders, *value) : std::int32_t{-1};
  });
  return column;
}

/// A test that waits for the correction over all of them.
struct Candidate {
  Finding finding;
  double p_value = 1;
  bool is_strong = false;
  std::size_t n_tests = 1;  ///< of which it is the strongest
};

double majority_of(std::vector<std::size_t> const& counts) {
  return static_cast<double>(*std::max_element(counts.begin(), counts.end()));
}

/// Every label stands (nearly) in one slice, and a slice has several labels: the column groups the labels, as a domain
/// groups intents. That is meaning, not a bias.
bool is_hierarchy(Table const& table) {
  if (table.empty()) return false;
  std::size_t n = 0, n_in_own = 0, n_labels = 0;
  for (std::size_t label = 0; label < table.front().size(); ++label) {
    std::size_t most = 0, all = 0;
    for (auto const& slice : table) most = std::max(most, slice[label]), all += slice[label];
    n += all, n_in_own += most, n_labels += all > 0;
  }
  return n_labels > table.size() && 50 * n_in_own >= 49 * n;
}

/// The one of a task whose labels and slices have most to do with one another, its p corrected for the choice.
std::optional<Candidate> strongest(std::vector<std::optional<Candidate>> candidates) {
  std::optional<Candidate> best;
  auto const strength = [](Candidate const& one) {
    return std::pair(one.is_strong, one.finding.numbers.at("cramers_v"));
  };
  for (auto& candidate : candidates)
    if (candidate && (!best || strength(*candidate) > strength(*best))) best = std::move(candidate);
  if (best) {
    best->n_tests = candidates.size();
    best->p_value = std::min(1.0, best->p_value * static_cast<double>(candidates.size()));
  }
  return best;
}

std::optional<Candidate> label_candidate(data::Corpus const& corpus, data::Stream const& stream, std::size_t position,
                                         NamedTable const& counted, Dimension const& dimension) {
  auto const t = stream.tasks[position];
  auto const& labels = counted.names;
  auto const& table = counted.table;
  auto const test = stats::chi_square_test(stats::merged(table));
  if (test.degrees_of_freedom == 0 || test.n < kFewestRows) return std::nullopt;
  std::vector<std::size_t> all(labels.size());
  double n = 0, n_right = 0;
  for (auto const& slice : table) {
    n_right += majority_of(slice);
    for (std::size_t l = 0; l < all.size(); ++l) all[l] += slice[l], n += static_cast<double>(slice[l]);
  }
  double const gain = (n_right - majority_of(all)) / n;
  Candidate candidate;
  auto& finding = candidate.finding;
  finding.kind = "label-by-" + dimension.kind;
  finding.tasks = {corpus.tasks[t].name};
  finding.dataset = stream.dataset;
  finding.names = {dimension.name};
  finding.of = test.n;
  finding.n = static_cast<std::size_t>(n_right);
  finding.numbers = {{"cramers_v", test.cramers_v}, {"by_slice", n_right / n}, {"majority", majority_of(all) / n}};
  // Points that a model could win by the slice alone, and lose where the slice means nothing.
  finding.cost = 100 * std::max(gain, 0.0) * 0.5 + test.cramers_v;
  // The share of the label that differs most, by slice.
  std::size_t shown_label = 0;
  double widest = -1;
  for (std::size_t l = 0; l < labels.size(); ++l) {
    double low = 1, high = 0;
    for (auto const& slice : table) {
      double sum = 0;
      for (auto const count : slice) sum += static_cast<double>(count);
      if (sum < 20) continue;
      low = std::min(low, static_cast<double>(slice[l]) / sum),
      high = std::max(high, static_cast<double>(slice[l]) / sum);
    }
    if (high - low > widest) widest = high - low, shown_label = l;
  }
  finding.names.push_back(labels[shown_label]);
  for (std::size_t s = 0; s < table.size() && finding.bars.size() < kMostBars; ++s) {
    double sum = 0;
    for (auto const count : table[s]) sum += static_cast<double>(count);
    if (sum > 0) finding.bars.emplace_back(dimension.slices[s], static_cast<double>(table[s][shown_label]) / sum);
  }
  candidate.p_value = test.p_value;
  candidate.is_strong = dimension.kind == "length" ? test.cramers_v >= kStrongLength && gain >= kGain
                                                   : test.cramers_v >= kStrongAssociation;
  return candidate;
}

/// Training rows beside test rows.
std::optional<Candidate> shift_candidate(data::Corpus const& corpus, data::Stream const& stream,
                                         std::string const& kind, std::string const& name,
                                         std::vector<std::string> const& values, Table table) {
  double sums[2] = {0, 0};
  for (std::size_t side = 0; side < 2; ++side)
    for (auto const count : table[side]) sums[side] += static_cast<double>(count);
  if (sums[0] < kFewestRows || sums[1] < kFewestRows) return std::nullopt;
  auto const test = stats::chi_square_test(stats::merged(table));
  if (test.degrees_of_freedom == 0) return std::nullopt;
  Candidate candidate{.p_value = test.p_value, .is_strong = test.cramers_v >= kStrongShift};
  auto& finding = candidate.finding;
  finding.kind = "test-differs";
  finding.tasks = kind == "label" ? std::vector{name} : task_names(corpus, stream);
  finding.dataset = stream.dataset;
  finding.names = {kind, kind == "label" ? "" : name};
  std::vector<std::pair<double, std::size_t>> differences;
  double distance = 0;
  for (std::size_t v = 0; v < values.size(); ++v) {
    double const difference = static_cast<double>(table[1][v]) / sums[1] - static_cast<double>(table[0][v]) / sums[0];
    distance += std::abs(difference) / 2;
    differences.emplace_back(-std::abs(difference), v);
  }
  std::sort(differences.begin(), differences.end());
  for (std::size_t i = 0; i < std::min<std::size_t>(differences.size(), kMostBars / 2); ++i) {
    auto const v = differences[i].second;
    finding.bars.emplace_back(values[v] + " · train", static_cast<double>(table[0][v]) / sums[0]);
    finding.bars.emplace_back(values[v] + " · test", static_cast<double>(table[1][v]) / sums[1]);
  }
  finding.of = static_cast<std::size_t>(sums[1]);
  finding.n = static_cast<std::size_t>(std::lround(distance * sums[1]));
  finding.numbers = {{"cramers_v", test.cramers_v}, {"distance", distance}};
  finding.cost = 100 * distance * 0.1;
  return candidate;
}

std::optional<Candidate> dimension_shift(data::Corpus const& corpus, data::Stream const& stream,
                                         Dimension const& dimension) {
  Table table(2, std::vector<std::size_t>(dimension.slices.size()));
  for (std::size_t side = 0; side < 2; ++side)
    for (auto const slice : dimension.of_rows[side == 0 ? 0 : 2])
      if (slice >= 0) ++table[side][static_cast<std::size_t>(slice)];
  return shift_candidate(corpus, stream, dimension.kind, dimension.name, dimension.slices, std::move(table));
}

/// What no task reads.
bool is_free(data::Corpus const& corpus, std::string const& column) {
  return column != "id" && std::none_of(corpus.tasks.begin(), corpus.tasks.end(), [&](auto const& task) {
           return task.label == column || task.spans == column || task.start == column ||
                  std::find(task.choices.begin(), task.choices.end(), column) != task.choices.end() ||
                  std::find(task.text.begin(), task.text.end(), column) != task.text.end();
         });
}

}  // namespace

void check_slices(data::Corpus const& corpus, RowColumns const& columns, Audit& audit) {
  std::vector<Candidate> candidates;
  auto const add = [&](std::optional<Candidate> candidate) {
    if (candidate) candidates.push_back(std::move(*candidate));
  };
  for (auto const& stream : corpus.streams) {
    if (stream.of(Split::Train).empty()) continue;
    std::vector<Dimension> dimensions{length_of(stream), script_dimension(stream), latin_dimension(stream)};
    for (auto const& name : columns.names())
      if (is_free(corpus, name)) dimensions.push_back(column_dimension(stream, columns, name));
    std::vector<std::optional<LabelView>> views;
    for (std::size_t position = 0; position < stream.tasks.size(); ++position)
      views.push_back(view_of(corpus, stream, position));
    for (auto const& dimension : dimensions) {
      if (dimension.slices.size() < 2) continue;
      for (std::size_t position = 0; position < stream.tasks.size(); ++position) {
        if (!views[position]) continue;
        auto counts = views[position]->empty_counts(dimension.slices.size());
        views[position]->count(
            0, [&](std::size_t row) { return dimension.of_rows[0][row]; }, counts);
        auto const type = corpus.tasks[stream.tasks[position]].type;
        if ((type == task::TaskType::Classification || type == task::TaskType::Multilabel) &&
            is_hierarchy(counts.table))
          continue;
        std::vector<std::optional<Candidate>> found;
        for (auto const& table : tables_of(*views[position], std::move(counts)))
          found.push_back(label_candidate(corpus, stream, position, table, dimension));
        add(strongest(std::move(found)));
      }
      // A test set of later rows is as it should be.
      if (dimension.kind != "time") add(dimension_shift(corpus, stream, dimension));
    }
    for (std::size_t position = 0; position < stream.tasks.size(); ++position) {
      if (!views[position]) continue;
      auto counts = views[position]->empty_counts(2);
      views[position]->count(
          0, [](std::size_t) { return 0; }, counts);
      views[position]->count(
          1, [](std::size_t) { return 1; }, counts);
      std::vector<std::optional<Candidate>> found;
      for (auto& table : tables_of(*views[position], std::move(counts)))
        found.push_back(shift_candidate(corpus, stream, "label", corpus.tasks[stream.tasks[position]].name, table.names,
                                        std::move(table.table)));
      add(strongest(std::move(found)));
    }
  }
  std::vector<double> p_values;
  std::size_t n_tests = 0;
  for (auto const& candidate : candidates) p_values.push_back(candidate.p_value), n_tests += candidate.n_tests;
  auto const adjusted = stats::holm(p_values);
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (candidates[i].is_strong && adjusted[i] < kLevel) {
      candidates[i].finding.numbers["p_value"] = adjusted[i];
      candidates[i].finding.numbers["tests"] = static_cast<double>(n_tests);
      audit.findings.push_back(std::move(candidates[i].finding));
    }
}

}  // namespace polytask::audit
