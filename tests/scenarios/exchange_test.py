"""`polytask export` and `polytask import` beside the libraries themselves: equal logits there and here; folders that are
whole or not there. What needs the libraries is skipped, and says so, where POLYTASK_REFERENCE_PYTHON names no interpreter
that has them (exchange_reference.py)."""
import json
import math
import os
import random
import shutil
import subprocess
import sys
import unittest

from support import POLYTASK, ROOT, KilledAtEveryCall, Scenario, contents, read_json

SAMPLE_PACKAGE = os.environ['POLYTASK_SAMPLE_PACKAGE']  # writes a package with a task of every kind
PRINT_LOGITS = os.environ['POLYTASK_PRINT_LOGITS']  # what a task says before it is decoded
REFERENCE_PYTHON = os.environ.get('POLYTASK_REFERENCE_PYTHON')
REAL_ENCODER = os.path.join(os.environ.get('POLYTASK_SHARED') or os.path.join(os.path.dirname(ROOT), 'shared'), 'models', 'all-MiniLM-L6-v2')
TOLERANCE = 1e-4

PLAIN_TEXTS = ['please find the lamp', 'a', 'osaka osaka lamp', 'Please, where is my ORDER? It was "late"!', '', 'lamp ' * 200]
HARD_TEXTS = ['Größe naïve café', '日本 x', 'a[SEP]b', 'tab\tand\nline', 'x' * 300, 'a\u0301e', '7 % of 3,50 €', '😀 lamp', 'Ünï\u00a0cöde']
SENTENCES = ['My card has not arrived yet, and it has been two weeks.', 'Please cancel the order of 12 March and refund it.',
             'The chair is lovely but one leg came broken.', 'Wo finde ich meine Rechnung?', 'Thanks!']


def pairs_of(texts):
    return [[texts[i], texts[(3 * i + 1) % len(texts)]] for i in range(len(texts))]


class Exchange(Scenario):
    def setUp(self):
        self.here = self.project()

    def run_here(self, verb, *more, code=0, phrases=()):
        answer = self.here.run(verb, *more, '--output', 'json', threads=False)
        (self.expect if code == 0 else self.expect_one_sentence)(answer, code, *phrases)
        return answer.json if code == 0 else answer

    def sample(self, *more):
        folder = self.here.path('-'.join(('sample', *more)))
        subprocess.run([SAMPLE_PACKAGE, folder, *more], check=True)
        return folder

    def export(self, package, task, to, **how):
        return self.run_here('export', '--package', package, '--task', task, '--format', 'huggingface', '--to', self.here.path(to), **how)

    def import_(self, folder, to, *more, **how):
        return self.run_here('import', '--from', folder, '--to', self.here.path(to), *more, **how)

    def nothing_is_left(self):
        self.assertEqual([name for name in os.listdir(self.here.folder) if name.startswith('.')], [])


