"""What makes a folder, killed before every call that changes what is on disk: the folder is there whole or not at all."""
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

from support import Trained, arguments, environment

HERE = os.path.dirname(os.path.abspath(__file__))


class Killed(Trained):
    """The next call removes what was left, and nothing that was there before is touched."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        compiler = shutil.which('cc') or shutil.which('gcc')
        if not compiler:
            raise unittest.SkipTest('no C compiler for the library that ends the process')
        cls.library = os.path.join(cls.shared_folder.name, 'killed_at_call.so')
        subprocess.run([compiler, '-shared', '-fPIC', '-w', '-o', cls.library, os.path.join(HERE, 'killed_at_call.c'), '-ldl'], check=True)
        cls.package = os.path.join(cls.trained.folder, 'package')
        made = cls.trained.run('package', '--to', cls.package, threads=False)
        assert made.code == 0, made.err

    def setUp(self):
        self.parent = os.path.join(self.project('killed').folder, 'where')
        self.target = os.path.join(self.parent, 'a')

    def verify(self, folder):
        self.expect(self.trained.run('package verify', folder, threads=False), 0)

    def killed_at(self, call, *command):
        return subprocess.run(arguments(*command, threads=False), cwd=self.trained.folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
                              env={**environment(), 'LD_PRELOAD': self.library, 'KILL_AT_CALL': str(call)}).returncode

    def at_every_call(self, *command, verify=None):
        verify = verify or self.verify
        n_whole = 0
        for call in range(1, 2000):
            code = self.killed_at(call, *command, '--to', self.target)
            self.assertIn(code, (0, 137))
            if os.path.exists(self.target):
                n_whole += 1
                verify(self.target)
            if code == 0:
                break
            self.assertLessEqual(len(os.listdir(self.parent)) if os.path.exists(self.parent) else 0, 2, 'what earlier calls left was removed')
            shutil.rmtree(self.target, ignore_errors=True)
        self.assertGreater(call, 20, 'there were calls to be killed at')
        self.assertGreater(n_whole, 1, 'some were killed after the folder was there')
        self.assertEqual(os.listdir(self.parent), ['a'])
        print(f'{command[0]}: killed before each of {call - 1} calls, {n_whole - 1} of them with the folder in place', flush=True)

    def test_a_package_of_a_run(self):
        self.at_every_call('package')

    def test_a_package_of_others(self):
        self.at_every_call('package', '--from', self.package, '--drop', 'urgency', '--task', f'intent={self.package}')
        self.verify(self.package)

    def test_a_quantized_package(self):
        self.at_every_call('quantize', '--package', self.package, '--max-drop', '100')
        self.verify(self.package)

    def test_kills_at_any_time(self):
        rng = random.Random(1)
        for _ in range(20):
            process = self.trained.start('package', '--to', self.target, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(rng.random() * 0.06)
            process.send_signal(signal.SIGKILL)
            process.wait()
            if os.path.exists(self.target):
                self.verify(self.target)
                shutil.rmtree(self.target)
        self.expect(self.trained.run('package', '--to', self.target, threads=False), 0)
        self.assertEqual(os.listdir(self.parent), ['a'])


if __name__ == '__main__':
    unittest.main()
