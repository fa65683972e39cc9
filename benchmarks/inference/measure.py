#!/usr/bin/env python3
"""Our engine beside ONNX Runtime and OpenVINO, in turn, on the same texts with the same model.

usage: measure.py --encoder FOLDER [--polytask BINARY] [--work FOLDER] [--python PYTHON] [--name NAME] [--threads N]
                  [--texts N] [--rounds R] [--seconds S] [--keep K] [--what mean first eight single start]

FOLDER is a BERT encoder in Hugging Face layout. Without --python the peers are installed into WORK/venv, pinned in
requirements.txt; where that does not work, one line says so and the exit code is 0.

Every configuration of a peer is tried once; the K best of each precision are measured, each once a round, in turn with ours
and in another order each round. Every measurement is one line of results/NAME.jsonl; a run begins with a line about the machine.
`summary.py` makes the table. README.md, one folder up, says what is compared and what is not.
"""
import argparse
import datetime
import hashlib
import json
import math
import os
import platform
import re
import shutil

import peers
import summary
from ours import Ours
from peers import Peers, Skipped

HERE = os.path.dirname(os.path.abspath(__file__))
PRECISIONS = ('f32', 'bf16', 'int8')
TOLERANCE = 1e-3  # of a probability, both sides in float32


def read_options():
    cli = argparse.ArgumentParser(usage=__doc__[__doc__.index('usage:') + 7:])
    cli.add_argument('--encoder', required=True)
    cli.add_argument('--polytask', default=os.path.join(HERE, '../../bin/polytask'))
    cli.add_argument('--work', default='.inference')
    cli.add_argument('--python')
    cli.add_argument('--name')
    cli.add_argument('--threads', type=int, default=2)
    cli.add_argument('--texts', type=int, default=1024)
    cli.add_argument('--rounds', type=int, default=5)
    cli.add_argument('--seconds', type=float, default=6)
    cli.add_argument('--keep', type=int, default=2)
    workloads = ['mean', 'first', 'eight', 'single', 'start']
    cli.add_argument('--what', nargs='+', choices=workloads, default=workloads)
    options = cli.parse_args()
    options.work, options.polytask, options.encoder = map(os.path.abspath, (options.work, options.polytask, options.encoder))
    if options.texts < 32 * options.threads:
        cli.error(f'--texts is at least 32 x --threads, {32 * options.threads}: every process needs a batch')
    return options


def processor():
    """Name, family and model: the name alone says little on rented machines."""
    with open('/proc/cpuinfo', encoding='utf8') as file:
        found = dict(re.findall(r'^(model name|cpu family|model)\s*: (.*)$', file.read(), re.MULTILINE))
    return f'{found.get("model name", platform.machine())} (family {found.get("cpu family")}, model {found.get("model")})'


def sha256(*paths):
    digest = hashlib.sha256()
    for path in paths:
        with open(path, 'rb') as file:
            digest.update(file.read())
    return digest.hexdigest()


def commit():
    done = peers.run(['git', '-C', HERE, 'rev-parse', 'HEAD'])
    return done.stdout.strip() or None


class Results:
    """Lines of one file; every line names the run."""

    def __init__(self, name):
        folder = os.path.join(HERE, 'results')
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, name + '.jsonl')
        self.run = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')

    def add(self, **line):
        rounded = {key: float(f'{value:.5g}') if isinstance(value, float) else value for key, value in line.items()}
        with open(self.path, 'a', encoding='utf8') as file:
            file.write(json.dumps({'run': self.run, **rounded}) + '\n')


