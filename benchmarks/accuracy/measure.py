#!/usr/bin/env python3
"""Groups of public sets: our trainer beside the reference trainer, and one joint model beside the single ones.

usage: measure.py --shared FOLDER --reference-python PYTHON [--polytask BINARY] [--work FOLDER] [--group seven|others|japanese|english]
                  [--seeds 1 2 3] [--what reference single joint shared own] [--sets NAME...] [--encoder NAME] [--max-train N] [--max-test N] [--dev SHARE]
                  [--set KEY=VALUE...] [--frozen N] [--threads N] [--device cpu|cuda]

`joint` is one model with the defaults, `shared` one without layers of a reading of its own, `own` one whose tasks have as many layers of their own as
each needs, above `--frozen` frozen layers (3). The reference trainer knows the first group only. Every measurement is one line of WORK/results.jsonl; what is there is not measured again, so an interrupted run goes on;
other rows, encoders or settings want a WORK of their own.
`summary.py` makes the table. FOLDER holds data/, models/ and
reference/finetune.py as benchmarks/README.md describes them. Each set is cut to the first 3,000 training rows (--max-train) after a shuffle with the seed, the same rows for both trainers.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import time

from sets import GROUPS, KINDS, load, metric_of

EPOCHS, LEARNING_RATE, BATCH = 6, 2e-4, 32  # of both trainers; our defaults, but for the batch, which we count in tokens

cli = argparse.ArgumentParser()
cli.add_argument('--shared', required=True)
cli.add_argument('--reference-python', default=sys.executable)
cli.add_argument('--polytask', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../bin/polytask'))
cli.add_argument('--work', default='.accuracy')
cli.add_argument('--seeds', type=int, nargs='+', default=[1, 2, 3])
cli.add_argument('--what', nargs='+', choices=['reference', 'single', 'joint', 'shared', 'own'], default=['reference', 'single', 'joint'])
cli.add_argument('--group', choices=list(GROUPS), default='seven')
cli.add_argument('--sets', nargs='+', help='of the group; all of them')
cli.add_argument('--encoder', help='all-MiniLM-L6-v2 of FOLDER')
cli.add_argument('--max-train', type=int, default=3000)
cli.add_argument('--max-test', type=int, help='rows; all of them')
cli.add_argument('--dev', type=float, default=0, help='share of the training rows, which `own` needs')
cli.add_argument('--frozen', type=int, default=3)
cli.add_argument('--set', nargs='*', default=[], help='of our trainings, for example train.precision=auto')
cli.add_argument('--device', default='cpu')
cli.add_argument('--threads', type=int, default=os.cpu_count())
options = cli.parse_args()
JOINT = {'joint': [], 'shared': ['train.architecture=shared'], 'own': ['train.private_layers=auto', f'train.frozen_layers={options.frozen}']}
polytask = os.path.abspath(options.polytask)
shared = os.path.abspath(options.shared)
encoder = options.encoder or os.path.join(shared, 'models/all-MiniLM-L6-v2')
COLUMNS = {'classification': 'text: text, label: label, ', 'pair': 'text: [text_a, text_b], label: label, ', 'multilabel': 'text: text, label: labels, ',
           'regression': 'text: [text_a, text_b], label: label, ', 'tagging': 'text: text, spans: spans, ', 'multiple_choice': 'text: question, choices: choices, label: label, ',
           'span': 'text: [question, context], label: answers, '}


def write_rows(path, rows):
    with open(path, 'w', encoding='utf8') as file:
        for row in rows:
            file.write(''.join(row) + '\n' if isinstance(row, list) else json.dumps(row, ensure_ascii=False) + '\n')


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
        train = train[:options.max_train]
        if options.max_test:  # some are sorted
            random.Random(0).shuffle(test)
            test = test[:options.max_test]
        ending = 'conll' if isinstance(train[0], list) else 'jsonl'
        write_rows(os.path.join(folder, f'{name}.train.{ending}'), train)
        write_rows(os.path.join(folder, f'{name}.test.{ending}'), test)
        dev = f', split: {{dev: {options.dev}}}' if options.dev else ''
        datasets.append(f'  {name}: {{train: {name}.train.{ending}, test: {name}.test.{ending}{dev}}}\n')
        columns = COLUMNS[kind] if ending == 'jsonl' else ''
        labels = ''
        if kind == 'classification' and {r['label'] for r in test} - {r['label'] for r in train}:
            labels = f', labels: {json.dumps(sorted({r["label"] for r in train + test}))}'
        type_ = 'classification' if kind == 'pair' else kind
        tasks.append(f'  {name}: {{type: {type_}, dataset: {name}, {columns}metric: {metric_of(name)}{labels}}}\n')
    with open(file + '.part', 'w', encoding='utf8') as out:
        out.write(f'project: accuracy\nencoder: {encoder}\nseed: {seed}\ndatasets:\n{"".join(datasets)}tasks:\n{"".join(tasks)}')
    os.replace(file + '.part', file)
    return file


def settings(more):
    return [part for value in [*more, *options.set] for part in ('--set', value)]


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
                   '--max-train', str(options.max_train), '--threads', str(options.threads)]
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
        return {name: result[metric_of(name)]}, result['tokens_per_second']
    if what == 'single':
        result = train(project(seed), f'single-{name}', '--only', name, *settings([f'train.epochs={EPOCHS}', f'train.learning_rate={LEARNING_RATE}', f'train.batch_size={BATCH}']))
    else:
        result = train(project(seed), what, *settings(JOINT[what]))
    return {task: score['value'] for task, score in result['tasks'].items()}, result['tokens_per_second']


os.makedirs(options.work, exist_ok=True)
results = os.path.join(options.work, 'results.jsonl')
done = {(r['what'], r['seed'], r['set']) for r in map(json.loads, open(results, encoding='utf8'))} if os.path.exists(results) else set()
for seed in options.seeds:
    for what in options.what:
        for name in [options.group] if what in JOINT else options.sets or GROUPS[options.group]:
            if (what, seed, name) in done:
                continue
            started = time.time()
            scores, speed = measure(what, seed, name)
            with open(results, 'a', encoding='utf8') as out:
                out.write(json.dumps({'what': what, 'seed': seed, 'set': name, 'scores': scores, 'tokens_per_second': round(speed), 'seconds': round(time.time() - started), 'threads': options.threads}) + '\n')
            print(what, seed, name, {k: round(v, 4) for k, v in scores.items()}, f'{speed:.0f} tokens/s', flush=True)
