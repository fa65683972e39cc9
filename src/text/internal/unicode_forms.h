// NFC, NFD, NFKC and NFKD with the way back to the raw text.
#pragma once

#include "text/internal/aligned_text.h"

namespace polytask::text {

enum class UnicodeForm;

/// Of Unicode 9.0, as the reference library; a text that is in the form already is returned as it is.
[[nodiscard]] AlignedText to_unicode_form(UnicodeForm form, AlignedText text);

}  // namespace polytask::text
