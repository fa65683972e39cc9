"""What the scenarios share: a project in a temporary folder, made-up rows, and the command under test.

The command is the built `polytask`, named by the environment variable POLYTASK. Python's standard library only.
"""
import gzip
import hashlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
POLYTASK = os.path.abspath(os.environ.get('POLYTASK', os.path.join(ROOT, 'bin', 'polytask')))

WORDS = {'order': ('buy', 'order', 'get'), 'refund': ('return', 'refund', 'reimburse'), 'track': ('track', 'find', 'locate')}
PRODUCTS = ('lamp', 'chair', 'table', 'phone', 'book')
# A small encoder and few steps: a training of one to two seconds.
SCRATCH = {'layers': 2, 'hidden_size': 32, 'heads': 2, 'vocab_size': 300}
TRAIN = {'epochs': 2, 'batch_size': 16, 'learning_rate': 0.001, 'scratch': SCRATCH}
TICKETS = {'train': 'train.jsonl', 'dev': 'dev.jsonl', 'test': 'test.jsonl'}
INTENT = {'type': 'classification', 'dataset': 'tickets', 'text': 'body', 'label': 'intent'}
FOUR_TASKS = {
    'intent': INTENT,
    'urgency': {'type': 'regression', 'dataset': 'tickets', 'text': 'body', 'label': 'urgency'},
    'topics': {'type': 'multilabel', 'dataset': 'tickets', 'text': 'body', 'label': 'topics'},
    'products': {'type': 'tagging', 'dataset': 'tickets', 'text': 'body', 'spans': 'products'},
}


def tickets(n, seed, first_id=0):
    """Rows whose labels can be read off their words; every text is another one."""
    rng = random.Random(seed)
    rows = []
    for i in range(n):
        intent = rng.choice(sorted(WORDS))
        word, product = rng.choice(WORDS[intent]), PRODUCTS[i % len(PRODUCTS)]  # a few rows name them all
        body = f'please {word} the {product} number {first_id + i} of {rng.randrange(10**6)}'
        begin = body.index(product)
        rows.append({'id': first_id + i, 'body': body, 'intent': intent, 'urgency': len(word) / 2,
                     'topics': [product] if product != 'book' else [], 'products': [[begin, begin + len(product), 'PRODUCT']]})
    return rows


def mistaken(rows, every=4):
    """The rows, every fourth with the labels of another one: nobody answers all of them rightly."""
    for row, other in list(zip(rows, rows[1:]))[::every]:
        row['intent'], row['topics'] = next(name for name in sorted(WORDS) if name != row['intent']), other['topics']
    return rows


def read_lines(path):
    with open(path, encoding='utf-8') as file:
        return file.read().splitlines()


def read_json(*names):
    with open(os.path.join(*names), encoding='utf-8') as file:
        return json.load(file)


def contents(folder):
    """{path: bytes} of every file."""
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(top, name), 'rb') as file:
                found[os.path.relpath(os.path.join(top, name), folder)] = file.read()
    return found


class Answer:
    """How a command ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        """Standard output as JSON; fails where anything else stands there."""
        return json.loads(self.out)

    @property
    def rows(self):
        """Standard output as one JSON object a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def __str__(self):
        return f'exit code {self.code}\n--- standard output\n{self.out[-4000:]}\n--- standard error\n{self.err[-4000:]}'


def arguments(verb, *more, threads=True):
    # One thread: the trainings are tiny, and the bits depend on the number of threads.
    return [POLYTASK, *verb.split(), *more, *(['--threads', '1'] if threads else [])]


def environment():
    # What the user has set must not change what is tested. A build with the address sanitizer lets no library be loaded before
    # its own, and keeps freed memory for a while, which tests that measure memory would see.
    return {'ASAN_OPTIONS': 'verify_asan_link_order=0:quarantine_size_mb=4', **{key: value for key, value in os.environ.items() if not key.startswith('OMP_')}, 'OMP_WAIT_POLICY': 'passive', 'LC_ALL': 'C.UTF-8'}


class Project:
    """A folder with a polytask.yaml."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        os.makedirs(self.folder, exist_ok=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content):
        """`content` is text, bytes, or rows that become JSONL; a name that ends in .gz is packed."""
        if isinstance(content, list):
            content = ''.join(json.dumps(row, ensure_ascii=False) + '\n' for row in content)
        if isinstance(content, str):
            content = content.encode()
        if name.endswith('.gz'):
            content = gzip.compress(content, mtime=0)
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), 'wb') as file:
            file.write(content)
        return self.path(name)

    def describe(self, tasks=None, datasets=None, train=None, **more):
        """Writes polytask.yaml. JSON is YAML."""
        self.write('polytask.yaml', json.dumps(
            {'project': 'helpdesk', 'datasets': datasets or {'tickets': TICKETS}, 'tasks': tasks or FOUR_TASKS,
             'train': {**TRAIN, **(train or {})}, **more}, indent=1))
        return self

    def fill(self, n_train=120, n_dev=30, n_test=30):
        self.write('train.jsonl', tickets(n_train, 1))
        self.write('dev.jsonl', tickets(n_dev, 2, 10000))
        self.write('test.jsonl', tickets(n_test, 3, 20000))
        return self

    def run(self, verb, *more, stdin=None, timeout=120, threads=True, **how):
        done = subprocess.run(arguments(verb, *more, threads=threads), cwd=self.folder, env=environment(), capture_output=True, timeout=timeout,
                              input=stdin.encode() if isinstance(stdin, str) else stdin, stdin=subprocess.DEVNULL if stdin is None else None, **how)
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, verb, *more, **how):
        return subprocess.Popen(arguments(verb, *more), cwd=self.folder, env=environment(), **how)

    def run_measured(self, verb, *more):
        """How it ended, and the bytes of memory that it held at its largest."""
        # Of a process the kernel counts also what its parent held when it was started, so this one has a small parent.
        measure = ('import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); '
                   'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)')
        done = subprocess.run([sys.executable, '-I', '-S', '-c', measure, *arguments(verb, *more)], cwd=self.folder, env=environment(), capture_output=True, timeout=120,
                              stdin=subprocess.DEVNULL, check=False)
        *err, peak = done.stderr.decode().splitlines(keepends=True)
        return Answer(done.returncode, done.stdout.decode(), ''.join(err)), int(peak) << 10

    def run_folder(self, run, *names):
        return self.path('.polytask', 'runs', run, *names)

    def run_json(self, run, name):
        with open(self.run_folder(run, name), encoding='utf-8') as file:
            return json.load(file)

    def hashes(self, run, part='model'):
        """{file: sha256} of everything under a part of the run's folder."""
        found = {}
        top = self.run_folder(run, part)
        for folder, _, files in os.walk(top):
            for name in files:
                with open(os.path.join(folder, name), 'rb') as file:
                    found[os.path.relpath(os.path.join(folder, name), top)] = hashlib.sha256(file.read()).hexdigest()
        return found

    def leftovers(self):
        """Files that are only there while something is being written."""
        return [os.path.join(folder, name) for folder, folders, files in os.walk(self.folder) for name in folders + files
                if name.endswith('.part') or name.startswith('unfinished-')]


