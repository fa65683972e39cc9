// What a tokenizer does to a text before it cuts it: the normalizers of Hugging Face tokenizers, one after another.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "text/internal/aligned_text.h"
#include "text/internal/charsmap.h"
#include "text/internal/normalizer.h"

namespace polytask::text {

enum class UnicodeForm { Nfc, Nfd, Nfkc, Nfkd };

struct ToUnicodeForm {
  UnicodeForm form = UnicodeForm::Nfc;
};
struct ToLowercase {};
struct StripAccents {};
struct CleanForTranslation {};  ///< "Nmt": control characters go, other white space becomes a space

struct StripSpace {
  bool left = true;
  bool right = true;
};

/// Every match becomes `content`.
struct Replace {
  enum class What {
    Text,          ///< `text`
    Spaces,        ///< " {2,}"
    SpacesOrLine,  ///< "\s{2,}|[\n\r\t]"
  };
  What what = What::Text;
  std::string text;
  std::string content;
};

struct Prepend {
  std::string text;
};

/// BERT's, in front of another pre-tokenizer than BERT's.
struct NormalizeAsBert {
  NormalizerConfig config;
};

using Normalizer = std::variant<ToUnicodeForm, ToLowercase, StripAccents, CleanForTranslation, StripSpace, Replace,
                                Prepend, Charsmap, NormalizeAsBert>;

[[nodiscard]] AlignedText normalize(std::vector<Normalizer> const& normalizers, AlignedText text);

}  // namespace polytask::text
