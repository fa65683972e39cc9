#!/usr/bin/env python3
"""Breaks every rule of check_architecture.py once, in a copy of the repository, and expects it to be said."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_architecture as check  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))


class BrokenRules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='polytask-architecture-')
        tree = check.Tree(ROOT)
        for name in tree.files:
            os.makedirs(os.path.dirname(os.path.join(cls.folder, name)), exist_ok=True)
            shutil.copyfile(os.path.join(ROOT, name), os.path.join(cls.folder, name))
        cls.known = set(check.findings(cls.folder))  # what is wrong before anything was broken

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def setUp(self):
        self.changed = []

    def tearDown(self):
        for name in self.changed:
            path = os.path.join(self.folder, name)
            if os.path.exists(os.path.join(ROOT, name)):
                shutil.copyfile(os.path.join(ROOT, name), path)
            elif os.path.exists(path):
                os.remove(path)

    def write(self, name, text):
        self.changed.append(name)
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def text(self, name):
        with open(os.path.join(self.folder, name), encoding='utf-8') as file:
            return file.read()

    def append(self, name, text):
        self.write(name, self.text(name) + text)

    def replace(self, name, pattern, replacement):
        """Replaces the first match, which has to be there."""
        text, n_replaced = re.subn(pattern, replacement, self.text(name), count=1)
        self.assertEqual(n_replaced, 1, f'{pattern} is not in {name}')
        self.write(name, text)

    def expect(self, rule, *words):
        """The rule found something new, and said all `words` in one sentence."""
        new = [sentence for found, sentence in check.findings(self.folder) if found == rule.__name__ and (found, sentence) not in self.known]
        self.assertTrue(any(all(word in sentence for word in words) for sentence in new), f'{words} is in none of {new}')

    def test_an_include_that_is_not_declared(self):
        self.append('src/text/tokenizer.h', '\n#include "data/corpus.h"\n')
        self.expect(check.includes_match_depends, 'src/text/tokenizer.h', 'does not declare data')

    def test_an_include_that_is_not_declared_in_a_test(self):
        self.append('src/text/tokenizer_test.cpp', '\n#include "eval/scores.h"\n')
        self.expect(check.includes_match_depends, 'tokenizer_test.cpp', 'does not declare eval')

    def test_an_include_that_an_executable_does_not_link(self):
        self.append('src/cli/main.cpp', '\n#include "exchange/huggingface.h"\n')
        self.expect(check.includes_match_depends, 'src/cli/main.cpp', 'does not declare exchange')

    def test_a_declared_room_that_nobody_includes(self):
        self.replace('src/stats/CMakeLists.txt', r'DEPENDS base', 'DEPENDS base task')
        self.expect(check.includes_match_depends, 'src/stats/CMakeLists.txt', 'declares task and includes nothing')

    def test_an_include_of_a_file_that_is_not_there(self):
        self.append('src/data/corpus.h', '\n#include "data/no_such.h"\n')
        self.expect(check.includes_match_depends, 'no_such.h', 'no file of src/')

    def test_a_folder_that_is_no_room(self):
        self.write('src/helpers/all.h', '// Helps.\n#pragma once\n')
        self.expect(check.includes_match_depends, 'src/helpers/all.h', 'no polytask_room()')

    def test_a_cycle(self):
        self.replace('src/task/CMakeLists.txt', r'DEPENDS base', 'DEPENDS base text')
        self.expect(check.rooms_have_no_cycle, 'task depends on itself')

    def test_a_source_that_is_not_built(self):
        self.write('src/text/forgotten.cpp', '#include "text/tokenizer.h"\n')
        self.expect(check.every_source_is_built, 'src/text/forgotten.cpp')

    def test_an_internal_header_of_another_room(self):
        self.append('src/cli/validate.cpp', '\n#include "data/internal/readers.h"\n')
        self.expect(check.internal_headers_stay_inside, 'src/cli/validate.cpp', 'internal to data')

    def test_torch_in_a_room_without_it(self):
        self.append('src/eval/scores.cpp', '\n#include <torch/torch.h>\n')
        self.expect(check.only_torch_rooms_include_torch, 'src/eval/scores.cpp')

    def test_torch_in_the_configuration_that_the_command_reads(self):
        self.append('src/train/config.h', '\n#include <ATen/core/Tensor.h>\n')
        self.expect(check.only_torch_rooms_include_torch, 'src/train/config.h')

    def test_torch_through_the_header_of_a_room_that_needs_it(self):
        self.append('src/cli/validate.cpp', '\n#include "train/trainer.h"\n')
        self.expect(check.only_torch_rooms_include_torch, 'src/cli/validate.cpp')

    def test_a_room_that_the_map_leaves_out(self):
        self.replace('ARCHITECTURE.md', r'\| `stats` \|.*\n', '')
        self.expect(check.architecture_names_every_room, 'no room stats')

    def test_a_room_that_is_only_on_the_map(self):
        self.replace('ARCHITECTURE.md', r'(\| `stats` \|.*\n)', r'\1| `helpers` | helps | |\n')
        self.expect(check.architecture_names_every_room, 'room helpers')

    def test_a_map_that_allows_something_else(self):
        self.replace('ARCHITECTURE.md', r'(\| `text` \|.*)\| `task` \|', r'\1| `task` `stats` |')
        self.expect(check.architecture_names_every_room, 'text may include')

    def test_a_header_without_a_comment(self):
        self.write('src/base/nameless.h', '#pragma once\n')
        self.expect(check.headers_say_what_they_are, 'src/base/nameless.h:1')

    def test_a_header_without_pragma_once(self):
        self.write('src/base/twice.h', '// Can be included twice.\nint twice();\n')
        self.expect(check.headers_say_what_they_are, 'src/base/twice.h', '#pragma once')

    def test_a_long_file(self):
        self.append('tools/run_tests.py', '# and on it goes\n' * check.LARGEST_FILE)
        self.expect(check.files_stay_small, 'tools/run_tests.py')

    def test_a_path_of_one_machine(self):
        for path in ('/hom' + 'e/anna/polytask', '/wor' + 'k/main', '/tm' + 'p/build'):
            self.write('docs/guides/mine.md', f'Look into {path}.\n')
            self.expect(check.nothing_of_one_machine, 'docs/guides/mine.md:1', path[:5])

    def test_a_host_that_the_public_does_not_know(self):
        self.write('tools/mine.txt', 'https' + '://mirror.corp.internal/pool\n')
        self.expect(check.nothing_of_one_machine, 'tools/mine.txt:1', 'mirror.corp.internal')

    def test_a_word_about_how_the_work_was_organised(self):
        self.append('CHANGELOG.md', '\nDone in this sessio' + 'n.\n')
        self.expect(check.nothing_of_one_machine, 'CHANGELOG.md')

    def test_a_link_to_a_file_that_is_not_there(self):
        self.append('README.md', '\n[more](docs/guides/more.md)\n')
        self.expect(check.links_resolve, 'docs/guides/more.md')

    def test_a_link_to_a_heading_that_is_not_there(self):
        self.append('README.md', '\n[more](docs/reference/command.md#no-such-verb)\n')
        self.expect(check.links_resolve, 'no-such-verb', 'no such heading')

    def test_a_document_that_names_a_file_that_is_not_there(self):
        self.append('ARCHITECTURE.md', '\nSee `data/no_such_reader.h`.\n')
        self.expect(check.named_files_exist, 'data/no_such_reader.h')

    def test_a_key_without_a_row(self):
        self.replace('docs/reference/project-file.md', r'\| `train\.schedule` \|.*\n', '')
        self.expect(check.project_file_keys_are_documented, 'no row for the key "schedule"')

    def test_a_key_that_the_code_does_not_read(self):
        self.append('docs/reference/project-file.md', '\n| `train.wishes` | word | none | Not there. |\n')
        self.expect(check.project_file_keys_are_documented, '"wishes"')

    def test_a_key_that_enters_without_documentation(self):
        self.append('src/cli/project_file.cpp', '\nvoid more(Section& section, double& x) {\n  section.number(\n      "momentum", x);\n}\n')
        self.expect(check.project_file_keys_are_documented, '"momentum"')

    def test_a_default_that_has_changed(self):
        self.replace('src/train/config.h', r'double learning_rate = [^;]*;', 'double learning_rate = 77.0;')
        self.expect(check.training_defaults_are_documented, 'train.learning_rate', '77')

    def test_an_option_without_documentation(self):
        self.append('src/cli/command_line.cpp', '\n// verb->add_option("--colour", line.colour);\n')
        self.expect(check.command_options_are_documented, '--colour')

    def test_an_option_that_the_command_does_not_know(self):
        self.append('docs/reference/command.md', '\nSee `--wish`.\n')
        self.expect(check.command_options_are_documented, '--wish')

    def test_a_verb_without_a_section(self):
        self.replace('docs/reference/command.md', r'\n## evaluate\n', '\n')
        self.expect(check.command_options_are_documented, 'verb evaluate')


class LinkedLibraries(unittest.TestCase):
    """The rule that looks at a built command."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix='polytask-architecture-')
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def build(self, library):
        """A program that needs lib<library>.so."""
        for name, text in (('library.c', 'int answer(void) { return 42; }\n'), ('main.c', 'int answer(void);\nint main(void) { return answer() - 42; }\n')):
            with open(self.path(name), 'w', encoding='utf-8') as file:
                file.write(text)
        subprocess.run(['cc', '-shared', '-fPIC', '-o', self.path(f'lib{library}.so'), self.path('library.c')], check=True)
        subprocess.run(['cc', '-o', self.path('program'), self.path('main.c'), '-L' + self.folder.name, '-l' + library], check=True)
        return list(check.command_does_not_link_torch(None, self.path('program')))

    def test_a_command_that_links_torch_is_found(self):
        self.assertIn('libtorch_cpu.so', ' '.join(self.build('torch_cpu')))

    def test_a_command_that_links_a_network_is_found(self):
        self.assertIn('libcurl.so', ' '.join(self.build('curl')))

    def test_a_command_with_other_libraries_is_not(self):
        self.assertEqual(self.build('answers'), [])

    def test_a_command_that_is_not_there_is_said(self):
        self.assertIn('ldd could not read it', ' '.join(check.command_does_not_link_torch(None, self.path('nothing'))))


class EveryRule(unittest.TestCase):
    def test_is_broken_by_a_test_above(self):
        with open(__file__, encoding='utf-8') as file:
            text = file.read()
        for rule in (*check.RULES, check.command_does_not_link_torch):
            self.assertIn(f'check.{rule.__name__},' if rule in check.RULES else f'check.{rule.__name__}(', text)


if __name__ == '__main__':
    unittest.main()
