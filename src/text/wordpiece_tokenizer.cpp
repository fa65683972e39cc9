#include "text/wordpiece_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <unordered_map>

#include "base/file.h"
#include "base/json.h"
#include "text/internal/normalizer.h"
#include "text/internal/wordpiece.h"

namespace polytask::text {
namespace {

using task::Encoding;

struct Special {
  std::string text;
  std::int32_t id = 0;
};

/// The first tokens of one text, before special tokens, and how many there would be in all: what is cut away is
/// counted, and never held.
struct Tokens {
  std::vector<std::int32_t> ids;
  std::vector<task::ByteRange> offsets;
  std::size_t n_all = 0;

  void add(std::int32_t id, task::ByteRange bytes, std::size_t at_most) {
    if (n_all++ >= at_most) return;
    ids.push_back(id);
    offsets.push_back(bytes);
  }
};

/// How many tokens of each text stay; as truncate_encodings of the reference library.
struct Kept {
  std::size_t first = 0;
  std::size_t second = 0;
};

Kept keep_longest_first(std::size_t n_first, std::size_t n_second, std::size_t room) {
  bool const swapped = n_first > n_second;
  std::size_t shorter = std::min(n_first, n_second);
  std::size_t longer = shorter > room ? shorter : std::max(shorter, room - shorter);
  if (shorter + longer > room) {
    shorter = room / 2;
    longer = shorter + room % 2;
  }
  return swapped ? Kept{longer, shorter} : Kept{shorter, longer};
}

Kept keep(std::size_t n_first, std::size_t n_second, std::size_t room, Truncation truncation) {
  if (n_first + n_second <= room) return {n_first, n_second};
  std::size_t const excess = n_first + n_second - room;
  switch (truncation) {
    case Truncation::LongestFirst: break;
    case Truncation::OnlyFirst:
      if (excess < n_first) return {n_first - excess, n_second};
      break;  // the first alone cannot give so much: both have to
    case Truncation::OnlySecond:
      if (excess < n_second) return {n_first, n_second - excess};
      break;
  }
  return keep_longest_first(n_first, n_second, room);
}

class WordPieceTokenizer final : public Tokenizer {
 public:
  WordPieceTokenizer(WordPieces pieces, WordPieceConfig config, std::vector<Special> special, std::int32_t cls_id,
                     std::int32_t sep_id)
      : pieces_(std::move(pieces)),
        config_(std::move(config)),
        special_(std::move(special)),
        cls_id_(cls_id),
        sep_id_(sep_id) {
    for (auto const& token : special_) special_starts_[static_cast<unsigned char>(token.text[0])] = true;
  }

  Encoding encode(std::string_view utf8, EncodeOptions const& options) const override {
    std::size_t const room = options.max_length - std::min<std::size_t>(options.max_length, 2);
    auto const tokens = tokenize(utf8, room);
    Encoding encoding;
    encoding.n_dropped = tokens.n_all - tokens.ids.size();
    reserve(encoding, tokens.ids.size() + 2);
    add_special(encoding, cls_id_, 0);
    add_text(encoding, tokens, tokens.ids.size(), 0);
    add_special(encoding, sep_id_, 0);
    return encoding;
  }

  Encoding encode_pair(std::string_view first, std::string_view second, EncodeOptions const& options) const override {
    std::size_t const room = options.max_length - std::min<std::size_t>(options.max_length, 3);
    auto const a = tokenize(first, room);
    auto const b = tokenize(second, room);
    auto const kept = keep(a.n_all, b.n_all, room, options.truncation);
    std::size_t const n_first = std::min(kept.first, a.ids.size());
    std::size_t const n_second = std::min(kept.second, b.ids.size());
    Encoding encoding;
    encoding.n_dropped = a.n_all + b.n_all - n_first - n_second;
    reserve(encoding, n_first + n_second + 3);
    add_special(encoding, cls_id_, 0);
    add_text(encoding, a, n_first, 0);
    add_special(encoding, sep_id_, 0);
    add_text(encoding, b, n_second, 1);
    add_special(encoding, sep_id_, 1);
    return encoding;
  }

  std::size_t vocabulary_size() const noexcept override { return pieces_.tokens().size(); }

