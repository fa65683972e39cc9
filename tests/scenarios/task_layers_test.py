"""Tasks with top layers for themselves, given or chosen on dev, and tasks that stop while others learn on."""
import json
import os
import signal
import subprocess
import tempfile
import unittest

from support import INTENT, SCRATCH, Project, Scenario, read_json, read_lines, wait_until

TONE = {'type': 'classification', 'dataset': 'tickets', 'text': 'body', 'label': 'intent'}
PRODUCTS = {'type': 'tagging', 'dataset': 'tickets', 'text': 'body', 'spans': 'products'}
TASKS = {'intent': INTENT, 'tone': TONE, 'products': PRODUCTS}


def with_layers(**layers):
    return {name: {**task, **({'private_layers': layers[name]} if name in layers else {})} for name, task in TASKS.items()}


class TaskLayers(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.shared_folder = tempfile.TemporaryDirectory(prefix='polytask-scenario-')
        cls.addClassCleanup(cls.shared_folder.cleanup)
        given = Project(os.path.join(cls.shared_folder.name, 'given')).fill().describe(tasks=TASKS, train={'scratch': {**SCRATCH, 'layers': 3}})
        answer = given.run('train', '--run', 'given')
        if answer.code != 0:
            raise AssertionError(str(answer))
        cls.encoder = given.run_folder('given', 'model', 'encoder')

    def described(self, tasks, **train):
        return self.project().fill().describe(tasks=tasks, encoder=self.encoder, train=train)

    def test_tasks_of_one_reading_have_as_many_layers_as_they_say(self):
        project = self.described(with_layers(intent=1, tone=3), private_layers=1)
        self.expect(project.run('train', '--run', 'a'), 0)
        self.assertEqual({name for name in project.hashes('a') if name.endswith('private.safetensors') or name.startswith('private/')},
                         {'tasks/intent/private.safetensors', 'tasks/tone/private.safetensors'}, 'products alone is left of its reading, and has the encoder')
        self.assertEqual(read_json(project.run_folder('a', 'model', 'model.json'))['schema'], 6)
        scores = self.expect(project.run('evaluate', '--run', 'a', '--output', 'json'), 0).json['tasks']
        trained = read_json(project.run_folder('a', 'result.json'))['tasks']
        for task, score in scores.items():
            self.assertAlmostEqual(score['value'], trained[task]['value'], places=6, msg='the engine and LibTorch agree')
        compared = self.expect(project.run('runs compare', 'a', '--output', 'json', threads=False), 0).json
        self.assertAlmostEqual(compared['encoder_passes']['together'], (3 + 1 + 3) / 3, msg='three layers of the encoder, for products, and each task its own')
        self.assertEqual(read_json(project.run_folder('a', 'config.json'))['tasks']['tone']['private_layers'], 3)

    def test_a_package_takes_a_task_with_its_layers_from_another_run_of_the_same_frozen_encoder(self):
        project = self.described(with_layers(intent=2, tone=2, products=2), frozen_layers=1)  # so that nobody trains a layer that others read
        self.expect(project.run('train', '--run', 'a'), 0)
        self.expect(project.run('train', '--run', 'b', '--set', 'tasks.intent.private_layers=1', '--set', 'train.frozen_layers=2', '--set', 'seed=2', '--only', 'intent'), 0)
        for run in 'a', 'b':
            self.expect(project.run('package', '--run', run, '--to', run, threads=False), 0)
        self.expect(project.run('package', '--from', 'a', '--task', 'intent=b', '--to', 'c', threads=False), 0)
        said = {name: self.expect(project.run('predict', '--package', name, '--input', 'test.jsonl'), 0).rows for name in ('a', 'b', 'c')}
        for a, b, c in zip(said['a'], said['b'], said['c']):
            self.assertEqual(c['tasks']['intent'], b['tasks']['intent'])
            for task in 'tone', 'products':
                self.assertEqual(c['tasks'][task], a['tasks'][task])
        self.expect(project.run('quantize', '--package', 'c', '--to', 'd'), 0)
        self.expect(project.run('predict', '--package', 'd', '--text', 'please buy the lamp'), 0)

    def test_layers_that_cannot_be_are_refused_with_the_task(self):
        project = self.described(with_layers(intent=4))
        self.expect_one_sentence(project.run('train', '--run', 'x'), 2, 'tasks.intent.private_layers: is 4; expected at most 3, the layers of the encoder')
        said = self.expect(project.run('validate', '--set', 'train.frozen_layers=2', '--set', 'tasks.intent.private_layers=2', threads=False), 3).out
        self.assertIn('tasks.intent.private_layers: is 2; expected at most 1, the layers of the encoder above train.frozen_layers', said)
        for setting, phrase in (('train.architecture=shared', 'tasks.intent.private_layers is 4; expected nothing, as train.architecture is "shared"'),
                                ('tasks.intent.private_layers=0', 'tasks.intent.private_layers is 0; expected a whole number of at least 1'),
                                ('train.private_layers=auto', 'train.frozen_layers is 0; expected at least 1, as train.private_layers is auto'),
                                ('tasks.intent.private_layers=many', '"tasks.intent.private_layers" is "many"; expected a whole number')):
            self.expect(project.run('train', '--run', 'x', '--set', setting), 2, phrase)
        two = self.project().fill().describe(tasks={**with_layers(intent=1), 'urgency': {'type': 'regression', 'dataset': 'tickets', 'text': 'body', 'label': 'urgency'}},
                                             encoder=self.encoder, train={'private_layers': 2})
        self.expect_one_sentence(two.run('train', '--run', 'x'), 2, 'tasks.intent.private_layers: is 1; expected at least 2, as many as every reading has for itself')

    def test_each_task_gets_as_many_layers_as_its_dev_score_wants_and_a_killed_run_goes_on(self):
        project = self.described(TASKS, private_layers='auto', frozen_layers=1, checkpoint_steps=5)
        answer = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0, '9 trainings in all, each of one task with 0 to 2 layers of its own',
                             '"tone" with 2 layers of its own: accuracy 0.', 'training 9 of 9')
        chosen = answer.json['private_layers']
        self.assertEqual({task: set(of_task['dev']) for task, of_task in chosen.items()}, dict.fromkeys(TASKS, {'0', '1', '2'}))
        for task, of_task in chosen.items():
            best = max(of_task['dev'].values())
            self.assertEqual(of_task['chosen'], min(int(n) for n, score in of_task['dev'].items() if score >= best - 1 / 30 - 1e-9))
            written = read_json(project.run_folder('a', 'model', 'tasks', task, 'task.json'))
            self.assertEqual(written.get('private_layers', 0), of_task['chosen'])
        self.assertEqual(sorted(os.listdir(project.run_folder('a', 'trials', 'tone'))), ['0.json', '1.json', '2.json'])
        self.assertTrue(os.path.exists(project.run_folder('a', 'report.html')))
        shown = self.expect(project.run('train', '--run', 'a'), 0)
        self.assertIn('is complete and unchanged', shown.out)
        self.assertRegex(shown.out, r'(?m)^tone +\d   0: 0\.\d{4}  1: 0\.\d{4}  2: [01]\.\d{4}$')
        for after in 'intent/1.json', 'tone/2', 'products/0.json':
            process = project.start('train', '--run', 'b', *(['--resume'] if os.path.exists(project.run_folder('b')) else []),
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(lambda process=process: (process.kill(), process.wait()))
            wait_until(lambda after=after: os.path.exists(project.run_folder('b', 'trials', after)), process)
            process.send_signal(signal.SIGKILL)
            process.wait()
        resumed = self.expect(project.run('train', '--run', 'b', '--resume', '--output', 'json'), 0).json
        self.assertEqual(resumed['private_layers'], chosen)
        self.assertEqual(project.hashes('b'), project.hashes('a'))
        self.assertEqual(project.leftovers(), [])

    def test_several_processes_and_a_task_without_dev_rows_are_refused(self):
        project = self.described(TASKS, private_layers='auto', frozen_layers=1)
        self.expect(project.run('train', '--run', 'a', '--workers', '2'), 2, 'train.private_layers: auto makes many small trainings, which one process does alone')
        project.describe(tasks=TASKS, encoder=self.encoder, datasets={'tickets': {'train': 'train.jsonl', 'test': 'test.jsonl'}}, train={'private_layers': 'auto', 'frozen_layers': 1})
        self.expect_one_sentence(project.run('train', '--run', 'b'), 2, 'tasks.intent: has no dev rows to choose its layers by')


class TasksThatStop(Scenario):
    def test_a_task_stops_and_the_others_learn_on(self):
        project = self.project().fill()
        rows = [json.loads(line) for line in read_lines(project.path('train.jsonl'))]
        project.write('coins.jsonl', [{'body': row['body'], 'coin': str(i * 7 % 3 % 2)} for i, row in enumerate(rows)])
        coin = {'type': 'classification', 'dataset': 'coins', 'text': 'body', 'label': 'coin'}
        project.describe(tasks={'intent': INTENT, 'coin': coin}, datasets={'tickets': {'train': 'train.jsonl', 'dev': 'dev.jsonl'}, 'coins': {'train': 'coins.jsonl', 'split': {'dev': 0.3}}},
                         train={'epochs': 12, 'task_stopping_patience': 2, 'selection': {'rule': 'weighted', 'weights': {'coin': 0}}})
        answer = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0, 'coin learns no more')
        stopped = answer.json['stopped_tasks']['coin']
        lines = [json.loads(line) for line in read_lines(project.run_folder('a', 'metrics.jsonl'))]
        self.assertEqual([line['step'] for line in lines if 'coin' in line.get('stopped', [])], [stopped])
        self.assertEqual({line['step'] > stopped for line in lines if 'loss' in line and 'coin' not in line['task_loss']}, {True})
        self.assertLess(answer.json['examples_drawn']['coin'], answer.json['examples_drawn']['intent'])
        self.assertGreater(answer.json['tasks']['intent']['value'], 0.6)


if __name__ == '__main__':
    unittest.main()
