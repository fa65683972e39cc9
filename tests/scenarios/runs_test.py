"""`polytask runs` over run folders made by hand: needs no training, and no build that can train."""
import fcntl
import json
import os
import struct
import unittest

from support import INTENT, Scenario, tickets

ROWS = ['test.jsonl:1', 'test.jsonl:2', 'test.jsonl:3', 'test.jsonl:4']
GOLD = ['order', 'refund', 'order', 'track']


class Runs(Scenario):
    def setUp(self):
        self.here = self.project().describe(tasks={'intent': INTENT})

    def add_run(self, name, status='complete', started='2026-01-01T00:00:00.000Z', answers=GOLD, rows=None, labels=None, **state):
        """A run with what the comparison reads."""
        folder = self.here.run_folder(name)
        labels = labels or sorted(set(GOLD))
        write = lambda file, content: self.here.write(os.path.join(folder, file), content)
        write('state.json', json.dumps({'status': status, 'started': started, **state}))
        write('model/model.json', json.dumps({'schema': 4, 'pooling': 'mean', 'max_length': 128, 'private_layers': 0, 'tasks': ['intent']}))
        write('model/tasks/intent/task.json', json.dumps(
            {'name': 'intent', 'type': 'classification', 'datasets': ['tickets'], 'text': ['body'], 'label': 'intent', 'labels': labels, 'metric': 'accuracy', 'owner': ''}))
        write('model/tasks/intent/head.safetensors', b'x' * 100)
        write('predictions/test.intent.jsonl', [{'row': row, 'gold': gold, 'predicted': {'label': label, 'score': 0.9}} for row, gold, label in zip(rows or ROWS, GOLD, answers)])

    def runs(self, *more, code=0):
        return self.expect(self.here.run('runs', *more, threads=False), code)

    def compare(self, *runs, code=0):
        return self.expect(self.here.run('runs compare', *runs, threads=False), code)

    def test_without_runs_it_says_what_makes_one(self):
        self.assertIn('`polytask train` makes one', self.runs().out)
        self.assertEqual(self.runs('--output', 'json').json, [])

    def test_runs_are_listed_oldest_first_with_status_and_scores(self):
        self.add_run('b', started='2026-01-02T00:00:00.001Z', seconds=7.4, scores={'intent': 0.75})
        self.add_run('c', 'interrupted', started='2026-01-03T00:00:00.000Z')
        self.add_run('a', 'running', started='2026-01-02T00:00:00.002Z')
        with open(self.here.path(self.here.run_folder('a', 'lock')), 'w', encoding='utf-8') as lock:
            fcntl.fcntl(lock, fcntl.F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))  # as whoever trains holds it
            listed = self.runs('--output', 'json').json
            self.assertEqual([(run['run'], run['status']) for run in listed], [('b', 'complete'), ('a', 'running'), ('c', 'interrupted')])
        self.assertEqual([run['status'] for run in self.runs('--output', 'json').json], ['complete', 'interrupted', 'interrupted'], 'it was killed')
        lines = self.runs().out.splitlines()
        self.assertRegex(lines[0], r'^b +complete +2026-01-02T00:00:00.001Z +7 s  intent 0.750$')
        self.assertRegex(lines[2], r'^c +interrupted +2026-01-03T00:00:00.000Z +- s')

    def test_what_is_no_run_is_left_alone(self):
        self.add_run('a')
        self.here.write(self.here.run_folder('.hidden', 'state.json'), '{')
        self.here.write(self.here.run_folder('not a run', 'state.json'), '{')
        self.here.write(self.here.run_folder('notes.txt'), 'mine')
        os.mkdir(self.here.run_folder('empty'))
        self.assertEqual([run['run'] for run in self.runs('--output', 'json').json], ['a'])

    def test_a_damaged_state_is_named(self):
        for content in '', '{"status": ', '[1]', '{"status": 7}':
            self.here.write(self.here.run_folder('a', 'state.json'), content)
            self.expect_one_sentence(self.runs(code=3), 3, 'a/state.json')

    def test_a_comparison_is_paired_over_the_same_rows(self):
        self.add_run('together')
        self.add_run('alone', answers=['order', 'order', 'order', 'track'], seconds=3)
        answer = self.compare('together', 'alone', '--output', 'json').json
        intent = answer['tasks']['intent']
        self.assertEqual((intent['metric'], intent['together'], intent['alone'], intent['difference'], intent['alone_run']), ('accuracy', 1, 0.75, 0.25, 'alone'))
        self.assertEqual(intent['interval'], [0, 0.75])  # 4 rows, one differs
        self.assertEqual((answer['model_bytes'], answer['encoder_passes']), ({'alone': 100, 'together': 100}, {'alone': 1, 'together': 1}))
        self.assertRegex(self.compare('together', 'alone').out, r'(?m)^intent +accuracy +0\.750 +1\.000   \+0\.250 \(\+0\.000 to \+0\.750\) ')

    def test_a_run_that_no_task_is_compared_with_is_named_and_not_counted(self):
        self.add_run('together')
        self.add_run('alone', seconds=3)
        self.add_run('again', seconds=30)
        answer = self.compare('together', 'alone', 'again', '--output', 'json')
        self.assertEqual(answer.json['seconds']['alone'], 3)
        self.assertRegex(answer.err, r'^note: the run "again" is not used: ')

    def test_what_cannot_be_compared_is_refused(self):
        self.add_run('together')
        self.add_run('other-rows', rows=['test.jsonl:1', 'test.jsonl:2', 'test.jsonl:3', 'test.jsonl:9'])
        self.add_run('other-labels', labels=['order', 'refund', 'track', 'lost'])
        self.add_run('half', 'running')
        for run, code, phrase in (('other-rows', 5, 'were scored on other rows'), ('other-labels', 5, 'were trained on other labels'), ('half', 5, 'is not complete'), ('althr', 3, 'there is no run "althr"')):
            self.expect_one_sentence(self.compare('together', run, code=code), code, phrase)

    def test_damaged_answers_are_named(self):
        self.add_run('together')
        for line, phrase in ('{"row": "test.jsonl:1"}', 'is damaged'), ('{', 'is not valid JSON'), ('{"row": "a:1", "gold": "order", "predicted": {"label": "unheard", "score": 1}}', '"unheard"'), \
                ('{"row": "a:1", "gold": "order", "predicted": {"label": "order", "score": 1}, "probabilities": [1]}', 'test.intent.jsonl:1: is damaged (1 probabilities for 3 labels)'):
            self.here.write(self.here.run_folder('together', 'predictions', 'test.intent.jsonl'), line + '\n')
            self.expect_one_sentence(self.compare('together', code=3), 3, phrase)
        os.remove(self.here.run_folder('together', 'predictions', 'test.intent.jsonl'))
        self.expect_one_sentence(self.compare('together', code=3), 3, 'the run is incomplete')

    def test_baselines_need_the_rows_that_were_scored(self):
        self.add_run('together')
        self.here.write('train.jsonl', tickets(30, 1)), self.here.write('dev.jsonl', tickets(3, 2))
        self.here.write('test.jsonl', [{'body': f'please {word} it', 'intent': intent} for word, intent in zip(('buy', 'return', 'get', 'find'), GOLD)])
        intent = self.compare('together', '--baselines', '--output', 'json').json['tasks']['intent']
        self.assertEqual((intent['together'], intent['alone']), (1, None))
        self.assertIn(intent['majority'], (0.25, 0.5))
        self.assertGreaterEqual(intent['bag_of_words'], 0.75)
        self.here.write('test.jsonl', tickets(3, 3))
        self.expect_one_sentence(self.compare('together', '--baselines', code=5), 5, 'are not those that the run was scored on')

    def test_a_comparison_needs_a_run(self):
        self.expect_one_sentence(self.compare(code=2), 2, 'run')


if __name__ == '__main__':
    unittest.main()
