#include "text/internal/step_readers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "text/internal/base64.h"

namespace polytask::text {
namespace {

// A text may grow by so much for each step that makes it longer; together they bound what a file can ask for.
constexpr std::size_t kMostSteps = 16;
constexpr std::size_t kLongestContent = 32;
constexpr int kMostGrowingSteps = 2;

/// Calls `read` for each step: for `json` itself, or for what its sequence holds under `key`.
template <typename Read>
void for_each_step(Json const& json, char const* component, char const* key, JsonFields const& fields,
                   Read const& read) {
  if (json.is_null()) return;
  if (!json.is_object()) fields.fail(fmt::format("\"{}\" is {}; expected an object", component, quote(json.dump())));
  auto const type = fields.text(json, "type", "");
  if (type != "Sequence") return read(type, json);
  for (auto const& step : fields.list(json, key, "steps")) {
    if (!step.is_object())
      fields.fail(fmt::format("\"{}\" holds {}; expected an object", component, quote(step.dump())));
    for_each_step(step, component, key, fields, read);
  }
}

[[noreturn]] void refuse(char const* component, std::string const& type, char const* known, JsonFields const& fields) {
  fields.fail(fmt::format("\"{}\" is of type {}; supported are {}", component, quote(type), known));
}

Replace read_replace(Json const& step, JsonFields const& fields) {
  Replace replace;
  replace.content = fields.text(step, "content", "");
  if (replace.content.size() > kLongestContent)
    fields.fail(fmt::format("the Replace normalizer puts {} bytes in the place of a match; at most {} are supported",
                            replace.content.size(), kLongestContent));
  if (!step.contains("pattern") || !step["pattern"].is_object())
    fields.fail("the Replace normalizer has no \"pattern\" with a String or a Regex");
  auto const& pattern = step["pattern"];
  if (JsonFields::has(pattern, "String")) {
    replace.text = fields.text(pattern, "String", "");
    if (replace.text.empty()) fields.fail("the Replace normalizer has an empty pattern");
    return replace;
  }
  auto const regex = fields.text(pattern, "Regex", "");
  if (regex == " {2,}")
    replace.what = Replace::What::Spaces;
  else if (regex == R"(\s{2,}|[\n\r\t])")
    replace.what = Replace::What::SpacesOrLine;
  else
    fields.fail(
        fmt::format("the Replace normalizer has the regular expression {}; supported are \" {{2,}}\", "
                    "\"\\s{{2,}}|[\\n\\r\\t]\" and plain strings",
                    quote(regex)));
  return replace;
}

Charsmap read_charsmap(Json const& step, JsonFields const& fields) {
  auto const bytes = from_base64(fields.text(step, "precompiled_charsmap", ""));
  if (!bytes) fields.fail("the \"precompiled_charsmap\" is not base64");
  auto charsmap = Charsmap::parse(*bytes);
  if (!charsmap) fields.fail(fmt::format("the \"precompiled_charsmap\" {}", charsmap.error().what()));
  return std::move(charsmap).value();
}

Normalizer read_normalizer(std::string const& type, Json const& step, JsonFields const& fields) {
  if (type == "NFC") return ToUnicodeForm{UnicodeForm::Nfc};
  if (type == "NFD") return ToUnicodeForm{UnicodeForm::Nfd};
  if (type == "NFKC") return ToUnicodeForm{UnicodeForm::Nfkc};
  if (type == "NFKD") return ToUnicodeForm{UnicodeForm::Nfkd};
  if (type == "Lowercase") return ToLowercase{};
  if (type == "StripAccents") return StripAccents{};
  if (type == "Nmt") return CleanForTranslation{};
  if (type == "Strip") return StripSpace{fields.flag(step, "strip_left", true), fields.flag(step, "strip_right", true)};
  if (type == "Replace") return read_replace(step, fields);
  if (type == "Precompiled") return read_charsmap(step, fields);
  if (type == "Prepend") {
    auto text = fields.text(step, "prepend", "");
    if (text.size() > kLongestContent)
      fields.fail(
          fmt::format("the Prepend normalizer adds {} bytes; at most {} are supported", text.size(), kLongestContent));
    return Prepend{std::move(text)};
  }
  if (type == "BertNormalizer") {
    bool const lowercase = fields.flag(step, "lowercase", true);
    return NormalizeAsBert{{.clean_text = fields.flag(step, "clean_text", true),
                            .handle_chinese_chars = fields.flag(step, "handle_chinese_chars", true),
                            .strip_accents = fields.flag(step, "strip_accents", lowercase),
                            .lowercase = lowercase}};
  }
  refuse("normalizer", type,
         "NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Nmt, Replace, Prepend, Precompiled, BertNormalizer and "
         "Sequence",
         fields);
}

bool grows(Normalizer const& step) {
  auto const* const replace = std::get_if<Replace>(&step);
  return (replace != nullptr && replace->content.size() > std::max<std::size_t>(replace->text.size(), 1)) ||
         std::holds_alternative<Charsmap>(step) || std::holds_alternative<NormalizeAsBert>(step);
}

Metaspace read_metaspace(Json const& step, JsonFields const& fields) {
  Metaspace metaspace;
  metaspace.replacement = fields.text(step, "replacement", metaspace.replacement);
  auto const& text = metaspace.replacement;
  bool const is_character =
      !text.empty() && std::none_of(text.begin() + 1, text.end(), [](char c) { return (c & 0xC0) != 0x80; });
  if (!is_character)
    fields.fail(fmt::format("the Metaspace pre-tokenizer has the replacement {}; expected one character", quote(text)));
  auto const scheme = fields.text(step, "prepend_scheme", "always");
  bool const has_old_spelling = JsonFields::has(step, "add_prefix_space");
  bool const old_spelling = fields.flag(step, "add_prefix_space", true);
  if (has_old_spelling && !old_spelling && step.contains("prepend_scheme") && scheme != "never")
    fields.fail(
        fmt::format("the Metaspace pre-tokenizer has \"add_prefix_space\" false and \"prepend_scheme\" {}; "
                    "expected \"never\"",
                    quote(scheme)));
  if (scheme == "never" || !old_spelling)
    metaspace.prefix = Metaspace::Prefix::Never;
  else if (scheme == "first")
    metaspace.prefix = Metaspace::Prefix::First;
  else if (scheme != "always")
    fields.fail(fmt::format("\"prepend_scheme\" is {}; expected \"always\", \"first\" or \"never\"", quote(scheme)));
  metaspace.split = fields.flag(step, "split", true);
  return metaspace;
}

Matches read_matches(Json const& step, std::string const& type, std::string const& missing, JsonFields const& fields) {
  auto const behavior = fields.text(step, "behavior", missing);
  if (behavior == "Removed") return Matches::Removed;
  if (behavior == "Isolated") return Matches::Isolated;
  if (behavior == "Contiguous") return Matches::Contiguous;
  if (behavior == "MergedWithPrevious") return Matches::MergedWithPrevious;
  if (behavior == "MergedWithNext") return Matches::MergedWithNext;
  fields.fail(
      fmt::format("the {} pre-tokenizer has the behavior {}; expected \"Removed\", \"Isolated\", \"Contiguous\", "
                  "\"MergedWithPrevious\" or \"MergedWithNext\"",
                  type, quote(behavior)));
}

CutPattern read_split(Json const& step, JsonFields const& fields) {
  auto const* const pattern = step.contains("pattern") ? &step["pattern"] : nullptr;
  bool const is_regex = pattern != nullptr && pattern->is_object() && JsonFields::has(*pattern, "Regex");
  if (pattern == nullptr || !pattern->is_object() || (!is_regex && !JsonFields::has(*pattern, "String")))
    fields.fail("the Split pre-tokenizer has no \"pattern\" with a String or a Regex");
  auto const text = fields.text(*pattern, is_regex ? "Regex" : "String", "");
  auto made = is_regex ? Pattern::of_regex(text) : Pattern::of_string(text);
  if (!made)
    fields.fail(fmt::format("the Split pre-tokenizer's pattern {}: {}", quote(text, 200), made.error().what()));
  return {std::move(made).value(), read_matches(step, "Split", "", fields), fields.flag(step, "invert", false)};
}

CutCharacters read_delimiter(Json const& step, JsonFields const& fields) {
  auto const text = fields.text(step, "delimiter", "");
  if (text.empty() || decode_utf8(text, 0).n_bytes != text.size())
    fields.fail(
        fmt::format("the CharDelimiterSplit pre-tokenizer has the delimiter {}; expected one character", quote(text)));
  return {CutCharacters::Kind::Delimiter, Matches::Removed, decode_utf8(text, 0).code_point};
}

/// Appends the step, or the two that BertPreTokenizer is.
void read_pre_tokenizer(std::string const& type, Json const& step, JsonFields const& fields,
                        std::vector<PreTokenizer>& steps) {
  using Kind = CutCharacters::Kind;
  if (type == "ByteLevel")
    steps.emplace_back(ByteLevel{fields.flag(step, "add_prefix_space", true), fields.flag(step, "use_regex", true)});
  else if (type == "Metaspace")
    steps.emplace_back(read_metaspace(step, fields));
  else if (type == "Whitespace")
    steps.emplace_back(Words{});
  else if (type == "WhitespaceSplit")
    steps.emplace_back(WhitespaceSplit{});
  else if (type == "Punctuation")
    steps.emplace_back(CutCharacters{Kind::Punctuation, read_matches(step, type, "Isolated", fields)});
  else if (type == "Digits")
    steps.emplace_back(CutCharacters{
        Kind::Digit, fields.flag(step, "individual_digits", false) ? Matches::Isolated : Matches::Contiguous});
  else if (type == "CharDelimiterSplit")
    steps.emplace_back(read_delimiter(step, fields));
  else if (type == "Split")
    steps.emplace_back(read_split(step, fields));
  else if (type == "BertPreTokenizer")
    steps.insert(steps.end(), {WhitespaceSplit{}, CutCharacters{}});
  else
    refuse("pre_tokenizer", type,
           "ByteLevel, Metaspace, Whitespace, WhitespaceSplit, Punctuation, Digits, CharDelimiterSplit, Split, "
           "BertPreTokenizer and Sequence",
           fields);
}

/// Checks what an encoding needs of a template: each text once, in order, and room for tokens beside special ones.
void check_template(std::vector<TemplatePart> const& parts, bool is_pair, JsonFields const& fields) {
  std::vector<TemplatePart::Kind> texts;
  for (auto const& part : parts)
    if (part.kind != TemplatePart::Kind::Special) texts.push_back(part.kind);
  auto expected = std::vector{TemplatePart::Kind::First};
  if (is_pair) expected.push_back(TemplatePart::Kind::Second);
  char const* const name = is_pair ? "pair" : "single";
  if (texts != expected)
    fields.fail(fmt::format("the \"{}\" template does not hold {}; no others are supported", name,
                            is_pair ? "$A once and $B once after it" : "$A once"));
  if (parts.size() - texts.size() > 6)
    fields.fail(fmt::format("the \"{}\" template has {} special tokens; at most 6 are supported", name,
                            parts.size() - texts.size()));
}

class PostProcessorReader {
 public:
  PostProcessorReader(JsonFields const& fields, std::function<void(std::string const&, std::int32_t)> const& check_id)
      : fields_(fields), check_id_(check_id) {}

