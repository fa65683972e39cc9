#include "text/internal/mecab_words.h"

#include <fmt/format.h>
#include <mecab.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
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

constexpr std::array<char const*, 4> kFiles{"char.bin", "matrix.bin", "sys.dic", "unk.dic"};
/// MeCab keeps what a text needed; after a longer one it is given back.
constexpr std::size_t kLongestKept = 1 << 16;
/// MeCab counts the white space before a word in 16 bits: a longer run ends a sentence.
constexpr std::size_t kLongestSpace = 1 << 14;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Folders in which a dictionary of that name may be, the likeliest first.
std::vector<fs::path> places_of(std::string const& dictionary) {
  std::vector<fs::path> places;
  if (char const* const named = std::getenv(MecabWords::kFolderVariable); named != nullptr && *named != '\0')
    return {named};
  if (dictionary == "ipadic") places = {"/var/lib/mecab/dic/ipadic-utf8", "/usr/lib64/mecab/dic/ipadic"};
  if (dictionary == "unidic") places = {"/var/lib/mecab/dic/unidic"};
  return places;
}

std::string how_to_get(std::string const& dictionary) {
  auto const set = fmt::format("set {} to its folder", MecabWords::kFolderVariable);
  if (dictionary == "ipadic") return fmt::format("install mecab-ipadic-utf8, or {}", set);
  if (dictionary.empty())
    return fmt::format("write in \"mecab_dic\" which one the encoder learned with, ipadic or unidic_lite, or {}", set);
  if (dictionary == "unidic_lite") return fmt::format("{} (dicdir of the Python package unidic-lite)", set);
  return set;
}

}  // namespace

struct MecabWords::Dictionary {
  std::unique_ptr<MeCab::Model> model;
  std::unique_ptr<MeCab::Tagger> tagger;  ///< of the model; its parsing is shared between threads
  std::string digest;

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
  auto const failed = [](std::string const& reason) { return Error(ErrorCode::InvalidInput, reason); };
  auto const places = places_of(dictionary);
  auto const place = std::find_if(places.begin(), places.end(), [](fs::path const& folder) {
    std::error_code ignored;
    return fs::exists(folder / "sys.dic", ignored);
  });
  auto const name = dictionary.empty() ? std::string("a dictionary that is not named") : quote(dictionary);
  if (place == places.end())
    return failed(fmt::format("words are those of MeCab with {}{}: {}", name,
                              places.empty() ? "" : ", which is not in " + quote(places.front().string()),
                              how_to_get(dictionary)));
  auto const shared = std::make_shared<Dictionary>();
  Sha256 digest;
  for (auto const* file : kFiles) {
    std::error_code ignored;
    if (!fs::is_regular_file(*place / file, ignored))
      return failed(fmt::format("{} has no {}; expected the dictionary {} as MeCab reads it", quote(place->string()),
                                file, name));
    digest.update(sha256_file(*place / file));
  }
  shared->digest = digest.hex_digest();
  if (!sha256.empty() && shared->digest != sha256)
    return failed(
        fmt::format("the dictionary in {} is another one than the encoder learned with, which {} names: "
                    "found {:.12}, expected {:.12}; set {} to the folder of that one",
                    quote(place->string()), name, shared->digest, sha256, kFolderVariable));
  // As words of an argument list, so that a folder may have spaces; no mecabrc of the machine's has a say.
  std::vector<std::string> arguments{"polytask", "-r", "/dev/null", "-d", place->string()};
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  shared->model.reset(MeCab::createModel(static_cast<int>(pointers.size()), pointers.data()));
  if (!shared->model)
    return failed(
        fmt::format("MeCab does not read the dictionary in {}: {}", quote(place->string()), MeCab::getLastError()));
  for (auto const* info = shared->model->dictionary_info(); info != nullptr; info = info->next) {
    std::string charset = info->charset;
    std::transform(charset.begin(), charset.end(), charset.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (charset != "utf-8" && charset != "utf8")
      return failed(
          fmt::format("the dictionary in {} is of {}; expected one of UTF-8", quote(place->string()), quote(charset)));
  }
  shared->tagger.reset(shared->model->createTagger());
  MecabWords words;
  words.dictionary_ = shared;
  return words;
}

void MecabWords::find(std::string_view text, std::function<void(std::size_t, std::size_t)> const& found) const {
  auto lattice = dictionary_->take();
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
  auto const add_words_of = [&](std::size_t begin, std::size_t end) {
    if (begin == end) return;
    lattice->set_sentence(text.data() + begin, end - begin);
    if (!dictionary_->tagger->parse(lattice.get())) return add(begin, end);  // one word, and an unknown one
    for (auto const* node = lattice->bos_node()->next; node != nullptr && node->stat != MECAB_EOS_NODE;
         node = node->next) {
      auto const at = static_cast<std::size_t>(node->surface - text.data());
      add(at, at + node->length);
    }
  };
  std::size_t from = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_space(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && is_space(text[end])) ++end;
    if (end - at > kLongestSpace) {
      add_words_of(from, at);
      from = end;
    }
    at = end;
  }
  add_words_of(from, text.size());
  if (text.size() <= kLongestKept) dictionary_->give_back(std::move(lattice));
}

std::string const& MecabWords::digest() const noexcept { return dictionary_->digest; }

}  // namespace polytask::text