class Measurement:
    def __init__(self, options, side, ours, results):
        self.options, self.peers, self.ours, self.results = options, side, ours, results
        self.texts = lambda name, ending: os.path.join(options.work, 'texts', f'{name}.{ending}')
        self.models = {}   # run: folder of exports
        self.chosen = {}   # (system, precision): configurations, the best first

    def file(self, run, configuration):
        return os.path.join(self.models[run], configuration.file)

    # What has to be there before anything is measured.

    def prepare(self):
        print('texts, three runs of some steps, and their exports; minutes', flush=True)
        counts = json.loads(self.peers.script('texts.py', self.options.encoder, os.path.join(self.options.work, 'texts'), self.options.texts))
        self.ours.train(self.options.encoder, self.texts('train', 'jsonl'), self.options.threads)
        for run in ('mean', 'first'):
            self.models[run] = self.export(run)
        return counts

    def export(self, run):
        """Kept for later runs under a hash of all that it depends on."""
        model = self.ours.model(run)
        files = [os.path.join(folder, name) for folder, _, names in sorted(os.walk(model)) for name in sorted(names)]
        key = sha256(*files, os.path.join(HERE, 'exports.py'), self.texts('calibration', 'npz'))
        versions = hashlib.sha256(json.dumps(self.peers.versions()).encode()).hexdigest()
        folder = os.path.join(self.options.work, 'models', key[:12] + versions[:4])
        if not os.path.exists(folder):
            part = folder + '.part'
            shutil.rmtree(part, ignore_errors=True)
            said = self.peers.script('exports.py', model, part, self.texts('calibration', 'npz'))
            print(''.join(line for line in said.splitlines(True) if line.startswith('note: ')), end='', flush=True)
            os.rename(part, folder)
        return folder

    def check(self, counts):
        """Stops where the two sides do not give the same answers from the same tokens."""
        row = self.ours.bench('mean', 'f32', self.texts('singles', 'jsonl'), self.options.threads, 0.1)
        ours = row['tokens_per_second'] / row['texts_per_second'] * counts['singles']['texts']
        if abs(ours - counts['singles']['tokens']) > 0.5:
            raise SystemExit(f'error: we read {ours:.0f} tokens, the peers {counts["singles"]["tokens"]}')
        for run in ('mean', 'first'):
            self.check_answers(run)

    def check_answers(self, run):
        folder, = os.scandir(os.path.join(self.ours.model(run), 'tasks'))
        with open(os.path.join(folder.path, 'task.json'), encoding='utf8') as file:
            task = json.load(file)

        def probabilities(configuration):
            logits = self.peers.measure('logits', configuration, [self.file(run, configuration)], self.texts('singles', 'npz'))['logits']
            return [dict(zip(task['labels'], softmax(row, task['temperature']))) for row in logits]

        def answers(rows):
            return [(max(row, key=row.get), max(row.values())) for row in rows]

        forms = {(c.system, c.precision, str(c)): c for c in peers.for_one_text(self.options.threads)}
        exact = probabilities(next(iter(forms.values())))
        scores = [score for _, score in answers(exact)]
        if max(scores) - min(scores) < 0.05:
            raise SystemExit('error: the model answers all texts alike; their agreement would show nothing')
        said = {('polytask', precision, ''): [(a['label'], a['score']) for a in
                                              self.ours.predict(run, precision, self.texts('singles', 'jsonl'), self.options.threads)]
                for precision in PRECISIONS}
        for key, configuration in forms.items():
            try:
                said[key] = answers(probabilities(configuration))
            except Skipped as reason:
                print(f'skipped: {key}: {reason}', flush=True)
        for (system, precision, configuration), rows in said.items():
            largest = max(abs(score - row[label]) for (label, score), row in zip(rows, exact))
            others = sum(label != max(row, key=row.get) for (label, _), row in zip(rows, exact))
            self.results.add(check=run, system=system, precision=precision, configuration=configuration, texts=len(rows),
                             largest_difference=largest, other_labels=others)
            if precision == 'f32' and largest > TOLERANCE:
                raise SystemExit(f'error: {system} {configuration} differs from ONNX Runtime by {largest:.2g} in a probability of `{run}`')

    # One measurement each.

    def ours_of(self, workload, precision, threads=None):
        threads = threads or self.options.threads
        if workload == 'start':
            with open(self.texts('singles', 'jsonl'), encoding='utf8') as file:
                text = json.loads(file.readline())['text']
            return {'start_ms': self.ours.start_ms(precision, text, threads)}
        run, texts, seconds = {'mean': ('mean', 'all', self.options.seconds), 'first': ('first', 'all', self.options.seconds),
                               'eight': ('eight', 'eight', self.options.seconds), 'single': ('mean', 'singles', 0.1)}[workload]
        row = self.ours.bench(run, precision, self.texts(texts, 'jsonl'), threads, seconds)
        kept = ('p50_ms', 'p95_ms', 'p99_ms', 'load_seconds') if workload == 'single' else ('texts_per_second', 'share_of_peak')
        return {key: row[key] for key in (*kept, 'memory_mib')}

    def peer_of(self, workload, configuration, seconds=None):
        what = {'single': 'singles', 'start': 'start'}.get(workload, 'pass')
        texts = {'single': 'singles', 'start': 'singles', 'eight': 'eight'}.get(workload, 'all')
        file = self.file('first' if workload == 'first' else 'mean', configuration)
        seconds = seconds or self.options.seconds
        if workload != 'eight':
            return self.peers.measure(what, configuration, [file], self.texts(texts, 'npz'), seconds)
        with peers.copies(file, 8, os.path.join(self.options.work, 'copies')) as files:
            return self.peers.measure(what, configuration, files, self.texts(texts, 'npz'), seconds)

    def record(self, measure, **line):
        """Measures and writes; what cannot be measured is written, too. Returns the line."""
        try:
            line.update(measure())
        except Skipped as reason:
            line['skipped'] = str(reason)
        self.results.add(**line)
        turn = f'round {line["round"]}' if line['round'] else 'trial'
        shown = next((f'{line[key]:.4g} {unit}' for key, unit in (('texts_per_second', 'texts/s'), ('p50_ms', 'ms'), ('start_ms', 'ms'))
                      if key in line), f'skipped: {line.get("skipped")}')
        print(f'{turn} {line["workload"]} {line["precision"]} {line["system"]}: {shown}  {line["configuration"]}', flush=True)
        return line

    def tune(self):
        """Finds the configurations worth measuring, with the throughput of one model; the same then serve in all passes."""
        tried = {}
        for configuration in peers.for_many_texts(self.options.threads):
            line = self.record(lambda: self.peer_of('mean', configuration, self.options.seconds / 4), round=0, workload='mean',
                               precision=configuration.precision, threads=self.options.threads, system=configuration.system, configuration=str(configuration))
            tried.setdefault((configuration.system, configuration.precision), []).append((line.get('texts_per_second', 0), configuration))
        for key, found in tried.items():
            found.sort(key=lambda rate_and_configuration: -rate_and_configuration[0])
            self.chosen[key] = [configuration for rate, configuration in found[:self.options.keep] if rate > 0]

    def cases(self):
        """Lists of what is compared with one another: (line, how to measure it)."""
        def case(workload, precision, configurations, threads=None):
            about = {'workload': workload, 'precision': precision, 'threads': threads or self.options.threads}
            yield ({**about, 'system': 'polytask', 'configuration': ''}, lambda: self.ours_of(workload, precision, threads))
            for c in configurations:
                yield ({**about, 'system': c.system, 'configuration': str(c)}, lambda c=c: self.peer_of(workload, c))

        def of(precision, configurations):
            return [c for c in configurations if c.precision == precision]

        for workload in ('mean', 'first', 'eight'):
            for precision in PRECISIONS:
                kept = [c for system in ('onnxruntime', 'openvino')
                        for c in self.chosen.get((system, precision), [])[:1 if workload == 'eight' else None]]
                yield list(case(workload, precision, kept))
        for threads in sorted({1, self.options.threads}, reverse=True):
            for precision in PRECISIONS:
                yield list(case('single', precision, of(precision, peers.for_one_text(threads)), threads))
        for precision in PRECISIONS:
            yield list(case('start', precision, of(precision, peers.for_a_start(self.options.threads))))

    def measure(self):
        if {'mean', 'first', 'eight'} & set(self.options.what):
            self.tune()
        if 'start' in self.options.what:
            for configuration in peers.for_a_start(self.options.threads):
                if configuration.cached:  # fills the cache
                    self.peer_of('start', configuration)
        for turn in range(1, self.options.rounds + 1):
            for case in self.cases():
                if case[0][0]['workload'] not in self.options.what:
                    continue
                first = turn % len(case)
                for line, measure in case[first:] + case[:first]:
                    self.record(measure, round=turn, **line)


