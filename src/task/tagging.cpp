#include "task/tagging.h"

#include "task/white_space.h"

namespace polytask::task {
namespace {

bool overlaps(ByteRange const& unit, Span const& span) { return unit.begin < span.end && span.begin < unit.end; }

}  // namespace

std::vector<TaggedUnit> tagged_units(Encoding const& encoding, Example const& example) {
  std::vector<TaggedUnit> units;
  std::size_t word = 0;
  for (std::size_t token = 0; token < encoding.size(); ++token) {
    if (encoding.text_index[token] != 0) continue;
    auto const bytes = without_white_space(example.texts[0], encoding.offsets[token]);
    if (example.words.empty()) {
      units.push_back({token, bytes});
      continue;
    }
    while (word < example.words.size() && example.words[word].end <= bytes.begin) ++word;
    if (word == example.words.size()) break;
    bool const is_first = units.empty() || units.back().bytes.begin != example.words[word].begin;
    if (is_first && example.words[word].begin <= bytes.begin) units.push_back({token, example.words[word]});
  }
  return units;
}

std::vector<std::int32_t> tags_of_units(std::span<TaggedUnit const> units, std::span<Span const> spans,
                                        LabelSet const& labels) {
  std::vector<std::int32_t> tags(units.size(), 0);
  std::size_t at = 0;
  for (auto const& span : spans) {
    auto const label = labels.index_of(span.label);
    while (at < units.size() && units[at].bytes.end <= span.begin) ++at;
    for (std::size_t i = at; label && i < units.size() && overlaps(units[i].bytes, span); ++i)
      tags[i] = static_cast<std::int32_t>(1 + 2 * *label + (i == at ? 0 : 1));
  }
  return tags;
}

std::vector<Span> spans_of_units(std::span<TaggedUnit const> units, std::span<std::int32_t const> tags,
                                 LabelSet const& labels) {
  std::vector<Span> spans;
  std::int32_t previous = 0;
  for (std::size_t i = 0; i < units.size(); ++i) {
    std::int32_t const tag = tags[i];
    if (tag > 0) {
      bool const is_inside = tag % 2 == 0;
      bool const continues = is_inside && previous > 0 && (previous - 1) / 2 == (tag - 1) / 2;
      if (continues)
        spans.back().end = units[i].bytes.end;
      else
        spans.push_back({units[i].bytes.begin, units[i].bytes.end, labels[static_cast<std::size_t>((tag - 1) / 2)]});
    }
    previous = tag;
  }
  return spans;
}

}  // namespace polytask::task
