#include "text/internal/pipeline_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "base/error.h"
#include "text/internal/step_readers.h"

namespace polytask::text {
namespace {

/// The score that the reference reads: serde_json rounds the digits to a double, and that one's quotient by a power of
/// ten again. Which of two equally likely ways is taken hangs on that last bit.
double score_as_read_there(Json const& score) {
  auto const exact = score.get<double>();
  if (score.is_number_integer() || !std::isfinite(exact)) return exact;
  auto const text = fmt::format("{}", std::abs(exact));  // the fewest digits that say it, as every library writes them
  std::uint64_t digits = 0;
  int exponent = 0;
  bool is_behind_point = false;
  std::size_t at = 0;
  for (; at < text.size() && text[at] != 'e'; ++at) {
    if (text[at] == '.') {
      is_behind_point = true;
      continue;
    }
    digits = digits * 10 + static_cast<std::uint64_t>(text[at] - '0');
    if (is_behind_point) --exponent;
  }
  if (at < text.size()) exponent += std::stoi(text.substr(at + 1));
  auto const power_text = fmt::format("1e{}", std::abs(exponent));
  double power = 1;
  auto const end = power_text.data() + power_text.size();
  if (std::from_chars(power_text.data(), end, power).ec != std::errc()) return exact;
  auto const found = static_cast<double>(digits);
  return std::copysign(exponent < 0 ? found / power : found * power, exact);
}

class PipelineReader {
 public:
  PipelineReader(Json const& json, std::string_view where) : json_(json), fields_(where) {}

  Pipeline read(std::string_view bytes) {
    auto const normalizers = read_normalizers(step("normalizer"), fields_);
    auto const pre_tokenizers = read_pre_tokenizers(step("pre_tokenizer"), fields_);
    auto const& model = json_["model"];
    auto const type = fields_.text(model, "type", model.contains("merges") ? "BPE" : "Unigram");
    check_byte_level(pre_tokenizers, type);
    auto pieces = read_model(type, model);
    auto added = read_added_tokens();
    auto post = read_post_processor(step("post_processor"), fields_,
                                    [&](std::string const& token, std::int32_t id) { check_id(token, id); });
    return {.added_tokens = std::move(added),
            .normalizers = normalizers,
            .pre_tokenizers = pre_tokenizers,
            .model = std::move(pieces),
            .trim_offsets = post.trim_offsets,
            .shape = std::move(post.shape),
            .vocabulary_size = vocabulary_size_,
            .files = {{"tokenizer.json", std::string(bytes)}}};
  }

 private:
  Json const& step(char const* key) const {
    static Json const none;
    return json_.contains(key) ? json_[key] : none;
  }

  std::variant<BytePairs, Unigram, WordPieces> read_model(std::string const& type, Json const& model) {
    if (type == "BPE") return read_byte_pairs(model);
    if (type == "WordPiece") return read_word_pieces(model);
    return read_unigram(model);
  }

  void check_byte_level(std::vector<PreTokenizer> const& steps, std::string const& type) const {
    bool const is_bpe = type == "BPE";
    auto const n = std::count_if(steps.begin(), steps.end(),
                                 [](auto const& one) { return std::holds_alternative<ByteLevel>(one); });
    bool const is_last = !steps.empty() && std::holds_alternative<ByteLevel>(steps.back());
    if (is_bpe && (n != 1 || !is_last))
      fields_.fail(
          "\"model\" is a BPE and \"pre_tokenizer\" does not end with ByteLevel; only byte-level BPE is "
          "supported");
    if (!is_bpe && n > 0)
      fields_.fail(fmt::format("\"model\" is a {} and \"pre_tokenizer\" has ByteLevel; that is not supported", type));
  }

  void place(std::string const& token, std::int32_t id) {
    ids_[token] = id;
    vocabulary_size_ = std::max(vocabulary_size_, static_cast<std::size_t>(id) + 1);
  }

