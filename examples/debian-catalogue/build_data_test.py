"""The builder's rules on made-up packages: no catalogue, no network, no disk."""
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import apt_lists  # noqa: E402
import build_data  # noqa: E402
import catalogue as rules  # noqa: E402
from software_names import SoftwareNames, shape_of  # noqa: E402

STANZAS = """\
Package: froblib1
Source: frob (1.2-3)
Installed-Size: 1000
Depends: libc6 (>= 2.14), quuxd | quuxd-light
Description: shared library of frob
Description-md5: aaa
Tag: role::shared-lib, implemented-in::c,
 use::converting, use::TODO
Section: contrib/libs

Package: nameless-description
Section: misc

Package: frob-doc
Source: frob
Description: manual of frob
Section: doc
Tag: role::documentation, role::data
""".splitlines(keepends=True)

DESCRIPTIONS = {"aaa": "shared library of frob\n Frobs things\n quickly.\n   verbatim list\n .\n Second paragraph."}


def package(name, **changes):
    fields = {"name": name, "source": name, "section": "misc", "size_kib": 100, "text": f"text of {name}",
              "paragraph": f"paragraph of {name}", "facets": {}, "related": frozenset({name})}
    return rules.Package(**(fields | changes))


class Names:
    def spans(self, text):
        return []


class Stanzas(unittest.TestCase):
    def setUp(self):
        self.packages = {p.name: p for p in rules.read_packages(STANZAS, DESCRIPTIONS)}

    def test_a_stanza_without_a_description_is_no_package(self):
        self.assertEqual(sorted(self.packages), ["frob-doc", "froblib1"])

    def test_the_source_is_named_without_its_version_and_defaults_to_the_package(self):
        self.assertEqual(self.packages["froblib1"].source, "frob")
        self.assertEqual(rules.package_of({"Package": "solo", "Description": "x"}, {}).source, "solo")

    def test_the_text_is_the_short_description_and_the_first_paragraph(self):
        self.assertEqual(self.packages["froblib1"].text, "shared library of frob. Frobs things quickly.")

    def test_without_a_translation_the_short_description_is_the_text(self):
        self.assertEqual(self.packages["frob-doc"].text, "manual of frob")

    def test_tags_that_decide_nothing_are_left_out(self):
        self.assertEqual(self.packages["froblib1"].facets,
                         {"role": ["shared-lib"], "implemented-in": ["c"], "use": ["converting"]})

    def test_related_names_come_from_every_relation_and_every_alternative(self):
        self.assertLessEqual({"froblib1", "frob", "libc6", "quuxd", "quuxd-light"}, self.packages["froblib1"].related)

    def test_a_line_that_is_no_field_does_not_swallow_its_successors(self):
        self.assertEqual(list(rules.stanzas(["Package: a\n", "nonsense\n", " more\n", "Section: b\n"])),
                         [{"Package": "a", "Section": "b"}])


class Texts(unittest.TestCase):
    def test_a_long_text_is_cut_between_words(self):
        self.assertEqual(rules.clip("aaaa bbbb cccc", 10), "aaaa bbbb")
        self.assertEqual(rules.clip("aaaa bbbb", 9), "aaaa bbbb")
        self.assertEqual(rules.clip("a" * 20, 10), "a" * 10)

    def test_texts_that_differ_in_digits_only_count_once(self):
        packages = [package("a", text="Linux 6.1 image"), package("b", text="linux 6.2 image!"), package("c")]
        self.assertEqual(len(rules.one_per_text(packages, seed=1)), 2)


class Rows(unittest.TestCase):
    def test_a_row_says_only_what_the_catalogue_says(self):
        row = rules.row_of(package("a", section="", size_kib=0), Names())
        self.assertEqual(set(row), {"id", "source", "text", "software"})

    def test_two_roles_are_no_label(self):
        self.assertNotIn("role", rules.row_of(package("a", facets={"role": ["program", "plugin"]}), Names()))

    def test_the_size_is_a_decimal_logarithm(self):
        self.assertEqual(rules.row_of(package("a", size_kib=1000), Names())["size"], 3.0)

    def test_rare_labels_leave_every_split_and_the_row_stays(self):
        rows = {"train": [{"section": "libs"}, {"section": "libs"}, {"section": "zope", "purpose": ["x", "y"]},
                          {"purpose": ["x"]}],
                "test": [{"section": "zope"}, {"purpose": ["y"]}]}
        rules.drop_rare_labels(rows, 2)
        self.assertEqual(rows, {"train": [{"section": "libs"}, {"section": "libs"}, {"purpose": ["x"]},
                                          {"purpose": ["x"]}],
                                "test": [{}, {}]})