  PostProcessor read(Json const& json) {
    for_each_step(json, "post_processor", "processors", fields_, [&](auto const& type, auto const& step) {
      if (type == "ByteLevel")
        read_trim(step);
      else if (type == "RobertaProcessing" || type == "BertProcessing")
        read_fixed(step, type == "RobertaProcessing");
      else if (type == "TemplateProcessing")
        read_template(step);
      else
        refuse("post_processor", type, "TemplateProcessing, RobertaProcessing, BertProcessing, ByteLevel and Sequence",
               fields_);
    });
    if (!has_shape_)
      fields_.fail(
          "has no \"post_processor\" that adds special tokens; TemplateProcessing, RobertaProcessing or "
          "BertProcessing is expected");
    check_template(result_.shape.single, false, fields_);
    check_template(result_.shape.pair, true, fields_);
    return result_;
  }

 private:
  using Kind = TemplatePart::Kind;

  void begin_shape() {
    if (has_shape_) fields_.fail("\"post_processor\" adds special tokens twice; that is not supported");
    has_shape_ = true;
  }

  void read_trim(Json const& step) {
    result_.trim_offsets = {fields_.flag(step, "trim_offsets", true), fields_.flag(step, "add_prefix_space", true)};
  }

  TemplatePart special(Json const& step, char const* key) {
    if (!step.contains(key) || !step[key].is_array() || step[key].size() != 2 || !step[key][0].is_string())
      fields_.fail(fmt::format("\"post_processor\" has no \"{}\"", key));
    auto const name = step[key][0].get<std::string>();
    auto const id = fields_.id(step[key][1], name);
    check_id_(name, id);
    return {Kind::Special, id, 0};
  }

