"""What makes a folder, killed before every call that changes what is on disk: the folder is there whole or not at all."""
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

from support import KilledAtEveryCall, Trained


class Killed(KilledAtEveryCall, Trained):
    """And nothing that was there before is touched."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.package = os.path.join(cls.trained.folder, 'package')
        made = cls.trained.run('package', '--to', cls.package, threads=False)
        assert made.code == 0, made.err

    def test_a_package_of_a_run(self):
        self.at_every_call('package', where=self.trained)

    def test_a_package_of_others(self):
        self.at_every_call('package', '--from', self.package, '--drop', 'urgency', '--task', f'intent={self.package}', where=self.trained)
        self.verify(self.package)

    def test_a_quantized_package(self):
        self.at_every_call('quantize', '--package', self.package, '--max-drop', '100', where=self.trained)
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
