"""Training above frozen layers: what they make of the texts is stored in the project, and decides nothing by being there."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from support import INTENT, Project, Scenario, read_lines, wait_until

TASKS = {'intent': INTENT, 'products': {'type': 'tagging', 'dataset': 'tickets', 'text': 'body', 'spans': 'products'}}
FROZEN = {'frozen_layers': 1, 'epochs': 16, 'checkpoint_steps': 10, 'evaluations_per_epoch': 0.25}
N_TEXTS = 150  # 120 to train on, 30 of dev


class FrozenLayers(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.shared_folder = tempfile.TemporaryDirectory(prefix='polytask-scenario-')
        cls.addClassCleanup(cls.shared_folder.cleanup)
        given = Project(os.path.join(cls.shared_folder.name, 'given')).fill().describe(tasks=TASKS)
        answer = given.run('train', '--run', 'given')
        if answer.code != 0:
            raise AssertionError(str(answer))
        cls.encoder = given.run_folder('given', 'model', 'encoder')
        cls.reference = cls.describe(Project(os.path.join(cls.shared_folder.name, 'project')))
        cls.answer = cls.reference.run('train', '--run', 'reference', '--output', 'json')
        if cls.answer.code != 0:
            raise AssertionError(str(cls.answer))
        cls.bits = cls.reference.hashes('reference')

    @classmethod
    def describe(cls, project, **train):
        return project.fill().describe(tasks=TASKS, encoder=cls.encoder, train={**FROZEN, **train})

    def states(self, project):
        return project.path('.polytask', 'states')

    def test_a_run_is_the_same_with_an_empty_and_a_full_store(self):
        self.assertIn(f'frozen layers: {N_TEXTS} texts, {N_TEXTS} of them new', self.answer.err)
        self.assertEqual(sorted(os.listdir(self.states(self.reference))), ['000001.index', '000001.states', 'lock'])
        full = self.expect(self.reference.run('train', '--run', 'full'), 0, f'frozen layers: {N_TEXTS} texts, 0 of them new')
        self.assertNotIn('note:', full.err)
        self.assertEqual(self.reference.hashes('full'), self.bits)
        shutil.rmtree(self.states(self.reference))
        self.expect(self.reference.run('train', '--run', 'empty'), 0, f'{N_TEXTS} of them new')
        self.assertEqual(self.reference.hashes('empty'), self.bits)
        kept = self.expect(self.reference.run('train', '--run', 'kept', '--set', 'train.frozen_states_gb=0'), 0, '0 of them new')
        self.assertNotIn('note:', kept.err)
        self.assertTrue(os.path.exists(os.path.join(self.states(self.reference), '000001.states')))
        shutil.rmtree(self.states(self.reference))
        self.expect(self.reference.run('train', '--run', 'nothing-stored', '--set', 'train.frozen_states_gb=0'), 0,
                    f'{N_TEXTS} texts do not fit under train.frozen_states_gb')
        self.assertEqual(self.reference.hashes('nothing-stored'), self.bits)

    def test_the_model_is_a_whole_one_whose_scores_are_its_own(self):
        model = self.reference.run_folder('reference', 'model')
        self.assertTrue(os.path.exists(os.path.join(model, 'encoder', 'model.safetensors')))
        again = self.reference.run('evaluate', '--run', 'reference', '--output', 'json')
        self.expect(again, 0)
        for task, score in self.answer.json['tasks'].items():
            self.assertAlmostEqual(again.json['tasks'][task]['value'], score['value'], places=6)
        self.assertGreater(self.answer.json['tasks']['intent']['value'], 0.6)
        answer = self.reference.run('predict', '--run', 'reference', '--text', 'please buy the lamp')
        self.expect(answer, 0)

    def test_killed_and_resumed_it_ends_with_the_same_bits(self):
        project = self.describe(self.project())
        for after in 0, 20, 60:
            process = project.start('train', '--run', 'a', *(['--resume'] if os.path.exists(project.run_folder('a')) else []),
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(lambda process=process: (process.kill(), process.wait()))
            wait_until(lambda after=after: self.n_steps(project) >= after if after else os.path.exists(os.path.join(self.states(project), '000001.index')), process)
            process.send_signal(signal.SIGKILL)
            process.wait()
        answer = self.expect(project.run('train', '--run', 'a', '--resume', '--output', 'json'), 0)
        self.assertGreater(answer.json['resumed_from_step'], 0)
        self.assertEqual(project.hashes('a'), self.bits)
        self.assertEqual(project.leftovers(), [])

    def n_steps(self, project):
        try:
            return sum('"loss"' in line for line in read_lines(project.run_folder('a', 'metrics.jsonl')))
        except OSError:
            return 0

    def test_two_runs_at_once_share_the_store(self):
        project = self.describe(self.project())
        processes = [project.start('train', '--run', run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for run in ('a', 'b')]
        n_new = 0
        for process in processes:
            _, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, err)
            self.assertNotIn('damaged', err)
            n_new += int(re.search(rf'frozen layers: {N_TEXTS} texts, (\d+) of them new', err).group(1))
        self.assertEqual(n_new, N_TEXTS)
        self.assertEqual(project.hashes('a'), self.bits)
        self.assertEqual(project.hashes('b'), self.bits)

    def test_damage_is_named_and_changes_nothing(self):
        project = self.describe(self.project())
        self.expect(project.run('train', '--run', 'a'), 0)
        for name, at in ('000001.states', 5000), ('000001.index', 100):
            path = os.path.join(self.states(project), name)
            with open(path, 'r+b') as file:
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1]))
            self.expect(project.run('train', '--run', f'after-{name}'), 0, f'/.polytask/states/{name}: ', 'damaged', 'computed anew', '1 of them new')
            self.assertEqual(project.hashes(f'after-{name}'), self.bits)
        self.assertNotIn('note:', self.expect(project.run('train', '--run', 'healed'), 0, '0 of them new').err)

    def test_another_encoder_takes_nothing_that_is_stored(self):
        project = self.describe(self.project())
        self.expect(project.run('train', '--run', 'a'), 0)
        self.expect(project.run('train', '--run', 'b', '--set', f'encoder={project.run_folder("a", "model", "encoder")}',
                                '--set', 'train.frozen_layers=2'), 0, f'{N_TEXTS} of them new')

    def test_what_cannot_be_frozen_is_said_before_anything_is_read(self):
        project = self.describe(self.project(), frozen_layers=3)
        self.expect_one_sentence(project.run('train', '--run', 'a'), 2, 'train.frozen_layers: is 3; expected at most 2, the layers of the encoder')
        self.describe(project, frozen_layers=1, private_layers=2)
        self.expect_one_sentence(project.run('train', '--run', 'a'), 2, 'train.private_layers: is 2; expected at most 1')
        project.describe(tasks=TASKS, train={'frozen_layers': 1})
        self.expect(project.run('train', '--run', 'a'), 2, 'train.frozen_layers is 1; expected 0, as there is no encoder')
        self.assertFalse(os.path.exists(self.states(project)))


if __name__ == '__main__':
    unittest.main()
