#include "train/checkpoint.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "base/file.h"
#include "base/json.h"
#include "model/safetensors.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr std::size_t kKept = 2;

OrderedJson to_json(TrainState const& state) {
  OrderedJson json;
  json["step"] = state.step;
  json["credit"] = state.plan.mixture.credit;
  json["n_drawn"] = state.plan.mixture.n_drawn;
  json["n_left"] = state.plan.n_left;
  if (state.plan.waiting) json["waiting"] = {state.plan.waiting->stream, state.plan.waiting->row};
  json["last_evaluated_step"] = state.last_evaluated_step;
  if (state.best_selection) json["best_selection"] = *state.best_selection;
  if (state.kept_selection) json["kept_selection"] = *state.kept_selection;
  json["best_step"] = state.best_step;
  json["n_evaluations_without_better"] = state.n_evaluations_without_better;
  json["n_tokens"] = state.n_tokens;
  if (state.n_tokens_passed_over > 0) json["n_tokens_passed_over"] = state.n_tokens_passed_over;
  json["seconds"] = state.seconds;
  json["evaluation_seconds"] = state.evaluation_seconds;
  json["examples_drawn"] = state.examples_drawn;
  json["n_updates"] = state.n_updates;
  for (auto const& [task, progress] : state.tasks)
    json["tasks"][task] = {{"best_score", progress.best_score},
                           {"kept_step", progress.kept_step},
                           {"n_evaluations_without_better", progress.n_evaluations_without_better},
                           {"stopped_step", progress.stopped_step}};
  return json;
}

TrainState from_json(Json const& json) {
  TrainState state;
  state.step = json.at("step");
  state.plan.mixture.credit = json.at("credit").get<std::vector<double>>();
  state.plan.mixture.n_drawn = json.at("n_drawn").get<std::vector<std::uint64_t>>();
  state.plan.n_left = json.at("n_left");
  if (json.contains("waiting")) state.plan.waiting = data::DrawnRow{json["waiting"].at(0), json["waiting"].at(1)};
  state.last_evaluated_step = json.at("last_evaluated_step");
  if (json.contains("best_selection")) state.best_selection = json["best_selection"].get<double>();
  if (json.contains("kept_selection")) state.kept_selection = json["kept_selection"].get<double>();
  state.best_step = json.at("best_step");
  state.n_evaluations_without_better = json.at("n_evaluations_without_better");
  state.n_tokens = json.at("n_tokens");
  state.n_tokens_passed_over = json.value("n_tokens_passed_over", std::int64_t{0});
  state.seconds = json.at("seconds");
  state.evaluation_seconds = json.at("evaluation_seconds");
  state.examples_drawn = json.at("examples_drawn").get<std::map<std::string, std::int64_t>>();
  state.n_updates = json.at("n_updates").get<std::map<std::string, std::int64_t>>();
  if (json.contains("tasks"))
    for (auto const& [task, progress] : json["tasks"].items())
      state.tasks[task] = {.best_score = progress.at("best_score"),
                           .kept_step = progress.at("kept_step"),
                           .n_evaluations_without_better = progress.at("n_evaluations_without_better"),
                           .stopped_step = progress.at("stopped_step")};
  return state;
}

