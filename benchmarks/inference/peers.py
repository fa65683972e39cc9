"""The peers' side: their Python, the configurations that are tried, and the processes that are measured."""
import contextlib
import dataclasses
import itertools
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ['torch', 'transformers', 'onnx', 'onnxruntime', 'openvino', 'nncf']
BATCHES = (4, 8, 16, 32)


class Skipped(Exception):
    """Nothing, or not this, can be measured here; says why."""


@dataclasses.dataclass(frozen=True)
class Configuration:
    system: str               # onnxruntime or openvino
    precision: str            # f32, bf16 or int8
    graph: str                # exported or fused; see exports.py
    processes: int = 1        # that share the batches of a pass
    threads: int = 1          # of each process
    streams: int = 1
    batch: int = 1
    activations: str = 'f32'  # what is computed in outside of quantised products
    cached: bool = False      # OpenVINO's cache of compiled models

    @property
    def file(self):
        if self.precision != 'int8':
            return f'{self.graph}.onnx'
        return f'{self.graph}.int8.' + ('xml' if self.system == 'openvino' else 'onnx')

    def __str__(self):
        count = lambda n, one, many: f'{n} {one if n == 1 else many}'
        if self.system == 'openvino':
            words = [f'{count(self.streams, "stream", "streams")}, {count(self.threads, "thread", "threads")}']
        else:
            words = [f'{self.graph} graph', f'{count(self.processes, "process", "processes")} x {count(self.threads, "thread", "threads")}']
        words += [f'batch {self.batch}'] if self.batch > 1 else []
        words += ['bf16 activations'] if self.precision == 'int8' and self.activations == 'bf16' else []
        words += ['cached'] if self.cached else []
        return ', '.join(words)


def of_openvino(**more):
    """Every precision; int8 with either kind of activations."""
    for precision, activations in (('f32', 'f32'), ('bf16', 'bf16'), ('int8', 'f32'), ('int8', 'bf16')):
        yield Configuration('openvino', precision, 'exported', activations=activations, **more)


def of_onnxruntime(**more):
    """It has no bfloat16 on x86."""
    for precision, graph in itertools.product(('f32', 'int8'), ('exported', 'fused')):
        yield Configuration('onnxruntime', precision, graph, **more)


def for_many_texts(threads):
    for batch in BATCHES:
        for processes in sorted({1, threads}):
            yield from of_onnxruntime(processes=processes, threads=threads // processes, batch=batch)
        for streams in sorted({1, threads}):
            yield from of_openvino(streams=streams, threads=threads, batch=batch)


def for_one_text(threads):
    yield from of_onnxruntime(threads=threads)
    yield from of_openvino(threads=threads)


def for_a_start(threads):
    yield from for_one_text(threads)
    yield from of_openvino(threads=threads, cached=True)


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **more)


def last_line(text):
    return (text.strip().splitlines() or ['it said nothing'])[-1]


def make_python(work):
    """The interpreter of an environment of its own, with the peers that requirements.txt pins."""
    folder = os.path.join(work, 'venv')
    python = os.path.join(folder, 'bin/python')
    requirements = os.path.join(HERE, 'requirements.txt')
    installed = os.path.join(folder, 'requirements.txt')  # written last
    with open(requirements, encoding='utf8') as file:
        wanted = file.read()
    if os.path.exists(installed):
        with open(installed, encoding='utf8') as file:
            if file.read() == wanted:
                return python
    print('installing the peers; minutes', flush=True)
    made = run([sys.executable, '-m', 'venv', '--clear', folder])
    if made.returncode:
        raise Skipped(f'no virtual environment can be made here: {last_line(made.stdout + made.stderr)}')
    done = run([python, '-m', 'pip', 'install', '--quiet', '--requirement', requirements])
    if done.returncode:
        raise Skipped(f'the peers cannot be installed here: {last_line(done.stderr)}')
    shutil.copyfile(requirements, installed)
    return python


class Peers:
    def __init__(self, python, work):
        self.python, self.work = python, work
        # No look at the network by any of them.
        self.environment = {**os.environ, 'HF_HUB_OFFLINE': '1', 'CI': 'true', 'TOKENIZERS_PARALLELISM': 'false'}

    def versions(self):
        script = f'import json, importlib.metadata as m; print(json.dumps({{name: m.version(name) for name in {PACKAGES}}}))'
        done = run([self.python, '-c', script])
        if done.returncode:
            raise Skipped(f'{self.python} has not all of {", ".join(PACKAGES)}: {last_line(done.stderr)}')
        return json.loads(done.stdout)

    def script(self, name, *arguments):
        done = run([self.python, os.path.join(HERE, name), *map(str, arguments)], env=self.environment)
        if done.returncode:
            raise SystemExit(f'error: {name}: {done.stderr[-2000:]}')
        return done.stdout

    def measure(self, what, configuration, files, texts, seconds=0.0):
        """What peer.py measures. Of several processes: the sum of what each reached while all of them worked, the fewest passes,
        and the memory of one."""
        jobs = [{'what': what, 'engine': configuration.system, 'files': files, 'precision': configuration.activations,
                 'threads': configuration.threads, 'streams': configuration.streams, 'batch': configuration.batch,
                 'texts': texts, 'part': part, 'parts': configuration.processes,
                 'cache': os.path.join(self.work, 'cache') if configuration.cached else None}
                for part in range(configuration.processes)]
        log = os.path.join(self.work, 'peer.log')
        with contextlib.ExitStack() as stack:
            errors = stack.enter_context(open(log, 'w', encoding='utf8'))
            processes = []
            for job in jobs:
                process = stack.enter_context(subprocess.Popen(
                    [self.python, os.path.join(HERE, 'peer.py'), json.dumps(job)], env=self.environment, text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors))
                stack.callback(process.kill)
                processes.append(process)

            def answers():
                lines = [process.stdout.readline() for process in processes]
                if not all(lines):
                    with open(log, encoding='utf8') as file:
                        raise Skipped(last_line(file.read()))
                return [json.loads(line) for line in lines]

            if what == 'pass':
                answers()
                for process in processes:
                    process.stdin.write(f'go {seconds}\n')
                    process.stdin.flush()
            results = answers()
        combine = {'texts_per_second': sum, 'passes': min, 'memory_mib': max}
        return {key: combine[key](result[key] for result in results) if key in combine else value for key, value in results[0].items()}


@contextlib.contextmanager
def copies(file, n, folder):
    """n equal models, as files of their own; neither engine then shares anything of them (tried: other weights in each need the
    same memory and time)."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    stem, ending = os.path.splitext(file)
    made = []
    for i in range(n):
        made.append(os.path.join(folder, f'{i}{ending}'))
        shutil.copyfile(file, made[-1])
        if ending == '.xml':
            shutil.copyfile(f'{stem}.bin', os.path.join(folder, f'{i}.bin'))
    try:
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)