class Scenario(unittest.TestCase):
    """A test with projects in a temporary folder."""

    maxDiff = None

    def project(self, name='project'):
        if not hasattr(self, 'scratch_folder'):
            self.scratch_folder = tempfile.TemporaryDirectory(prefix='polytask-scenario-')
            self.addCleanup(self.scratch_folder.cleanup)
        return Project(os.path.join(self.scratch_folder.name, name))

    def expect(self, answer, code, *phrases):
        """The exit code, and on standard error one sentence with all the phrases (and no report of a mistake of ours)."""
        self.assertEqual(answer.code, code, str(answer))
        for phrase in phrases:
            self.assertIn(phrase, answer.err, str(answer))
        self.assertNotIn('our mistake', answer.err)
        return answer

    def expect_one_sentence(self, answer, code, *phrases):
        self.expect(answer, code, *phrases)
        self.assertEqual(len(answer.err.splitlines()), 1, str(answer))
        self.assertLess(len(answer.err), 1000, str(answer))
        return answer


class Trained(Scenario):
    """Scenarios that share one trained run, `shared`."""

    @classmethod
    def setUpClass(cls):
        cls.shared_folder = tempfile.TemporaryDirectory(prefix='polytask-scenario-')
        cls.addClassCleanup(cls.shared_folder.cleanup)
        cls.trained = Project(os.path.join(cls.shared_folder.name, 'project')).fill().describe()
        cls.answer = cls.trained.run('train', '--run', 'shared', '--output', 'json')
        if cls.answer.code != 0:
            raise AssertionError(str(cls.answer))


class KilledAtEveryCall(Scenario):
    """What makes a folder, killed before every call that changes what is on disk: the folder is there whole or not at all, and
    the next call removes what was left."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        compiler = shutil.which('cc') or shutil.which('gcc')
        if not compiler:
            raise unittest.SkipTest('no C compiler for the library that ends the process')
        folder = tempfile.TemporaryDirectory(prefix='polytask-scenario-')
        cls.addClassCleanup(folder.cleanup)
        cls.killing_library = os.path.join(folder.name, 'killed_at_call.so')
        source = os.path.join(ROOT, 'tests', 'scenarios', 'killed_at_call.c')
        subprocess.run([compiler, '-shared', '-fPIC', '-w', '-o', cls.killing_library, source, '-ldl'], check=True)

    def setUp(self):
        self.parent = os.path.join(self.project('killed').folder, 'where')
        self.target = os.path.join(self.parent, 'a')

    def verify(self, folder):
        self.expect(self.project('killed').run('package verify', folder, threads=False), 0)

    def killed_at(self, call, *command, where):
        return subprocess.run(arguments(*command, threads=False), cwd=where.folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
                              env={**environment(), 'LD_PRELOAD': self.killing_library, 'KILL_AT_CALL': str(call)}).returncode

    def at_every_call(self, *command, where, verify=None):
        """Runs the command in the project `where`; `verify` is given each folder that is there."""
        verify = verify or self.verify
        n_whole = 0
        for call in range(1, 2000):
            code = self.killed_at(call, *command, '--to', self.target, where=where)
            self.assertIn(code, (0, 137))
            if os.path.exists(self.target):
                n_whole += 1
                verify(self.target)
            if code == 0:
                break
            self.assertLessEqual(len(os.listdir(self.parent)) if os.path.exists(self.parent) else 0, 2, 'what earlier calls left was removed')
            shutil.rmtree(self.target, ignore_errors=True)
        self.assertGreater(call, 20, 'there were calls to be killed at')
        self.assertGreater(n_whole, 1, 'some were killed after the folder was there')
        self.assertEqual(os.listdir(self.parent), ['a'])
        print(f'{command[0]}: killed before each of {call - 1} calls, {n_whole - 1} of them with the folder in place', flush=True)


def wait_until(condition, process, seconds=60, pause=0.002):
    """Returns as soon as the condition holds; fails where the process ends before it ever does."""
    end = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            raise AssertionError(f'the process ended with {process.returncode} before what was waited for')
        if time.monotonic() > end:
            raise AssertionError('waited too long')
        time.sleep(pause)


def limited(resource_name, n_bytes):
    """For preexec_fn: the child lives with this limit."""
    return lambda: resource.setrlimit(resource_name, (n_bytes, n_bytes))