class Alone(Exchange):
    """What needs no library."""

    def test_the_answer_says_what_was_made(self):
        package = self.sample('first')
        self.assertEqual(self.export(package, 'intent', 'a'), {'folder': self.here.path('a'), 'format': 'huggingface', 'task': 'intent', 'architecture': 'BertForSequenceClassification'})
        answer = self.expect(self.here.run('export', '--package', package, '--task', 'products', '--format', 'huggingface', '--to', 'b', threads=False), 0)
        self.assertRegex(answer.out, r'^b is ready: task "products" of package [0-9a-f]{12} as BertForTokenClassification\n$')
        made = self.import_('a', 'back')
        self.assertEqual((made['task'], made['type'], made['new']), ('intent', 'classification', True))
        self.assertFalse(self.import_('a', 'back')['new'])
        self.expect(self.here.run('package verify', 'back', threads=False), 0)
        self.nothing_is_left()

    def test_what_comes_back_answers_as_before_and_goes_out_in_the_same_bytes(self):
        for kind in ((), ('first',)):
            package = self.sample(*kind)
            self.here.write('rows.jsonl', [{'body': text, 'title': text, 'left': text, 'right': 'please', 'text': text, 'question': text, 'choices': ['a lamp', text + ' lamp']} for text in PLAIN_TEXTS + HARD_TEXTS])
            for task in ('intent', 'urgency', 'topics', 'products', 'near', 'places', *(['tone', 'pick', 'choose'] if kind else [])):
                for folder in ('out', 'back', 'out-again'):
                    shutil.rmtree(self.here.path(folder), ignore_errors=True)
                self.export(package, task, 'out')
                self.import_('out', 'back')
                self.export('back', task, 'out-again')
                self.assertEqual(contents(self.here.path('out')), contents(self.here.path('out-again')), task)
                spec = os.path.join('tasks', task, 'task.json')
                self.assertEqual(read_json(package, spec), read_json(self.here.path('back'), spec))
                answers = [self.here.run('predict', '--package', where, '--task', task, '--input', 'rows.jsonl').rows for where in (package, 'back')]
                self.assertEqual(*answers, task)
        self.nothing_is_left()

    def test_refusals_name_what_is_wrong_and_leave_nothing(self):
        package = self.sample('first')
        self.export(package, 'same', 'x', code=2, phrases=('task "same"', '|u - v|', 'ONNX'))
        self.export(package, 'intend', 'x', code=3, phrases=('has no task "intend"; did you mean "intent"?',))
        self.run_here('export', '--package', package, '--format', 'huggingface', '--to', 'x', code=2, phrases=('say with --task which one',))
        self.run_here('export', '--package', package, '--format', 'torch', '--to', 'x', code=2, phrases=('expected huggingface',))
        self.export(package, 'intent', os.path.join(package, 'inside'), code=2, phrases=('lies inside', 'from which it would be made'))
        self.export(package, 'intent', os.path.join(self.sample(), 'inside'), code=2, phrases=('which is a package and must stay as it is',))
        self.assertFalse(os.path.exists(self.here.path('x')))
        self.export(package, 'intent', 'out')
        before = contents(self.here.path('out'))
        self.export(package, 'tone', 'out', code=5, phrases=('is there already',))
        self.assertEqual(contents(self.here.path('out')), before)
        self.import_('nowhere', 'x', code=3, phrases=('nowhere: cannot be opened',))
        self.import_('out', 'out', code=5, phrases=('is there already and is no package',))
        self.import_('out', 'x', '--max-length', '4', code=2, phrases=('--max-length',))
        self.import_('out', 'x', '--max-length', '65', code=2, phrases=('--max-length 65: the encoder in out has 64 positions',))
        self.import_('out', 'x', '--type', 'clasification', code=2, phrases=('did you mean "classification"?',))
        shutil.copytree(self.here.path('out'), self.here.path('pickled'))
        os.rename(self.here.path('pickled', 'model.safetensors'), self.here.path('pickled', 'pytorch_model.bin'))
        self.import_('pickled', 'x', code=3, phrases=('pytorch_model.bin: is not read, because a pickle file can run any program', 'safe_serialization=True'))
        os.symlink(self.here.path('out', 'model.safetensors'), self.here.path('pickled', 'model.safetensors'))
        self.import_('pickled', 'x', code=3, phrases=('model.safetensors: is a symbolic link',))
        self.assertFalse(os.path.exists(self.here.path('x')))
        self.nothing_is_left()

    def test_a_folder_inside_what_is_read_is_refused(self):
        package = self.sample('first')
        self.export(package, 'intent', 'out')
        self.import_('out', os.path.join('out', 'x'), code=2, phrases=('lies inside', 'from which it would be made'))
        self.assertFalse(os.path.exists(self.here.path('out', 'x')))

    def test_the_part_that_speaks_formats_says_which_command_has_another_verb(self):
        part = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(POLYTASK))), 'libexec', 'polytask', 'polytask-exchange')
        done = subprocess.run([part, 'runs'], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (2, 1), done.stderr)
        self.assertIn('run `polytask runs`', done.stderr)


class Killed(KilledAtEveryCall):
    def test_out_and_in(self):
        here = self.project()
        package = here.path('sample')
        subprocess.run([SAMPLE_PACKAGE, package, 'first'], check=True)
        command = 'export', '--package', package, '--task', 'intent', '--format', 'huggingface'
        self.expect(here.run(*command, '--to', 'whole', threads=False), 0)
        whole = contents(here.path('whole'))
        self.at_every_call(*command, where=here, verify=lambda folder: self.assertEqual(contents(folder), whole))
        self.verify(package)
        shutil.rmtree(self.parent)
        self.at_every_call('import', '--from', 'whole', where=here)
        self.assertEqual(contents(here.path('whole')), whole)


