#!/usr/bin/env python3
"""Our training beside PyTorch with Hugging Face's BertModel, in turn, on the same texts from the same encoder.

usage: measure.py --encoder FOLDER --python PYTHON [--polytask BINARY] [--work FOLDER] [--name NAME] [--threads N] [--rounds R]
                  [--seconds S] [--texts N] [--what mean first plain five eight] [--all-peers]

FOLDER is a BERT encoder in Hugging Face layout, PYTHON an interpreter with torch and transformers; where it has none, one line says so
and the exit code is 0. Every measurement is one line of results/NAME.jsonl; the table is printed at the end. README.md, one folder
up, says what is compared and what is not.
"""
import argparse
import ctypes.util
import datetime
import importlib.util
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH = 32
WORKLOADS = ['mean', 'first', 'plain', 'five', 'eight']  # plain: mean, without dropout on either side
# The peer's configurations, the best that were found: batches of texts of one length, the fused optimizer. With --all-peers also texts of
# any length, and the library's own Trainer, which groups by length too. The best of them counts.
PEERS = {'f32': ['sorted,fused'], 'bf16': ['sorted,fused,bf16']}
UNSORTED = {'f32': 'fused', 'bf16': 'fused,bf16'}
TRAINER = {'f32': 'trainer,fused', 'bf16': 'trainer,fused,bf16'}  # beside `first`, which is what its classifier pools

cli = argparse.ArgumentParser(usage=__doc__[__doc__.index('usage:') + 7:])
cli.add_argument('--encoder', required=True)
cli.add_argument('--python', required=True)
cli.add_argument('--polytask', default=os.path.join(HERE, '../../bin/polytask'))
cli.add_argument('--work', default='.training')
cli.add_argument('--name')
cli.add_argument('--threads', type=int, default=os.cpu_count())
cli.add_argument('--rounds', type=int, default=3)
cli.add_argument('--seconds', type=float, default=20)
cli.add_argument('--texts', type=int, default=2048)
cli.add_argument('--all-peers', action='store_true')
cli.add_argument('--what', nargs='+', choices=WORKLOADS, default=WORKLOADS)
options = cli.parse_args()
options.encoder, options.polytask, options.work = map(os.path.abspath, (options.encoder, options.polytask, options.work))


def run(*command, **environment):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
    if done.returncode:
        raise SystemExit(f'{" ".join(map(str, command))}: exit {done.returncode}\n{done.stderr[-2000:]}')
    return done.stdout


def write_rows():
    """Texts of made-up words, as those that answers are measured on; eight labels a row that its first word decides."""
    code = ('import sys, json; sys.path.insert(0, sys.argv[1]); import texts; texts.N_TRAIN = int(sys.argv[4]); texts.main(sys.argv[2], sys.argv[3], 64)')
    run(options.python, '-c', code, os.path.join(HERE, '../inference'), options.encoder, os.path.join(options.work, 'texts'), options.texts)
    return os.path.join(options.work, 'texts', 'train.jsonl')


def write_project(rows, n_datasets=0):
    """The project file, and its first task. With `n_datasets`, the rows are dealt out to as many, each with a task of its own."""
    folder = os.path.join(options.work, f'project-{n_datasets}')
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(rows, encoding='utf8') as file:
        lines = file.readlines()
    labels = [column for column in json.loads(lines[0]) if column != 'text']
    datasets, tasks = {'texts': {'train': rows}}, {f'of_{label}': ('texts', label) for label in labels}
    if n_datasets:
        datasets, tasks = {}, {}
        for i in range(n_datasets):
            datasets[f'texts_{i}'] = {'train': os.path.join(folder, f'{i}.jsonl')}
            tasks[f'of_{labels[i]}'] = (f'texts_{i}', labels[i])
            with open(datasets[f'texts_{i}']['train'], 'w', encoding='utf8') as out:
                out.writelines(lines[i::n_datasets])
    file = os.path.join(folder, 'polytask.yaml')
    with open(file, 'w', encoding='utf8') as out:  # JSON is YAML
        json.dump({'project': 'training', 'encoder': options.encoder, 'datasets': datasets,
                   'tasks': {task: {'type': 'classification', 'dataset': dataset, 'text': 'text', 'label': label} for task, (dataset, label) in tasks.items()},
                   'train': {'batch_size': BATCH}}, out)
    return file, next(iter(tasks))