class Choosing(unittest.TestCase):
    def test_versions_of_one_project_are_one_family(self):
        self.assertEqual({rules.family(s) for s in ("gcc-11", "gcc-12", "gcc")}, {"gcc"})
        self.assertEqual(rules.family("linux-signed-amd64"), rules.family("linux-"))
        self.assertEqual(rules.family("2048"), "2048")

    def test_siblings_never_straddle_and_all_splits_are_used(self):
        splits = {}
        for i in range(300):
            name = "".join(chr(97 + int(digit)) for digit in str(i))
            both = {rules.split_of(package(f"{name}-{kind}", source=f"{name}-{version}"), seed=1)
                    for kind in ("bin", "doc") for version in (1, 2)}
            self.assertEqual(len(both), 1)
            splits[name] = both.pop()
        self.assertEqual(set(splits.values()), {"train", "dev", "test"})

    def test_the_same_seed_draws_the_same_sample_whatever_the_order(self):
        packages = [package(f"p{i}") for i in range(50)]
        names = [p.name for p in rules.sample(packages, 10, seed=1)]
        self.assertEqual(names, [p.name for p in rules.sample(packages[::-1], 10, seed=1)])
        self.assertNotEqual(names, [p.name for p in rules.sample(packages, 10, seed=2)])

    def test_no_source_gives_more_than_its_share(self):
        packages = [package(f"p{i}", source="big") for i in range(50)] + [package("small")]
        self.assertEqual(len(rules.sample(packages, 10, seed=1)), rules.ROWS_PER_SOURCE + 1)

    def test_two_rows_of_five_have_a_purpose(self):
        packages = [package(f"u{i}", facets={"use": ["x"]}) for i in range(50)]
        packages += [package(f"n{i}") for i in range(50)]
        self.assertEqual(sum("use" in p.facets for p in rules.sample(packages, 20, seed=1)), 8)


class Pairs(unittest.TestCase):
    def setUp(self):
        words = ["north east", "blue whale", "slow train", "old bridge", "red apple", "warm soup"]
        self.packages = [package(f"s{source}-{kind}", source="s" + "xyzuvw"[source], section=f"sec{source % 2}",
                                 text=f"{kind} {words[source]}", paragraph=f"{kind} {words[source]} {kind}s")
                         for source in range(6) for kind in ("manual", "engine")]
        self.source = {p.name: p.source for p in self.packages}

    def test_pairs_are_balanced_and_true(self):
        rows = rules.make_pairs(self.packages, 12, seed=1)
        self.assertEqual(sum(row["same_source"] == "yes" for row in rows) * 2, len(rows))
        self.assertGreaterEqual(len(rows), 8)
        for row in rows:
            left, right = row["id"].split("+")
            self.assertEqual(row["same_source"] == "yes", self.source[left] == self.source[right])

    def test_negatives_use_only_packages_of_positives(self):
        lonely = package("lonely", text="nobody else", paragraph="nobody else at all")
        rows = rules.make_pairs(self.packages + [lonely], 12, seed=1)
        self.assertFalse([row for row in rows if "lonely" in row["id"]])

    def test_siblings_with_one_paragraph_are_no_pair(self):
        siblings = [package(name, source="s", paragraph="one two three") for name in ("a", "b")]
        self.assertEqual(rules.make_pairs(siblings, 2, seed=1), [])

    def test_without_long_descriptions_the_short_ones_tell_siblings_apart(self):
        engine, manual = (package(name, paragraph="", text=f"{name} of frob") for name in ("engine", "manual"))
        self.assertFalse(rules.tells_apart(engine, engine))
        self.assertFalse(rules.tells_apart(engine, manual))
        self.assertTrue(rules.tells_apart(engine, package("x", paragraph="", text="quite another thing")))


