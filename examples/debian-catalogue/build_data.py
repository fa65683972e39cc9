#!/usr/bin/env python3
"""Builds a multi-task data set from the package catalogue of a Debian archive.

    build_data.py [--out data] [--train 6000] [--codename trixie] [--force]

Writes packages.{train,dev,test}.jsonl and pairs.{train,dev,test}.jsonl, and build.json, which says what they were
made from. docs/guides/sample-project.md describes the tasks and their known noise. Needs Python 3.11 and apt.
"""
import argparse
import hashlib
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

import catalogue as rules
from apt_lists import CatalogueError, find_catalogue, read_list
from software_names import SoftwareNames

HERE = Path(__file__).resolve().parent
SPLITS = ("train", "dev", "test")


def main():
    options = parse_arguments()
    started = time.monotonic()

    def say(sentence):
        print(f"[{time.monotonic() - started:5.1f} s] {sentence}", flush=True)

    try:
        build(options, say)
    except CatalogueError as error:
        print(f"build_data.py: {error}", file=sys.stderr)
        return 10
    except BrokenPipeError:  # the reader of the progress lines has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"build_data.py: {error.filename or options.out}: {error.strerror}; the data is not built",
              file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("build_data.py: interrupted; nothing half written, run it again", file=sys.stderr)
        return 20
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=HERE / "data", help="folder for the files (default: data/ here)")
    parser.add_argument("--train", type=positive, default=6000, metavar="N", help="training packages (default 6000)")
    parser.add_argument("--dev", type=positive, metavar="N", help="default: an eighth of --train")
    parser.add_argument("--test", type=positive, metavar="N", help="default: a quarter of --train")
    parser.add_argument("--pairs", type=positive, metavar="N", help="training pairs; default: two thirds of --train")
    parser.add_argument("--min-rows", type=positive, default=20, metavar="N",
                        help="a label needs this many training rows to be one (default 20)")
    parser.add_argument("--codename", help="Debian release, e.g. trixie (default: this machine's)")
    parser.add_argument("--mirror", metavar="ADDRESS", help="a Debian archive (default: those among the machine's package sources)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--force", action="store_true", help="download and build again even if the data is there")
    options = parser.parse_args()
    options.dev = options.dev or max(1, options.train // 8)
    options.test = options.test or max(1, options.train // 4)
    options.pairs = options.pairs or max(1, options.train * 2 // 3)
    return options


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def build(options, say):
    options.out.mkdir(parents=True, exist_ok=True)
    recipe = {name: getattr(options, name)
              for name in ("train", "dev", "test", "pairs", "min_rows", "codename", "seed")}
    recipe["builder"] = builder_hash()
    if not options.force and is_complete(options.out, recipe):
        say(f"the data in {options.out} is complete (--force builds it from a fresh catalogue)")
        return

    catalogue = find_catalogue(options.out / "lists", options.codename, options.force, say, options.mirror)
    say(f"reading the catalogue ({catalogue.origin})")
    descriptions = rules.read_descriptions(read_list(catalogue.translation)) if catalogue.translation else {}
    packages = rules.read_packages(read_list(catalogue.packages), descriptions)
    if len(packages) < 1000:
        raise CatalogueError(f"{catalogue.packages} holds {len(packages)} packages, a catalogue has tens of "
                             "thousands; try again with --force")
    say(f"{len(packages):,} packages; finding software names in their descriptions")
    names = SoftwareNames.learn(packages)
    say(f"{len(names.forms):,} names; choosing rows")
    distinct = rules.one_per_text(packages, options.seed)
    by_split = {split: [] for split in SPLITS}
    for package in distinct:
        by_split[rules.split_of(package, options.seed)].append(package)

    written = write_packages(options, by_split, names) | write_pairs(options, by_split)
    facts = {"recipe": recipe, "files": written,
             "catalogue": {"codename": catalogue.codename, "origin": catalogue.origin,
                           "built": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "packages": len(packages),
                           "tagged": sum(bool(package.facets) for package in packages),
                           "distinct_texts": len(distinct),
                           "by_split": {split: len(rows) for split, rows in by_split.items()}}}
    write_atomically(options.out / "build.json", json.dumps(facts, indent=1) + "\n")
    for name, file in written.items():
        counts = "  ".join(f"{column} {count:,}" for column, count in file["labelled"].items())
        say(f"{name:20} {file['rows']:6,} rows  {counts}")


def write_packages(options, by_split, names):
    chosen = {split: rules.sample(by_split[split], getattr(options, split), options.seed) for split in SPLITS}
    rows = {split: [rules.row_of(package, names) for package in chosen[split]] for split in SPLITS}
    rules.drop_rare_labels(rows, options.min_rows)
    return {f"packages.{split}.jsonl": write_rows(options.out / f"packages.{split}.jsonl", rows[split])
            for split in SPLITS}


def write_pairs(options, by_split):
    written = {}
    for split in SPLITS:
        wanted = options.pairs * getattr(options, split) // options.train
        name = f"pairs.{split}.jsonl"
        written[name] = write_rows(options.out / name, rules.make_pairs(by_split[split], wanted, options.seed))
    return written


def write_rows(path, rows):
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(path, text)
    labelled = Counter(column for row in rows for column in row if column not in rules.TEXT_COLUMNS)
    return {"rows": len(rows), "bytes": len(text.encode()), "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "labelled": dict(labelled)}


def write_atomically(path, text):
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def is_complete(folder, recipe):
    """Whether every file is what the same builder, told the same, wrote."""
    try:
        facts = json.loads((folder / "build.json").read_text(encoding="utf-8"))
        return facts["recipe"] == recipe and all(
            hashlib.sha256((folder / name).read_bytes()).hexdigest() == file["sha256"]
            for name, file in facts["files"].items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def builder_hash():
    sources = sorted(path for path in HERE.glob("*.py") if not path.name.endswith("_test.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
