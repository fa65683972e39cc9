#!/usr/bin/env python3
"""The pages of runs, and of data, in a real browser: usage run_page_browser_test.py REPORT_SAMPLE_PAGES

Opens made-up pages in headless Chromium and checks what only a browser can tell: that the page's own
script runs under its content security policy and nothing else does, that the language follows the browser and the
two buttons, that nothing is wider than the screen, and that no text is too faint to read. Skipped (exit code 77)
where there is no Chromium.
"""

import base64
import hashlib
import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
PAGES = ["ordinary", "hostile", "interrupted", "data"]

# A window of any width: browsers have a smallest one, frames have not.
FRAME = """<!DOCTYPE html><title>nothing was reported</title>
<script>addEventListener('message', function (event) { document.title = event.data; });</script>
<iframe src="{page}" width="{width}" height="900" style="border:0"></iframe>"""

# Looks at the page after it has loaded and reports to the frame around it.
PROBE = r"""
window.faults = [];
addEventListener('error', function (event) { faults.push('error: ' + event.message); });
document.addEventListener('securitypolicyviolation', function (event) { faults.push('blocked: ' + event.violatedDirective); });

function visible(selector) {
  return Array.from(document.querySelectorAll(selector)).some(function (element) { return element.getClientRects().length > 0; });
}
function languages() { return { root: document.documentElement.lang, en: visible('.en'), ja: visible('.ja') }; }
function tooWide() {
  var width = document.documentElement.clientWidth;
  var out = [];
  if (document.documentElement.scrollWidth > width) out.push('page: ' + document.documentElement.scrollWidth + ' of ' + width);
  document.querySelectorAll('body *').forEach(function (element) {
    if (element.closest('.scroll') && !element.matches('.scroll')) return;  // it may scroll inside
    if (element.closest('svg') && element.tagName !== 'svg') return;
    var box = element.getBoundingClientRect();
    if (box.width > 0 && box.right > width + 1) out.push(element.tagName + '.' + element.className + ' ends at ' + Math.round(box.right) + ' of ' + width);
  });
  return out;
}
function rgba(text) {
  var parts = text.match(/[\d.]+/g).map(Number);
  return parts.length === 3 ? parts.concat(1) : parts;
}
function over(front, back) { return [0, 1, 2].map(function (k) { return front[k] * front[3] + back[k] * (1 - front[3]); }); }
function luminance(color) {
  var linear = color.map(function (c) { c /= 255; return c <= 0.03928 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4); });
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}
function background(element) {
  var layers = [];
  for (var at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce(function (color, layer) { return over(layer, color); }, [255, 255, 255]);
}
// WCAG 2.2, 1.4.3: 4.5 to 1.
function tooFaint() {
  var seen = {};
  document.querySelectorAll('body *').forEach(function (element) {
    var text = Array.from(element.childNodes).some(function (node) { return node.nodeType === 3 && node.data.trim(); });
    if (!text || element.getClientRects().length === 0 || element.tagName === 'SCRIPT') return;
    var style = getComputedStyle(element);
    var back = background(element);
    var front = over(rgba(element.closest('svg') ? style.fill : style.color), back);
    var pair = [luminance(front), luminance(back)].sort(function (a, b) { return b - a; });
    var contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (contrast < 4.5) seen[element.tagName + '.' + (element.className.baseVal || element.className) + ' in ' + element.parentElement.className] = contrast.toFixed(2);
  });
  return seen;
}
addEventListener('load', function () {
  var found = { start: languages(), width: innerWidth, dark: matchMedia('(prefers-color-scheme: dark)').matches };
  document.querySelector('.languages button[value=ja]').click();
  found.japanese = languages();
  found.wideInJapanese = tooWide();
  document.querySelector('.languages button[value=en]').click();
  found.english = languages();
  document.querySelectorAll('details').forEach(function (details) { details.open = true; });
  found.wide = tooWide();
  found.faint = tooFaint();
  found.hacked = typeof hacked !== 'undefined';
  found.faults = faults;
  parent.postMessage(JSON.stringify(found), '*');
});
"""


def sha256_source(script):
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"


class RunPageInABrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        subprocess.run([sys.argv[1], cls.folder], check=True)
        for name in PAGES:  # the same page whose policy lets the probe in, and only it
            page = (cls.folder / f"{name}.html").read_text(encoding="utf-8")
            page = page.replace("script-src ", f"script-src {sha256_source(PROBE)} ", 1).replace("</title>", f"</title><script>{PROBE}</script>", 1)
            (cls.folder / f"{name}.probed.html").write_text(page, encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def dom(self, page, *options):
        with tempfile.TemporaryDirectory() as profile:
            done = subprocess.run([CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}", *options, "--dump-dom",
                                   (self.folder / page).as_uri()], capture_output=True, timeout=120, text=True, encoding="utf-8")
        self.assertIn("</html>", done.stdout, done.stderr[-2000:])
        return done.stdout

    def probe(self, name, width, *options):
        (self.folder / "frame.html").write_text(FRAME.replace("{page}", f"{name}.probed.html").replace("{width}", str(width)), encoding="utf-8")
        dom = self.dom("frame.html", "--window-size=1500,1000", *options)
        report = html.unescape(re.search(r"<title>(.*?)</title>", dom, re.S).group(1))
        self.assertTrue(report.startswith("{"), f"{name}: {report[:200]}")
        return json.loads(report)

    def test_the_page_as_it_is_follows_the_language_of_the_browser(self):
        self.assertIn('<html lang="ja">', self.dom("ordinary.html", "--lang=ja", "--accept-lang=ja"))
        self.assertIn('<html lang="en">', self.dom("ordinary.html", "--lang=en-US", "--accept-lang=en-US"))

    def check(self, name, width, found):
        with self.subTest(page=name, width=width, dark=found["dark"]):
            self.assertEqual(found["width"], width)
            self.assertEqual(found["japanese"], {"root": "ja", "en": False, "ja": True})
            self.assertEqual(found["english"], {"root": "en", "en": True, "ja": False})
            self.assertEqual(found["wide"], [])
            self.assertEqual(found["wideInJapanese"], [])
            self.assertEqual(found["faint"], {})
            self.assertEqual(found["faults"], [])
            self.assertFalse(found["hacked"])

    def test_every_page_fits_desktop_and_phone_and_can_be_read(self):
        for name in PAGES:
            for width in (1280, 360):
                self.check(name, width, self.probe(name, width))

    def test_the_page_can_be_read_in_the_dark(self):
        found = self.probe("ordinary", 1280, "--blink-settings=preferredColorScheme=0")
        self.assertTrue(found["dark"])
        self.check("ordinary", 1280, found)


if __name__ == "__main__":
    if CHROMIUM is None:
        print("SKIPPED: there is no chromium to open the page with")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
