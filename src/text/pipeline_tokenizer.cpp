#include "text/pipeline_tokenizer.h"

#include <algorithm>

#include "base/file.h"
#include "base/utf8.h"
#include "text/internal/unicode.h"

namespace polytask::text {
namespace {

AddedTokenFinder finder_of(Pipeline const& pipeline, bool normalized) {
  std::vector<AddedToken> tokens;
  std::vector<std::string> patterns;
  for (auto const& token : pipeline.added_tokens) {
    if (token.normalized != normalized) continue;
    tokens.push_back(token);
    patterns.push_back(normalized ? normalize(pipeline.normalizers, align(token.content, 0, token.content.size())).bytes
                                  : token.content);
  }
  return {std::move(tokens), patterns};
}

/// White space at the beginning and the end of a token, in characters.
struct Space {
  std::size_t leading = 0;
  std::size_t trailing = 0;
};

template <typename IsSpace>
Space space_around(std::string_view text, IsSpace const& is_space) {
  Space space;
  std::size_t n = 0;
  for (std::size_t at = 0; at < text.size(); ++n) {
    auto const decoded = decode_utf8(text, at);
    at += decoded.n_bytes;
    if (!is_space(decoded.code_point)) {
      space.trailing = 0;
    } else {
      ++space.trailing;
      if (space.leading == n) ++space.leading;
    }
  }
  return space;
}

std::size_t forward(std::string_view utf8, std::size_t at, std::size_t n_characters, std::size_t limit) {
  for (; n_characters > 0 && at < limit; --n_characters) at += decode_utf8(utf8, at).n_bytes;
  return std::min(at, limit);
}

std::size_t back(std::string_view utf8, std::size_t at, std::size_t n_characters, std::size_t limit) {
  auto const goes_on = [&](std::size_t i) { return (static_cast<unsigned char>(utf8[i]) & 0xC0) == 0x80; };
  for (; n_characters > 0 && at > limit; --n_characters) {
    std::size_t begin = at - 1;
    while (begin > limit && at - begin < 4 && goes_on(begin)) --begin;
    at = begin + decode_utf8(utf8, begin).n_bytes == at ? begin : at - 1;  // an invalid byte is a character
  }
  return at;
}

class PipelineTokenizer final : public Tokenizer {
 public:
  explicit PipelineTokenizer(Pipeline pipeline)
      : raw_tokens_(finder_of(pipeline, false)),
        normalized_tokens_(finder_of(pipeline, true)),
        pipeline_(std::move(pipeline)) {}

  task::Encoding encode(std::string_view utf8, EncodeOptions const& options) const override {
    return assemble(pipeline_.shape, tokenize(utf8, room_for_text(pipeline_.shape, options)), options);
  }

  task::Encoding encode_pair(std::string_view first, std::string_view second,
                             EncodeOptions const& options) const override {
    auto const room = room_for_pair(pipeline_.shape, options);
    return assemble(pipeline_.shape, tokenize(first, room), tokenize(second, room), options);
  }

  std::size_t vocabulary_size() const noexcept override { return pipeline_.vocabulary_size; }

  std::string outside_digest() const override { return pipeline_.outside_digest; }

  void save(std::filesystem::path const& folder) const override {
    for (auto const& file : pipeline_.files) write_file_atomically(folder / file.name, file.bytes);
  }

 private:
  Tokens tokenize(std::string_view utf8, std::size_t at_most) const {
    auto const text = pre_tokenize(pipeline_.pre_tokenizers, with_normalized_tokens(with_raw_tokens(utf8)));
    Tokens tokens{.at_most = at_most};
    std::vector<Piece> pieces;
    Unigram::Scratch unigram_scratch;
    BytePairs::Scratch byte_pairs_scratch;
    for (auto const& split : text.splits) {
      auto const word = text.text.view(split.begin, split.end);
      pieces.clear();
      if (split.token_id != Split::kText)
        pieces.push_back({split.token_id, 0, static_cast<std::uint32_t>(word.size())});
      else if (auto const* byte_pairs = std::get_if<BytePairs>(&pipeline_.model))
        byte_pairs->cut(word, byte_pairs_scratch, pieces);
      else if (auto const* unigram = std::get_if<Unigram>(&pipeline_.model))
        unigram->cut(word, unigram_scratch, pieces);
      else
        std::get<WordPieces>(pipeline_.model).cut(word, static_cast<std::uint32_t>(count_code_points(word)), pieces);
      auto const* const sources = text.text.sources.data() + split.begin;
      for (auto const& piece : pieces) {
        task::ByteRange offsets{sources[piece.begin].begin, sources[piece.end - 1].end};
        if (pipeline_.trim_offsets.trim)
          offsets = trimmed(utf8, offsets, word.substr(piece.begin, piece.end - piece.begin),
                            split.token_id != Split::kText, tokens.n_all == 0);
        tokens.add(piece.id, offsets);
      }
    }
    return tokens;
  }

  /// The raw text, cut at the tokens that are looked for in it.
  SplitText with_raw_tokens(std::string_view utf8) const {
    SplitText text{align(utf8, 0, utf8.size()), {}};
    raw_tokens_.cut(text.text.bytes, 0, text.text.bytes.size(), text.splits);
    return text;
  }

  /// Each split normalised, and cut at the tokens that are looked for in normalised text.
  SplitText with_normalized_tokens(SplitText raw) const {
    if (pipeline_.normalizers.empty() && normalized_tokens_.empty()) return raw;
    SplitText result;
    for (auto const& split : raw.splits) {
      auto const begin = result.text.bytes.size();
      if (split.token_id != Split::kText) {
        result.text.append(raw.text, split.begin, split.end);
        result.splits.push_back(
            {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(result.text.bytes.size()), split.token_id});
        continue;
      }
      AlignedText part;
      if (raw.splits.size() == 1)
        part = std::move(raw.text);
      else
        part.append(raw.text, split.begin, split.end);
      part = normalize(pipeline_.normalizers, std::move(part));
      if (begin == 0)
        result.text = std::move(part);
      else
        result.text.append(part, 0, part.bytes.size());
      normalized_tokens_.cut(result.text.bytes, begin, result.text.bytes.size(), result.splits);
    }
    return result;
  }

  /// As process_offsets of the reference library.
  task::ByteRange trimmed(std::string_view utf8, task::ByteRange offsets, std::string_view token, bool is_added,
                          bool is_first) const {
    // The token's bytes are no text yet: only ' ' is white space among the characters that stand for them.
    auto space = is_added ? space_around(token, [](char32_t c) { return c == 0x0120 || is_white_space(c); }) : Space{};
    if (!is_added) {
      auto const first = token.find_first_not_of(' ');
      space.leading = std::min(first, token.size());
      space.trailing = token.size() - (token.find_last_not_of(' ') + 1);
    }
    std::size_t leading = space.leading;
    if ((is_first || offsets.begin == 0) && pipeline_.trim_offsets.add_prefix_space && leading == 1) leading = 0;
    offsets.begin = forward(utf8, offsets.begin, leading, offsets.end);
    offsets.end = back(utf8, offsets.end, space.trailing, offsets.begin);
    return offsets;
  }

  AddedTokenFinder raw_tokens_;
  AddedTokenFinder normalized_tokens_;
  Pipeline pipeline_;
};

}  // namespace

std::unique_ptr<Tokenizer const> make_pipeline_tokenizer(Pipeline pipeline) {
  return std::make_unique<PipelineTokenizer>(std::move(pipeline));
}

}  // namespace polytask::text
