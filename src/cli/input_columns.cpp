#include "cli/input_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "data/row_reader.h"

namespace polytask::cli {
namespace {

bool is_table(Json const& dataset) {
  auto const given = data::parse_format(dataset.value("format", ""));
  auto const is_table_file = [&](Json const& file) {
    auto const format = given ? given : data::format_of(file.get<std::string>());
    return format == data::Format::Csv || format == data::Format::Tsv;
  };
  auto const& files = dataset.at("train");
  return std::any_of(files.begin(), files.end(), is_table_file);
}

}  // namespace

std::vector<std::string> input_columns(Json const& config, std::vector<std::string> const& datasets) {
  std::optional<std::vector<std::string>> common;
  try {
    for (auto const& name : datasets) {
      auto const& dataset = config.at("datasets").at(name);
      if (!is_table(dataset)) continue;
      auto columns = dataset.value("columns", std::vector<std::string>{});
      if (common && *common != columns) return {};
      common = std::move(columns);
    }
  } catch (Json::exception const& error) {
    throw Error(ErrorCode::Corrupt,
                fmt::format("config.json of the run is damaged ({}); train the run again", json_problem(error)));
  }
  return common.value_or(std::vector<std::string>{});
}

}  // namespace polytask::cli
