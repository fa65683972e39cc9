#include "audit/internal/pool.h"

#include <algorithm>
#include <unordered_map>

namespace polytask::audit {
namespace {

std::uint64_t hash_of(std::string const& text) {
  std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a, the same on every machine
  for (char const c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash ^ (hash >> 29);
}

}  // namespace

std::string key_of(task::Example const& example) {
  std::string key;
  for (auto const& text : example.texts) {
    if (!key.empty()) key.push_back('\x1f');
    key += normalised(text);
  }
  return key;
}

Pool::Pool(data::Corpus const& corpus) : corpus_(corpus) {
  for (auto const split : data::kSplits) {
    auto& begins = stream_begins_[static_cast<std::size_t>(split)];
    for (std::size_t s = 0; s < corpus.streams.size(); ++s) {
      begins.push_back(static_cast<std::uint32_t>(documents_.size()));
      for (auto const& example : corpus.streams[s].of(split))
        documents_.push_back({static_cast<std::uint32_t>(s), split, &example});
    }
    begins.push_back(static_cast<std::uint32_t>(documents_.size()));
  }

  std::unordered_map<std::uint64_t, std::uint32_t> known;
  known.reserve(documents_.size());
  std::vector<std::uint32_t> firsts;
  for (std::size_t d = 0; d < documents_.size(); ++d) {
    auto const key = key_of(*documents_[d].example);
    if (key.find_first_not_of("\x1f ") == std::string::npos) {
      groups_.push_back(kNone);
      continue;
    }
    auto const [at, is_new] = known.emplace(hash_of(key), static_cast<std::uint32_t>(firsts.size()));
    if (is_new) firsts.push_back(static_cast<std::uint32_t>(d));
    groups_.push_back(at->second);
  }
  known = {};

  begins_.assign(firsts.size() + 1, 0);
  for (auto const group : groups_)
    if (group != kNone) ++begins_[group + 1];
  for (std::size_t g = 0; g < firsts.size(); ++g) begins_[g + 1] += begins_[g];
  members_.resize(begins_.back());
  auto next = begins_;
  for (std::size_t d = 0; d < documents_.size(); ++d)
    if (groups_[d] != kNone) members_[next[groups_[d]]++] = static_cast<std::uint32_t>(d);

  near_.assign(firsts.size(), kNone);
  similarity_.assign(firsts.size(), 0);
  auto const text_of = [&](std::size_t group) { return key_of(*documents_[firsts[group]].example); };
  for (auto const& pair : near_duplicates(firsts.size(), text_of)) {
    near_[pair.text] = static_cast<std::uint32_t>(pair.earlier);
    similarity_[pair.text] = pair.similarity;
  }
}

std::span<std::uint32_t const> Pool::members(std::uint32_t group, data::Split split, std::size_t stream) const {
  auto const all = members(group);
  auto const& begins = stream_begins_[static_cast<std::size_t>(split)];
  auto const first = std::lower_bound(all.begin(), all.end(), begins[stream]);
  return {first, std::lower_bound(first, all.end(), begins[stream + 1])};
}

}  // namespace polytask::audit
