#!/usr/bin/env python3
"""What can a small encoder learn English and Japanese from on a Debian machine? The texts of the package catalogue.

Writes two files into --out:
  debian_en.jsonl.gz  {"text"}: every different paragraph of the English descriptions
  debian_ja.jsonl.gz  {"text", "english"}: paragraphs of the Japanese translations, each beside what it translates
"""
import argparse
import gzip
import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "debian-catalogue"))
import apt_lists  # noqa: E402
import catalogue  # noqa: E402


def paragraphs(description):
    """The short description, then each paragraph of the long one; lists and what is set apart stay out."""
    short, _, rest = description.partition("\n")
    parts, lines = [short.strip()], []
    for line in rest.split("\n") + [" ."]:
        text = line[1:] if line[:1] == " " else line
        if text.strip() in ("", "."):
            if lines:
                parts.append(joined(lines))
            lines = []
        elif not re.match(r"\s|[-*+o] ", text):
            lines.append(text.strip())
    return parts


def joined(lines):
    """Lines of one paragraph; between two Japanese characters a line break is no space."""
    text = lines[0]
    for line in lines[1:]:
        text += line if ord(text[-1]) > 0x2E7F and ord(line[0]) > 0x2E7F else " " + line
    return re.sub(r"(?<=[^\x00-\u2e7f]) (?=[^\x00-\u2e7f])", "", text)


def pairs(japanese, english):
    """Paragraphs that stand at the same place of two descriptions of as many paragraphs; else the short ones alone."""
    ours, theirs = paragraphs(japanese), paragraphs(english)
    if len(ours) != len(theirs):
        ours, theirs = ours[:1], theirs[:1]
    return [(ja, en) for ja, en in zip(ours, theirs) if ja != en and re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", ja)]


def write(path, rows):
    """Replaced as a whole; the same rows give the same bytes."""
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        for row in rows:
            packed.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8"))
    os.replace(part, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--lists", type=Path, required=True, help="folder for the downloaded lists")
    parser.add_argument("--codename", help="a Debian release; the machine's when not given")
    options = parser.parse_args()
    codename = options.codename or apt_lists.machine_codename()[0]
    apt = apt_lists.PrivateApt(options.lists / codename, codename, ("en", "ja"))
    if not (apt.files()[1] and apt.translation("ja")):
        failures = []
        for mirror in apt_lists.machine_mirrors(codename):
            failure = apt.update(mirror)
            if not failure:
                break
            failures.append(failure)
        if not (apt.files()[1] and apt.translation("ja")):
            sys.exit(f"build_texts: the descriptions of Debian {codename} could not be downloaded "
                     f"({'; '.join(failures) or 'no Debian archive among the package sources'}); "
                     "connect the machine to a Debian mirror and try again")
    english = {stanza["Description-md5"]: stanza["Description-en"]
               for stanza in catalogue.stanzas(apt_lists.read_list(apt.files()[1]))
               if "Description-md5" in stanza and "Description-en" in stanza}
    translated = [(stanza["Description-ja"], english[stanza["Description-md5"]])
                  for stanza in catalogue.stanzas(apt_lists.read_list(apt.translation("ja")))
                  if "Description-ja" in stanza and stanza.get("Description-md5") in english]
    options.out.mkdir(parents=True, exist_ok=True)
    texts = dict.fromkeys(text for description in english.values() for text in paragraphs(description))
    write(options.out / "debian_en.jsonl.gz", [{"text": text} for text in texts])
    both = dict.fromkeys(pair for japanese, original in translated for pair in pairs(japanese, original))
    write(options.out / "debian_ja.jsonl.gz", [{"text": ja, "english": en} for ja, en in both])
    print(f"{len(texts)} English paragraphs, {len(both)} Japanese ones with their originals")


if __name__ == "__main__":
    main()
