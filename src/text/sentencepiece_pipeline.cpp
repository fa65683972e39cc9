#include "text/sentencepiece_pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/file.h"
#include "text/internal/json_fields.h"
#include "text/internal/sentencepiece_model.h"

namespace polytask::text {
namespace {

namespace fs = std::filesystem;
using Kind = TemplatePart::Kind;

constexpr char const* kXlmRoberta = "sentencepiece.bpe.model";
constexpr char const* kDeberta = "spm.model";

/// Special tokens under other names or other options would be other tokenizers.
void check_config(Json const& config, std::string_view class_name,
                  std::vector<std::pair<char const*, char const*>> const& tokens, JsonFields const& fields) {
  if (!config.is_object()) fields.fail("is not a JSON object");
  auto name = fields.text(config, "tokenizer_class", std::string(class_name));
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  if (name != class_name)
    fields.fail(
        fmt::format("\"tokenizer_class\" is {}; with this model file only {} is supported; save the tokenizer "
                    "as tokenizer.json",
                    quote(name), class_name));
  for (auto const& [key, expected] : tokens) {
    if (!JsonFields::has(config, key)) continue;
    auto const& value = config[key];
    auto const& content = value.is_object() && value.contains("content") ? value["content"] : value;
    if (content != expected)
      fields.fail(fmt::format("\"{}\" is {}; only {} is supported without a tokenizer.json", key, quote(content.dump()),
                              quote(expected)));
    for (auto const* option : {"lstrip", "rstrip", "single_word"})
      if (value.is_object() && fields.flag(value, option, false))
        fields.fail(fmt::format("\"{}\" is {}; that is supported in a tokenizer.json only", key, option));
  }
  for (auto const* flag : {"do_lower_case", "split_by_punct"})
    if (fields.flag(config, flag, false))
      fields.fail(fmt::format("\"{}\" is true; that is supported in a tokenizer.json only", flag));
}

std::int32_t id_of(std::vector<Unigram::Token>& vocabulary, std::string_view token) {
  auto const found =
      std::find_if(vocabulary.begin(), vocabulary.end(), [&](auto const& one) { return one.text == token; });
  if (found == vocabulary.end()) vocabulary.push_back({std::string(token), 0});
  return static_cast<std::int32_t>(found - vocabulary.begin());
}

/// Fairseq's order: its own special tokens first, so every other id is one higher than in the model file.
Pipeline xlm_roberta(SentencePieceModel model, Json const& config, JsonFields const& fields) {
  check_config(config, "XLMRobertaTokenizer",
               {{"bos_token", "<s>"},
                {"eos_token", "</s>"},
                {"cls_token", "<s>"},
                {"sep_token", "</s>"},
                {"unk_token", "<unk>"},
                {"pad_token", "<pad>"},
                {"mask_token", "<mask>"}},
               fields);
  if (model.pieces.size() < 3)
    fields.fail(fmt::format("has {} pieces; expected three special ones and more", model.pieces.size()));
  std::vector<Unigram::Token> vocabulary{{"<s>", 0}, {"<pad>", 0}, {"</s>", 0}, {"<unk>", 0}};
  std::move(model.pieces.begin() + 3, model.pieces.end(), std::back_inserter(vocabulary));
  vocabulary.push_back({"<mask>", 0});
  auto const mask = static_cast<std::int32_t>(vocabulary.size()) - 1;
  std::vector<Normalizer> normalizers;
  if (!model.charsmap.empty()) {
    auto charsmap = Charsmap::parse(model.charsmap);
    if (!charsmap) fields.fail(fmt::format("its charsmap {}", charsmap.error().what()));
    normalizers.emplace_back(std::move(charsmap).value());
  }
  auto unigram = Unigram::make(vocabulary, 3, false);
  if (!unigram) fields.fail(unigram.error().what());
  TemplatePart const begin{Kind::Special, 0, 0}, end{Kind::Special, 2, 0}, first{Kind::First, 0, 0},
      second{Kind::Second, 0, 0};
  return {.added_tokens = {{"<s>", 0}, {"<pad>", 1}, {"</s>", 2}, {"<unk>", 3}, {"<mask>", mask}},
          .normalizers = std::move(normalizers),
          .pre_tokenizers = {WhitespaceSplit{}, Metaspace{}},
          .model = std::move(unigram).value(),
          .trim_offsets = {},
          .shape = {{begin, first, end}, {begin, first, end, end, second, end}},
          .vocabulary_size = vocabulary.size(),
          .files = {}};
}

Pipeline deberta(SentencePieceModel model, Json const& config, JsonFields const& fields) {
  check_config(config, "DebertaV2Tokenizer",
               {{"cls_token", "[CLS]"},
                {"sep_token", "[SEP]"},
                {"unk_token", "[UNK]"},
                {"pad_token", "[PAD]"},
                {"mask_token", "[MASK]"}},
               fields);
  auto& vocabulary = model.pieces;
  std::size_t const n_pieces = vocabulary.size();
  Pipeline pipeline{.normalizers = {Replace{Replace::What::SpacesOrLine, "", " "}, ToUnicodeForm{UnicodeForm::Nfc},
                                    StripSpace{false, true}},
                    .pre_tokenizers = {Metaspace{}},
                    .model = Unigram::make({{"[UNK]", 0}}, 0, false).value()};
  std::array<std::int32_t, 5> ids{};
  for (std::size_t i = 0; auto const* token : {"[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]"}) {
    ids[i] = id_of(vocabulary, token);
    pipeline.added_tokens.push_back({token, ids[i++]});
  }
  if (static_cast<std::size_t>(ids[2]) >= n_pieces)
    fields.fail("has no piece \"[UNK]\"; expected the model file of DeBERTa-v2 or -v3");
  pipeline.vocabulary_size = vocabulary.size();
  vocabulary.resize(n_pieces);
  auto unigram = Unigram::make(vocabulary, static_cast<std::size_t>(ids[2]), false);
  if (!unigram) fields.fail(unigram.error().what());
  pipeline.model = std::move(unigram).value();
  TemplatePart const cls{Kind::Special, ids[0], 0}, sep{Kind::Special, ids[1], 0}, last{Kind::Special, ids[1], 1},
      first{Kind::First, 0, 0}, second{Kind::Second, 0, 1};
  pipeline.shape = {{cls, first, sep}, {cls, first, sep, second, last}};
  return pipeline;
}

}  // namespace

std::optional<fs::path> sentencepiece_file(fs::path const& folder) {
  for (auto const* name : {kXlmRoberta, kDeberta})
    if (fs::exists(folder / name)) return folder / name;
  return std::nullopt;
}

Pipeline sentencepiece_pipeline(fs::path const& file, std::string_view bytes, std::string_view config) {
  JsonFields const fields(file.string());
  auto model = parse_sentencepiece(bytes);
  if (!model) fields.fail(model.error().what());
  if (model->model_type != 1)
    fields.fail(fmt::format("has the model type {}; only 1 (unigram) is supported", model->model_type));
  auto const where = (file.parent_path() / "tokenizer_config.json").string();
  auto const json = config.empty() ? Json::object() : parse_json(config, where).value();
  auto pipeline = file.filename() == kXlmRoberta ? xlm_roberta(std::move(model).value(), json, fields)
                                                 : deberta(std::move(model).value(), json, fields);
  pipeline.files.push_back({file.filename().string(), std::string(bytes)});
  if (!config.empty()) pipeline.files.push_back({"tokenizer_config.json", std::string(config)});
  return pipeline;
}

Pipeline load_sentencepiece(fs::path const& file) {
  auto const config = file.parent_path() / "tokenizer_config.json";
  return sentencepiece_pipeline(file, read_file(file, std::uintmax_t{1} << 28),
                                fs::exists(config) ? read_file(config, 1 << 24) : std::string());
}

}  // namespace polytask::text