  /// RobertaProcessing has two separators between the texts of a pair, and one type for both.
  void read_fixed(Json const& step, bool is_roberta) {
    begin_shape();
    auto const cls = special(step, "cls"), sep = special(step, "sep");
    TemplatePart const first{Kind::First, 0, 0};
    std::uint8_t const type = is_roberta ? 0 : 1;
    result_.shape.single = {cls, first, sep};
    result_.shape.pair = {cls, first, sep};
    if (is_roberta) result_.shape.pair.push_back(sep);
    result_.shape.pair.push_back({Kind::Second, 0, type});
    result_.shape.pair.push_back({Kind::Special, sep.id, type});
    if (is_roberta) read_trim(step);
  }

  void read_template(Json const& step) {
    begin_shape();
    result_.shape.single = parts(step, "single");
    result_.shape.pair = parts(step, "pair");
  }

  std::vector<TemplatePart> parts(Json const& step, char const* key) {
    std::vector<TemplatePart> result;
    for (auto const& item : fields_.list(step, key, "tokens and texts")) {
      bool const is_special = item.is_object() && item.contains("SpecialToken");
      char const* const kind = is_special ? "SpecialToken" : "Sequence";
      if (!item.is_object() || !item.contains(kind) || !item[kind].is_object() || !item[kind].contains("id") ||
          !item[kind]["id"].is_string() || !item[kind].contains("type_id") ||
          !item[kind]["type_id"].is_number_unsigned() || item[kind]["type_id"].template get<std::uint64_t>() > 1)
        fields_.fail(fmt::format("the \"{}\" template holds {}; expected a special token or a text, of type 0 or 1",
                                 key, quote(item.dump())));
      auto const name = item[kind]["id"].template get<std::string>();
      auto const type = item[kind]["type_id"].template get<std::uint8_t>();
      if (is_special) {
        for (auto const id : ids_of(step, name)) result.push_back({Kind::Special, id, type});
      } else if (name == "A" || name == "B") {
        result.push_back({name == "A" ? Kind::First : Kind::Second, 0, type});
      } else {
        fields_.fail(fmt::format("the \"{}\" template holds the text {}; expected \"A\" or \"B\"", key, quote(name)));
      }
    }
    return result;
  }

