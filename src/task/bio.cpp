#include "task/bio.h"

namespace polytask::task {
namespace {

struct Tag {
  char prefix = 'O';
  std::string_view label;
};

Tag parse(std::string_view tag) { return is_tag(tag) && tag != "O" ? Tag{tag[0], tag.substr(2)} : Tag{}; }

/// seqeval.metrics.sequence_labeling.end_of_chunk
bool ends(Tag const& previous, Tag const& tag) {
  if (previous.prefix == 'O') return false;
  if (previous.prefix == 'E' || previous.prefix == 'S') return true;
  return tag.prefix == 'B' || tag.prefix == 'S' || tag.prefix == 'O' || previous.label != tag.label;
}

/// seqeval.metrics.sequence_labeling.start_of_chunk
bool starts(Tag const& previous, Tag const& tag) {
  if (tag.prefix == 'O') return false;
  if (tag.prefix == 'B' || tag.prefix == 'S') return true;
  return previous.prefix == 'E' || previous.prefix == 'S' || previous.prefix == 'O' || previous.label != tag.label;
}

}  // namespace

bool is_tag(std::string_view tag) {
  if (tag == "O") return true;
  return tag.size() > 2 && tag[1] == '-' && (tag[0] == 'B' || tag[0] == 'I' || tag[0] == 'E' || tag[0] == 'S');
}

std::vector<WordSpan> spans_of_tags(std::span<std::string const> tags) {
  std::vector<WordSpan> spans;
  Tag previous;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= tags.size(); ++i) {
    Tag const tag = i < tags.size() ? parse(tags[i]) : Tag{};
    if (ends(previous, tag)) spans.push_back({begin, i, std::string(previous.label)});
    if (starts(previous, tag)) begin = i;
    previous = tag;
  }
  return spans;
}

std::vector<std::size_t> stray_continuations(std::span<std::string const> tags) {
  std::vector<std::size_t> strays;
  Tag previous;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    Tag const tag = parse(tags[i]);
    if ((tag.prefix == 'I' || tag.prefix == 'E') && starts(previous, tag)) strays.push_back(i);
    previous = tag;
  }
  return strays;
}

}  // namespace polytask::task
