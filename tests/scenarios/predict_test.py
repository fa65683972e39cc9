"""`polytask predict`: rows in, answers out, in order, while the input is still coming."""
import json
import os
import select
import signal
import subprocess
import tempfile
import threading
import unittest

from support import FOUR_TASKS, TICKETS, Project, Scenario, read_lines, tickets, wait_until

TASKS = {**FOUR_TASKS, 'same': {'type': 'classification', 'dataset': 'pairs', 'text': ['left', 'right'], 'label': 'same'},
         'near': {'type': 'regression', 'dataset': 'pairs', 'text': ['left', 'right'], 'label': 'same'},
         'places': {'type': 'tagging', 'dataset': 'news'}}
TEXT_TASKS = list(FOUR_TASKS)


class Predict(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.shared_folder = tempfile.TemporaryDirectory(prefix='polytask-scenario-')
        cls.addClassCleanup(cls.shared_folder.cleanup)
        cls.trained = Project(os.path.join(cls.shared_folder.name, 'project')).fill(200, 20, 20)
        cls.trained.describe(tasks=TASKS, datasets={'tickets': TICKETS, 'pairs': {'train': 'pairs.jsonl'}, 'news': {'train': 'news.conll'}}, train={'epochs': 24, 'learning_rate': 0.003})
        cls.trained.write('pairs.jsonl', [{'left': f'left {i}', 'right': 'yes it is' if i % 2 else 'no it is not', 'same': i % 2} for i in range(40)])
        cls.trained.write('news.conll', ''.join(f'She\tO\nlives\tO\nin\tO\n{place}\tB-PLACE\n\n' for place in ('Nara', 'Osaka', 'Kyoto', 'Kobe') * 10))
        answer = cls.trained.run('train', '--run', 'shared')
        if answer.code != 0:
            raise AssertionError(str(answer))

    def predict(self, *more, rows=None, stdin=None, **how):
        """Answers to rows (JSONL) or to other text on standard input."""
        if rows is not None:
            stdin = ''.join(json.dumps(row) + '\n' for row in rows)
        return self.trained.run('predict', *([] if stdin is None else ['--input', '-']), *more, stdin=stdin, **how)

    def start(self, *more, **how):
        how = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, **how}
        process = self.trained.start('predict', '--input', '-', *more, **how)

        def end():
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.addCleanup(end)
        return process

    def read_answer(self, process):
        """The next line, which has to come while the input stays open."""
        self.assertTrue(select.select([process.stdout], [], [], 60)[0], 'no answer came while the input was open')
        return json.loads(process.stdout.readline())

    def test_the_answer_has_the_form_of_the_contract(self):
        answer, = self.expect(self.predict('--text', 'please buy the lamp number 4 of 17'), 0).rows
        self.assertEqual((answer['id'], list(answer['tasks'])[:4]), (1, TEXT_TASKS))
        tasks = answer['tasks']
        self.assertEqual((tasks['intent']['label'], set(tasks['intent'])), ('order', {'label', 'score'}))
        self.assertGreater(tasks['intent']['score'], 0.5)
        self.assertEqual(set(tasks['urgency']), {'value'})
        self.assertEqual((tasks['topics']['labels'], set(tasks['topics']['scores'])), (['lamp'], {'lamp', 'chair', 'table', 'phone'}))
        (begin, end, label, score), = tasks['products']['spans']
        self.assertEqual((begin, end, label), (15, 19, 'PRODUCT'))
        self.assertTrue(0 < score <= 1)

    def test_spans_count_characters(self):
        text = 'pléase 😀 the lamp number 4 of 5'
        answer, = self.expect(self.predict('--text', text, '--task', 'products'), 0).rows
        self.assertIn('lamp', [text[begin:end] for begin, end, _, _ in answer['tasks']['products']['spans']])

    def test_first_answers_come_before_the_input_ends(self):
        formats = {'jsonl': (['{"id": 1, "body": "buy a lamp"}\n', '{"id": 2, "body": "find a book"}\n'], [1, 2]),
                   'csv': (['id,body\n7,buy a lamp\n', '8,"find a book"\n'], [7, 8]),
                   'conll': (['She\nlives\nin\nNara\n\n', 'Kobe\n\n'], [1, 2])}
        for name, (pieces, ids) in formats.items():
            with self.subTest(format=name):
                process = self.start('--format', name)
                for piece, expected in zip(pieces, ids):
                    process.stdin.write(piece.encode())
                    process.stdin.flush()
                    self.assertEqual(self.read_answer(process)['id'], expected)
                self.assertEqual(process.communicate(timeout=60)[0], b'')
                self.assertEqual(process.returncode, 0)

    def test_answers_follow_the_rows_in_order(self):
        rows = tickets(500, 7)
        answers = self.expect(self.predict(rows=rows), 0).rows
        self.assertEqual([answer['id'] for answer in answers], [row['id'] for row in rows])
        right = sum(answer['tasks']['intent']['label'] == row['intent'] for answer, row in zip(answers, rows))
        self.assertGreater(right, 450)

    def test_a_row_gets_the_same_answer_alone_and_among_others(self):
        rows = tickets(50, 8)
        together = self.predict(rows=rows).rows
        for row in 0, 31, 49:
            self.assertEqual(self.predict(rows=[rows[row]]).rows[0]['tasks'], together[row]['tasks'])
        self.assertEqual([row['tasks'] for row in self.predict(rows=rows[::-1]).rows[::-1]], [row['tasks'] for row in together])

    def test_an_interrupted_file_is_continued_where_it_was_cut(self):
        rows = tickets(20000, 8)
        rows[5] = {'id': 5}
        path = self.trained.write('many.jsonl', ''.join(json.dumps(row) + '\n' for row in rows))
        target = os.path.join(self.trained.folder, 'many.answers.jsonl')
        def call(*more):
            return self.trained.run('predict', '--input', path, '--output-file', target, *more)
        self.expect(call(), 3)
        with open(target, encoding='utf8') as file:
            whole = file.read()
        os.remove(target)
        with open(target + '.unfinished.job', 'w', encoding='utf8') as file:
            file.write('of a call that was killed before its first answer, or after its last\n')
        self.expect(call('--resume'), 3)
        os.remove(target)
        with open(target + '.unfinished', 'w', encoding='utf8') as file:
            file.write('left by another')
        self.expect_one_sentence(call('--resume'), 5, 'was not begun by `predict --resume`')
        os.remove(target + '.unfinished')
        process = self.trained.start('predict', '--input', path, '--output-file', target, '--resume')
        wait_until(lambda: os.path.exists(target + '.unfinished') and os.path.getsize(target + '.unfinished') > 1000, process)
        process.kill()
        process.communicate()
        self.assertFalse(os.path.exists(target))
        with open(target + '.unfinished', 'r+', encoding='utf8') as file:
            file.truncate(os.path.getsize(target + '.unfinished') - 10)  # in the middle of a line
        self.expect_one_sentence(call('--resume', '--precision', 'int8'), 5, 'begun with another model, precision')
        answer = self.expect(call('--resume'), 3)
        self.assertIn('continuing after', answer.err)
        self.assertIn('1 of 20000 rows could not be answered', answer.err)
        with open(target, encoding='utf8') as file:
            self.assertEqual(file.read(), whole)
        self.assertEqual([name for name in os.listdir(self.trained.folder) if name.startswith('many') and 'unfinished' in name], [])
        self.expect_one_sentence(self.predict('--resume', rows=rows[:2]), 2, '--resume needs')
        self.expect_one_sentence(self.predict('--resume', '--text', 'x', '--output-file', target), 2, '--resume needs')

    def test_a_file_that_is_continued_is_a_plain_file_and_not_the_input(self):
        path = self.trained.write('some.jsonl', ''.join(json.dumps(row) + '\n' for row in tickets(5, 8)))
        folder = self.trained.folder
        def refused(input_, target, *phrases):
            self.expect_one_sentence(self.trained.run('predict', '--input', input_, '--output-file', target, '--resume'), 2, *phrases)
        os.mkfifo(os.path.join(folder, 'fifo'))
        os.symlink(path, os.path.join(folder, 'link'))
        refused(path, os.path.join(folder, 'fifo'), 'plain files')
        refused(path, os.path.join(folder, 'link'), 'where the answers would be written')
        refused(path, '/dev/null', 'plain files')
        os.symlink('victim', os.path.join(folder, 'out.unfinished.job'))
        refused(path, os.path.join(folder, 'out'), 'plain files')
        own = self.trained.write('rows.unfinished', ''.join(json.dumps(row) + '\n' for row in tickets(5, 8)))
        refused(own, os.path.join(folder, 'rows'), 'where the answers would be written')
        self.assertEqual(len(read_lines(own)), 5)

    def test_other_precisions_answer_almost_the_same(self):
        rows = tickets(50, 8)
        exact = self.predict(rows=rows).rows
        for precision in 'bf16', 'int8':
            answers = self.expect(self.predict('--precision', precision, rows=rows), 0).rows
            for answer, wanted in zip(answers, exact):
                self.assertAlmostEqual(answer['tasks']['urgency']['value'], wanted['tasks']['urgency']['value'], delta=0.2)
        self.expect_one_sentence(self.predict('--precision', 'int4', rows=rows), 2, 'found "int4", expected f32, bf16 or int8')

    def test_ids_are_kept_as_they_are(self):
        ids = [7, 'a "quoted" ß', 18446744073709551615, -3, 1.5, True, None, ['x', 1]]
        answers = self.expect(self.predict(rows=[{'id': id_, 'body': 'buy a lamp'} for id_ in ids] + [{'body': 'no id'}]), 0).rows
        self.assertEqual([answer['id'] for answer in answers], [*ids, 9])

    def test_csv_ids_are_kept_as_they_are(self):
        answers = self.predict('--format', 'csv', stdin='body,id\nbuy,12\nbuy,007\nbuy,"a ""b"" \\"\n').rows
        self.assertEqual([answer['id'] for answer in answers], [12, '007', 'a "b" \\'])

    def test_bad_rows_get_an_error_the_others_an_answer_and_the_exit_code_says_so(self):
        lines = [b'{"id": "a", "body": "buy a lamp"}', b'{"id": "b", "body": "cut', b'{"id": "c", "body": "caf\xe9"}', b'[1]', b'{"id": "e", "body": ["no", "text"]}',
                 b'{"id": "f", "subject": "other columns"}', b'', b'{"id": "h", "body": "find a book"}']
        answer = self.expect(self.predict(stdin=b'\n'.join(lines) + b'\n'), 3)
        self.assertEqual([(row['id'], 'tasks' in row, 'error' in row) for row in answer.rows],
                         [('a', True, False), (2, False, True), (3, False, True), (4, False, True), ('e', False, True), ('f', False, True), ('h', True, False)])
        errors = [row.get('error', '') for row in answer.rows]
        for at, phrase in (1, 'standard input:2: '), (2, 'is not UTF-8'), (3, 'is not a JSON object'), (4, 'expected text'), (5, 'row 6: carries the columns of no task; expected "body", or "left" and "right", or "text"'):
            self.assertIn(phrase, errors[at])
        self.assertEqual(answer.err, 'polytask: 5 of 7 rows could not be answered; their lines say why\n')

    def test_a_task_whose_columns_a_row_lacks_is_left_out(self):
        rows = [{'body': 'buy a lamp'}, {'left': 'left 1', 'right': 'yes it is'}, {'body': 'buy', 'left': 'a', 'right': 'b', 'text': 'She lives in Kobe'}, {'left': 'one', 'right': None, 'body': 'buy'}]
        answers = self.expect(self.predict(rows=rows), 0).rows
        self.assertEqual([set(answer['tasks']) for answer in answers], [set(TEXT_TASKS), {'same', 'near'}, set(TASKS), set(TEXT_TASKS)])

    def test_labels_in_the_rows_are_not_looked_at(self):
        row = tickets(1, 5)[0]
        with_labels, without = self.expect(self.predict(rows=[{**row, 'intent': ['nonsense'], 'products': 'x'}, {'id': row['id'], 'body': row['body']}]), 0).rows
        self.assertEqual(with_labels, without)

    def test_task_answers_the_named_tasks_alone(self):
        answer, = self.expect(self.predict('--text', 'buy a lamp', '--task', 'urgency', '--task', 'intent'), 0).rows
        self.assertEqual(set(answer['tasks']), {'intent', 'urgency'})
        self.expect_one_sentence(self.predict('--text', 'x', '--task', 'urgncy'), 2, 'the model has no task "urgncy"; did you mean "urgency"?')

    def test_two_texts_are_a_pair(self):
        answer, = self.expect(self.predict('--text', 'left 5', '--text', 'yes it is'), 0).rows
        self.assertEqual((set(answer['tasks']), answer['tasks']['same']['label']), ({'same', 'near'}, '1'))
        one, other = (self.predict('--text', first, '--text', second).rows[0]['tasks'] for first, second in (('a lamp', 'it is'), ('it is', 'a lamp')))
        self.assertNotEqual(one['same'], other['same'], 'which text comes first is part of the question')
        self.assertAlmostEqual(one['near']['value'], other['near']['value'], places=4, msg='a similarity is the same both ways')

    def test_texts_that_the_tasks_take_for_different_columns_are_refused(self):
        project = self.project()
        project.write('pairs.jsonl', [{'left': f'left {i}', 'right': 'yes it is' if i % 2 else 'no it is not', 'same': i % 2} for i in range(20)])
        pair = {'type': 'classification', 'dataset': 'pairs', 'label': 'same'}
        project.describe(tasks={'forward': {**pair, 'text': ['left', 'right']}, 'backward': {**pair, 'text': ['right', 'left']}}, datasets={'pairs': {'train': 'pairs.jsonl'}})
        self.expect(project.run('train'), 0)
        texts = ('--text', 'left 5', '--text', 'yes it is')
        self.expect_one_sentence(project.run('predict', *texts), 2, 'the tasks do not agree which text is "right"', '--task')
        answer, = self.expect(project.run('predict', *texts, '--task', 'backward'), 0).rows
        self.assertEqual(set(answer['tasks']), {'backward'})

    def test_a_text_may_be_empty_or_look_like_an_option(self):
        self.expect(self.predict('--text='), 0)
        self.expect(self.predict('--text=--resume'), 0)

    def test_formats_of_standard_input(self):
        csv = self.expect(self.predict('--format', 'csv', stdin='\ufeffid,body\r\n3,"buy a lamp, please"\r\n'), 0).rows
        tsv = self.expect(self.predict('--format', 'tsv', stdin='id\tbody\n3\tbuy a lamp, please\n'), 0).rows
        self.assertEqual(csv, tsv)
        conll, = self.expect(self.predict('--format', 'conll', stdin='She\tO\nlives\tO\nin\tO\nOsaka\tO\n'), 0).rows
        text, = self.expect(self.predict(rows=[{'text': 'She lives in Osaka'}]), 0).rows
        self.assertEqual(conll['tasks']['places']['spans'][0][:3], [13, 18, 'PLACE'])
        self.assertEqual(conll, text)

    def test_a_table_without_a_header_has_the_columns_of_the_dataset(self):
        project = self.project()
        rows = [f'{row["id"]},{row["body"]},{row["intent"]}\n' for row in tickets(40, 1)]
        project.write('train.csv', ''.join(rows))
        project.describe(tasks={'intent': {'type': 'classification', 'dataset': 'table', 'text': 'body', 'label': 'intent'}},
                         datasets={'table': {'train': 'train.csv', 'columns': ['id', 'body', 'intent']}})
        self.expect(project.run('train'), 0)
        answers = self.expect(project.run('predict', '--input', 'train.csv'), 0).rows
        self.assertEqual([answer['id'] for answer in answers], list(range(40)))
        with_header = self.expect(project.run('predict', '--input', '-', '--format', 'csv', stdin='id,body,intent\n' + rows[0]), 0).rows
        self.assertEqual(with_header, answers[:1])

    def test_files_are_read_by_their_extension(self):
        rows = tickets(5, 9)
        expected = self.predict(rows=rows).out
        packed = self.trained.write('new.jsonl.gz', rows)
        self.assertEqual(self.expect(self.trained.run('predict', '--input', packed), 0).out, expected)
        self.expect_one_sentence(self.trained.run('predict', '--input', 'absent.jsonl'), 3, 'absent.jsonl: cannot be opened (No such file or directory)')
        self.expect_one_sentence(self.trained.run('predict', '--input', self.trained.write('new.xlsx', 'x')), 3, 'the format follows the extension')
        self.expect_one_sentence(self.trained.run('predict', '--input', self.trained.write('new.parquet', 'x')), 3, 'new.parquet: Parquet and Arrow are not read; write the rows as JSONL')

    def test_no_rows_are_no_answers(self):
        self.assertEqual(self.expect(self.predict(stdin=''), 0).out, '')

    def test_wrong_uses_are_one_sentence(self):
        self.expect_one_sentence(self.predict(), 2, 'either --text or --input')
        self.expect_one_sentence(self.predict('--text', 'a', '--input', 'b.jsonl'), 2, 'either --text or --input')
        self.expect_one_sentence(self.predict('--text', 'a', '--text', 'b', '--text', 'c'), 2, '--text can be given once, or twice for a pair')
        self.expect_one_sentence(self.predict('--text', 'a', '--run', 'shard'), 3, 'there is no run "shard"', 'did you mean "shared"?')
        self.expect_one_sentence(self.predict('--format', 'xml', stdin=''), 2, 'expected jsonl, csv, tsv, conll, conllu, squad, lines or text')

    def test_the_output_file_appears_whole_or_not_at_all(self):
        folder = self.project().folder
        target = os.path.join(folder, 'answers.jsonl')
        process = self.start('--output-file', target, '--format', 'jsonl')
        process.stdin.write(b'{"body": "buy a lamp"}\n' * 100)
        process.stdin.flush()

        def is_being_written():
            return any(os.path.getsize(os.path.join(folder, name)) > 0 for name in os.listdir(folder))

        wait_until(is_being_written, process)
        self.assertFalse(os.path.exists(target), 'not before the input has ended')
        self.assertEqual(process.communicate(timeout=60)[0], b'')
        self.assertEqual((process.returncode, len(read_lines(target)), os.listdir(folder)), (0, 100, ['answers.jsonl']))

        process = self.start('--output-file', target)
        process.stdin.write(b'{"body": "find a book"}\n')
        process.stdin.flush()
        wait_until(lambda: len(os.listdir(folder)) > 1, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertEqual(len(read_lines(target)), 100, 'the old answers stay')

    def test_a_bad_row_does_not_keep_the_others_from_the_output_file(self):
        target = os.path.join(self.project().folder, 'answers.jsonl')
        self.expect(self.predict('--output-file', target, stdin='{"body": "buy"}\n{"body": 1.5\n{"body": "find"}\n'), 3)
        self.assertEqual(['error' in line for line in read_lines(target)], [False, True, False])

    def test_an_input_that_breaks_off_leaves_no_output_file(self):
        folder = self.project().folder
        path = self.trained.write('cut.jsonl.gz', tickets(2000, 1))
        os.truncate(path, os.path.getsize(path) // 2)
        self.expect_one_sentence(self.trained.run('predict', '--input', path, '--output-file', os.path.join(folder, 'answers.jsonl')), 3, 'damaged or cut')
        self.assertEqual(os.listdir(folder), [])

    def test_a_pipe_or_device_as_output_file_is_written_and_stays_one(self):
        pipe = os.path.join(self.project().folder, 'answers')
        os.mkfifo(pipe)
        received = []
        reader = threading.Thread(target=lambda: received.extend(read_lines(pipe)), daemon=True)
        reader.start()
        self.expect(self.predict('--output-file', pipe, rows=tickets(3, 1)), 0)
        reader.join(30)
        self.assertEqual((len(received), os.path.isfile(pipe)), (3, False))

    def test_a_link_as_output_file_stays_one(self):
        folder = self.project().folder
        os.symlink('real.jsonl', os.path.join(folder, 'link.jsonl'))
        with open(os.path.join(folder, 'real.jsonl'), 'w', encoding='utf-8'):
            pass
        self.expect(self.predict('--output-file', os.path.join(folder, 'link.jsonl'), rows=tickets(3, 1)), 0)
        self.assertTrue(os.path.islink(os.path.join(folder, 'link.jsonl')))
        self.assertEqual(len(read_lines(os.path.join(folder, 'real.jsonl'))), 3)

    def test_a_folder_as_output_file_is_refused(self):
        folder = self.project().folder
        self.expect_one_sentence(self.predict('--text', 'x', '--output-file', folder), 2, 'is a folder')

    def test_answers_that_cannot_be_written_end_it_even_while_the_input_is_open(self):
        with open('/dev/full', 'wb') as full:
            process = self.start(stdout=full)
        process.stdin.write(b'{"body": "buy a lamp"}\n')
        process.stdin.flush()
        process.wait(timeout=60)
        self.assertEqual((process.returncode, process.stderr.read()), (10, b'polytask: standard output cannot be written; the answers were cut\n'))

    def peak_memory(self, n_rows):
        """Bytes, of a prediction over so many rows that come through a pipe."""
        block = ''.join(json.dumps({'id': i, 'body': f'please buy the lamp number {i} ' + 'and more words ' * 20}) + '\n' for i in range(500)).encode()
        process = self.start(stdout=subprocess.DEVNULL)
        for _ in range(n_rows // 500):
            process.stdin.write(block)
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        process.stdin = None
        return usage.ru_maxrss * 1024

    def test_memory_does_not_grow_with_the_input(self):
        small, large = self.peak_memory(500), self.peak_memory(10000)
        self.assertLess(large - small, 10 << 20, f'{small >> 20} MiB for 500 rows, {large >> 20} MiB for 10000 rows')


if __name__ == '__main__':
    unittest.main()