  void save(std::filesystem::path const& folder) const override {
    write_file_atomically(folder / "tokenizer.json", to_json().dump(1) + "\n");
    std::string vocabulary;
    for (auto const& token : pieces_.tokens()) vocabulary += token + "\n";
    write_file_atomically(folder / "vocab.txt", vocabulary);
    OrderedJson config;
    config["tokenizer_class"] = "BertTokenizer";
    config["do_lower_case"] = config_.lowercase;
    config["strip_accents"] = config_.strip_accents;
    config["tokenize_chinese_chars"] = config_.handle_chinese_chars;
    config["unk_token"] = config_.unknown;
    config["cls_token"] = config_.cls;
    config["sep_token"] = config_.sep;
    write_file_atomically(folder / "tokenizer_config.json", config.dump(1) + "\n");
  }

 private:
  /// Holds `at_most` tokens.
  Tokens tokenize(std::string_view utf8, std::size_t at_most) const {
    Tokens tokens;
    WordCutter cutter({config_.clean_text, config_.handle_chinese_chars, config_.strip_accents, config_.lowercase});
    std::vector<Piece> pieces;
    std::size_t from = 0;
    for (std::size_t at = 0; at < utf8.size();) {
      auto const* const found = special_at(utf8, at);
      if (found == nullptr) {
        ++at;
        continue;
      }
      cut_words(cutter, {utf8, from, at}, pieces, at_most, tokens);
      tokens.add(found->id, {at, at + found->text.size()}, at_most);
      at += found->text.size();
      from = at;
    }
    cut_words(cutter, {utf8, from, utf8.size()}, pieces, at_most, tokens);
    return tokens;
  }

  /// The longest special token that stands at byte `at`.
  Special const* special_at(std::string_view utf8, std::size_t at) const {
    if (!special_starts_[static_cast<unsigned char>(utf8[at])]) return nullptr;
    Special const* best = nullptr;
    for (auto const& token : special_)
      if (utf8.substr(at, token.text.size()) == token.text &&
          (best == nullptr || token.text.size() > best->text.size()))
        best = &token;
    return best;
  }

  /// Bytes [begin, end) of a text.
  struct Part {
    std::string_view utf8;
    std::size_t begin, end;
  };

  void cut_words(WordCutter& cutter, Part const& part, std::vector<Piece>& pieces, std::size_t at_most,
                 Tokens& tokens) const {
    if (part.begin == part.end) return;
    cutter.start(part.utf8, part.begin, part.end);
    while (auto const* word = cutter.next()) {
      pieces.clear();
      pieces_.cut(word->bytes, word->n_code_points, pieces);
      for (auto const& piece : pieces)
        tokens.add(piece.id, {word->source_begin[piece.begin], word->source_end[piece.end - 1]}, at_most);
    }
  }

  static void reserve(Encoding& encoding, std::size_t n_tokens) {
    encoding.ids.reserve(n_tokens);
    encoding.type_ids.reserve(n_tokens);
    encoding.offsets.reserve(n_tokens);
    encoding.text_index.reserve(n_tokens);
  }

  static void add_special(Encoding& encoding, std::int32_t id, std::uint8_t type) {
    encoding.ids.push_back(id);
    encoding.type_ids.push_back(type);
    encoding.offsets.push_back({0, 0});
    encoding.text_index.push_back(Encoding::kSpecial);
  }

  static void add_text(Encoding& encoding, Tokens const& tokens, std::size_t n, std::uint8_t text) {
    auto const end = static_cast<std::ptrdiff_t>(n);
    encoding.ids.insert(encoding.ids.end(), tokens.ids.begin(), tokens.ids.begin() + end);
    encoding.offsets.insert(encoding.offsets.end(), tokens.offsets.begin(), tokens.offsets.begin() + end);
    encoding.type_ids.insert(encoding.type_ids.end(), n, text);
    encoding.text_index.insert(encoding.text_index.end(), n, text);
  }

