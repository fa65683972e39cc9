#include "data/text_vectors.h"

#include <algorithm>
#include <memory>

#include "base/hash.h"
#include "base/random.h"
#include "data/float16.h"

namespace polytask::data {
namespace {

/// Texts between two looks at the clock and the stop token.
constexpr std::size_t kBlock = 256;

std::vector<std::uint16_t> rounded(std::span<float const> vector) {
  std::vector<std::uint16_t> values(vector.size());
  std::transform(vector.begin(), vector.end(), values.begin(), float16_of);
  return values;
}

std::vector<float> as_floats(std::span<std::uint16_t const> values) {
  std::vector<float> vector(values.size());
  std::transform(values.begin(), values.end(), vector.begin(), float_of);
  return vector;
}

}  // namespace

StateKey TextVectors::key_of(std::string const& text) const {
  return Sha256().update("text vector\n").update(model_.key).update("\n").update(text).digest();
}

TextVectors::Filled TextVectors::fill(std::vector<std::string> texts,
                                      std::function<void(std::size_t n_done, std::size_t n_missing)> const& on_progress,
                                      std::stop_token const& stop) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  Filled filled{.n_texts = texts.size()};
  std::erase_if(texts, [&](auto const& text) { return store_.contains(key_of(text)); });
  if (texts.empty()) return filled;
  // Texts of one length stand together, which fills tiles; short and long blocks alternate, so that what is done tells
  // how long the rest takes.
  std::stable_sort(texts.begin(), texts.end(), [](auto const& a, auto const& b) { return a.size() < b.size(); });
  std::vector<std::size_t> begins;
  for (std::size_t begin = 0; begin < texts.size(); begin += kBlock) begins.push_back(begin);
  Rng(1).shuffle(std::span(begins));
  auto const writer = store_.limits().disk_bytes > 0 ? StateWriter::try_begin(store_) : nullptr;
  auto const width = static_cast<std::size_t>(model_.width);
  if (writer) {
    std::vector<StateWriter::Wanted> wanted;
    for (auto const& text : texts) wanted.push_back({key_of(text), width});
    (void)writer->make_room(wanted);
  }
  for (auto const begin : begins) {
    if (stop.stop_requested()) break;
    auto const block = std::span(texts).subspan(begin, std::min(kBlock, texts.size() - begin));
    std::vector<std::vector<std::uint16_t>> vectors(block.size());
    model_.compute(block, [&](std::size_t text, std::span<float const> vector) { vectors[text] = rounded(vector); });
    for (std::size_t i = 0; i < block.size(); ++i)
      if (!writer || !writer->add(key_of(block[i]), 1, vectors[i])) store_.remember(key_of(block[i]), vectors[i]);
    filled.n_computed += block.size();
    if (on_progress) on_progress(filled.n_computed, texts.size());
  }
  if (writer) writer->flush();
  return filled;
}

std::vector<float> TextVectors::read(std::string const& text) {
  std::vector<std::uint16_t> values(static_cast<std::size_t>(model_.width));
  auto const key = key_of(text);
  if (store_.read(key, values)) return as_floats(values);
  model_.compute(std::span(&text, 1), [&](std::size_t, std::span<float const> vector) { values = rounded(vector); });
  store_.remember(key, values);
  return as_floats(values);
}

}  // namespace polytask::data