  void check_id(std::string const& token, std::int32_t id) const {
    if (auto const found = ids_.find(token); found == ids_.end() || found->second != id)
      fields_.fail(
          fmt::format("the \"post_processor\" gives {} the id {}, which the vocabulary does not", quote(token), id));
  }

  BytePairs read_byte_pairs(Json const& model) {
    for (auto const* affix : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (auto const value = fields_.text(model, affix, ""); !value.empty())
        fields_.fail(fmt::format("\"{}\" is {}; only byte-level BPE without one is supported", affix, quote(value)));
    if (JsonFields::has(model, "dropout") && model["dropout"] != 0)
      fields_.fail(fmt::format("\"dropout\" is {}; only 0 is supported", quote(model["dropout"].dump())));
    if (fields_.flag(model, "byte_fallback", false))
      fields_.fail("\"byte_fallback\" is true; a byte-level BPE has no use for it, and others are not supported");
    if (!model.contains("vocab") || !model["vocab"].is_object() || model["vocab"].empty())
      fields_.fail("\"model\" has no \"vocab\" of tokens and their ids");
    std::vector<BytePairs::Token> vocabulary;
    std::unordered_map<std::int32_t, std::string> tokens;
    for (auto const& [token, value] : model["vocab"].items()) {
      auto const id = fields_.id(value, token);
      if (auto const [there, is_new] = tokens.emplace(id, token); !is_new)
        fields_.fail(fmt::format("the id {} belongs to two tokens, {} and {}", id, quote(there->second), quote(token)));
      vocabulary.push_back({token, id});
      place(token, id);
    }
    BytePairsConfig const config{.unknown = fields_.text(model, "unk_token", ""),
                                 .fuse_unknown = fields_.flag(model, "fuse_unk", false),
                                 .ignore_merges = fields_.flag(model, "ignore_merges", false)};
    auto result = BytePairs::make(vocabulary, read_merges(model), config);
    if (!result) fields_.fail(result.error().what());
    return std::move(result).value();
  }

  /// Merges are "a b" or ["a", "b"]; a line of merges.txt that says its version may be among the former.
  std::vector<BytePairs::Merge> read_merges(Json const& model) const {
    std::vector<BytePairs::Merge> merges;
    for (auto const& merge : fields_.list(model, "merges", "pairs")) {
      if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
        merges.push_back({merge[0].get<std::string>(), merge[1].get<std::string>()});
        continue;
      }
      auto const text = merge.is_string() ? merge.get<std::string>() : std::string();
      if (text.starts_with("#version")) continue;
      auto const space = text.find(' ');
      if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
        fields_.fail(fmt::format("merge {} is {}; expected two tokens", merges.size() + 1, quote(merge.dump())));
      merges.push_back({text.substr(0, space), text.substr(space + 1)});
    }
    return merges;
  }

  Unigram read_unigram(Json const& model) {
    std::vector<Unigram::Token> vocabulary;
    for (auto const& entry : fields_.list(model, "vocab", "tokens and their scores")) {
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number())
        fields_.fail(fmt::format("entry {} of the vocabulary is {}; expected a token and its score", vocabulary.size(),
                                 quote(entry.dump())));
      vocabulary.push_back({entry[0].get<std::string>(), score_as_read_there(entry[1])});
      if (vocabulary.size() > JsonFields::kLargestVocabulary)
        fields_.fail(fmt::format("the vocabulary has more than {} tokens", JsonFields::kLargestVocabulary));
      place(vocabulary.back().text, static_cast<std::int32_t>(vocabulary.size()) - 1);
    }
    if (!JsonFields::has(model, "unk_id") || !model["unk_id"].is_number_unsigned())
      fields_.fail(fmt::format("\"unk_id\" is {}; expected the id of the unknown token",
                               model.contains("unk_id") ? quote(model["unk_id"].dump()) : "missing"));
    auto result =
        Unigram::make(vocabulary, model["unk_id"].get<std::size_t>(), fields_.flag(model, "byte_fallback", false));
    if (!result) fields_.fail(result.error().what());
    return std::move(result).value();
  }