  OrderedJson to_json() const {
    OrderedJson json;
    json["version"] = "1.0";
    json["truncation"] = nullptr;
    json["padding"] = nullptr;
    json["added_tokens"] = OrderedJson::array();
    auto by_id = special_;
    std::sort(by_id.begin(), by_id.end(), [](auto const& a, auto const& b) { return a.id < b.id; });
    for (auto const& token : by_id)
      json["added_tokens"].push_back({{"id", token.id},
                                      {"content", token.text},
                                      {"single_word", false},
                                      {"lstrip", false},
                                      {"rstrip", false},
                                      {"normalized", false},
                                      {"special", true}});
    json["normalizer"] = {{"type", "BertNormalizer"},
                          {"clean_text", config_.clean_text},
                          {"handle_chinese_chars", config_.handle_chinese_chars},
                          {"strip_accents", config_.strip_accents},
                          {"lowercase", config_.lowercase}};
    json["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
    auto const special = [](std::string const& id, int type) {
      return OrderedJson{{"SpecialToken", {{"id", id}, {"type_id", type}}}};
    };
    auto const sequence = [](char const* id, int type) {
      return OrderedJson{{"Sequence", {{"id", id}, {"type_id", type}}}};
    };
    auto const entry = [](std::string const& token, std::int32_t id) {
      return OrderedJson{{"id", token}, {"ids", OrderedJson::array({id})}, {"tokens", OrderedJson::array({token})}};
    };
    auto const& [cls, sep] = std::tie(config_.cls, config_.sep);
    json["post_processor"] = {{"type", "TemplateProcessing"},
                              {"single", OrderedJson::array({special(cls, 0), sequence("A", 0), special(sep, 0)})},
                              {"pair", OrderedJson::array({special(cls, 0), sequence("A", 0), special(sep, 0),
                                                           sequence("B", 1), special(sep, 1)})},
                              {"special_tokens", {{cls, entry(cls, cls_id_)}, {sep, entry(sep, sep_id_)}}}};
    json["decoder"] = {{"type", "WordPiece"}, {"prefix", config_.prefix}, {"cleanup", true}};
    OrderedJson vocabulary = OrderedJson::object();
    for (std::size_t i = 0; i < pieces_.tokens().size(); ++i)
      vocabulary.get_ref<OrderedJson::object_t&>().emplace_back(pieces_.tokens()[i], i);
    json["model"] = {{"type", "WordPiece"},
                     {"unk_token", config_.unknown},
                     {"continuing_subword_prefix", config_.prefix},
                     {"max_input_chars_per_word", config_.max_code_points},
                     {"vocab", std::move(vocabulary)}};
    return json;
  }

  WordPieces pieces_;
  WordPieceConfig config_;
  std::vector<Special> special_;
  std::array<bool, 256> special_starts_{};
  std::int32_t cls_id_;
  std::int32_t sep_id_;
};

}  // namespace

Tokenizer::~Tokenizer() = default;

Result<std::unique_ptr<Tokenizer const>> make_wordpiece(std::vector<std::string> tokens, WordPieceConfig const& config,
                                                        std::string_view where) {
  std::unordered_map<std::string_view, std::int32_t> ids;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (!ids.emplace(tokens[i], static_cast<std::int32_t>(i)).second)
      return Error(
          ErrorCode::InvalidInput,
          fmt::format("{}: the token {} stands twice in the vocabulary (second at {})", where, quote(tokens[i]), i));
  std::vector<Special> special;
  for (auto const& name : config.special)
    if (auto const found = ids.find(name); found != ids.end() && !name.empty())
      special.push_back({name, found->second});
  for (auto const* needed : {&config.unknown, &config.cls, &config.sep})
    if (!ids.contains(*needed))
      return Error(ErrorCode::InvalidInput, fmt::format("{}: the special token {} is not in the vocabulary of {} "
                                                        "tokens; expected the vocabulary of a BERT encoder",
                                                        where, quote(*needed), tokens.size()));
  auto const unknown = ids.at(config.unknown);
  auto const cls = ids.at(config.cls);
  auto const sep = ids.at(config.sep);
  ids.clear();  // its keys look into `tokens`
  return std::unique_ptr<Tokenizer const>(std::make_unique<WordPieceTokenizer>(
      WordPieces(std::move(tokens), config.prefix, unknown, config.max_code_points), config, std::move(special), cls,
      sep));
}

}  // namespace polytask::text
