#!/usr/bin/env python3
"""Groups of public sets: our trainer beside the reference trainer, and one joint model beside the single ones.

usage: measure.py --shared FOLDER --reference-python PYTHON [--polytask BINARY] [--work FOLDER] [--group seven|others]
                  [--seeds 1 2 3] [--what reference single joint] [--sets NAME...] [--threads N] [--device cpu|cuda]

The reference trainer knows the first group only. Every measurement is one line of WORK/results.jsonl; what is there is not measured again, so an interrupted run goes on.
`summary.py` makes the table. FOLDER holds data/, models/ and
reference/finetune.py as benchmarks/README.md describes them. Each set is cut to the first 3,000 training rows after a shuffle with the seed, the same rows for both trainers.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import time

from sets import GROUPS, KINDS, METRICS, load

MAX_TRAIN = 3000
EPOCHS, LEARNING_RATE, BATCH = 6, 2e-4, 32  # of both trainers; our defaults, but for the batch, which we count in tokens

cli = argparse.ArgumentParser()
cli.add_argument('--shared', required=True)
cli.add_argument('--reference-python', default=sys.executable)
cli.add_argument('--polytask', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../bin/polytask'))
cli.add_argument('--work', default='.accuracy')
cli.add_argument('--seeds', type=int, nargs='+', default=[1, 2, 3])
cli.add_argument('--what', nargs='+', choices=['reference', 'single', 'joint'], default=['reference', 'single', 'joint'])
cli.add_argument('--group', choices=list(GROUPS), default='seven')
cli.add_argument('--sets', nargs='+', help='of the group; all of them')
cli.add_argument('--device', default='cpu')
cli.add_argument('--threads', type=int, default=os.cpu_count())
options = cli.parse_args()
polytask = os.path.abspath(options.polytask)
shared = os.path.abspath(options.shared)


def write_rows(path, kind, rows):
    with open(path, 'w', encoding='utf8') as file:
        for row in rows:
            file.write(''.join(row) + '\n' if kind == 'tagging' else json.dumps(row, ensure_ascii=False) + '\n')


def project(seed):
    """Writes the project of one seed once; returns its file."""
    folder = os.path.join(options.work, f'{options.group}-{seed}')
    file = os.path.join(folder, 'polytask.yaml')
    if os.path.exists(file):
        return file
    os.makedirs(folder, exist_ok=True)
    datasets, tasks = [], []
    for name in GROUPS[options.group]:
        kind = KINDS[name]
        train, test = load(os.path.join(shared, 'data'), name)
        random.Random(seed).shuffle(train)
        train = train[:MAX_TRAIN]
        ending = 'conll' if kind == 'tagging' else 'jsonl'
        write_rows(os.path.join(folder, f'{name}.train.{ending}'), kind, train)
        write_rows(os.path.join(folder, f'{name}.test.{ending}'), kind, test)
        datasets.append(f'  {name}: {{train: {name}.train.{ending}, test: {name}.test.{ending}}}\n')
        columns = {'classification': 'text: text, label: label, ', 'multilabel': 'text: text, label: labels, ', 'regression': 'text: [text_a, text_b], label: label, ', 'tagging': ''}[kind]
        labels = ''
        if kind == 'classification' and {r['label'] for r in test} - {r['label'] for r in train}:
            labels = f', labels: {json.dumps(sorted({r["label"] for r in train + test}))}'
        tasks.append(f'  {name}: {{type: {kind}, dataset: {name}, {columns}metric: {METRICS[kind]}{labels}}}\n')
    with open(file + '.part', 'w', encoding='utf8') as out:
        out.write(f'project: accuracy\nencoder: {shared}/models/all-MiniLM-L6-v2\nseed: {seed}\ndatasets:\n{"".join(datasets)}tasks:\n{"".join(tasks)}')
    os.replace(file + '.part', file)
    return file


def train(file, run, *more):
    command = [polytask, 'train', '--project', file, '--run', run, '--resume', '--output', 'json', '--threads', str(options.threads), '--device', options.device, *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f'{" ".join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}')
    return json.loads(done.stdout)


def measure(what, seed, name):
    """{set: score} and the speed."""
    if what == 'reference':
        command = [options.reference_python, os.path.join(shared, 'reference/finetune.py'), '--set', name, '--epochs', str(EPOCHS), '--lr', str(LEARNING_RATE), '--seed', str(seed),
                   '--max-train', str(MAX_TRAIN), '--threads', str(options.threads)]
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
        return {name: result[METRICS[KINDS[name]]]}, result['tokens_per_second']
    if what == 'single':
        result = train(project(seed), f'single-{name}', '--only', name, '--set', f'train.epochs={EPOCHS}', '--set', f'train.learning_rate={LEARNING_RATE}', '--set', f'train.batch_size={BATCH}')
    else:
        result = train(project(seed), 'joint')
    return {task: score['value'] for task, score in result['tasks'].items()}, result['tokens_per_second']


os.makedirs(options.work, exist_ok=True)
results = os.path.join(options.work, 'results.jsonl')
done = {(r['what'], r['seed'], r['set']) for r in map(json.loads, open(results, encoding='utf8'))} if os.path.exists(results) else set()
for seed in options.seeds:
    for what in options.what:
        for name in [options.group] if what == 'joint' else options.sets or GROUPS[options.group]:
            if (what, seed, name) in done:
                continue
            started = time.time()
            scores, speed = measure(what, seed, name)
            with open(results, 'a', encoding='utf8') as out:
                out.write(json.dumps({'what': what, 'seed': seed, 'set': name, 'scores': scores, 'tokens_per_second': round(speed), 'seconds': round(time.time() - started), 'threads': options.threads}) + '\n')
            print(what, seed, name, {k: round(v, 4) for k, v in scores.items()}, f'{speed:.0f} tokens/s', flush=True)
