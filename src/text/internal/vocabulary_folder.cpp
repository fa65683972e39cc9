#include "text/internal/vocabulary_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/internal/json_fields.h"
#include "text/internal/mecab_words.h"
#include "text/internal/pipeline_reader.h"
#include "text/pipeline_tokenizer.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::text {
namespace {

namespace fs = std::filesystem;

constexpr auto kLongestVocabulary = std::uintmax_t{1} << 28;

/// Where a saved folder names the dictionary of MeCab's that it is read with.
constexpr char const* kDigestKey = "polytask_mecab_sha256";

std::vector<std::string> read_vocabulary(fs::path const& path) {
  auto const text = read_file(path, kLongestVocabulary);
  std::vector<std::string> tokens;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    std::size_t const last = end > begin && text[end - 1] == '\r' ? end - 1 : end;
    tokens.push_back(text.substr(begin, last - begin));
    begin = end + 1;
  }
  return tokens;
}

/// The `tokenizer_config.json` that stands beside a `vocab.txt`.
class ConfigReader {
 public:
  /// `class_elsewhere`: what the encoder's config.json says of it, where older files have it; may be empty.
  ConfigReader(Json const& json, std::string where, std::string class_elsewhere)
      : json_(json), where_(std::move(where)), class_elsewhere_(std::move(class_elsewhere)) {
    if (!json_.is_object()) fail("is not a JSON object; expected the configuration of a Hugging Face tokenizer");
  }

  /// As of Tohoku University's encoders.
  bool is_japanese() const { return class_name() == "BertJapaneseTokenizer"; }

  /// Whether every character is a token: MeCab's words make no difference then, as white space is part of none.
  bool is_of_characters() const { return word("subword_tokenizer_type", "wordpiece") == "character"; }

