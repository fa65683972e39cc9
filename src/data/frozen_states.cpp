#include "data/frozen_states.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "data/float16.h"

namespace polytask::data {
namespace {

/// Tokens that are computed before the results are flushed, and somebody asks whether to stop.
constexpr std::size_t kTokensPerPass = 16'384;
constexpr auto kBetweenTries = std::chrono::milliseconds(100);

template <typename T>
std::string_view bytes_of(std::span<T const> values) {
  return {reinterpret_cast<char const*>(values.data()), values.size_bytes()};
}

/// Nothing once `stop` is requested.
std::unique_ptr<StateWriter> wait_for_writer(StateStore& store, std::function<void()> const& on_wait,
                                             std::stop_token const& stop) {
  for (bool first = true; !stop.stop_requested(); first = false) {
    if (auto writer = StateWriter::try_begin(store)) return writer;
    if (first && on_wait) on_wait();
    std::this_thread::sleep_for(kBetweenTries);
  }
  return nullptr;
}

}  // namespace

FrozenStates::FrozenStates(FrozenLayers layers, StateStore store)
    : layers_(std::move(layers)), store_(std::move(store)) {}

StateKey FrozenStates::key_of(task::TokenSequence const& text) const {
  // Lengths are part of it, so that no two texts give the same bytes.
  std::uint64_t const sizes[] = {text.ids.size(), text.type_ids.size(), text.second_sequence};
  return Sha256()
      .update(layers_.key)
      .update(bytes_of(std::span<std::uint64_t const>(sizes)))
      .update(bytes_of(text.ids))
      .update(bytes_of(text.type_ids))
      .digest();
}

std::vector<std::uint16_t> FrozenStates::rounded(std::span<float const> states) const {
  std::vector<std::uint16_t> halves(states.size());
  bool fit = true;
  for (std::size_t i = 0; i < states.size(); ++i) {
    halves[i] = float16_of(states[i]);
    fit = fit && is_finite_float16(halves[i]);
  }
  if (!fit)
    throw Error(ErrorCode::InvalidInput,
                "the frozen layers give a text a hidden state beyond 65504, or no number, which cannot be stored; the "
                "encoder's weights are damaged or far too large: get it again, or set train.frozen_layers to 0");
  return halves;
}

FrozenStates::Filled FrozenStates::fill(std::span<task::TokenSequence const> texts, FillEvents const& events,
                                        std::stop_token const& stop) {
  Filled filled;
  std::vector<StateKey> keys;
  std::vector<task::TokenSequence> different;
  std::unordered_set<StateKey, StateKeyHash> seen;
  for (auto const& text : texts)
    if (auto const key = key_of(text); seen.insert(key).second) keys.push_back(key), different.push_back(text);
  filled.n_texts = different.size();

  // The store is a cache: where it cannot be written, the texts are computed again, and the training goes on.
  std::unique_ptr<StateWriter> writer;
  auto const unless_it_fails = [&](auto const& action) {
    try {
      action();
    } catch (Error const& error) {
      if (error.code() != ErrorCode::Unavailable) throw;
      filled.failure = error.what();
    }
  };
  if (store_.limits().disk_bytes > 0) unless_it_fails([&] { writer = wait_for_writer(store_, events.on_wait, stop); });
  auto const may_store = [&] { return writer != nullptr && filled.failure.empty(); };

  // Read before room is made: what is damaged is missing.
  std::vector<std::uint16_t> halves;
  for (std::size_t i = 0; i < different.size() && !stop.stop_requested(); ++i) {
    halves.resize(n_values(different[i]));
    (void)store_.read(keys[i], halves);
  }
  if (stop.stop_requested()) return filled;
  std::vector<StateWriter::Wanted> wanted;  // as many as the limit allows, the first ones
  std::uint64_t n_bytes = 0;
  for (std::size_t i = 0; i < different.size(); ++i) {
    n_bytes += StateWriter::n_bytes(n_values(different[i]));
    if (n_bytes > store_.limits().disk_bytes) break;
    wanted.push_back({keys[i], n_values(different[i])});
  }
  if (may_store()) unless_it_fails([&] { filled.n_removed_bytes = writer->make_room(wanted); });

  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < different.size(); ++i) {
    if (store_.contains(keys[i])) continue;
    ++filled.n_not_stored;
    if (i < wanted.size()) missing.push_back(i);
  }
  std::size_t end = 0;
  while (end < missing.size() && may_store() && !stop.stop_requested()) {
    auto const first = end;
    if (events.on_progress) events.on_progress(first, missing.size());
    std::vector<task::TokenSequence> pass;
    for (std::size_t n_tokens = 0; end < missing.size() && n_tokens < kTokensPerPass; ++end) {
      pass.push_back(different[missing[end]]);
      n_tokens += pass.back().ids.size();
    }
    std::mutex mutex;
    layers_.compute(pass, [&](std::size_t text, std::span<float const> states) {
      auto const values = rounded(states);
      auto const& key = keys[missing[first + text]];
      std::lock_guard const lock(mutex);
      ++filled.n_computed;
      bool is_stored = false;
      if (may_store())
        unless_it_fails(
            [&] { is_stored = writer->add(key, static_cast<std::uint32_t>(pass[text].ids.size()), values); });
      if (is_stored)
        --filled.n_not_stored;
      else
        store_.remember(key, values);
    });
    if (may_store()) unless_it_fails([&] { writer->flush(); });
  }
  if (events.on_progress) events.on_progress(end, missing.size());
  filled.disk_bytes = store_.disk_bytes();
  filled.problems = store_.take_problems();
  return filled;
}

void FrozenStates::read(std::span<task::TokenSequence const> texts, std::span<float> states) {
  std::vector<std::size_t> missing, begins;
  std::vector<task::TokenSequence> pass;
  std::vector<std::uint16_t> halves;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < texts.size(); begin += halves.size(), ++i) {
    begins.push_back(begin);
    halves.resize(n_values(texts[i]));
    expects(begin + halves.size() <= states.size(), "there is room for the states of all tokens");
    if (store_.read(key_of(texts[i]), halves)) {
      std::transform(halves.begin(), halves.end(), states.begin() + static_cast<std::ptrdiff_t>(begin), float_of);
    } else {
      missing.push_back(i);
      pass.push_back(texts[i]);
    }
  }
  expects(begin == states.size(), "the states of all tokens are asked for");
  if (missing.empty()) return;
  std::mutex mutex;
  layers_.compute(pass, [&](std::size_t text, std::span<float const> computed) {
    auto const values = rounded(computed);
    auto const i = missing[text];
    std::transform(values.begin(), values.end(), states.begin() + static_cast<std::ptrdiff_t>(begins[i]), float_of);
    std::lock_guard const lock(mutex);
    store_.remember(key_of(texts[i]), values);
  });
}

}  // namespace polytask::data
