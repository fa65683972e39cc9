// The page's own style sheet and script; its content security policy names their hashes and allows nothing else.
#pragma once

#include <string>
#include <string_view>

namespace polytask::report {

[[nodiscard]] std::string_view style_sheet();
/// Sets the language (the reader's last choice, else the browser's) and makes the two buttons switch it. Stands right
/// behind them, before the rest of the page is drawn.
[[nodiscard]] std::string_view language_script();
/// Value of the Content-Security-Policy: only a style and a script of exactly these bytes.
[[nodiscard]] std::string content_security_policy();
/// The beginning of a page, up to its body. `title` is plain text.
[[nodiscard]] std::string page_head(std::string_view title);

}  // namespace polytask::report