  /// MeCab's words with the dictionary that is named here, or the very one that a saved folder names.
  MecabWords words() const {
    auto const digest = word(kDigestKey, "");
    bool const is_hash = digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!digest.empty() && !is_hash)
      fail(fmt::format("\"{}\" is {}; expected the SHA-256 of a dictionary", kDigestKey, quote(digest)));
    auto words = MecabWords::open(dictionary(), digest);
    if (!words) fail(words.error().what());
    return std::move(words).value();
  }

  /// This file, with the class and the dictionary of MeCab's that it is read with.
  std::string saved(MecabWords const& words) const {
    auto json = json_;
    json["tokenizer_class"] = "BertJapaneseTokenizer";
    json[kDigestKey] = words.digest();
    return json.dump(2) + "\n";
  }

  /// The tokenizer.json that says the same as these files, but for MeCab's words.
  Json japanese(std::span<std::string const> tokens) const {
    if (auto const cutter = word("word_tokenizer_type", "basic"); cutter != "mecab")
      fail(fmt::format("\"word_tokenizer_type\" is {}; in a BertJapaneseTokenizer only mecab is supported so far",
                       quote(cutter)));
    if (auto const pieces = word("subword_tokenizer_type", "wordpiece"); pieces != "wordpiece" && pieces != "character")
      fail(fmt::format("\"subword_tokenizer_type\" is {}; expected wordpiece or character", quote(pieces)));
    if (has("mecab_kwargs") && !json_["mecab_kwargs"].is_object()) fail("\"mecab_kwargs\" is no object of options");
    if (has("mecab_kwargs") && json_["mecab_kwargs"].value("normalize_text", Json(true)) != true)
      fail("\"mecab_kwargs\" leaves texts as they are (\"normalize_text\": false); that is not supported so far");
    for (auto const* step : {"do_word_tokenize", "do_subword_tokenize"})
      if (!flag(step, true)) fail(fmt::format("\"{}\" is false; that is not supported so far", step));
    for (std::size_t i = 0; i < tokens.size(); ++i)
      if (find_invalid_utf8(tokens[i])) fail_in_vocabulary(i + 1, "is not UTF-8");
    check_words();
    auto const cls = token("cls_token", "[CLS]"), sep = token("sep_token", "[SEP]"),
               unknown = token("unk_token", "[UNK]");
    std::vector<std::string> special{token("pad_token", "[PAD]"), unknown, cls, sep, token("mask_token", "[MASK]")};
    add_tokens(tokens, special);
    Json vocabulary = Json::object(), added = Json::array();
    for (std::size_t i = 0; i < tokens.size(); ++i)
      if (!vocabulary.emplace(tokens[i], i).second)
        fail_in_vocabulary(i + 1, fmt::format("the token {} stands there already above", quote(tokens[i])));
    auto const id_of = [&](std::string const& name) {
      if (!vocabulary.contains(name)) fail(fmt::format("the token {} does not stand in vocab.txt", quote(name)));
      return vocabulary[name];
    };
    for (auto const& name : special)
      added.push_back({{"id", id_of(name)},
                       {"content", name},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
    auto const split = [](char const* pattern, char const* behavior) {
      return Json{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", behavior}, {"invert", false}};
    };
    if (flag("do_lower_case", false))
      fail("\"do_lower_case\" is true; in a BertJapaneseTokenizer that is not supported so far");
    Json const characters{{"type", "Sequence"},
                          {"pretokenizers", {split("[ \\t\\n\\x0b]+", "Removed"), split("[\\s\\S]", "Isolated")}}};
    return {{"added_tokens", added},
            {"normalizer", {{"type", "NFKC"}}},
            {"pre_tokenizer", is_of_characters() ? characters : Json()},
            {"post_processor",
             {{"type", "BertProcessing"},
              {"sep", Json::array({sep, id_of(sep)})},
              {"cls", Json::array({cls, id_of(cls)})}}},
            {"model",
             {{"type", "WordPiece"},
              {"unk_token", unknown},
              {"continuing_subword_prefix", "##"},
              {"max_input_chars_per_word", 100U},
              {"vocab", vocabulary}}}};
  }

  WordPieceConfig read(std::span<std::string const> tokens) const {
    check_class();
    WordPieceConfig config;
    config.lowercase = flag("do_lower_case", config.lowercase);
    config.handle_chinese_chars = flag("tokenize_chinese_chars", config.handle_chinese_chars);
    config.strip_accents = flag("strip_accents", config.lowercase);
    config.unknown = token("unk_token", config.unknown);
    config.cls = token("cls_token", config.cls);
    config.sep = token("sep_token", config.sep);
    config.special = {token("pad_token", "[PAD]"), config.unknown, config.cls, config.sep,
                      token("mask_token", "[MASK]")};
    add_tokens(tokens, config.special);
    return config;
  }

 private:
  [[noreturn]] void fail(std::string const& reason) const {
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: {}", where_, reason));
  }

  [[noreturn]] void fail_in_vocabulary(std::size_t line, std::string const& reason) const {
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}:{}: {}", (fs::path(where_).parent_path() / "vocab.txt").string(), line, reason));
  }

  bool has(char const* key) const { return json_.contains(key) && !json_[key].is_null(); }

  bool flag(char const* key, bool missing) const {
    if (!has(key)) return missing;
    if (!json_[key].is_boolean()) fail(fmt::format("\"{}\" is {}; expected true or false", key, json_[key].dump()));
    return json_[key].get<bool>();
  }

  /// A token is text, or an object with its "content".
  std::string token(char const* key, std::string const& missing) const {
    if (!has(key)) return missing;
    auto const& value = json_[key];
    if (value.is_string()) return value.get<std::string>();
    return content_of(value, key);
  }

  std::string content_of(Json const& value, std::string_view key) const {
    if (!value.is_object() || !value.contains("content") || !value["content"].is_string())
      fail(fmt::format("\"{}\" is {}; expected a token", key, quote(value.dump())));
    auto content = value["content"].get<std::string>();
    if (auto const* const option = unsupported_option(value))
      fail(fmt::format("the added token {} is \"{}\"; that is not supported so far", quote(content), option));
    return content;
  }

  /// What decides the kind of tokenizer: another value than a word is an error.
  std::string word(char const* key, std::string const& missing) const {
    if (has(key) && !json_[key].is_string())
      fail(fmt::format("\"{}\" is {}; expected a word", key, quote(json_[key].dump())));
    return text(key, missing);
  }

  std::string text(char const* key, std::string const& missing) const {
    return has(key) && json_[key].is_string() ? json_[key].get<std::string>() : missing;
  }

  std::string class_name() const {
    if (has("tokenizer_class") && !json_["tokenizer_class"].is_string())
      fail(fmt::format("\"tokenizer_class\" is {}; expected a name", quote(json_["tokenizer_class"].dump())));
    // Japanese encoders name the class in config.json alone.
    auto name = text("tokenizer_class", class_elsewhere_.empty() ? "BertTokenizer" : class_elsewhere_);
    bool const is_japanese = has("word_tokenizer_type") || has("subword_tokenizer_type") || has("mecab_kwargs");
    if (is_japanese && name != "BertJapaneseTokenizer")
      fail(
          fmt::format("has options of BertJapaneseTokenizer, and the class is {}; write \"tokenizer_class\": "
                      "\"BertJapaneseTokenizer\" "
                      "here or in config.json, if it is that one",
                      quote(name)));
    if (name.ends_with("Fast")) name.resize(name.size() - 4);
    return name;
  }

  /// The dictionary of MeCab's. Where none is named transformers took ipadic until 2024, and unidic_lite since, so that
  /// nothing can be concluded from it.
  std::string dictionary() const {
    auto const options = has("mecab_kwargs") ? json_["mecab_kwargs"] : Json::object();
    if (options.contains("mecab_option") && !options["mecab_option"].is_null() && options["mecab_option"] != "")
      fail(fmt::format("\"mecab_option\" is {}; that is not supported so far", options["mecab_option"].dump()));
    auto const name = options.value("mecab_dic", Json());
    if (name.is_null())
      fail(
          "\"mecab_kwargs\" names no dictionary; write in its \"mecab_dic\" which one the encoder learned with: "
          "ipadic, unidic_lite or unidic");
    if (!name.is_string())
      fail(fmt::format("\"mecab_dic\" is {}; expected the name of a dictionary", quote(name.dump())));
    return name.get<std::string>();
  }

  /// Other classes read a vocab.txt too, but cut the text into words in their own way.
  void check_class() const {
    auto const name = class_name();
    constexpr std::array<std::string_view, 4> kSame{"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer",
                                                    "MobileBertTokenizer"};
    if (std::find(kSame.begin(), kSame.end(), name) == kSame.end())
      fail(fmt::format("\"tokenizer_class\" is {}; with a vocab.txt only BertTokenizer is supported so far",
                       quote(name)));
    if (!flag("do_basic_tokenize", true)) fail("\"do_basic_tokenize\" is false; that is not supported so far");
    check_words();
  }

  void check_words() const {
    if (has("never_split") && !json_["never_split"].empty())
      fail(fmt::format("\"never_split\" is {}; that is not supported so far", quote(json_["never_split"].dump())));
  }

  void add_tokens(std::span<std::string const> tokens, std::vector<std::string>& special) const {
    if (!has("added_tokens_decoder")) return;
    if (!json_["added_tokens_decoder"].is_object()) fail("\"added_tokens_decoder\" is not an object of ids and tokens");
    for (auto const& [id, value] : json_["added_tokens_decoder"].items()) {
      auto const content = content_of(value, id);
      auto const found = std::find(tokens.begin(), tokens.end(), content);
      if (content.empty() || found == tokens.end() || std::to_string(found - tokens.begin()) != id)
        fail(
            fmt::format("the added token {} has the id {}, but does not stand at that line of vocab.txt; that is "
                        "supported only in a tokenizer.json so far",
                        quote(content), quote(id)));
      if (std::find(special.begin(), special.end(), content) == special.end()) special.push_back(content);
    }
  }

  Json const& json_;
  std::string where_, class_elsewhere_;
};

/// `tokenizer_class` of a config.json; empty where there is none.
std::string class_in_config(fs::path const& path) {
  if (!fs::exists(path)) return "";
  auto const json = parse_json(read_file(path, 1 << 24), path.string());
  if (!json || !json->is_object() || !json->contains("tokenizer_class")) return "";
  auto const& name = (*json)["tokenizer_class"];
  return name.is_string() ? name.get<std::string>() : "";
}

}  // namespace