class BesideTheLibraries(Exchange):
    @classmethod
    def setUpClass(cls):
        if not REFERENCE_PYTHON:
            raise unittest.SkipTest('POLYTASK_REFERENCE_PYTHON names no interpreter with transformers and sentence-transformers')
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'exchange_reference.py')
        cls.reference = subprocess.Popen([REFERENCE_PYTHON, '-B', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding='utf-8')
        cls.addClassCleanup(cls.reference.wait)
        cls.addClassCleanup(cls.reference.stdout.close)
        cls.addClassCleanup(cls.reference.stdin.close)

    def ask(self, do, **request):
        self.reference.stdin.write(json.dumps({'do': do, **request}) + '\n')
        self.reference.stdin.flush()
        answer = json.loads(self.reference.stdout.readline())
        self.assertNotIn('error', answer, answer.get('error'))
        return answer['is']

    def ours(self, package, task, texts, words=False):
        lines = ''.join(json.dumps({'texts': text, 'words': words}) + '\n' for text in texts)
        done = subprocess.run([PRINT_LOGITS, package, task], input=lines.encode(), capture_output=True, check=False, cwd=self.here.folder)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return [json.loads(line) for line in done.stdout.splitlines()]

    def expect_equal(self, ours, theirs, about, scale=1.0):
        most = 0.0
        self.assertEqual(len(ours), len(theirs))
        for mine, other in zip(ours, theirs):
            self.assertEqual(len(mine), len(other), about)
            most = max([most, *(abs(a - b) / scale for a, b in zip(mine, other))])
        print(f'  {about}: largest difference of logits {most:.1e}', file=sys.stderr)
        self.assertLess(most, TOLERANCE, about)
        self.assertGreater(len({tuple(round(logit / scale, 3) for logit in row) for row in ours}), len(ours) / 2, 'texts differ')

    def compare(self, package, task, folder, texts, words=False):
        """Ours of a package against theirs of a folder."""
        ours, theirs = self.ours(package, task, texts, words), self.ask('logits', folder=self.here.path(folder), texts=texts, words=words)
        self.expect_equal(ours, theirs, f'{task} in {folder}')

    def test_what_goes_out_says_there_what_it_says_here(self):
        texts = [[text] for text in PLAIN_TEXTS + HARD_TEXTS]
        for kind in ((), ('first',)):
            package = self.sample(*kind)
            for task in ('intent', 'title kind', 'urgency', 'topics', 'products', *(['tone'] if kind else [])):
                folder = '-'.join(('out', *kind, task))
                self.export(package, task, folder)
                self.compare(package, task, folder, texts)
            self.export(package, 'places', 'places')
            self.compare(package, 'places', 'places', [['please find the lamp in osaka'], ['Größe of x-ray 日本'], ['lamp ' * 90]], words=True)
            shutil.rmtree(self.here.path('places'))

    def test_a_cosine_there_gives_the_number_here(self):
        package = self.sample()
        self.export(package, 'near', 'near')
        task = read_json(self.here.path('near'), 'config.json')['polytask']['task']
        pairs = pairs_of([text for text in PLAIN_TEXTS + HARD_TEXTS if text])
        ours = [[logit * task['target_scale'] + task['target_offset']] for logit, in self.ours(package, 'near', pairs)]
        self.expect_equal(ours, self.ask('logits', folder=self.here.path('near'), texts=pairs), 'near', task['target_scale'])

    def test_choices_score_there_what_they_score_here(self):
        package = self.sample('first')
        some = [text for text in PLAIN_TEXTS + HARD_TEXTS if text.strip()]
        rows = [[some[i], *(f'{k} {some[(3 * i + k) % len(some)]}' for k in range(2 + i % 4))] for i in range(len(some))]
        for task in ('pick', 'choose'):  # without a pooler of its own, and with one
            answer = self.export(package, task, task)
            self.assertEqual(answer['architecture'], 'BertForMultipleChoice')
            self.compare(package, task, task, rows)
            self.ask('resave', folder=self.here.path(task), to=self.here.path('saved'))
            self.import_('saved', 'back')
            self.expect_equal(self.ours(package, task, rows), self.ours('back', task, rows), f'{task} saved by the library')
            self.here.write('rows.jsonl', [{'question': row[0], 'choices': row[1:]} for row in rows])
            right = [i % (len(row) - 1) for i, row in enumerate(rows)]
            answers = self.expect(self.here.run('predict', '--package', package, '--task', task, '--input', 'rows.jsonl'), 0).rows
            theirs = self.ask('losses', folder=self.here.path(task), texts=rows, right=right)
            for answer, gold, loss in zip(answers, right, theirs):
                self.assertAlmostEqual(answer['tasks'][task]['scores'][gold], math.exp(-loss), delta=TOLERANCE)
            for folder in ('saved', 'back'):
                shutil.rmtree(self.here.path(folder))

    def test_their_multiple_choice_says_here_what_it_says_there(self):
        self.made('swag', 'BertForMultipleChoice')
        self.assertEqual(self.import_('swag', 'swag-package', '--text', 'story')['type'], 'multiple_choice')
        rows = [[text, 'a lamp', text[:20], 'osaka'] for text in PLAIN_TEXTS + HARD_TEXTS if text]
        self.compare('swag-package', 'swag', 'swag', rows)

    def test_predict_says_the_probabilities_of_those_logits(self):
        package = self.sample('first')
        self.export(package, 'intent', 'out')
        labels = read_json(self.here.path('out'), 'config.json')['id2label']
        for text, logits in zip(PLAIN_TEXTS, self.ask('logits', folder=self.here.path('out'), texts=[[text] for text in PLAIN_TEXTS])):
            best = max(range(len(logits)), key=logits.__getitem__)
            answer = self.here.run('predict', '--package', package, '--task', 'intent', '--text=' + text).rows[0]['tasks']['intent']
            self.assertEqual(answer['label'], labels[str(best)])
            self.assertAlmostEqual(answer['score'], math.exp(logits[best]) / sum(map(math.exp, logits)), delta=TOLERANCE)

    def test_the_encoder_class_alone_reads_the_folder_of_a_sentence_encoder(self):
        package = self.sample()
        self.export(package, 'intent', 'out')
        states = self.ask('first_states', folder=self.here.path('out'), texts=[['please'], ['a lamp']])
        self.assertEqual([len(state) for state in states], [32, 32])
        self.assertNotEqual(*states)

    def test_what_the_libraries_load_and_save_again_comes_back(self):
        for kind, task in (((), 'intent'), ((), 'near'), ((), 'products'), (('first',), 'topics'), (('first',), 'tone'), (('first',), 'urgency')):
            package = self.here.path('-'.join(('sample', *kind)))
            if not os.path.exists(package):
                self.sample(*kind)
            folder = '-'.join((*kind, task))
            self.export(package, task, 'out-' + folder)
            self.ask('resave', folder=self.here.path('out-' + folder), to=self.here.path('saved-' + folder))
            self.import_('saved-' + folder, 'back-' + folder)
            spec = os.path.join('tasks', task, 'task.json')
            self.assertEqual(read_json(package, spec), read_json(self.here.path('back-' + folder), spec))
            texts = pairs_of(PLAIN_TEXTS) if task == 'near' else [[text] for text in PLAIN_TEXTS]
            self.expect_equal(self.ours(package, task, texts), self.ours('back-' + folder, task, texts), f'{folder} saved by the library')

    def made(self, name, architecture, **how):
        return self.ask('make', folder=self.here.path(name), architecture=architecture, **how)

    def test_their_classifiers_of_one_text_say_here_what_they_say_there(self):
        texts = [[text] for text in PLAIN_TEXTS + HARD_TEXTS]
        models = {'three': {'labels': ['no', 'yes', 'perhaps']}, 'unnamed': {}, 'number': {'labels': ['LABEL_0']},
                  'several': {'labels': ['a', 'b', 'c'], 'problem_type': 'multi_label_classification'}, 'relu': {'hidden_act': 'relu', 'seed': 5}}
        types = {}
        for name, how in models.items():
            self.made(name, 'BertForSequenceClassification', **how)
            types[name] = self.import_(name, name + '-package')['type']
            self.compare(name + '-package', name, name, texts)
        self.assertEqual(types, {'three': 'classification', 'unnamed': 'classification', 'number': 'regression', 'several': 'multilabel', 'relu': 'classification'})
        self.assertEqual(read_json(self.here.path('three-package', 'model.json'))['schema'], 5)
        self.assertEqual(read_json(self.here.path('three-package', 'tasks', 'three', 'task.json'))['labels'], ['no', 'yes', 'perhaps'])

    def test_their_classifiers_of_pairs_say_here_what_they_say_there_and_go_back(self):
        pairs = pairs_of(PLAIN_TEXTS + HARD_TEXTS)
        for name, how in {'same': {'labels': ['no', 'yes']}, 'distance': {'labels': ['LABEL_0'], 'problem_type': 'regression'}}.items():
            self.made(name, 'BertForSequenceClassification', **how)
            self.import_(name, name + '-package', '--text', 'left', '--text', 'right')
            self.compare(name + '-package', name, name, pairs)
            self.export(name + '-package', name, name + '-out')
            self.compare(name + '-package', name, name + '-out', pairs)

    def test_their_taggers_say_here_what_they_say_there_whatever_the_order_of_tags(self):
        ours_order = ['O', 'B-PLACE', 'I-PLACE', 'B-PERSON', 'I-PERSON']
        shuffled = ['B-PLACE', 'I-PERSON', 'O', 'I-PLACE', 'B-PERSON']
        self.made('tags', 'BertForTokenClassification', labels=shuffled)
        self.import_('tags', 'tags-package')
        texts = [[text] for text in PLAIN_TEXTS + HARD_TEXTS if text.strip()]
        for words in (False, True):
            theirs = []
            for row in self.ask('logits', folder=self.here.path('tags'), texts=texts[:3] if words else texts, words=words):
                theirs.append([row[i + shuffled.index(tag)] for i in range(0, len(row), 5) for tag in ours_order])
            self.expect_equal(self.ours('tags-package', 'tags', texts[:3] if words else texts, words), theirs, f'tags, words: {words}')
        for scheme, tag in ((['O', 'B-X', 'I-X', 'S-X', 'E-X'], '"S-X"'), (['O', 'I-X'], 'no "B-X"'), (['LABEL_0', 'LABEL_1'], 'has no O')):
            shutil.rmtree(self.here.path('other'), ignore_errors=True)
            self.made('other', 'BertForTokenClassification', labels=scheme)
            self.import_('other', 'x', code=3, phrases=('BIO', tag))

    def test_their_half_precision_and_their_shards_are_read(self):
        for name, how in {'bfloat': {'dtype': 'bfloat16'}, 'half': {'dtype': 'float16'}, 'shards': {'shard': '20KB'}}.items():
            files = self.made(name, 'BertForSequenceClassification', labels=['a', 'b', 'c'], **how)
            self.assertEqual('model.safetensors.index.json' in files, name == 'shards')
            self.import_(name, name + '-package')
            self.compare(name + '-package', name, name, [[text] for text in PLAIN_TEXTS])

    def test_other_architectures_are_refused(self):
        for architecture in ('BertForQuestionAnswering', 'BertModel', 'BertForMaskedLM'):
            self.made(architecture, architecture)
            self.import_(architecture, 'x', code=3, phrases=(f'is of a "{architecture}", which is not read', 'BertForTokenClassification'))
        self.nothing_is_left()

    @unittest.skipUnless(os.path.isdir(REAL_ENCODER), f'{REAL_ENCODER} is not there')
    def test_a_real_encoder_says_here_what_it_says_there(self):
        self.made('real', 'BertForSequenceClassification', labels=['a', 'b', 'c', 'd'], encoder=REAL_ENCODER, problem_type='single_label_classification')
        self.import_('real', 'real-package', '--max-length', '256')
        texts = [[text] for text in PLAIN_TEXTS[:4] + HARD_TEXTS + SENTENCES] + [[' '.join(random.Random(1).choices(' '.join(SENTENCES).split(), k=150))]]
        self.compare('real-package', 'real', 'real', texts)
        self.export('real-package', 'real', 'real-out')
        self.compare('real-package', 'real', 'real-out', texts)
        self.made('real-tags', 'BertForTokenClassification', labels=['O', 'B-X', 'I-X'], encoder=REAL_ENCODER)
        self.import_('real-tags', 'real-tags-package', '--max-length', '256')
        self.compare('real-tags-package', 'real-tags', 'real-tags', [[text] for text in SENTENCES])


if __name__ == '__main__':
    unittest.main()
