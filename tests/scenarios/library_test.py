"""libpolytask, asked from Python: the same answers as `polytask predict`, to the byte, and errors that are sentences."""
import ctypes
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import unittest

from support import ROOT, Scenario

sys.path.insert(0, os.path.join(ROOT, 'examples', 'engine'))
import answer as binding  # noqa: E402

LIBRARY = os.environ['POLYTASK_LIBRARY']
SAMPLE_PACKAGE = os.environ['POLYTASK_SAMPLE_PACKAGE']  # writes a package with a task of every kind
TEXT_TASKS = ['intent', 'urgency', 'topics', 'products', 'title kind', 'places']
PAIR_TASKS = ['same', 'near']
HARD_TEXTS = ['', ' ', 'please find the lamp', 'léman Größe 日本 😀 lamp', 'a\ufffdb', 'zero \0 inside', 'tab\tand\nline', '"quoted" \\', 'x' * 500, 'lamp ' * 400, '[SEP] osaka', '\u2028 \u0301']


class Library(Scenario):
    def setUp(self):
        self.here = self.project()
        self.package = self.here.path('package')
        subprocess.run([SAMPLE_PACKAGE, self.package], check=True)

    def open(self, **how):
        model = binding.Model(self.package, **how)
        self.addCleanup(model.close)
        return model

    def lines_of_predict(self, rows, *more):
        """The JSON under "tasks" of every line, as it stands there."""
        self.here.write('rows.jsonl', rows)
        answer = self.expect(self.here.run('predict', '--package', self.package, '--input', 'rows.jsonl', *more), 0)
        lines = []
        for number, line in enumerate(answer.out.splitlines(), 1):
            start = f'{{"id":{number},'
            tasks = line.find('"tasks":')
            self.assertTrue(line.startswith(start) and line.endswith('}') and tasks > 0, line)
            lines.append(line[tasks + len('"tasks":'):-1])
        return lines

    def lines_of_library(self, model, rows, n_texts):
        """The very bytes that the library gives."""
        encoded = [text.encode() for row in rows for text in row]
        texts = (binding.Text * len(encoded))(*(binding.Text(text, len(text)) for text in encoded))
        answers = ctypes.c_char_p()
        model.check(model.library.polytask_answer_batch(model.model, texts, len(rows), n_texts, None, ctypes.byref(answers)))
        text = answers.value.decode()
        model.library.polytask_free_answer(answers)
        return text.split('\n')[:-1]

    def texts(self):
        rng = random.Random(1)
        words = ['please', 'lamp', 'osaka', 'the', 'grün', 'a', '日本', 'x-ray', '7', '😀']
        return HARD_TEXTS + [' '.join(rng.choices(words, k=rng.randrange(30))) for _ in range(1500)]

    def test_texts_are_answered_as_predict_answers_them_to_the_byte(self):
        texts = self.texts()
        for precision in 'f32', 'bf16', 'int8':
            expected = self.lines_of_predict([{'body': text, 'title': text, 'text': text} for text in texts], '--precision', precision)
            found = self.lines_of_library(self.open(precision=precision, threads=2), [(text,) for text in texts], 1)
            self.assertEqual(len(found), len(texts))
            for row in zip(texts, found, expected):
                self.assertEqual(row[1], row[2], row[0])
        self.assertEqual(list(json.loads(found[0])), TEXT_TASKS)

    def test_long_texts_are_read_in_windows_as_predict_reads_them_to_the_byte(self):
        texts = self.texts()[:100] + ['please find the lamp in osaka ' * n for n in (2, 11, 13, 40, 300)]
        rows = [{'body': text, 'title': text, 'text': text} for text in texts]
        found = self.lines_of_library(self.open(long_texts='windows', threads=2), [(text,) for text in texts], 1)
        self.assertEqual(found, self.lines_of_predict(rows, '--long-texts', 'windows'))
        cut = self.lines_of_library(self.open(), [(text,) for text in texts], 1)
        differing = [text for text, one, other in zip(texts, found, cut) if one != other]
        self.assertEqual(differing, [text for text, line in zip(texts, cut) if 'tokens_cut' in line])
        self.assertIn(texts[-1], differing)
        self.assertNotIn('tokens_cut', ''.join(found))

    def test_pairs_are_answered_as_predict_answers_them_to_the_byte(self):
        texts = self.texts()[:300]
        pairs = list(zip(texts, reversed(texts)))
        found = self.lines_of_library(self.open(), pairs, 2)
        self.assertEqual(found, self.lines_of_predict([{'left': left, 'right': right} for left, right in pairs]))
        self.assertEqual(list(json.loads(found[0])), PAIR_TASKS)

    def test_bytes_that_are_no_utf8_are_answered_as_predict_answers_them(self):
        model = self.open()
        for raw in b'caf\xe9 lamp', b'\x80\x80\x80 lamp', b'cut \xe3\x81', b'\xed\xa0\x80 surrogate lamp':
            done = subprocess.run([os.environ['POLYTASK'], 'predict', '--package', self.package, '--text', raw], capture_output=True, check=True)
            text = raw.decode(errors='surrogateescape')
            answer = model.answer(text)
            self.assertEqual(answer, json.loads(done.stdout)['tasks'])
            if 'lamp' in text:
                ends = [end for task in ('places', 'products') for _, end, _, _ in answer[task]['spans']]
                self.assertIn(len(text), ends, 'a byte counts as one character, as in Python')

    def test_the_binding_answers_one_and_many_all_and_some(self):
        model = self.open()
        self.assertEqual(model.tasks, ['intent', 'title kind', 'urgency', 'same', 'topics', 'products', 'near', 'places'])
        texts = self.texts()[:40]
        together = model.answer_batch(texts)
        self.assertEqual([model.answer(text) for text in texts], together)
        self.assertEqual(model.answer(texts[2], tasks=['urgency']), {'urgency': together[2]['urgency']})
        self.assertEqual(list(model.answer('a', 'b')), PAIR_TASKS)
        self.assertEqual(model.answer_batch([]), [])

    def test_threads_may_share_a_model(self):
        model, texts, found = self.open(threads=2), self.texts()[:60], {}
        expected = model.answer_batch(texts)

        def ask(thread):
            found[thread] = [model.answer(text) for text in texts]

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, {i: expected for i in range(4)})

    def test_errors_are_those_of_the_command(self):
        def refused(code, phrase, call, *given, **named):
            with self.assertRaises(binding.PolytaskError) as raised:
                call(*given, **named)
            self.assertEqual(raised.exception.code, code)
            self.assertIn(phrase, str(raised.exception))
        model = self.open()
        refused(2, 'did you mean "intent"?', model.answer, 'x', tasks=['intend'])
        refused(2, 'reads a pair of texts', model.answer, 'x', tasks=['same'])
        refused(2, 'precision: found "int4"', binding.Model, self.package, precision='int4')
        refused(2, 'long_texts: found "whole"', binding.Model, self.package, long_texts='whole')
        refused(3, 'absent', binding.Model, self.here.path('absent'))
        damaged = self.here.path('damaged')
        shutil.copytree(self.package, damaged)
        with open(os.path.join(damaged, 'encoder', 'vocab.txt'), 'a', encoding='utf-8') as file:
            file.write('more\n')
        answer = self.expect_one_sentence(self.here.run('predict', '--package', damaged, '--text', 'x'), 3, 'was changed after packaging')
        refused(3, answer.err[len('polytask: '):-1], binding.Model, damaged)

    def test_the_example_prints_a_line_for_each_task(self):
        script = os.path.join(ROOT, 'examples', 'engine', 'answer.py')
        done = subprocess.run([sys.executable, '-B', script, self.package, 'please find the lamp'], capture_output=True, text=True, check=True)
        self.assertEqual([line.split(':')[0] for line in done.stdout.splitlines()], TEXT_TASKS)
        done = subprocess.run([sys.executable, '-B', script, self.here.path('absent'), 'x'], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (3, 1))

    def test_nothing_but_its_own_names_is_seen_from_outside(self):
        nm = shutil.which('nm')
        if not nm:
            self.skipTest('no nm')
        listed = subprocess.run([nm, '-D', '--defined-only', LIBRARY], capture_output=True, text=True, check=True).stdout
        names = {line.split()[-1].split('@')[0] for line in listed.splitlines()} - {'POLYTASK_0'}
        with open(os.path.join(ROOT, 'src', 'engine', 'polytask.h'), encoding='utf-8') as file:
            declared = {word.split('(')[0].split()[-1].lstrip('*') for line in file if line.startswith('POLYTASK_API') for word in [line[len('POLYTASK_API'):]]}
        self.assertEqual(names, declared)
        needed = subprocess.run(['ldd', LIBRARY], capture_output=True, text=True, check=True).stdout
        self.assertNotRegex(needed, r'lib(torch|c10|dnnl|gomp)|not found')


if __name__ == '__main__':
    unittest.main()