std::unique_ptr<Tokenizer const> load_vocabulary(fs::path const& folder) {
  auto tokens = read_vocabulary(folder / "vocab.txt");
  if (auto const path = folder / "added_tokens.json";
      fs::exists(path) && !parse_json(read_file(path, 1 << 24), path.string()).value().empty())
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format("{}: tokens beside a vocab.txt are not supported so far; save the tokenizer as tokenizer.json",
                    path.string()));
  WordPieceConfig config;
  auto const path = folder / "tokenizer_config.json";
  auto const class_elsewhere = class_in_config(folder / "config.json");
  if (fs::exists(path) || !class_elsewhere.empty()) {
    auto const json =
        fs::exists(path) ? parse_json(read_file(path, 1 << 24), path.string()).value() : Json(Json::object());
    ConfigReader const reader(json, fs::exists(path) ? path.string() : (folder / "config.json").string(),
                              class_elsewhere);
    if (reader.is_japanese()) {
      auto const as_json = reader.japanese(tokens);
      auto pipeline = read_pipeline(as_json, as_json.dump(), path.string());
      if (!reader.is_of_characters()) {
        auto const words = reader.words();
        pipeline.pre_tokenizers = {words};
        // No tokenizer.json can say MeCab: the two files that were read are what is saved.
        pipeline.files = {{"vocab.txt", read_file(folder / "vocab.txt", kLongestVocabulary)},
                          {"tokenizer_config.json", reader.saved(words)}};
        pipeline.outside_digest = words.digest();
      }
      return make_pipeline_tokenizer(std::move(pipeline));
    }
    config = reader.read(tokens);
  }
  return make_wordpiece(std::move(tokens), config, (folder / "vocab.txt").string()).value();
}

}  // namespace polytask::text
