"""What `cmake --install` puts in place is enough for programs in C++, C and Python, wherever it is moved."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from support import ROOT, Project, Scenario

BUILD = os.environ['POLYTASK_BUILD']
CMAKE = os.environ['POLYTASK_CMAKE']
COMPILERS = {language: os.environ[f'POLYTASK_{language}_COMPILER'] for language in ('C', 'CXX')}
SAMPLE_PACKAGE = os.environ['POLYTASK_SAMPLE_PACKAGE']
EXAMPLES = os.path.join(ROOT, 'examples', 'engine')
TEXT = 'please find the lamp in 大阪'


def run(*command, **how):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **how)
    if done.returncode != 0:
        raise AssertionError(f'{command} ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}')
    return done.stdout


class Installed(Scenario):
    @classmethod
    def setUpClass(cls):
        shared = tempfile.TemporaryDirectory(prefix='polytask-scenario-')
        cls.addClassCleanup(shared.cleanup)
        cls.here = Project(shared.name)
        cls.package = cls.here.path('package')
        run(SAMPLE_PACKAGE, cls.package)
        run(CMAKE, '--install', BUILD, '--prefix', cls.here.path('first'))
        cls.prefix = cls.here.path('moved')
        os.rename(cls.here.path('first'), cls.prefix)
        cls.tasks = json.loads(run(cls.place('bin', 'polytask'), 'predict', '--package', cls.package, '--text', TEXT))['tasks']

    @classmethod
    def place(cls, *names):
        return os.path.join(cls.prefix, *names)

    @classmethod
    def library_folder(cls):
        found = [folder for folder, _, names in os.walk(cls.place('lib')) if 'libpolytask.so' in names]
        return found[0]

    def test_the_command_is_whole(self):
        self.assertEqual(list(self.tasks), ['intent', 'urgency', 'topics', 'products', 'title kind', 'places'])
        for part in 'polytask-exchange', 'polytask-hub':
            self.assertTrue(os.path.exists(self.place('libexec', 'polytask', part)))
        self.assertEqual(os.path.exists(self.place('libexec', 'polytask', 'polytask-torch')), os.environ['POLYTASK_TORCH'] in ('ON', '1', 'TRUE'))

    def test_every_header_finds_those_that_it_includes(self):
        headers = [os.path.join(folder, name) for folder, _, names in os.walk(self.place('include')) for name in names]
        self.assertGreater(len(headers), 15)
        for header in headers:
            with open(header, encoding='utf-8') as file:
                for include in re.findall(r'#include "([^"]+)"', file.read()):
                    self.assertTrue(include.startswith('polytask/') and os.path.exists(self.place('include', include)), f'{header} includes {include}')

    def test_nothing_installed_names_where_it_was_built(self):
        for folder, _, names in os.walk(self.prefix):
            for name in names:
                if name.endswith(('.cmake', '.pc', '.h')):
                    with open(os.path.join(folder, name), encoding='utf-8') as file:
                        text = file.read()
                    for place in BUILD, ROOT, self.here.path('first'):
                        self.assertNotIn(place + '/', text, name)

    def test_programs_in_cpp_and_c_are_built_with_find_package(self):
        build = self.here.path('build')
        run(CMAKE, '-S', EXAMPLES, '-B', build, f'-DCMAKE_PREFIX_PATH={self.prefix}', '-DCMAKE_BUILD_TYPE=Debug',
            *(f'-DCMAKE_{language}_COMPILER={path}' for language, path in COMPILERS.items()))
        run(CMAKE, '--build', build)
        self.assertEqual(json.loads(run(os.path.join(build, 'answer_c'), self.package, TEXT)), self.tasks)
        lines = dict(line.split(': ', 1) for line in run(os.path.join(build, 'answer_cpp'), self.package, TEXT).splitlines())
        self.assertEqual(list(lines), list(self.tasks))
        self.assertTrue(lines['intent'].startswith(self.tasks['intent']['label']))
        for task in 'topics', 'products', 'places':
            self.assertEqual(json.loads(lines[task]), self.tasks[task])
        pair = json.loads(run(os.path.join(build, 'answer_c'), self.package, 'one', 'two'))
        self.assertEqual(list(pair), ['same', 'near'])
        absent = subprocess.run([os.path.join(build, 'answer_cpp'), self.here.path('absent'), 'x'], capture_output=True, text=True, check=False)
        self.assertEqual((absent.returncode, len(absent.stderr.splitlines())), (3, 1))

    def test_a_program_in_c_is_built_with_pkg_config(self):
        if not shutil.which('pkg-config'):
            self.skipTest('no pkg-config')
        flags = run('pkg-config', '--cflags', '--libs', 'polytask', env={**os.environ, 'PKG_CONFIG_PATH': os.path.join(self.library_folder(), 'pkgconfig')}).split()
        program = self.here.path('answer_c')
        run(COMPILERS['C'], '-std=c99', '-Wall', '-Wextra', '-Wpedantic', '-Werror', os.path.join(EXAMPLES, 'answer.c'), '-o', program, *flags)
        self.assertEqual(json.loads(run(program, self.package, TEXT, env={**os.environ, 'LD_LIBRARY_PATH': self.library_folder()})), self.tasks)

    def test_a_program_in_python_needs_nothing_but_the_library(self):
        lines = run(sys.executable, '-B', os.path.join(EXAMPLES, 'answer.py'), self.package, TEXT, env={**os.environ, 'LD_LIBRARY_PATH': self.library_folder()})
        self.assertEqual({task: json.loads(answer) for task, answer in (line.split(': ', 1) for line in lines.splitlines())}, self.tasks)


if __name__ == '__main__':
    unittest.main()
