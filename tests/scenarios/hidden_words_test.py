"""Tasks of the type mlm: hidden words of texts without labels, learnt beside the labelled tasks of a project."""
import json
import signal
import subprocess
import unittest

from support import INTENT, TICKETS, Scenario, read_json, read_lines, tickets, wait_until

WORDS = {'type': 'mlm', 'dataset': 'texts', 'text': 'body'}
TASKS = {'intent': INTENT, 'words': WORDS}


class HiddenWords(Scenario):
    def described(self, tasks=TASKS, **train):
        project = self.project().fill()
        project.write('texts.jsonl', [{'body': row['body'] + ' soon'} for row in tickets(200, 9, 50000)])
        datasets = {'tickets': TICKETS, 'texts': {'train': 'texts.jsonl', 'split': {'dev': 0.2}}}
        return project.describe(tasks=tasks, datasets=datasets, train=train)

    def test_they_are_learnt_and_only_the_labelled_task_answers(self):
        project = self.described(epochs=6)
        self.assertRegex(self.expect(project.run('validate', threads=False), 0).out, r'words +mlm +- +160 +40 +-')
        answer = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0)
        self.assertEqual(set(answer.json['tasks']), {'intent'})
        self.assertRegex(answer.err, r'dev after step \d+:  intent [\d.]+ words \(perplexity\) [\d.]+')
        lines = [json.loads(line) for line in read_lines(project.run_folder('a', 'metrics.jsonl'))]
        perplexity = [line['perplexity']['words'] for line in lines if 'perplexity' in line]
        self.assertEqual(len(perplexity), 6)
        self.assertLess(perplexity[-1], 0.8 * perplexity[0])
        self.assertTrue(all('words' in line['task_loss'] for line in lines if 'loss' in line))
        self.assertEqual(read_json(project.run_folder('a', 'config.json'))['hidden_words'],
                         {'words': {'dataset': ['texts'], 'text': ['body'], 'loss_weight': 1.0, 'share': 0.25}})
        page = '\n'.join(read_lines(project.run_folder('a', 'report.html')))
        self.assertIn('<bdi>words</bdi>: perplexity of hidden words', page)
        self.expect(project.run('package', '--run', 'a', '--to', 'p', threads=False), 0)
        rows = self.expect(project.run('predict', '--package', 'p', '--input', 'test.jsonl'), 0).rows
        self.assertTrue(all(set(row['tasks']) == {'intent'} for row in rows))
        scores = self.expect(project.run('evaluate', '--run', 'a', '--output', 'json'), 0).json['tasks']
        self.assertEqual(scores['intent']['value'], answer.json['tasks']['intent']['value'])

    def test_a_killed_run_goes_on_with_the_same_bits(self):
        project = self.described(epochs=30, checkpoint_steps=10)
        self.expect(project.run('train', '--run', 'whole'), 0)
        process = project.start('train', '--run', 'a', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (process.kill() if process.poll() is None else None, process.communicate()))

        def n_steps():
            try:
                return sum('"loss"' in line for line in read_lines(project.run_folder('a', 'metrics.jsonl')))
            except OSError:
                return 0
        wait_until(lambda: n_steps() >= 25, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.expect(project.run('train', '--run', 'a', '--resume'), 0)
        self.assertEqual(project.hashes('a'), project.hashes('whole'))
        self.assertEqual(read_json(project.run_folder('a', 'result.json'))['tasks'], read_json(project.run_folder('whole', 'result.json'))['tasks'])

    def test_only_leaves_them_out_with_their_texts(self):
        project = self.described()
        self.expect(project.run('train', '--run', 'a', '--only', 'intent'), 0)
        config = read_json(project.run_folder('a', 'config.json'))
        self.assertNotIn('hidden_words', config)
        self.assertNotIn('texts', config['data_sha256'])

    def test_what_cannot_be_learnt_is_said_with_what_to_do(self):
        project = self.described()
        for command, code, words in (
                (('train', '--only', 'words'), 2, '`polytask pretrain`'),
                (('train', '--set', 'train.frozen_layers=1', '--set', 'encoder=small-en-ja'), 2, 'tasks.words.type is mlm: hidden words teach all layers'),
                (('train', '--set', 'tasks.words.share=0'), 2, 'a number above 0, at most 10'),
                (('train', '--set', 'tasks.words.text=bdy'), 3, 'did you mean "body"?'),
                (('train', '--workers', '2'), 2, 'leave --workers out')):
            with self.subTest(command=command):
                answer = project.run(*command)
                self.assertEqual(answer.code, code, str(answer))
                self.assertIn(words, answer.err)
        project.write('texts.jsonl', [{'body': ''}, {'body': None}])
        answer = project.run('train')
        self.assertEqual(answer.code, 3, str(answer))
        self.assertIn('task "words": its training rows hold no text', answer.err)
        self.assertEqual(project.run('validate', threads=False).code, 3)
        self.assertEqual(project.leftovers(), [])


if __name__ == '__main__':
    unittest.main()