class Software(unittest.TestCase):
    def learn(self, *packages):
        return SoftwareNames.learn(list(packages))

    def test_a_name_that_its_users_depend_on_is_trusted_and_a_common_word_is_not(self):
        users = [package(f"u{i}", text="a tool for frobd users, at any time", related=frozenset({"frobd"}))
                 for i in range(5)]
        names = self.learn(package("frobd"), package("time"), *users)
        self.assertIn("frobd", names.forms)
        self.assertNotIn("time", names.forms)

    def test_spans_are_code_points_with_an_exclusive_end(self):
        names = SoftwareNames(frozenset({"Perl"}))
        text = "naïve 🐪 Perl module"
        (start, end, label), = names.spans(text)
        self.assertEqual((text[start:end], start, label), ("Perl", 8, "SOFTWARE"))

    def test_paths_modules_addresses_and_longer_compounds_hold_no_names(self):
        names = SoftwareNames(frozenset({"Perl", "perl", "File"}))
        for text in ("/usr/bin/perl", "Perl::Critic", "File::Perl", "x@perl.org", "Perl-compatible", "libperl",
                     "perl/tk"):
            self.assertEqual(names.spans(text), [], text)
        for text in ("(Perl)", "Perl.", "Perl's", "Perl, Perl5", '"Perl"'):
            self.assertEqual(len(names.spans(text)), 1, text)

    def test_a_capital_inside_a_word_is_proof(self):
        self.assertEqual([shape_of(word) for word in ("PostgreSQL", "time", "Time", "GIMP", "python3")],
                         ["camel", "plain", "capitalised", "capitals", "compound"])

    def test_a_version_at_the_end_of_a_package_name_is_no_part_of_the_name(self):
        names = self.learn(package("frobsql-15"), package("u", text="client of FrobSQL", related=frozenset()))
        self.assertIn("FrobSQL", names.forms)


class Apt(unittest.TestCase):
    def test_only_the_debian_archive_is_a_mirror_and_the_wanted_release_comes_first(self):
        targets = "\n".join(["Debian|bookworm|main|http://a.example/debian/",
                             "Debian|trixie|main|http://b.example/mirror/",
                             "Debian|trixie-security|main|http://s.example/debian-security/",
                             "Vendor|trixie|main|http://v.example/debian/", "|trixie|main|http://c.example/debian/",
                             "|trixie|contrib|http://d.example/debian/", "|nodistro|main|http://e.example/node/",
                             "Debian|trixie|main|cdrom:[Debian]/", "broken line"])
        self.assertEqual(apt_lists.debian_mirrors(targets, "trixie"),
                         ["http://b.example/mirror", "http://c.example/debian", "http://a.example/debian"])

    def test_without_a_debian_archive_the_reason_says_how_to_give_one(self):
        def run(*command, **_):
            return subprocess.CompletedProcess(command, 0, "")
        with tempfile.TemporaryDirectory() as name, mock.patch.object(apt_lists, "_run", run):
            with self.assertRaisesRegex(apt_lists.CatalogueError, "name no Debian archive; give one with --mirror"):
                apt_lists.find_catalogue(Path(name), "trixie", fresh=False, say=lambda _: None)

    def test_network_settings_are_copied_and_settings_that_hide_descriptions_are_not(self):
        dump = "\n".join(['Acquire::http::Proxy "http://p:1";', 'Acquire::Languages:: "none";', 'APT::Update "";',
                          'Acquire::IndexTargets::deb::X "";', 'APT::Architecture "arm64";',
                          'APT::Architectures:: "i386";'])
        self.assertEqual(apt_lists.copied_settings(dump),
                         ['Acquire::http::Proxy "http://p:1";', 'APT::Architecture "arm64";'])

    def test_the_reason_of_a_failure_is_the_line_that_names_it(self):
        output = "Err:1 http://m.example x InRelease\n  refused\nE: Failed to fetch http://m.example/x  refused\n"
        self.assertEqual(apt_lists.complaint_of(output), "Failed to fetch http://m.example/x refused")
        self.assertEqual(apt_lists.complaint_of("Hit:1 fine"), "")

    def test_a_password_in_an_address_is_not_shown(self):
        self.assertEqual(apt_lists.without_password("https://me:secret@m.example/debian"), "https://m.example/debian")


class Files(unittest.TestCase):
    def test_a_changed_file_or_another_recipe_is_not_complete(self):
        with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()):
            folder = Path(name)
            facts = build_data.write_rows(folder / "a.jsonl", [{"id": "x", "text": "ü", "size": 1.0}])
            facts_of_all = {"recipe": {"train": 1}, "files": {"a.jsonl": facts}}
            build_data.write_atomically(folder / "build.json", json.dumps(facts_of_all))
            self.assertEqual((facts["rows"], facts["labelled"]), (1, {"size": 1}))
            self.assertTrue(build_data.is_complete(folder, {"train": 1}))
            self.assertFalse(build_data.is_complete(folder, {"train": 2}))
            (folder / "a.jsonl").write_text("cut off")
            self.assertFalse(build_data.is_complete(folder, {"train": 1}))


if __name__ == "__main__":
    unittest.main()