/// Complete checkpoints, oldest first. A folder gets its name only when it is complete.
std::vector<std::pair<std::int64_t, fs::path>> find_checkpoints(fs::path const& folder) {
  std::vector<std::pair<std::int64_t, fs::path>> found;
  std::error_code failed;
  for (auto const& entry : fs::directory_iterator(folder, failed)) {
    auto const name = entry.path().filename().string();
    std::int64_t step = 0;
    if (!name.starts_with(kPrefix)) continue;
    auto const [end, error] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
    if (error == std::errc() && end == name.data() + name.size()) found.emplace_back(step, entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

void save_checkpoint(fs::path const& folder, Checkpoint const& checkpoint) {
  auto const name = fmt::format("{}{:010}", kPrefix, checkpoint.state.step);
  auto const unfinished = folder / fmt::format("unfinished-{}", ::getpid());
  std::error_code ignored;
  fs::remove_all(unfinished, ignored);
  try {
    std::vector<model::TensorToWrite> tensors;
    for (auto const& [tensor_name, tensor] : checkpoint.tensors)
      tensors.push_back({tensor_name, model::DType::F32, tensor.shape, std::as_bytes(std::span(tensor.values))});
    model::write_safetensors(unfinished / "tensors.safetensors", std::move(tensors));
    write_file_atomically(unfinished / "state.json", to_json(checkpoint.state).dump(1));
    fs::remove_all(folder / name, ignored);
    std::error_code failed;
    fs::rename(unfinished, folder / name, failed);
    if (failed)
      throw Error(ErrorCode::Unavailable, fmt::format("{}: the checkpoint cannot be put in place ({})",
                                                      (folder / name).string(), failed.message()));
  } catch (...) {
    fs::remove_all(unfinished, ignored);
    throw;
  }
  sync_folder(folder);
  auto const all = find_checkpoints(folder);
  for (std::size_t i = 0; i + kKept < all.size(); ++i) fs::remove_all(all[i].second, ignored);
  for (auto const& entry : fs::directory_iterator(folder, ignored))  // what a killed process left behind
    if (entry.path().filename().string().starts_with("unfinished-")) fs::remove_all(entry.path(), ignored);
}

void check_state(TrainState const& state, RunShape const& shape) {
  auto const require = [](bool holds, char const* what) {
    if (!holds) throw Error(ErrorCode::Corrupt, fmt::format("state.json: {} of another run", what));
  };
  auto const& [mixture, waiting, n_left] = state.plan;
  auto const& rows = shape.rows_by_stream;
  require(state.step >= 0 && state.step <= shape.n_steps, "\"step\" is that");
  require(mixture.credit.size() == rows.size() &&
              std::all_of(mixture.credit.begin(), mixture.credit.end(), [](double c) { return std::isfinite(c); }),
          "\"credit\" is that");
  require(mixture.n_drawn.size() == rows.size(), "\"n_drawn\" is that");
  require(n_left >= 0 && n_left <= shape.n_rows, "\"n_left\" is that");
  require(!waiting || (waiting->stream < rows.size() && waiting->row < rows[waiting->stream]), "\"waiting\" is a row");
  auto const n_drawn = std::accumulate(mixture.n_drawn.begin(), mixture.n_drawn.end(), std::uint64_t{0});
  require(n_drawn == static_cast<std::uint64_t>(shape.n_rows - n_left) + (waiting ? 1 : 0),
          "\"n_drawn\" and \"n_left\" are those");
  require(state.last_evaluated_step >= 0 && state.last_evaluated_step <= state.step, "\"last_evaluated_step\" is that");
  require(state.examples_drawn.size() == shape.tasks.size() &&
              std::all_of(shape.tasks.begin(), shape.tasks.end(),
                          [&](auto const& task) { return state.examples_drawn.contains(task); }),
          "\"examples_drawn\" is that");
  require(std::all_of(state.tasks.begin(), state.tasks.end(),
                      [&](auto const& one) {
                        auto const& [name, progress] = one;
                        return std::find(shape.tasks.begin(), shape.tasks.end(), name) != shape.tasks.end() &&
                               std::isfinite(progress.best_score) && progress.kept_step > 0 &&
                               progress.kept_step <= state.last_evaluated_step && progress.stopped_step >= 0 &&
                               progress.stopped_step <= state.last_evaluated_step &&
                               progress.n_evaluations_without_better >= 0;
                      }),
          "\"tasks\" are those");
}

Error damaged_checkpoint(fs::path const& folder, std::string const& reason) {
  return {ErrorCode::Corrupt,
          fmt::format("{}: the checkpoint is damaged ({}); remove this folder to continue from the one before it",
                      folder.string(), reason)};
}

std::optional<Checkpoint> load_latest_checkpoint(fs::path const& folder) {
  auto const all = find_checkpoints(folder);
  if (all.empty()) return std::nullopt;
  auto const& newest = all.back().second;
  try {
    Checkpoint checkpoint{.folder = newest};
    auto const path = newest / "state.json";
    checkpoint.state = from_json(parse_json(read_file(path), path.string()).value());
    auto const file = model::SafetensorsFile::open(newest / "tensors.safetensors");
    for (auto const& [name, view] : file.tensors()) checkpoint.tensors[name] = {view.shape, view.to_floats()};
    return checkpoint;
  } catch (Error const& error) {
    throw damaged_checkpoint(newest, error.what());
  } catch (Json::exception const& error) {
    throw damaged_checkpoint(newest, json_problem(error));
  }
}

}  // namespace polytask::train
