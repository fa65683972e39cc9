"""What becomes of a package's description, on made-up ones."""
import gzip
import json
import tempfile
import unittest
from pathlib import Path

import build_texts

ENGLISH = """tool for kites
 Flies kites over
 two lines.
 .
  * a list
 - another list
 .
 It has a window."""
JAPANESE = """凧の道具
 二行にわたって凧を
 揚げ ます。
 .
 窓があります。"""


class BuildTexts(unittest.TestCase):
    def test_paragraphs_are_joined_and_lists_left_out(self):
        self.assertEqual(build_texts.paragraphs(ENGLISH), ["tool for kites", "Flies kites over two lines.", "It has a window."])

    def test_between_japanese_characters_a_line_break_is_no_space(self):
        self.assertEqual(build_texts.paragraphs(JAPANESE), ["凧の道具", "二行にわたって凧を揚げます。", "窓があります。"])

    def test_paragraphs_stand_beside_what_they_translate(self):
        self.assertEqual(build_texts.pairs(JAPANESE, ENGLISH)[1], ("二行にわたって凧を揚げます。", "Flies kites over two lines."))

    def test_without_the_same_number_of_paragraphs_only_the_short_ones_are_taken(self):
        self.assertEqual(build_texts.pairs(JAPANESE, "tool for kites\n Flies."), [("凧の道具", "tool for kites")])

    def test_what_is_not_translated_is_no_pair(self):
        self.assertEqual(build_texts.pairs("Common data", "Common data"), [])

    def test_the_same_rows_give_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl.gz"
            build_texts.write(path, [{"text": "凧"}])
            first = path.read_bytes()
            build_texts.write(path, [{"text": "凧"}])
            self.assertEqual(first, path.read_bytes())
            self.assertEqual(json.loads(gzip.decompress(first)), {"text": "凧"})


if __name__ == "__main__":
    unittest.main()
