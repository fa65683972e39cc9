"""From package stanzas to labelled rows: texts, labels, splits, samples and pairs. Pure functions."""
import hashlib
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass

TEXT_LIMIT = 300          # characters of a text; three quarters of the descriptions are shorter
PAIR_TEXT_LIMIT = 150     # of each member of a pair
ROWS_PER_SOURCE = 3       # so that no single project fills the sample
PAIRS_PER_SOURCE = 2
TEXT_COLUMNS = ("id", "source", "text", "text_a", "text_b", "id_a", "id_b")
SINGLE_FACETS = {"role": "role", "language": "implemented-in"}
UNDECIDED = ("TODO", "not-applicable")


@dataclass(frozen=True)
class Package:
    name: str
    source: str
    section: str
    size_kib: int
    text: str          # short description, then the first paragraph of the long one
    paragraph: str     # that paragraph alone
    facets: dict       # debtags: facet -> sorted list of tags
    related: frozenset # names of packages that its stanza speaks of, itself included


# -- reading ----------------------------------------------------------------------------------------------------------

def stanzas(lines):
    """Fields of each stanza; continuation lines keep their line break."""
    fields, key = {}, None
    for line in lines:
        line = line.rstrip("\r\n")
        if not line.strip():
            if fields:
                yield fields
            fields, key = {}, None
        elif line[0] in " \t":
            if key:
                fields[key] += "\n" + line
        else:
            key, found, value = line.partition(":")
            if found:
                fields[key] = value.strip()
            else:
                key = None
    if fields:
        yield fields


def read_descriptions(lines):
    """Description-md5 -> full English description."""
    return {stanza["Description-md5"]: stanza["Description-en"] for stanza in stanzas(lines)
            if "Description-md5" in stanza and "Description-en" in stanza}


def read_packages(lines, descriptions):
    """Packages by name; of several versions of a name, the one listed last."""
    packages = {}
    for stanza in stanzas(lines):
        package = package_of(stanza, descriptions)
        if package:
            packages[package.name] = package
    return [packages[name] for name in sorted(packages)]


def package_of(stanza, descriptions):
    """None for a stanza without a name or a description."""
    short_only = stanza.get("Description", "")
    description = descriptions.get(stanza.get("Description-md5"), short_only)
    if not stanza.get("Package") or not description.strip():
        return None
    short, paragraph = short_and_paragraph(description)
    size = stanza.get("Installed-Size", "")
    return Package(
        name=stanza["Package"],
        source=(stanza.get("Source") or stanza["Package"]).split()[0],
        section=stanza.get("Section", "").rsplit("/", 1)[-1],
        size_kib=int(size) if size.isdecimal() else 0,
        text=clip(join_sentences(short, paragraph)),
        paragraph=paragraph,
        facets=facets_of(stanza.get("Tag", "")),
        related=related_names(stanza))


def short_and_paragraph(description):
    """The short description and the first paragraph of the long one, each on one line.

    Lines indented by two or more spaces are lists or examples, shown verbatim; they end the paragraph.
    """
    lines = description.split("\n")
    paragraph = []
    for line in lines[1:]:
        if line.strip() in (".", "") or (paragraph and line.startswith("  ")):
            break
        paragraph.append(line.strip())
    return " ".join(lines[0].split()), " ".join(" ".join(paragraph).split())


def join_sentences(short, paragraph):
    if not paragraph:
        return short
    return short + (" " if short.endswith((".", "!", "?", ":")) else ". ") + paragraph


def clip(text, limit=TEXT_LIMIT):
    """At most `limit` code points, cut between words."""
    if len(text) <= limit:
        return text
    cut = text.rfind(" ", limit // 2, limit + 1)
    return text[:cut if cut > 0 else limit].rstrip()


def facets_of(tags):
    facets = defaultdict(list)
    for tag in tags.replace("\n", " ").split(","):
        facet, found, value = tag.strip().partition("::")
        if found and value not in UNDECIDED:
            facets[facet].append(value)
    return {facet: sorted(values) for facet, values in facets.items()}


def related_names(stanza):
    names = {stanza["Package"], (stanza.get("Source") or stanza["Package"]).split()[0]}
    for field in ("Depends", "Pre-Depends", "Recommends", "Suggests", "Enhances", "Provides", "Breaks", "Replaces"):
        names.update(re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]+)", stanza.get(field, "")))
    return frozenset(names)


# -- choosing ---------------------------------------------------------------------------------------------------------

