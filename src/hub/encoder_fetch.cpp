#include "hub/encoder_fetch.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "hub/blob_download.h"
#include "hub/encoder_files.h"
#include "hub/hub_client.h"

namespace polytask::hub {
namespace {

namespace fs = std::filesystem;

class Fetch {
 public:
  Fetch(HubName const& name, HubSettings const& settings, HttpTransport& transport, FetchEvents const& events)
      : name_(name), events_(events), client_(settings, transport, events), cache_(settings.cache, name) {}

  CachedEncoder run() {
    commit_ = is_commit(name_.revision) ? name_.revision : client_.resolve_revision(name_);
    auto const stored = cache_.tree(commit_);
    files_ = stored ? *stored : client_.list_files(name_, commit_);
    auto const wanted = encoder_files([&](std::string const& file) { return files_.contains(file); });
    if (!wanted.lack.empty()) throw no_encoder(wanted.lack);
    if (!stored) cache_.write_tree(commit_, files_);
    obtain("config.json");
    if (events_.on_config) events_.on_config(cache_.snapshot(commit_) / "config.json");
    auto names = wanted.beside;
    names.insert(names.end(), wanted.read.begin(), wanted.read.end());
    if (names.back() == kWeightsIndex) {
      obtain(kWeightsIndex);
      auto const path = cache_.snapshot(commit_) / kWeightsIndex;
      for (auto const& shard : shards_of(read_file(path), path.string()).value()) {
        if (!files_.contains(shard))
          throw Error(ErrorCode::InvalidInput,
                      fmt::format("{}: {} names {}, which is not among the model's files; name another revision",
                                  client_.where(name_), kWeightsIndex, quote(shard)));
        names.push_back(shard);
      }
    }
    plan(names);
    for (auto const& file : names) obtain(file);
    // Last, so that what the name stands for is always whole.
    cache_.write_commit(commit_);
    return {.folder = cache_.snapshot(commit_), .commit = commit_, .is_whole = true};
  }

 private:
  Error no_encoder(std::string const& lack) const {
    for (auto const* pickle : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
      if (files_.contains(pickle) && !files_.contains(kWeights) && !files_.contains(kWeightsIndex))
        return {ErrorCode::InvalidInput,
                fmt::format(
                    "{}: has its weights as {} alone, which is not downloaded, because a pickle file can run any "
                    "program when it is opened; convert it once where you trust it (transformers: "
                    "model.save_pretrained(folder, safe_serialization=True)) and name that folder, or name a revision "
                    "that has model.safetensors (often @refs/pr/1 or so, see the model's page)",
                    client_.where(name_), pickle)};
    return {ErrorCode::InvalidInput,
            fmt::format("{}: is no encoder that can be read: it has {}; name another model or revision",
                        client_.where(name_), lack)};
  }

  RepositoryFile const& content_of(std::string const& file) const {
    auto const& content = files_.at(file);
    if (content.size > largest_size(file))
      throw Error(ErrorCode::InvalidInput, fmt::format("{}: {} has {} bytes; at most {} are downloaded of such a file",
                                                       client_.where(name_), file, content.size, largest_size(file)));
    return content;
  }

  void obtain(std::string const& file) {
    auto const& content = content_of(file);
    if (cache_.has(commit_, file, content.size)) return;
    if (!cache_.has_blob(content)) {
      download_blob({name_, commit_, file, content}, client_, cache_, events_, [&](std::uint64_t n_bytes) {
        if (events_.on_progress && n_total_ > 0) events_.on_progress({file, n_finished_ + n_bytes, n_total_});
      });
      n_finished_ += content.size;
    }
    cache_.link(commit_, file, content);
  }

  void plan(std::vector<std::string> const& names) {
    FetchPlan plan{.name = name_, .commit = commit_, .endpoint = client_.endpoint().origin(), .files = {}};
    n_finished_ = 0;
    for (auto const& file : names) {
      auto const& content = content_of(file);
      if (cache_.has(commit_, file, content.size) || cache_.has_blob(content)) continue;
      plan.files.push_back({file, content.size, bytes_of_partial(cache_, content)});
      plan.n_bytes += content.size - plan.files.back().n_present;
      n_total_ += content.size;
    }
    check_space(plan.n_bytes);
    if (events_.on_plan && !plan.files.empty()) events_.on_plan(plan);
  }

  void check_space(std::uint64_t n_bytes) const {
    struct statvfs disk {};
    if (n_bytes == 0 || ::statvfs(cache_.folder().c_str(), &disk) != 0) return;  // then writing will say it
    auto const free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    if (free < n_bytes)
      throw Error(
          ErrorCode::Unavailable,
          fmt::format(
              "{}: {:.1f} MB have to be downloaded for {}, and the disk has {:.1f} MB left; free some space, or name "
              "another folder in HF_HUB_CACHE",
              cache_.folder().string(), static_cast<double>(n_bytes) / 1e6, to_string(name_),
              static_cast<double>(free) / 1e6));
  }

  HubName const& name_;
  FetchEvents const& events_;
  HubClient client_;
  HubCache cache_;
  std::string commit_;
  RepositoryFiles files_;
  std::uint64_t n_finished_ = 0;
  std::uint64_t n_total_ = 0;
};

}  // namespace

CachedEncoder fetch_encoder(HubName const& name, HubSettings const& settings, HttpTransport& transport,
                            FetchEvents const& events) {
  HubCache const cache(settings.cache, name);
  auto const found = find_encoder(cache);
  if (found && found->is_whole) return *found;
  if (settings.offline) {
    if (found) return *found;
    throw Error(
        ErrorCode::NotFound,
        fmt::format(
            "{}: is not whole in {}, and HF_HUB_OFFLINE forbids to download it; unset it, or copy the cache of a "
            "machine that has it",
            to_string(name), settings.cache.string()));
  }
  try {
    return Fetch(name, settings, transport, events).run();
  } catch (Error const& error) {
    if (!found || error.code() != ErrorCode::Unavailable) throw;
    if (events.on_note)
      events.on_note(fmt::format("{}; what the cache has of it is used, the commit {}", error.what(), found->commit));
    return *found;
  }
}

}  // namespace polytask::hub
