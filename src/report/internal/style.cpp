#include "report/internal/style.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "report/internal/html.h"

namespace polytask::report {
namespace {

int hex_digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/// RFC 4648 section 4, as a content security policy wants its hashes.
std::string base64_of_hex(std::string_view hex) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  // 6 bits are one and a half hexadecimal digits: 3 bytes = 6 digits = 4 characters.
  for (std::size_t at = 0; at < hex.size(); at += 6) {
    unsigned bits = 0;
    for (std::size_t k = 0; k < 6; ++k)
      bits = bits << 4 | (at + k < hex.size() ? static_cast<unsigned>(hex_digit(hex[at + k])) : 0U);
    std::size_t const n_bytes = std::min<std::size_t>(6, hex.size() - at) / 2;
    for (std::size_t k = 0; k < 4; ++k) out += k <= n_bytes ? alphabet[bits >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

}  // namespace

std::string_view style_sheet() {
  static constexpr std::string_view sheet = R"css(
:root { --paper:#faf9f6; --card:#ffffff; --ink:#1c2024; --muted:#59626c; --rule:#dedbd3; --faint:#efede7;
  --blue:#0a5a9c; --blue-rgb:10 90 156; --orange:#a8480a; --orange-rgb:196 86 12; --right:10 90 156; --wrong:176 74 6; --purple:#8a3370; --on-heat:#ffffff; --odd:#fbe9dc; --length:rgb(10 90 156 / .26); }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper:#14171a; --card:#1b1f24; --ink:#e7e4de; --muted:#a2abb5; --rule:#343b43; --faint:#262c33;
    --blue:#74b6f2; --blue-rgb:64 140 214; --orange:#f2a468; --orange-rgb:214 106 38; --right:48 116 184; --wrong:176 82 22; --purple:#dd9bc9; --on-heat:#ffffff; --odd:#3d2a1c; --length:rgb(64 140 214 / .5); }
}
* { box-sizing:border-box }
html { color-scheme:light dark; -webkit-text-size-adjust:100% }
body { margin:0; background:var(--paper); color:var(--ink); line-height:1.55; font-size:16px;
  font-family:system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Hiragino Sans", "Noto Sans CJK JP", "Noto Sans JP", "Yu Gothic UI", Meiryo, sans-serif }
:root:lang(ja) body { line-height:1.7 }
:root:lang(en) .ja, :root:lang(ja) .en { display:none }
main, header, footer { max-width:1120px; margin:0 auto; padding:0 24px }
a { color:var(--blue); text-underline-offset:3px }
a:focus-visible, button:focus-visible, summary:focus-visible, .scroll:focus-visible { outline:2px solid var(--blue); outline-offset:2px }
code, .mono { font-family:ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", "Noto Sans Mono CJK JP", monospace; font-size:.87em; overflow-wrap:anywhere }
small { color:var(--muted); font-size:.84em }
bdi { overflow-wrap:anywhere }

header { padding-top:28px }
.top { display:flex; justify-content:space-between; align-items:center; gap:16px; color:var(--muted); font-size:.9em }
.brand { letter-spacing:.08em; font-weight:600; color:var(--blue) }
.languages[hidden] { display:none }
.languages { display:inline-flex; flex:none; white-space:nowrap; border:1px solid var(--rule); border-radius:6px; overflow:hidden; background:var(--card) }
.languages button { font:inherit; font-size:.93em; border:0; padding:4px 12px; background:transparent; color:var(--muted); cursor:pointer }
.languages button[aria-pressed=true] { background:var(--blue); color:var(--card) }
h1 { font-size:2.1em; line-height:1.2; margin:18px 0 6px; font-weight:650; letter-spacing:-.01em; overflow-wrap:anywhere }
.lead { margin:0 0 4px; font-size:1.08em; max-width:62em; overflow-wrap:anywhere }
.note { color:var(--muted); font-size:.88em; margin:6px 0 12px; max-width:60em; overflow-wrap:anywhere }
.warning { border-left:4px solid var(--orange); background:var(--card); padding:8px 14px; margin:14px 0 }
h2 { font-size:1.32em; margin:48px 0 4px; font-weight:650 }
h3 { font-size:1.18em; margin:0; font-weight:650; overflow-wrap:anywhere }
h4 { font-size:.95em; margin:24px 0 6px; font-weight:650 }

.facts { display:grid; grid-template-columns:repeat(auto-fit, minmax(150px, 1fr)); gap:1px; background:var(--rule); border:1px solid var(--rule); border-radius:8px; overflow:hidden; margin:20px 0 0 }
.facts div { background:var(--card); padding:10px 14px }
.facts dt { color:var(--muted); font-size:.8em }
.facts dd { margin:0; font-size:1.1em; line-height:1.4; font-weight:600; font-variant-numeric:tabular-nums; overflow-wrap:anywhere }
.facts dd small { font-weight:400 }

.card { background:var(--card); border:1px solid var(--rule); border-radius:8px }
.scroll { overflow-x:auto; max-width:100% }
table { border-collapse:collapse; font-variant-numeric:tabular-nums; font-size:.93em }
caption { text-align:left; color:var(--muted); font-size:.88em; padding:0 0 6px }
th { text-align:left; font-weight:600; color:var(--muted); font-size:.87em }
th, td { padding:7px 12px; border-bottom:1px solid var(--faint); vertical-align:middle }
thead th, thead td { border-bottom-color:var(--rule) }
tbody tr:last-child > * { border-bottom:0 }
.number { text-align:right; white-space:nowrap }
.summary { width:100% }
.summary caption { padding:12px 14px 4px }
.summary th, .summary td { padding-left:14px; padding-right:14px }
.summary tbody th { font-size:1em; color:var(--ink); min-width:9em; overflow-wrap:anywhere }
.summary tbody th a { font-weight:600 }
.summary tbody th small, .score small { display:block; font-weight:400; line-height:1.35 }
.summary tbody th small { overflow-wrap:normal }
.score { white-space:nowrap }
.score b { font-size:1.12em }
.best { white-space:nowrap }
.bar-cell { width:210px; min-width:150px }
.narrow { display:none !important }
.beside { display:flex; align-items:center; gap:18px }
.beside > div { min-width:7.2em }
.beside .bar { width:170px }

svg { display:block; font-family:inherit }
.bar { width:100%; max-width:220px; height:auto }
.bar .grid, .chart .grid { stroke:var(--rule); stroke-width:1 }
.bar .length { fill:var(--length) }
.bar .whisker { stroke:var(--ink); stroke-width:1.5; fill:none }
.bar .point { fill:var(--ink) }
.chart { width:100%; height:auto }
.tick { font-size:10.5px; fill:var(--muted) }
.curve { fill:none; stroke:var(--blue); stroke-width:1.9; stroke-linejoin:round; stroke-linecap:round }
.faint { stroke-width:1; stroke:rgb(var(--blue-rgb) / .3) }
.dot { fill:var(--blue) }
.selected { stroke:var(--orange); stroke-width:1.3; stroke-dasharray:4 3 }
.ring { fill:none; stroke:var(--orange); stroke-width:1.8 }
.value { font-size:11.5px; font-weight:600; fill:var(--ink); paint-order:stroke; stroke:var(--card); stroke-width:3px }
.shares { width:100%; max-width:560px; height:auto; margin:4px 0 10px }
.shares .length { fill:var(--length) }
.shares .name { fill:var(--ink) }
.heat { max-width:none }
.heat .frame { fill:none; stroke:var(--rule) }

.curves { display:grid; grid-template-columns:repeat(auto-fill, minmax(min(320px, 100%), 1fr)); gap:16px; margin-top:14px }
.curves .card { padding:12px 14px 8px; min-width:0 }
.curves h3 { font-size:1em }
.curves .all { grid-column:1 / -1 }
.row { display:grid; grid-template-columns:repeat(auto-fit, minmax(min(280px, 100%), 1fr)); gap:0 28px }
figure { margin:0 }
figcaption { color:var(--muted); font-size:.84em; margin:6px 0 2px }

.task { padding:18px 22px 20px; margin-top:18px; scroll-margin-top:12px }
.task > .head { display:flex; justify-content:space-between; gap:16px; align-items:baseline }
.task > p, figcaption, summary { overflow-wrap:anywhere }
.back { font-size:.84em; white-space:nowrap }
.metrics td small { white-space:nowrap }
.metrics .primary th { color:var(--ink) }
.metrics .primary td b { font-weight:700 }
.metrics th small { display:block; font-weight:400; font-size:.9em }
.confusion { display:grid; gap:18px 40px; grid-template-columns:minmax(0, max-content) minmax(0, 1fr); align-items:start }
.confusion > details { grid-column:1 / -1; min-width:0 }
.matrix { font-size:.82em; border-spacing:0 }
.matrix caption > span { display:inline-block; min-width:15em }
.matrix th, .matrix td { padding:0; border:0 }
.matrix tbody th { padding-right:8px; text-align:right; max-width:14em; font-weight:400; color:var(--ink); white-space:nowrap; overflow:hidden; text-overflow:ellipsis }
.matrix thead th { vertical-align:bottom; padding:0 0 6px; font-weight:400; color:var(--ink); font-size:1em }
.turned { display:inline-block; writing-mode:vertical-rl; transform:rotate(180deg); max-height:11em; overflow:hidden; text-overflow:ellipsis; white-space:nowrap; line-height:1.3 }
.matrix thead th { text-align:center }
.matrix td { min-width:30px; height:28px; text-align:center; border:1px solid var(--card) }
.matrix td.h0 { background:var(--faint) }
.pairs td, .pairs th { padding:4px 12px }
.pairs bdi { overflow-wrap:break-word }
.pairs td:first-child, .pairs th:first-child, .metrics th:first-child { padding-left:0 }

.misses { width:100%; table-layout:fixed }
.misses th:nth-child(2), .misses th:nth-child(3) { width:21% }
.misses td { vertical-align:top; overflow-wrap:anywhere }
.misses td:first-child, .misses th:first-child { padding-left:0 }
.texts p { margin:0 0 4px; unicode-bidi:isolate }
.texts .where { color:var(--muted); font-size:.8em; margin:0 }
.label { display:inline-block; border:1px solid var(--rule); border-radius:4px; padding:0 6px; margin:1px 0 }
.odd { background:var(--odd); border-color:var(--orange) }
.none { color:var(--muted); font-style:italic }
.cut { color:var(--muted) }
mark { color:inherit; background:transparent; border-radius:2px; padding:0 1px; box-decoration-break:clone; -webkit-box-decoration-break:clone }
mark.found { border-bottom:2px solid var(--blue); background:rgb(var(--blue-rgb) / .13) }
mark.missed { border-bottom:2px dashed var(--orange); background:rgb(var(--orange-rgb) / .16) }
mark.invented { border-bottom:2px dotted var(--purple); background:rgb(160 60 130 / .14) }
mark.differs { border-bottom:4px double var(--orange) }
sub { font-size:.62em; letter-spacing:.03em; margin:0 3px 0 2px; color:var(--muted); vertical-align:baseline }
.legend { font-size:.86em; margin:4px 0 8px }
.legend mark { margin-right:12px }

details { margin:8px 0 }
summary { cursor:pointer; color:var(--blue); font-size:.93em; padding:4px 0 }
.files details { border-top:1px solid var(--rule); margin:0; padding:6px 0 }
.files summary { font-size:1em; font-weight:600 }
.files th { font-weight:400; white-space:nowrap }
.files th, .files td { padding:3px 16px 3px 0; vertical-align:top; border:0 }
footer { color:var(--muted); font-size:.84em; padding-top:28px; padding-bottom:40px }

/* Dark text up to level 6, white beyond: each has a contrast of at least 4.5. */
.h1 { background:rgb(var(--right) / 0.10); fill:rgb(var(--right) / 0.10) }
.h2 { background:rgb(var(--right) / 0.20); fill:rgb(var(--right) / 0.20) }
.h3 { background:rgb(var(--right) / 0.29); fill:rgb(var(--right) / 0.29) }
.h4 { background:rgb(var(--right) / 0.38); fill:rgb(var(--right) / 0.38) }
.h5 { background:rgb(var(--right) / 0.47); fill:rgb(var(--right) / 0.47) }
.h6 { background:rgb(var(--right) / 0.56); fill:rgb(var(--right) / 0.56) }
.h7 { background:rgb(var(--right) / 0.85); fill:rgb(var(--right) / 0.85); color:var(--on-heat) }
.h8 { background:rgb(var(--right) / 0.93); fill:rgb(var(--right) / 0.93); color:var(--on-heat) }
.h9 { background:rgb(var(--right) / 1.00); fill:rgb(var(--right) / 1.00); color:var(--on-heat) }
.e1 { background:rgb(var(--wrong) / 0.12); fill:rgb(var(--wrong) / 0.12) }
.e2 { background:rgb(var(--wrong) / 0.21); fill:rgb(var(--wrong) / 0.21) }
.e3 { background:rgb(var(--wrong) / 0.30); fill:rgb(var(--wrong) / 0.30) }
.e4 { background:rgb(var(--wrong) / 0.39); fill:rgb(var(--wrong) / 0.39) }
.e5 { background:rgb(var(--wrong) / 0.48); fill:rgb(var(--wrong) / 0.48) }
.e6 { background:rgb(var(--wrong) / 0.57); fill:rgb(var(--wrong) / 0.57) }
.e7 { background:rgb(var(--wrong) / 0.91); fill:rgb(var(--wrong) / 0.91); color:var(--on-heat) }
.e8 { background:rgb(var(--wrong) / 0.96); fill:rgb(var(--wrong) / 0.96); color:var(--on-heat) }
.e9 { background:rgb(var(--wrong) / 1.00); fill:rgb(var(--wrong) / 1.00); color:var(--on-heat) }

@media (max-width: 900px) { .confusion { grid-template-columns:minmax(0, 1fr) } }
@media (max-width: 720px) {
  main, header, footer { padding-left:14px; padding-right:14px }
  header { padding-top:16px }
  h1 { font-size:1.6em }
  .wide, .beside .bar { display:none }
  .narrow { display:block !important }
  .task { padding:14px 14px 16px }
  .summary th, .summary td { padding-left:10px; padding-right:10px }
  .summary tbody th { min-width:7.5em }
  .bar-cell { width:34%; min-width:110px }
  .metrics th, .metrics td { padding-left:0; padding-right:10px }
  .beside > div { min-width:6.4em }
  .misses, .misses tbody, .misses tr, .misses td { display:block; width:auto }
  .misses thead { display:none }
  .misses caption { display:block }
  .pairs td, .pairs th { padding:4px 7px }
  .bar-cell .bar { min-width:100px }
  .misses td { padding:2px 0; border:0 }
  .misses tr { padding:8px 0; border-bottom:1px solid var(--faint) }
  .misses td + td { display:flex; gap:8px; align-items:baseline }
  .misses td .term { display:inline; min-width:4.5em }
}
.term { display:none; color:var(--muted); font-size:.84em }
@media (max-width: 720px) { .term { display:inline } }
@media print {
  body { font-size:11px; background:#fff }
  .languages, .back { display:none }
  main, header, footer { max-width:none; padding-left:0; padding-right:0 }
  .curves .card, .misses tr, figure, .facts { break-inside:avoid }
  h2, h3, h4 { break-after:avoid }
  .scroll { overflow:visible }
  * { -webkit-print-color-adjust:exact; print-color-adjust:exact }
}
)css";
  return sheet;
}

std::string_view language_script() {
  static constexpr std::string_view script = R"js(
(function () {
  'use strict';
  var root = document.documentElement;
  var buttons = document.querySelectorAll('.languages button');
  function remembered() { try { return localStorage.getItem('polytask-language'); } catch (refused) { return null; } }
  function show(language) {
    root.lang = language;
    buttons.forEach(function (button) { button.setAttribute('aria-pressed', String(button.value === language)); });
  }
  buttons.forEach(function (button) {
    button.addEventListener('click', function () {
      show(button.value);
      try { localStorage.setItem('polytask-language', button.value); } catch (refused) { /* a file:// page may not keep it */ }
    });
  });
  var language = remembered();
  if (language !== 'en' && language !== 'ja') language = /^ja\b/i.test(navigator.language || '') ? 'ja' : 'en';
  show(language);
  document.querySelector('.languages').hidden = false;
})();
)js";
  return script;
}

std::string content_security_policy() {
  return fmt::format(
      "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
      base64_of_hex(sha256_hex(style_sheet())), base64_of_hex(sha256_hex(language_script())));
}

std::string page_head(std::string_view title) {
  return fmt::format(
      R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{} · Polytask</title>
<style>{}</style>
</head>
<body>
)",
      content_security_policy(), escaped(title), style_sheet());
}

}  // namespace polytask::report