def share(seed, *parts):
    """A number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.sha256("\x1f".join(map(str, (seed, *parts))).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def family(source):
    """gcc-11, gcc-12 and gcc-12-cross are three sources but hardly three projects: version numbers are taken off."""
    return re.sub(r"(signed-(amd|arm)64|[-.]?\d[\d.]*)", "", source) or source


def split_of(package, seed):
    """70 % train, 10 % dev, 20 % test; all packages of a family on one side."""
    place = share(seed, "split", family(package.source))
    return "train" if place < 0.7 else "dev" if place < 0.8 else "test"


def one_per_text(packages, seed):
    """Packages whose texts differ in more than digits, punctuation and case; one of each is kept."""
    kept = {}
    for package in sorted(packages, key=lambda package: share(seed, "text", package.name)):
        kept.setdefault(re.sub(r"[\W\d_]+", " ", package.text.lower()).strip(), package)
    return sorted(kept.values(), key=lambda package: package.name)


def sample(packages, wanted, seed):
    """Up to `wanted` packages, at most ROWS_PER_SOURCE of a source.

    Two rows of five have a purpose, two have any other debtag and one has none, as far as there are such packages:
    the rarest labels decide what can be learnt, and taking every package alike would leave few of them.
    """
    per_source, strata = Counter(), defaultdict(list)
    for package in sorted(packages, key=lambda package: share(seed, "sample", package.name)):
        stratum = "purpose" if "use" in package.facets else "tagged" if package.facets else "untagged"
        strata[stratum].append(package)
    chosen = []
    quotas = [("purpose", wanted * 2 // 5), ("tagged", wanted * 4 // 5), ("untagged", wanted)]
    for stratum, filled_to in quotas:
        left = []
        for package in strata[stratum]:
            if len(chosen) < filled_to and per_source[package.source] < ROWS_PER_SOURCE:
                per_source[package.source] += 1
                chosen.append(package)
            else:
                left.append(package)
        strata[stratum] = left
    return sorted(chosen, key=lambda package: share(seed, "order", package.name))


# -- labels -----------------------------------------------------------------------------------------------------------

def row_of(package, names):
    """One row; a label that the catalogue does not give is an absent key."""
    row = {"id": package.name, "source": package.source, "text": package.text}
    if package.section:
        row["section"] = package.section
    for column, facet in SINGLE_FACETS.items():
        values = package.facets.get(facet, [])
        if len(values) == 1:  # several: no single true answer
            row[column] = values[0]
    if package.facets.get("use"):
        row["purpose"] = package.facets["use"]
    if package.size_kib > 0:
        row["size"] = round(math.log10(package.size_kib), 3)
    row["software"] = names.spans(package.text)
    return row


def drop_rare_labels(rows, min_rows):
    """Takes labels with fewer than `min_rows` training rows out of every split; the rows keep their other labels.

    Nothing is merged into an "other" class. A purpose list that loses its last entry is absent, not empty: that the
    package has no frequent purpose is not what its maintainers said.
    """
    for column in ("section", "role", "language", "purpose"):
        counts = Counter(value for row in rows["train"] if column in row for value in as_list(row[column]))
        for row in (row for split in rows.values() for row in split if column in row):
            kept = [value for value in as_list(row[column]) if counts[value] >= min_rows]
            if not kept:
                del row[column]
            elif isinstance(row[column], list):
                row[column] = kept


def as_list(value):
    return value if isinstance(value, list) else [value]


# -- pairs ------------------------------------------------------------------------------------------------------------

def words(text):
    return set(re.findall(r"[a-z]+", text.lower()))


def tells_apart(left, right):
    """Siblings often share their first paragraph; such a pair would be a test of copying, not of meaning."""
    a, b = (words(package.paragraph or package.text) for package in (left, right))
    return bool(a) and bool(b) and len(a & b) < 0.5 * len(a | b)


def is_placeholder(package):
    return re.search(r"\b(transitional|dummy)\b", package.text.lower()) is not None


def make_pairs(packages, wanted, seed):
    """Balanced pairs: half from one source, a quarter from two at random, a quarter from two in the same section.

    Both kinds of negative use only packages that also stand in a positive pair, so neither member alone gives the
    answer away.
    """
    by_source = defaultdict(list)
    for package in packages:
        if not is_placeholder(package):
            by_source[package.source].append(package)
    positives = []
    for source, siblings in by_source.items():
        pairs = [(a, b) for i, a in enumerate(siblings) for b in siblings[i + 1:] if tells_apart(a, b)]
        pairs.sort(key=lambda pair: share(seed, "positive", pair[0].name, pair[1].name))
        positives += pairs[:PAIRS_PER_SOURCE]
    positives.sort(key=lambda pair: share(seed, "positives", pair[0].name, pair[1].name))
    positives = positives[:wanted // 2]

    pool = [package for pair in positives for package in pair]
    by_section = defaultdict(list)
    for package in pool:
        by_section[package.section].append(package)
    negatives, taken = [], set()
    for index, pair in enumerate(positives):
        left = pair[index // 2 % 2]
        candidates = by_section[left.section] if index % 2 else pool
        right = pick_stranger(left, candidates, taken, seed) or pick_stranger(left, pool, taken, seed)
        if right:
            taken.add(frozenset((left.name, right.name)))
            negatives.append((left, right))
    positives = positives[:len(negatives)]  # balanced also when a section runs out of strangers
    rows = [pair_row(*pair, "yes", seed) for pair in positives] + [pair_row(*pair, "no", seed) for pair in negatives]
    return sorted(rows, key=lambda row: share(seed, "pairs", row["id"]))


def pick_stranger(left, candidates, taken, seed):
    for attempt in range(20):
        right = candidates[int(share(seed, "stranger", left.name, attempt, len(candidates)) * len(candidates))]
        if family(right.source) != family(left.source) and frozenset((left.name, right.name)) not in taken:
            return right
    return None


def pair_row(left, right, answer, seed):
    if share(seed, "side", left.name, right.name) < 0.5:
        left, right = right, left
    return {"id": f"{left.name}+{right.name}", "text_a": clip(left.text, PAIR_TEXT_LIMIT),
            "text_b": clip(right.text, PAIR_TEXT_LIMIT), "same_source": answer}
