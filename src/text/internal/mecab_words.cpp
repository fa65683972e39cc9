#include "text/internal/mecab_words.h"

#include <fmt/format.h>
#include <mecab.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "text/internal/unicode.h"

namespace polytask::text {
namespace {

namespace fs = std::filesystem;

constexpr std::array<char const*, 5> kFiles{"char.bin", "dicrc", "matrix.bin", "sys.dic", "unk.dic"};
/// MeCab keeps the memory that a text needed; after a longer one it is given back.
constexpr std::size_t kLongestKept = 1 << 12;

struct Known {
  char const* name;
  char const* debian_folder;  ///< nullptr where no package has it
  char const* where_from;
  unsigned n_contexts;  ///< of its table of costs, which tells the families of dictionaries apart; 0: of some version
};
constexpr std::array<Known, 3> kDictionaries{
    {{"ipadic", "/var/lib/mecab/dic/ipadic-utf8", "apt-get install mecab-ipadic-utf8", 1'316},
     {"unidic_lite", nullptr, "it is dicdir of the Python package unidic-lite", 5'981},
     {"unidic", nullptr, "it is dicdir of the Python package unidic", 0}}};

/// Of messages: the end of a path says most.
constexpr std::size_t kLongestPath = 4'096;

/// Why there is no dictionary in a folder; empty where there may be one.
std::string why_none(fs::path const& folder) {
  std::error_code failed;
  auto const status = fs::status(folder / "sys.dic", failed);
  if (fs::exists(status)) return "";
  std::error_code ignored;
  if (fs::is_regular_file(folder, ignored)) return "is a file; name its folder";
  if (failed && status.type() != fs::file_type::not_found) return fmt::format("cannot be read ({})", failed.message());
  return fs::exists(folder, ignored) ? "has no sys.dic" : "is not there";
}

bool is_utf8(std::string charset) {
  for (char& c : charset)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return charset == "utf-8" || charset == "utf8";
}

std::string folder_variable(std::string_view dictionary) {
  std::string name = "POLYTASK_MECAB_";
  for (char const c : dictionary) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

Error failed(std::string const& reason) { return {ErrorCode::InvalidInput, reason}; }

/// Kinds of characters that the dictionaries tell apart, so that a run of one of theirs is a run here too; the
/// prolonged sound mark goes with what is before it.
enum class Kind { Space, Hiragana, Katakana, Ideograph, Other, AsBefore };

Kind kind_of(char32_t c) {
  if (c == ' ' || (c >= '\t' && c <= '\r')) return Kind::Space;
  if (c == 0x30FC || (c >= 0x3099 && c <= 0x309C)) return Kind::AsBefore;
  if (c >= 0x3041 && c <= 0x309F) return Kind::Hiragana;
  if ((c >= 0x30A0 && c <= 0x30FF) || (c >= 0x31F0 && c <= 0x31FF)) return Kind::Katakana;
  bool const is_ideograph = c == 0x3005 || c == 0x3007 || (c >= 0x3400 && c <= 0x9FFF) ||
                            (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
  return is_ideograph ? Kind::Ideograph : Kind::Other;
}

/// Calls `sentence(begin, end)` for parts of `text` that MeCab can be given, in their order: all of it where it is
/// short.
template <typename Sentence>
void for_each_sentence(std::string_view text, Sentence const& sentence) {
  std::size_t begin = 0, run = 0, good_end = 0;  // good_end: behind white space or a full stop
  auto kind = Kind::AsBefore;
  auto const cut = [&](std::size_t end) {
    sentence(begin, end);
    begin = end;
  };
  for (std::size_t at = 0; at < text.size();) {
    auto const decoded = decode_utf8(text, at);
    auto const next = at + decoded.n_bytes;
    if (auto const here = kind_of(decoded.code_point); here != Kind::AsBefore && here != kind) {
      kind = here;
      run = at;
    }
    if (next - begin > MecabWords::kLongestSentence) cut(good_end > begin ? good_end : at);
    if (kind != Kind::Space && next - std::max(run, begin) > MecabWords::kLongestRun) cut(at);
    if (kind == Kind::Space || decoded.code_point == 0x3002) good_end = next;
    at = next;
  }
  if (begin < text.size()) cut(text.size());
}

}  // namespace

struct MecabWords::Dictionary {
  std::unique_ptr<MeCab::Model> model;
  std::unique_ptr<MeCab::Tagger> tagger;  ///< of the model; its parsing is shared between threads
  std::string digest;
  unsigned n_contexts = 0;

  std::unique_ptr<MeCab::Lattice> take() const {
    std::lock_guard const lock(mutex);
    if (free.empty()) return std::unique_ptr<MeCab::Lattice>(model->createLattice());
    auto lattice = std::move(free.back());
    free.pop_back();
    return lattice;
  }

  void give_back(std::unique_ptr<MeCab::Lattice> lattice) const {
    lattice->clear();
    std::lock_guard const lock(mutex);
    free.push_back(std::move(lattice));
  }

  mutable std::mutex mutex;
  mutable std::vector<std::unique_ptr<MeCab::Lattice>> free;  ///< one for each thread that was at work at once
};

Result<MecabWords> MecabWords::open(std::string const& dictionary, std::string const& sha256) {
  auto const known =
      std::find_if(kDictionaries.begin(), kDictionaries.end(), [&](auto const& one) { return dictionary == one.name; });
  if (known == kDictionaries.end())
    return failed(
        fmt::format("names the dictionary {} of MeCab's; expected ipadic, unidic_lite or unidic, whichever the "
                    "encoder learned with",
                    quote(dictionary)));
  auto const variable = folder_variable(dictionary);
  char const* const named = std::getenv(variable.c_str());
  bool const is_named = named != nullptr && *named != '\0';
  std::string const folder = is_named ? named : known->debian_folder != nullptr ? known->debian_folder : "";
  if (folder.empty())
    return failed(fmt::format("words are those of MeCab's dictionary {}: set {} to its folder; {}", dictionary,
                              variable, known->where_from));
  auto const place = quote(folder, kLongestPath);
  if (auto const why = why_none(folder); !why.empty())
    return failed(is_named
                      ? fmt::format("{} names {}, which {}; expected the folder of MeCab's dictionary {}", variable,
                                    place, why, dictionary)
                      : fmt::format("words are those of MeCab's dictionary {}, and {}, where it should be, {}: {}, or "
                                    "set {} to its folder",
                                    dictionary, place, why, known->where_from, variable));
  auto loaded = load(folder);
  if (!loaded) return loaded.error();
  MecabWords words(std::move(loaded).value());
  auto const n_contexts = words.dictionary_->n_contexts;
  bool const is_of_that_name = known->n_contexts == 0
                                   ? std::none_of(kDictionaries.begin(), kDictionaries.end(),
                                                  [&](auto const& one) { return one.n_contexts == n_contexts; })
                                   : known->n_contexts == n_contexts;
  if (!is_of_that_name)
    return failed(
        fmt::format("{} has another dictionary than {} (its costs are of {} contexts); set {} to the folder of "
                    "that one, {}",
                    place, dictionary, n_contexts, variable, known->where_from));
  if (!sha256.empty() && words.digest() != sha256)
    return failed(
        fmt::format("the dictionary {} in {} is another version than the encoder learned with: found {:.12}, "
                    "expected {:.12}; set {} to the folder of that one",
                    dictionary, place, words.digest(), sha256, variable));
  return words;
}

/// Once for all tokenizers of a process that are there at the same time.
Result<std::shared_ptr<MecabWords::Dictionary const>> MecabWords::load(std::string const& folder) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<Dictionary const>> loaded;
  std::lock_guard const lock(mutex);
  if (auto there = loaded[folder].lock()) return there;

  auto dictionary = std::make_shared<Dictionary>();
  Sha256 digest;
  try {
    for (auto const* file : kFiles) digest.update(sha256_file(fs::path(folder) / file));
  } catch (Error const& error) {
    return failed(fmt::format("{} is no dictionary as MeCab reads it: {}", quote(folder, kLongestPath), error.what()));
  }
  dictionary->digest = digest.hex_digest();
  // As words of an argument list, so that a folder may have spaces; no mecabrc of the machine's has a say.
  std::vector<std::string> arguments{"polytask", "-r", "/dev/null", "-d", folder};
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  dictionary->model.reset(MeCab::createModel(static_cast<int>(pointers.size()), pointers.data()));
  if (!dictionary->model)
    return failed(fmt::format("MeCab does not read the dictionary in {}: {}", quote(folder, kLongestPath),
                              MeCab::getLastError()));
  auto const* const info = dictionary->model->dictionary_info();
  if (info == nullptr || info->next != nullptr)
    return failed(
        fmt::format("{} adds words of another dictionary (userdic in its dicrc), which its hash would not "
                    "tell; remove that line",
                    quote(folder)));
  if (!is_utf8(info->charset))
    return failed(
        fmt::format("the dictionary in {} is of {}; expected one of UTF-8", quote(folder), quote(info->charset)));
  dictionary->n_contexts = info->lsize;
  dictionary->tagger.reset(dictionary->model->createTagger());
  loaded[folder] = dictionary;
  return std::shared_ptr<Dictionary const>(std::move(dictionary));
}

void MecabWords::find(std::string_view text, std::function<void(std::size_t, std::size_t)> const& found) const {
  // The reference takes a word of MeCab's apart where it holds white space of another kind.
  auto const add = [&](std::size_t begin, std::size_t end) {
    std::size_t from = begin;
    for (std::size_t at = begin; at < end;) {
      auto const decoded = decode_utf8(text, at);
      auto const next = at + decoded.n_bytes;
      bool const is_separator = decoded.code_point >= 0x1C && decoded.code_point <= 0x1F;
      if (is_separator || is_white_space(decoded.code_point)) {
        if (from < at) found(from, at);
        from = next;
      }
      at = next;
    }
    if (from < end) found(from, end);
  };
  auto lattice = dictionary_->take();
  for_each_sentence(text, [&](std::size_t begin, std::size_t end) {
    lattice->set_sentence(text.data() + begin, end - begin);
    if (!dictionary_->tagger->parse(lattice.get())) return add(begin, end);  // one word, and an unknown one
    for (auto const* node = lattice->bos_node()->next; node != nullptr && node->stat != MECAB_EOS_NODE;
         node = node->next) {
      auto const at = static_cast<std::size_t>(node->surface - text.data());
      add(at, at + node->length);
    }
  });
  if (text.size() <= kLongestKept) dictionary_->give_back(std::move(lattice));
}

std::string const& MecabWords::digest() const noexcept { return dictionary_->digest; }

}  // namespace polytask::text
