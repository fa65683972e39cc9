#include "audit/internal/label_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>

#include "audit/internal/quarters.h"

namespace polytask::audit {
namespace {

using data::Split;

constexpr std::size_t kMostLabels = 32;  // of sets, each of which is a test: the most frequent

/// Of sets of labels in training.
std::vector<std::string> most_frequent(data::Stream const& stream, std::size_t position, std::size_t most) {
  std::map<std::string, std::size_t> counts;
  for (auto const& example : stream.of(Split::Train))
    if (auto const* several = std::get_if<std::vector<std::string>>(&example.labels[position]))
      for (auto const& name : *several) ++counts[name];
  std::vector<std::pair<std::size_t, std::string>> order;
  for (auto const& [name, n] : counts) order.emplace_back(n, name);
  std::sort(order.rbegin(), order.rend());
  std::vector<std::string> names;
  for (auto const& [n, name] : order)
    if (names.size() < most) names.push_back(name);
  return names;
}

}  // namespace

std::vector<NamedTable> tables_of(LabelView const& view, LabelView::Counts counts) {
  if (!view.is_set()) return {{view.names(), std::move(counts.table)}};
  std::vector<NamedTable> tables;
  for (std::size_t name = 0; name < view.names().size(); ++name) {
    NamedTable one{.names = {view.names()[name], "-"}, .table = {}};
    for (std::size_t slice = 0; slice < counts.table.size(); ++slice)
      one.table.push_back({counts.table[slice][name], counts.n_rows[slice] - counts.table[slice][name]});
    tables.push_back(std::move(one));
  }
  return tables;
}

std::optional<LabelView> view_of(data::Corpus const& corpus, data::Stream const& stream, std::size_t position) {
  auto const t = stream.tasks[position];
  auto const& labels = corpus.label_sets[t];
  using Values = std::vector<std::uint16_t>;
  auto const make = [&](std::vector<std::string> names, auto const& add, bool is_set = false) {
    return names.size() < 2 || names.size() > std::numeric_limits<std::uint16_t>::max()
               ? std::nullopt
               : std::optional(LabelView(stream, position, is_set, std::move(names), add));
  };
  switch (corpus.tasks[t].type) {
    case task::TaskType::Classification:
      return make(labels.names(), [&](task::Label const& label, Values& values) {
        if (auto const index = labels.index_of(std::get<std::string>(label)))
          values.push_back(static_cast<std::uint16_t>(*index));
      });
    case task::TaskType::Multilabel: {
      auto const names = most_frequent(stream, position, kMostLabels);
      std::map<std::string_view, std::uint16_t> index;
      for (std::size_t i = 0; i < names.size(); ++i) index[names[i]] = static_cast<std::uint16_t>(i);
      return make(
          names,
          [&](task::Label const& label, Values& values) {
            for (auto const& name : std::get<std::vector<std::string>>(label))
              if (auto const at = index.find(name); at != index.end()) values.push_back(at->second);
          },
          true);
    }
    case task::TaskType::Regression: {
      std::vector<double> numbers;
      for (auto const& example : stream.of(Split::Train))
        if (auto const* value = std::get_if<double>(&example.labels[position])) numbers.push_back(*value);
      auto const borders = quartiles(std::move(numbers));
      return make(value_names(borders), [&](task::Label const& label, Values& values) {
        values.push_back(static_cast<std::uint16_t>(part_of(borders, std::get<double>(label))));
      });
    }
    case task::TaskType::MultipleChoice: {
      std::vector<std::string> places;
      for (std::size_t i = 0; i < task::kMostChoices; ++i) places.push_back(fmt::format("choice {}", i));
      return make(std::move(places), [](task::Label const& label, Values& values) {
        values.push_back(static_cast<std::uint16_t>(std::get<task::Choice>(label).index));
      });
    }
    case task::TaskType::Tagging:
    case task::TaskType::Span: break;
  }
  return std::nullopt;
}

}  // namespace polytask::audit
