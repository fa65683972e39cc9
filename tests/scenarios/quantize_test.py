"""`polytask quantize` and `polytask bench`: what a package computes in, what that costs and how fast it is."""
import json
import os
import unittest

from support import Trained, tickets


class Quantize(Trained):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.package = os.path.join(cls.trained.folder, 'package')
        made = cls.trained.run('package', '--to', cls.package)
        assert made.code == 0, made.err

    def quantize(self, *more):
        return self.trained.run('quantize', '--package', self.package, *more)

    def to(self, name):
        return os.path.join(self.trained.folder, name)

    def test_the_new_package_says_what_it_computes_in_and_what_was_lost(self):
        answer = self.expect(self.quantize('--to', self.to('q'), '--max-drop', '50', '--output', 'json'), 0).json
        self.assertEqual((answer['precision'], answer['higher']), ('int8', {}))
        self.assertEqual(set(answer['losses']), set(self.answer.json['tasks']))
        with open(os.path.join(self.to('q'), 'precision.json'), encoding='utf8') as file:
            stored = json.load(file)
        self.assertEqual(stored['losses'], answer['losses'])
        for loss in answer['losses'].values():
            low, high = loss['difference_interval']
            self.assertLessEqual(low, loss['now'] - loss['exact'] + 1e-9)
            self.assertGreaterEqual(high, loss['now'] - loss['exact'] - 1e-9)
        self.expect(self.trained.run('package verify', self.to('q')), 0)
        rows = tickets(20, 4)
        def answers(folder, *more):
            stdin = ''.join(json.dumps(row) + '\n' for row in rows)
            return self.expect(self.trained.run('predict', '--package', folder, '--input', '-', *more, stdin=stdin), 0).rows
        self.assertEqual(answers(self.to('q')), answers(self.package, '--precision', 'int8'))
        self.assertEqual(answers(self.to('q'), '--precision', 'f32'), answers(self.package))
        self.assertNotEqual(answers(self.to('q')), answers(self.package))
        difference = self.expect(self.trained.run('package diff', self.package, self.to('q')), 0)
        self.assertIn('precision', difference.out)

    def test_a_loss_that_may_not_be_is_refused_and_nothing_is_written(self):
        # The gold numbers are what the package itself says in float32, so that any rounding lowers their correlation of 1.
        only = self.to('urgency-alone')
        self.expect(self.trained.run('package', '--from', self.package, '--to', only, *(part for task in self.answer.json['tasks'] if task != 'urgency' for part in ('--drop', task))), 0)
        rows = tickets(60, 9)
        stdin = ''.join(json.dumps({'body': row['body']}) + '\n' for row in rows)
        answers = self.expect(self.trained.run('predict', '--package', only, '--input', '-', stdin=stdin), 0).rows
        self.trained.write('own.jsonl', ''.join(json.dumps({'body': row['body'], 'urgency': answer['tasks']['urgency']['value']}) + '\n' for row, answer in zip(rows, answers)))
        project = self.trained.write('own.yaml', 'project: own\nseed: 1\ndatasets: {d: {train: own.jsonl, dev: own.jsonl}}\ntasks:\n  urgency: {type: regression, dataset: d, text: body, label: urgency, metric: pearson}\ntrain: {epochs: 1}\n')
        answer = self.trained.run('quantize', '--project', project, '--package', only, '--to', self.to('no'), '--max-drop', '0', '--output', 'json')
        self.expect(answer, 4, 'no package was written')
        self.assertEqual((answer.json['package'], os.path.exists(self.to('no'))), (None, False))
        self.assertEqual(set(answer.json['higher'].values()), {'bf16'})
        self.assertEqual(self.expect(self.trained.run('evaluate', '--project', project, '--package', only, '--split', 'dev', '--output', 'json'), 0).json['tasks']['urgency']['all']['pearson']['value'], 1)
        self.expect(self.trained.run('quantize', '--project', project, '--package', only, '--to', self.to('yes'), '--max-drop', '50'), 0)

    def test_mistakes_are_said(self):
        self.expect_one_sentence(self.quantize('--to', self.to('x'), '--max-drop', '-1'), 2, '--max-drop')
        self.expect_one_sentence(self.trained.run('quantize', '--package', self.to('absent'), '--to', self.to('x')), 3, 'absent')
        self.expect_one_sentence(self.quantize('--to', self.package), 5)
        damaged = self.to('damaged')
        self.expect(self.quantize('--to', damaged, '--max-drop', '50'), 0)
        with open(os.path.join(damaged, 'precision.json'), 'a', encoding='utf8') as file:
            file.write(' ')
        self.expect_one_sentence(self.trained.run('predict', '--package', damaged, '--text', 'x'), 3, 'precision.json', 'changed')


class Bench(Trained):
    def test_every_precision_is_measured(self):
        answer = self.expect(self.trained.run('bench', '--seconds', '0.1', '--output', 'json'), 0).json
        self.assertEqual([row['precision'] for row in answer['rows'] if row['tasks'] == 1], ['f32', 'bf16', 'int8'])
        self.assertTrue(any(row['tasks'] > 1 for row in answer['rows']))
        for row in answer['rows']:
            self.assertGreater(row['texts_per_second'], 0)
            self.assertTrue(row['share_of_peak'] is None or row['share_of_peak'] > 0)
            self.assertLessEqual(row['p50_ms'], row['p99_ms'])

    def test_the_users_own_rows_are_measured(self):
        self.expect(self.trained.run('bench', '--seconds', '0.1', '--precision', 'bf16', '--input', 'test.jsonl'), 0)
        self.expect_one_sentence(self.trained.run('bench', '--input', 'absent.jsonl'), 3, 'absent.jsonl')


if __name__ == '__main__':
    unittest.main()