  WordPieces read_word_pieces(Json const& model) {
    auto const unknown = fields_.text(model, "unk_token", "[UNK]");
    auto const prefix = fields_.text(model, "continuing_subword_prefix", "##");
    if (prefix.empty())
      fields_.fail("\"continuing_subword_prefix\" is empty; words and their pieces could not be told apart");
    constexpr std::uint64_t kMostCharacters = 100'000;
    std::uint64_t most = 100;
    if (model.contains("max_input_chars_per_word")) {
      auto const& value = model["max_input_chars_per_word"];
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMostCharacters)
        fields_.fail(fmt::format("\"max_input_chars_per_word\" is {}; expected a whole number up to {}",
                                 quote(value.dump()), kMostCharacters));
      most = value.get<std::uint64_t>();
    }
    if (!model.contains("vocab") || !model["vocab"].is_object() || model["vocab"].empty())
      fields_.fail("\"model\" has no \"vocab\" of tokens and their ids");
    std::unordered_map<std::int32_t, std::string> tokens;
    for (auto const& [token, value] : model["vocab"].items()) {
      auto const id = fields_.id(value, token);
      if (auto const [there, is_new] = tokens.emplace(id, token); !is_new)
        fields_.fail(fmt::format("the id {} belongs to two tokens, {} and {}", id, quote(there->second), quote(token)));
      place(token, id);
    }
    auto const found = ids_.find(unknown);
    if (found == ids_.end()) fields_.fail(fmt::format("the unknown token {} is not in the vocabulary", quote(unknown)));
    // Ids that no token has get names that no text can produce.
    std::vector<std::string> by_id(vocabulary_size_);
    for (std::size_t id = 0; id < by_id.size(); ++id) {
      auto const token = tokens.find(static_cast<std::int32_t>(id));
      by_id[id] =
          token != tokens.end() && !token->second.empty() ? token->second : fmt::format("\xEF\xBF\xBD unused {}", id);
    }
    return {std::move(by_id), prefix, found->second, static_cast<std::uint32_t>(most)};
  }

  std::vector<AddedToken> read_added_tokens() {
    std::vector<AddedToken> tokens;
    if (!JsonFields::has(json_, "added_tokens")) return tokens;
    std::unordered_map<std::string, std::size_t> index;
    for (auto const& entry : fields_.list(json_, "added_tokens", "tokens")) {
      if (!entry.is_object() || !entry.contains("id"))
        fields_.fail("\"added_tokens\" holds something that is not a token");
      AddedToken token{.content = fields_.text(entry, "content", "")};
      if (token.content.empty()) fields_.fail("an added token is empty");
      token.id = fields_.id(entry["id"], token.content);
      if (auto const known = ids_.find(token.content); known != ids_.end() && known->second != token.id)
        fields_.fail(fmt::format("the added token {} has the id {}, but the vocabulary gives it the id {}",
                                 quote(token.content), token.id, known->second));
      token.single_word = fields_.flag(entry, "single_word", false);
      token.lstrip = fields_.flag(entry, "lstrip", false);
      token.rstrip = fields_.flag(entry, "rstrip", false);
      token.normalized = fields_.flag(entry, "normalized", !fields_.flag(entry, "special", false));
      place(token.content, token.id);
      // As in the reference library the last of equal ones counts.
      if (auto const [at, is_new] = index.emplace(token.content, tokens.size()); is_new)
        tokens.push_back(std::move(token));
      else
        tokens[at->second] = std::move(token);
    }
    return tokens;
  }

  Json const& json_;
  JsonFields fields_;
  std::unordered_map<std::string, std::int32_t> ids_;
  std::size_t vocabulary_size_ = 0;
};

}  // namespace

Pipeline read_pipeline(Json const& json, std::string_view bytes, std::string_view where) {
  return PipelineReader(json, where).read(bytes);
}

}  // namespace polytask::text
