"""Texts that are longer than the model reads: `predict`, `evaluate` and `bench` over a package of a small random model."""
import json
import os
import subprocess
import unittest

from support import Scenario, wait_until

SAMPLE_PACKAGE = os.environ['POLYTASK_SAMPLE_PACKAGE']  # reads 64 tokens, two of them special
LONG = 'please find the lamp in osaka ' * 40


class LongTexts(Scenario):
    def setUp(self):
        self.here = self.project()
        self.package = self.here.path('package')
        subprocess.run([SAMPLE_PACKAGE, self.package], check=True)

    def predict(self, *more, rows=None):
        stdin = None if rows is None else ''.join(json.dumps(row) + '\n' for row in rows)
        return self.here.run('predict', '--package', self.package, *([] if rows is None else ['--input', '-']), *more, stdin=stdin)

    def test_rows_that_are_cut_say_so_and_the_others_do_not(self):
        rows = [{'id': 'long', 'body': LONG}, {'id': 'short', 'body': 'find the lamp'}, {'id': 'pair', 'left': 'lamp ' * 100, 'right': 'lamp'},
                {'id': 'both', 'body': 'lamp ' * 63, 'left': 'lamp ' * 100, 'right': ''}]
        answer = self.expect(self.predict(rows=rows), 0)
        self.assertEqual(answer.err, 'note: 3 of 4 rows were longer than the model reads and were cut; --long-texts windows reads single texts whole, not pairs and questions\n')
        cut = {row['id']: row.get('tokens_cut') for row in answer.rows}
        self.assertGreater(cut['long'], 100)
        self.assertEqual((cut['short'], cut['pair'], cut['both']), (None, 101 - 61, 100 - 61), 'the largest over its questions')
        both = answer.rows[3]['tasks']
        self.assertEqual((both['intent']['tokens_cut'], both['same']['tokens_cut'], both['near']['tokens_cut']), (1, 39, 38), 'of two texts that are encoded apart, each has all the room')
        self.assertEqual(list(answer.rows[0]), ['id', 'tokens_cut', 'tasks'])
        self.assertEqual(self.predict('--text', 'find the lamp').err, '')

    def test_windows_read_the_whole_text_and_leave_short_ones_as_they_are(self):
        rows = [{'id': 'short', 'body': 'find the lamp'}, {'id': 'long', 'text': LONG}, {'id': 'pair', 'left': 'lamp ' * 100, 'right': 'lamp'}]
        cut, answer = self.predict(rows=rows), self.expect(self.predict('--long-texts', 'windows', rows=rows), 0)
        self.assertEqual(answer.rows[0], cut.rows[0])
        self.assertEqual(answer.rows[2], cut.rows[2], 'a pair is cut')
        self.assertNotIn('tokens_cut', json.dumps(answer.rows[1]))
        ends = [end for _, end, *_ in answer.rows[1]['tasks']['places']['spans']]
        self.assertGreater(ends[-1], len(LONG) - 60)
        self.assertLess([end for _, end, *_ in cut.rows[1]['tasks']['places']['spans']][-1], 400)
        self.assertEqual(answer.err, 'note: 1 of 3 rows were longer than the model reads and were cut; pairs and questions are, windows are for single texts and contexts\n')

    def test_a_long_row_is_answered_the_same_in_any_company(self):
        rows = [{'id': i, 'body': 'lamp in osaka ' * n} for i, n in enumerate([1, 500, 0, 31, 62, 63, 3, 200])]
        together = self.predict('--long-texts', 'windows', rows=rows).rows
        self.assertEqual(self.predict('--long-texts', 'windows', rows=rows[::-1]).rows[::-1], together)
        for row, expected in zip(rows, together):
            self.assertEqual(self.predict('--long-texts', 'windows', rows=[row]).rows, [expected])

    def test_a_row_that_is_too_long_for_windows_has_an_error_and_the_others_an_answer(self):
        rows = [{'id': 1, 'body': 'lamp'}, {'id': 2, 'body': 'lamp ' * 900_000}, {'id': 3, 'body': 'osaka'}]
        answer = self.expect(self.predict('--long-texts', 'windows', rows=rows), 3, '1 of 3 rows could not be answered')
        self.assertEqual([sorted(row) for row in answer.rows], [['id', 'tasks'], ['error', 'id'], ['id', 'tasks']])
        self.assertEqual(answer.rows[1]['error'], 'row 2: has a text of 4500000 bytes, 4194304 are the most that is read in windows; cut it')
        self.expect(self.predict(rows=rows), 0)

    def test_a_megabyte_is_answered_in_bounded_memory(self):
        def peak(text):
            self.here.write('row.jsonl', [{'body': text, 'text': text}])
            answer, most = self.here.run_measured('predict', '--package', self.package, '--input', 'row.jsonl', '--long-texts', 'windows')
            self.assertEqual(list(self.expect(answer, 0).rows[0]), ['id', 'tasks'])
            return most
        small, large = peak('a lamp'), peak('. ' * (1 << 19))  # half a million tokens
        self.assertLess(large - small, 400 << 20, f'{small >> 20} MiB for two words, {large >> 20} MiB for a megabyte')

    def test_an_interrupted_file_is_continued_in_the_same_way_alone(self):
        path, target = self.here.write('rows.jsonl', [{'body': LONG}, {'body': 'lamp'}] * 4000), self.here.path('answers.jsonl')
        call = 'predict', '--package', self.package, '--input', path, '--output-file', target
        self.expect(self.here.run(*call, '--long-texts', 'windows'), 0)
        with open(target, encoding='utf-8') as file:
            whole = file.read()
        os.remove(target)
        process = self.here.start(*call, '--resume', '--long-texts', 'windows', stderr=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(target + '.unfinished') and os.path.getsize(target + '.unfinished') > 1000, process)
        process.kill()
        process.wait()
        self.expect_one_sentence(self.here.run(*call, '--resume'), 5, 'was begun with another model')
        self.expect(self.here.run(*call, '--resume', '--long-texts', 'windows'), 0, 'continuing after')
        with open(target, encoding='utf-8') as file:
            self.assertEqual(file.read(), whole)

    def test_evaluate_says_what_was_cut_and_scores_spans_beyond_it_in_windows(self):
        others = 'intent', 'title kind', 'urgency', 'same', 'topics', 'near', 'places'
        alone = self.here.path('products-alone')
        self.expect(self.here.run('package', '--from', self.package, '--to', alone, *(word for task in others for word in ('--drop', task))), 0)
        text = 'a ' * 500 + 'osaka lamp'
        self.here.write('test.jsonl', [{'body': text, 'products': [[1000, 1005, 'PRODUCT']]}, {'body': 'grey lamp', 'products': [[0, 4, 'COLOUR']]}])
        self.here.describe(tasks={'products': {'type': 'tagging', 'dataset': 'd', 'text': 'body', 'spans': 'products'}}, datasets={'d': {'train': 'test.jsonl', 'test': 'test.jsonl'}})

        def evaluate(*more):
            return self.expect(self.here.run('evaluate', '--package', alone, '--output', 'json', *more), 0)
        cut = evaluate()
        self.assertIn('note: 1 of 2 rows were longer than the model reads and were cut; --long-texts windows', cut.err)
        windows = evaluate('--long-texts', 'windows')
        self.assertNotIn('cut', windows.err)
        self.assertNotEqual(windows.json['tasks']['products']['confusion'], cut.json['tasks']['products']['confusion'])
        self.here.write('test.jsonl', [{'body': 'lamp ' * 900_000, 'products': [[0, 4, 'PRODUCT'], [5, 9, 'COLOUR']]}])
        self.expect_one_sentence(self.here.run('evaluate', '--package', alone, '--long-texts', 'windows'), 3, 'test.jsonl:1', '4500000 bytes')

    def test_the_word_is_checked(self):
        self.expect_one_sentence(self.predict('--text', 'x', '--long-texts', 'whole'), 2, 'found "whole", expected cut or windows')

    def test_bench_says_what_the_network_does_not_take(self):
        rows = self.expect(self.here.run('bench', '--package', self.package, '--seconds', '0.1', '--output', 'json'), 0).json['rows']
        for row in rows:
            self.assertTrue(0 < row['text_and_labels_share'] < 1, row)
        self.expect(self.here.run('bench', '--package', self.package, '--seconds', '0.1', '--precision', 'f32'), 0)


if __name__ == '__main__':
    unittest.main()
