#include "audit/scripts.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "base/utf8.h"

namespace polytask::audit {
namespace {

enum Script { Latin, Cyrillic, Greek, Arabic, Hebrew, Devanagari, Thai, Hangul, Kana, Han, Other, kScripts, NoLetter };
constexpr std::array<std::string_view, kScripts> kNames{
    "latin", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "thai", "hangul", "japanese", "han", "other"};

/// Blocks of the Unicode standard; letters alone.
Script script_of_letter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? Latin : NoLetter;
  auto const in = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (in(0xC0, 0x24F)) return c == 0xD7 || c == 0xF7 ? NoLetter : Latin;
  if (in(0x1E00, 0x1EFF) || in(0xFF21, 0xFF3A) || in(0xFF41, 0xFF5A)) return Latin;
  if (in(0x370, 0x3FF) || in(0x1F00, 0x1FFF)) return Greek;
  if (in(0x400, 0x52F)) return Cyrillic;
  if (in(0x590, 0x5FF)) return Hebrew;
  if (in(0x600, 0x6FF) || in(0x750, 0x77F) || in(0xFB50, 0xFDFF) || in(0xFE70, 0xFEFF)) return Arabic;
  if (in(0x900, 0x97F)) return Devanagari;
  if (in(0xE00, 0xE7F)) return Thai;
  if (in(0x1100, 0x11FF) || in(0x3130, 0x318F) || in(0xAC00, 0xD7A3)) return Hangul;
  if (in(0x3041, 0x3096) || in(0x30A1, 0x30FA) || in(0xFF66, 0xFF9D)) return Kana;
  if (in(0x3400, 0x4DBF) || in(0x4E00, 0x9FFF) || in(0xF900, 0xFAFF) || in(0x20000, 0x3134F)) return Han;
  if (c < 0x2C00 && in(0x2000, 0x2BFF)) return NoLetter;  // punctuation, symbols, arrows
  if (in(0x3000, 0x303F) || in(0xFE00, 0xFE6F) || in(0xFF00, 0xFFEF) || in(0x1F000, 0x1FAFF) || c < 0xC0)
    return NoLetter;
  return Other;
}

constexpr std::array<std::string_view, 7> kLanguages{"en", "de", "fr", "es", "it", "pt", "nl"};

/// The most frequent small words of each; a word of several languages speaks for each of them.
std::unordered_map<std::string_view, std::uint8_t> const& small_words() {
  static auto const words = [] {
    std::array<std::vector<std::string_view>, kLanguages.size()> const lists{{
        {"the", "and",  "of",   "to",   "is",   "in",   "it",  "you", "that", "was", "for",
         "are", "with", "my",   "this", "have", "what", "not", "on",  "i",    "how", "can",
         "be",  "do",   "from", "at",   "will", "a",    "an",  "me",  "but",  "does"},
        {"der",  "die",  "das", "und", "ist",  "nicht", "ich",  "ein", "eine", "zu",
         "den",  "mit",  "von", "für", "auf",  "sie",   "es",   "wie", "im",   "dem",
         "kann", "mein", "was", "wir", "auch", "haben", "wird", "bei", "meine"},
        {"le",  "la",  "les",  "et",  "est", "des", "un", "une", "je",   "pas", "que", "pour", "dans", "vous", "ce",
         "qui", "sur", "avec", "mon", "du",  "en",  "ne", "il",  "plus", "ma",  "au",  "sont", "nous", "elle"},
        {"el", "la", "los", "las", "de", "que",  "y",  "es", "en", "un",   "una",  "por", "para",  "con",
         "no", "mi", "se",  "del", "lo", "como", "su", "al", "yo", "esta", "pero", "muy", "puedo", "más"},
        {"il",   "di", "che",   "è",  "la", "e",  "un",  "una",    "per", "non", "con", "mi",    "del", "sono",
         "come", "ho", "della", "le", "si", "da", "gli", "questo", "mia", "mio", "più", "anche", "nel", "alla"},
        {"o",     "os",  "as", "que", "e",  "do",   "da",  "em",   "um",   "uma", "para", "com", "não",  "meu",
         "minha", "por", "no", "na",  "se", "mais", "dos", "como", "você", "eu",  "foi",  "ao",  "está", "é"},
        {"de",   "het", "een",  "en", "ik",  "niet", "van", "is",   "dat", "op",  "te",  "met", "voor", "mijn",
         "zijn", "er",  "maar", "je", "wat", "ook",  "aan", "naar", "hoe", "kan", "die", "heb", "bij",  "deze"},
    }};
    std::unordered_map<std::string_view, std::uint8_t> map;
    for (std::size_t l = 0; l < lists.size(); ++l)
      for (auto const word : lists[l]) map[word] = static_cast<std::uint8_t>(map[word] | 1U << l);
    return map;
  }();
  return words;
}

}  // namespace

std::string_view script_of(std::string_view utf8) {
  std::array<std::size_t, kScripts + 2> counts{};
  for (std::size_t at = 0; at < utf8.size();) {
    auto const c = decode_utf8(utf8, at);
    ++counts[script_of_letter(c.code_point)];
    at += c.n_bytes;
  }
  std::size_t const n_japanese = counts[Kana] + counts[Han];
  auto const others = std::max_element(counts.begin(), counts.begin() + Kana);
  if (counts[Kana] > 0 && *others <= 3 * n_japanese) return kNames[Kana];
  auto const most = std::max_element(counts.begin(), counts.begin() + kScripts);
  return *most == 0 ? "none" : kNames[static_cast<std::size_t>(most - counts.begin())];
}

std::string language_of(std::string_view utf8) {
  auto const script = script_of(utf8);
  if (script != "latin") return std::string(script);
  auto const& words = small_words();
  std::array<int, kLanguages.size()> counts{};
  std::string word;
  auto const end_word = [&] {
    if (auto const found = words.find(word); found != words.end())
      for (std::size_t l = 0; l < counts.size(); ++l) counts[l] += (found->second >> l) & 1;
    word.clear();
  };
  for (char const c : utf8) {
    bool const is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
    if (is_letter)
      word.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
    else if (!word.empty())
      end_word();
  }
  end_word();
  auto const best = std::max_element(counts.begin(), counts.end());
  bool const is_clear = *best >= 2 && std::count(counts.begin(), counts.end(), *best) == 1;
  return is_clear ? "latin-" + std::string(kLanguages[static_cast<std::size_t>(best - counts.begin())]) : "latin";
}

}  // namespace polytask::audit
