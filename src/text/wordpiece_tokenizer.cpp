#include "text/wordpiece_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <unordered_map>

#include "base/file.h"
#include "base/json.h"
#include "text/internal/assembly.h"
#include "text/internal/normalizer.h"
#include "text/internal/wordpiece.h"

namespace polytask::text {
namespace {

using task::Encoding;

struct Special {
  std::string text;
  std::int32_t id = 0;
};

Template bert_template(std::int32_t cls, std::int32_t sep) {
  using Kind = TemplatePart::Kind;
  TemplatePart const begin{Kind::Special, cls, 0}, middle{Kind::Special, sep, 0}, end{Kind::Special, sep, 1};
  TemplatePart const first{Kind::First, 0, 0}, second{Kind::Second, 0, 1};
  return {{begin, first, middle}, {begin, first, middle, second, end}};
}

class WordPieceTokenizer final : public Tokenizer {
 public:
  WordPieceTokenizer(WordPieces pieces, WordPieceConfig config, std::vector<Special> special, std::int32_t cls_id,
                     std::int32_t sep_id)
      : pieces_(std::move(pieces)),
        config_(std::move(config)),
        special_(std::move(special)),
        cls_id_(cls_id),
        sep_id_(sep_id),
        shape_(bert_template(cls_id, sep_id)) {
    for (auto const& token : special_) special_starts_[static_cast<unsigned char>(token.text[0])] = true;
  }

  Encoding encode(std::string_view utf8, EncodeOptions const& options) const override {
    return assemble(shape_, tokenize(utf8, room_for_text(shape_, options)), options);
  }

  Encoding encode_pair(std::string_view first, std::string_view second, EncodeOptions const& options) const override {
    auto const room = room_for_pair(shape_, options);
    return assemble(shape_, tokenize(first, room), tokenize(second, room), options);
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

  [[nodiscard]] WordPieceParts parts() const { return {pieces_.tokens(), config_}; }

 private:
  /// Holds `at_most` tokens.
  Tokens tokenize(std::string_view utf8, std::size_t at_most) const {
    Tokens tokens{.at_most = at_most};
    WordCutter cutter({config_.clean_text, config_.handle_chinese_chars, config_.strip_accents, config_.lowercase});
    std::vector<Piece> pieces;
    std::size_t from = 0;
    for (std::size_t at = 0; at < utf8.size();) {
      auto const* const found = special_at(utf8, at);
      if (found == nullptr) {
        ++at;
        continue;
      }
      cut_words(cutter, {utf8, from, at}, pieces, tokens);
      tokens.add(found->id, {at, at + found->text.size()});
      at += found->text.size();
      from = at;
    }
    cut_words(cutter, {utf8, from, utf8.size()}, pieces, tokens);
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

  void cut_words(WordCutter& cutter, Part const& part, std::vector<Piece>& pieces, Tokens& tokens) const {
    if (part.begin == part.end) return;
    cutter.start(part.utf8, part.begin, part.end);
    while (auto const* word = cutter.next()) {
      pieces.clear();
      pieces_.cut(word->bytes, word->n_code_points, pieces);
      for (auto const& piece : pieces)
        tokens.add(piece.id, {word->source_begin[piece.begin], word->source_end[piece.end - 1]});
    }
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
  Template shape_;
};

}  // namespace

Tokenizer::~Tokenizer() = default;

std::optional<WordPieceParts> wordpiece_parts(Tokenizer const& tokenizer) {
  auto const* const wordpiece = dynamic_cast<WordPieceTokenizer const*>(&tokenizer);
  return wordpiece == nullptr ? std::nullopt : std::optional(wordpiece->parts());
}

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