def softmax(logits, temperature):
    highest = max(logits)
    shares = [math.exp((x - highest) / temperature) for x in logits]
    return [share / sum(shares) for share in shares]


def main():
    options = read_options()
    os.makedirs(options.work, exist_ok=True)
    load = os.getloadavg()[0]
    try:
        side = Peers(options.python or peers.make_python(options.work), options.work)
        versions = side.versions()
    except Skipped as reason:
        print(f'skipped: {reason}')
        return
    if not os.access(options.polytask, os.X_OK):
        raise SystemExit(f'error: {options.polytask} is not a program; ./run builds one, --polytask names another')
    binary = sha256(options.polytask)
    ours = Ours(options.polytask, os.path.join(options.work, 'project'))
    results = Results(options.name or re.sub(r'[^a-z0-9]+', '-', processor().lower()).strip('-'))
    measurement = Measurement(options, side, ours, results)
    counts = measurement.prepare()
    results.add(about={
        'processor': processor(), 'cores': os.cpu_count(), 'instructions': ours.instructions(measurement.texts('singles', 'jsonl')),
        'load_before': round(load, 2), 'system': platform.platform(), 'python': platform.python_version(),
        'polytask': peers.run([options.polytask, '--version']).stdout.strip(), 'commit': commit(), 'binary': binary[:16],
        'versions': versions, 'encoder': os.path.basename(options.encoder), 'threads': options.threads, 'texts': counts,
        'rounds': options.rounds, 'seconds': options.seconds})
    if load > 0.5:
        print(f'warning: the load of this machine was {load:.1f} before: other work makes these numbers worthless', flush=True)
    measurement.check(counts)
    measurement.measure()
    if sha256(options.polytask) != binary:
        raise SystemExit(f'error: {options.polytask} was replaced while it was measured')
    summary.print_tables([results.path], results.run)


if __name__ == '__main__':
    main()