class Bench:
    def __init__(self, rows):
        self.rows = rows
        self.project, self.task = write_project(rows)
        self.of_five, _ = write_project(rows, 5)
        tcmalloc = ctypes.util.find_library('tcmalloc_minimal') or ctypes.util.find_library('tcmalloc')
        self.allocators = {'glibc': {}, **({'tcmalloc': {'LD_PRELOAD': tcmalloc}} if tcmalloc else {})}
        self.epochs = {}  # by workload and precision: as many as fill the seconds

    def ours(self, workload, precision, workers=1):
        epochs = self.epochs.get((workload, precision, workers), 0.25)
        more = [] if workload in ('eight', 'five') else ['--only', self.task]
        project = self.of_five if workload == 'five' else self.project
        threads = max(1, options.threads // workers)
        said = run('/usr/bin/env', 'python3', '-c', 'import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode; '
                   'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024); sys.exit(code)',
                   options.polytask, 'train', '--project', project, '--run', 'measured', '--threads', threads, '--workers', workers, '--output', 'json', *more,
                   '--set', f'train.epochs={epochs}', '--set', f'train.pooling={"first" if workload == "first" else "mean"}', '--set', f'train.precision={precision}',
                   *(['--set', 'train.dropout=0', '--set', 'train.head_dropout=0'] if workload == 'plain' else []))
        shutil.rmtree(os.path.join(os.path.dirname(project), '.polytask'))
        answer, end = json.JSONDecoder().raw_decode(said)
        if (workload, precision, workers) not in self.epochs:  # a first look, which also warms up
            self.epochs[workload, precision, workers] = max(0.25, round(epochs * options.seconds / max(answer['seconds'], 0.1), 2))
            return self.ours(workload, precision, workers)
        return {'tokens_per_second': answer['tokens_per_second'], 'memory_mib': float(said[end:])}

    def peer(self, workload, words, allocator):
        return json.loads(run(options.python, os.path.join(HERE, 'peer.py'), options.encoder, self.rows, workload, words, options.threads, BATCH, options.seconds,
                              **self.allocators[allocator]))


def processor():
    with open('/proc/cpuinfo', encoding='utf8') as file:
        found = dict(re.findall(r'^(model name|cpu family|model)\s*: (.*)$', file.read(), re.MULTILINE))
    return f'{found.get("model name", platform.machine())} (family {found.get("cpu family")}, model {found.get("model")})'


def print_table(lines):
    together = [(line, other) for line in lines if 'workers' in line for other in lines
                if 'workers' not in other and all(other.get(key) == line.get(key) for key in ('round', 'workload', 'system', 'precision'))]
    if together:
        ratios = sorted(line['tokens_per_second'] / other['tokens_per_second'] for line, other in together)
        print(f'\n{together[0][0]["workers"]} processes of one thread: {statistics.median(ratios):.2f} times one process of as many threads ({ratios[0]:.2f}-{ratios[-1]:.2f})')
    print('\n| workload | precision | Polytask, tokens/s | peer, tokens/s | best of the peer | times better | peak memory, MiB |\n|---|---|---|---|---|---|---|')
    for workload in options.what:
        for precision in PEERS:
            ours = [line for line in lines if (line['workload'], line['system'], line['precision']) == (workload, 'polytask', precision) and 'workers' not in line]
            peers = {}
            for line in lines:
                if line['workload'] == workload and line['system'] == 'peer' and line['precision'] == precision:
                    peers.setdefault(line['configuration'], []).append(line)
            speed = lambda found: statistics.median(line['tokens_per_second'] for line in found)
            best = max(peers, key=lambda name: speed(peers[name]))
            ratios = sorted(a['tokens_per_second'] / b['tokens_per_second'] for a, b in zip(ours, peers[best]))
            memory = lambda found: statistics.median(line['memory_mib'] for line in found)
            if not ours:
                continue
            print(f'| {workload} | {precision} | {speed(ours):,.0f} | {speed(peers[best]):,.0f} | {best} | '
                  f'**{statistics.median(ratios):.2f}** ({ratios[0]:.2f}-{ratios[-1]:.2f}) | {memory(ours):.0f} / {memory(peers[best]):.0f} |')


def main():
    os.makedirs(options.work, exist_ok=True)
    if subprocess.run([options.python, '-c', 'import torch, transformers'], stderr=subprocess.DEVNULL).returncode:
        print(f'skipped: {options.python} has no torch and transformers to compare with')
        return
    load = os.getloadavg()[0]
    bench = Bench(write_rows())
    name = options.name or re.sub(r'[^a-z0-9]+', '-', processor().lower()).strip('-')
    path = os.path.join(HERE, 'results', name + '.jsonl')
    os.makedirs(os.path.dirname(path), exist_ok=True)
    started = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
    lines = []

    def record(**line):
        line = {'run': started, **{key: float(f'{value:.5g}') if isinstance(value, float) else value for key, value in line.items()}}
        with open(path, 'a', encoding='utf8') as out:
            out.write(json.dumps(line) + '\n')
        if 'workload' in line:
            lines.append(line)
            print(f'round {line["round"]} {line["workload"]} {line["system"]} {line["precision"]} {line.get("configuration", "")}{line.get("workers", "")}: {line["tokens_per_second"]:,.0f} tokens/s', flush=True)

    commit = subprocess.run(['git', '-C', HERE, 'rev-parse', 'HEAD'], stdout=subprocess.PIPE, text=True).stdout.strip()
    record(about={'processor': processor(), 'threads': options.threads, 'load_before': round(load, 2), 'system': platform.platform(), 'commit': commit, 'texts': options.texts,
                  'batch': BATCH, 'seconds': options.seconds, 'encoder': os.path.basename(options.encoder), 'polytask': run(options.polytask, '--version').strip()})
    if load > 0.5:
        print(f'warning: the load of this machine was {load:.1f} before: other work makes these numbers worthless', flush=True)
    can_bf16 = 'avx512_bf16' in open('/proc/cpuinfo', encoding='utf8').read()
    for turn in range(1, options.rounds + 1):
        for workload in options.what:
            for precision, configurations in PEERS.items():
                if precision == 'f32' or can_bf16:
                    record(round=turn, workload=workload, system='polytask', precision=precision, **bench.ours(workload, precision))
                if precision == 'f32' and workload == 'mean' and options.threads > 1:
                    record(round=turn, workload=workload, system='polytask', precision=precision, workers=options.threads,
                           **bench.ours(workload, precision, options.threads))
                more = [UNSORTED[precision], *([TRAINER[precision]] if workload == 'first' else [])] if options.all_peers else []
                for words in [*configurations, *more]:
                    for allocator in bench.allocators:
                        record(round=turn, workload=workload, system='peer', precision=precision, configuration=f'{words}, {allocator}',
                               **bench.peer(workload, words, allocator))
    print_table(lines)


if __name__ == '__main__':
    sys.exit(main())
