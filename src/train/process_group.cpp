#include "train/process_group.h"

#include <fmt/format.h>
#include <torch/torch.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/error.h"
#include "base/hash.h"

namespace polytask::train {
namespace {

constexpr std::chrono::milliseconds kPatience = std::chrono::hours(1);  // the leader may be evaluating
constexpr std::chrono::milliseconds kPatienceAtStart = std::chrono::minutes(10);

using Gloo = ::c10d::ProcessGroupGloo;

/// Releases from 2.1 on want libuv unless told otherwise, which Debian's is built without. Older ones know no such
/// option.
template <typename Options>
void without_libuv(Options& options) {
  if constexpr (requires { options.useLibUV; }) options.useLibUV = false;
}

c10::intrusive_ptr<::c10d::Store> store_of(ProcessPlace const& place) {
  if (!place.file.empty()) return c10::make_intrusive<::c10d::FileStore>(place.file.string(), place.size);
  ::c10d::TCPStoreOptions options;
  options.port = place.port;
  options.isServer = place.rank == 0;
  options.numWorkers = static_cast<std::size_t>(place.size);
  options.timeout = kPatienceAtStart;
  without_libuv(options);
  return c10::make_intrusive<::c10d::TCPStore>(place.address, options);
}

/// Where the others' messages come in.
std::shared_ptr<::gloo::transport::Device> device_of(ProcessPlace const& place) {
  // Processes that met in a file are on one machine, and listen to nobody else.
  if (!place.file.empty()) return Gloo::createDeviceForHostname("127.0.0.1");
  return place.interface.empty() ? Gloo::createDefaultDevice() : Gloo::createDeviceForInterface(place.interface);
}

c10::intrusive_ptr<Gloo> group_of(ProcessPlace const& place) {
  auto store = store_of(place);
  store->setTimeout(kPatienceAtStart);
  auto options = Gloo::Options::create(kPatience);
  options->devices.push_back(device_of(place));
  return c10::make_intrusive<Gloo>(std::move(store), place.rank, place.size, options);
}

std::string first_line(char const* text) {
  std::string line(text);
  line.resize(std::min({line.size(), line.find('\n'), line.find(". This may")}));
  return line;
}

}  // namespace

struct ProcessGroup::State {
  c10::intrusive_ptr<Gloo> gloo;
  bool has_ended = false;  ///< nobody listens any more

  /// What goes wrong on the wire comes as any kind of exception.
  template <typename Begin>
  void together(ProcessPlace const& place, Begin const& begin) {
    try {
      begin()->wait();
    } catch (std::exception const& error) {
      has_ended = true;
      throw Error(ErrorCode::Interrupted,
                  fmt::format("one of the {} processes that train together is gone, or cannot be reached ({})",
                              place.size, first_line(error.what())));
    }
  }
};

ProcessGroup::ProcessGroup(ProcessPlace const& place) : place_(place), state_(std::make_unique<State>()) {
  try {
    state_->gloo = group_of(place);
  } catch (std::exception const& error) {
    throw Error(ErrorCode::Unavailable,
                fmt::format("process {} of {}: the others cannot be reached at {} ({}); start all of them, with one "
                            "number of processes and one address",
                            place.rank, place.size,
                            place.file.empty() ? fmt::format("{}:{}", place.address, place.port) : place.file.string(),
                            first_line(error.what())));
  }
}

ProcessGroup::~ProcessGroup() {
  if (!leads() || state_->has_ended) return;
  try {
    tell(Next::End);
  } catch (Error const&) {  // they are gone too
  }
}

void ProcessGroup::sum(std::span<float> values) {
  std::vector<torch::Tensor> tensors{
      torch::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, torch::kFloat32)};
  state_->together(place_, [&] { return state_->gloo->allreduce(tensors); });
}

void ProcessGroup::share(std::span<float> values) {
  std::vector<torch::Tensor> tensors{
      torch::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, torch::kFloat32)};
  state_->together(place_, [&] { return state_->gloo->broadcast(tensors); });
}

void ProcessGroup::share(std::span<std::int64_t> values) {
  std::vector<torch::Tensor> tensors{
      torch::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, torch::kInt64)};
  state_->together(place_, [&] { return state_->gloo->broadcast(tensors); });
}

void ProcessGroup::check_same(std::string const& what, std::string const& text) {
  auto const hash = Sha256().update(text).digest();
  std::vector<std::int64_t> const own(hash.begin(), hash.end());
  auto leaders = own;
  share(leaders);
  float n_others = own == leaders ? 0.0F : 1.0F;
  sum({&n_others, 1});  // so that all of them say so
  if (n_others > 0)
    throw Error(ErrorCode::Conflict,
                fmt::format("process {} of {}: {} differ between the processes; start all with the same options on "
                            "the same files",
                            place_.rank, place_.size, what));
}

void ProcessGroup::tell(Next next) {
  auto word = static_cast<std::int64_t>(next);
  share({&word, 1});
  state_->has_ended = next == Next::End;
}

Next ProcessGroup::hear() {
  std::int64_t word = 0;
  share({&word, 1});
  state_->has_ended = static_cast<Next>(word) == Next::End;
  return static_cast<Next>(word);
}

}  // namespace polytask::train