  std::vector<std::int32_t> ids_of(Json const& step, std::string const& name) const {
    if (!step.contains("special_tokens") || !step["special_tokens"].is_object() ||
        !step["special_tokens"].contains(name) || !step["special_tokens"][name].is_object() ||
        !step["special_tokens"][name].contains("ids") || !step["special_tokens"][name]["ids"].is_array())
      fields_.fail(fmt::format("the \"post_processor\" does not say what the special token {} is", quote(name)));
    std::vector<std::int32_t> ids;
    for (auto const& id : step["special_tokens"][name]["ids"]) ids.push_back(fields_.id(id, name));
    if (ids.size() == 1) check_id_(name, ids[0]);
    return ids;
  }

  JsonFields const& fields_;
  std::function<void(std::string const&, std::int32_t)> const& check_id_;
  PostProcessor result_;
  bool has_shape_ = false;
};

}  // namespace

std::vector<Normalizer> read_normalizers(Json const& json, JsonFields const& fields) {
  std::vector<Normalizer> steps;
  for_each_step(json, "normalizer", "normalizers", fields, [&](auto const& type, auto const& step) {
    steps.push_back(read_normalizer(type, step, fields));
    if (steps.size() > kMostSteps || std::count_if(steps.begin(), steps.end(), grows) > kMostGrowingSteps)
      fields.fail(fmt::format("\"normalizer\" has too many steps; supported are {}, of which {} may make a text longer",
                              kMostSteps, kMostGrowingSteps));
  });
  return steps;
}

std::vector<PreTokenizer> read_pre_tokenizers(Json const& json, JsonFields const& fields) {
  std::vector<PreTokenizer> steps;
  for_each_step(json, "pre_tokenizer", "pretokenizers", fields, [&](auto const& type, auto const& step) {
    read_pre_tokenizer(type, step, fields, steps);
    if (steps.size() > kMostSteps) fields.fail(fmt::format("\"pre_tokenizer\" has more than {} steps", kMostSteps));
  });
  return steps;
}

PostProcessor read_post_processor(Json const& json, JsonFields const& fields,
                                  std::function<void(std::string const&, std::int32_t)> const& check_id) {
  return PostProcessorReader(fields, check_id).read(json);
}

}  // namespace polytask::text
