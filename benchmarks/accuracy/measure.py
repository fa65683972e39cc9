#!/usr/bin/env python3
"""Seven public sets: our trainer beside the reference trainer, and one joint model beside seven single ones.

usage: measure.py --shared FOLDER --reference-python PYTHON [--polytask BINARY] [--work FOLDER] [--seeds 1 2 3]
                  [--what reference single joint] [--sets NAME...] [--threads N]

Every measurement is one line of WORK/results.jsonl; what is there is not measured again, so an interrupted run goes on.
`summary.py` makes the table. FOLDER holds data/, models/ and reference/finetune.py as benchmarks/README.md describes
them. Each set is cut to the first 3,000 training rows after a shuffle with the seed, the same rows for both trainers.
"""
import argparse
import csv
import gzip
import io
import json
import os
import random
import subprocess
import sys
import time

from sets import KINDS, METRICS

MAX_TRAIN = 3000
EPOCHS, LEARNING_RATE, BATCH = 6, 2e-4, 32  # of both trainers; our defaults, but for the batch, which we count in tokens

cli = argparse.ArgumentParser()
cli.add_argument('--shared', required=True)
cli.add_argument('--reference-python', default=sys.executable)
cli.add_argument('--polytask', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../bin/polytask'))
cli.add_argument('--work', default='.accuracy')
cli.add_argument('--seeds', type=int, nargs='+', default=[1, 2, 3])
cli.add_argument('--what', nargs='+', choices=['reference', 'single', 'joint'], default=['reference', 'single', 'joint'])
cli.add_argument('--sets', nargs='+', default=list(KINDS))
cli.add_argument('--threads', type=int, default=os.cpu_count())
options = cli.parse_args()
polytask = os.path.abspath(options.polytask)
shared = os.path.abspath(options.shared)


def lines(name, encoding='utf8'):
    return io.TextIOWrapper(gzip.open(os.path.join(shared, 'data', name)), encoding=encoding, errors='replace')


def sentences(name):
    """CoNLL: the lines of one sentence a row."""
    rows, row = [], []
    for line in [*lines(name), '\n']:
        if line.strip():
            word, tag = line.rstrip('\n').split('\t')[:2]
            row.append(f'{word}\t{tag.strip()}\n')
        elif row:
            rows.append(row)
            row = []
    return rows


def load(name):
    """Training and test rows in the order of the files: {text, label}, {text_a, text_b, label} or lines of CoNLL."""
    if name == 'banking77':
        return [[{'text': r['text'], 'label': r['category']} for r in csv.DictReader(lines(f'banking77/{s}.csv.gz'))] for s in ('train', 'test')]
    if name == 'clinc150':
        everything = json.load(lines('clinc150/data_full.json.gz'))
        return [[{'text': text, 'label': label} for text, label in everything[s]] for s in ('train', 'test')]
    if name == 'hwu64':
        rows = [[json.loads(line) for line in lines(f'hwu64/{s}.jsonl.gz')] for s in ('train', 'test')]
        return [[{'text': r.get('text') or r.get('utterance'), 'label': r.get('category') or r.get('label') or r.get('intent')} for r in s] for s in rows]
    if name in ('mr_polarity', 'subj'):
        files = ('rt-polarity.neg.gz', 'rt-polarity.pos.gz') if name == 'mr_polarity' else ('plot.tok.gt9.5000.gz', 'quote.tok.gt9.5000.gz')
        rows = [{'text': line.strip(), 'label': label} for label, file in enumerate(files) for line in lines(f'{name}/{file}', 'latin1')]
        random.Random(0).shuffle(rows)
        n_train = len(rows) * 9 // 10
        return rows[:n_train], rows[n_train:]
    if name == 'stsb_ccbysa':
        rows = [[json.loads(line) for line in lines(f'stsb_ccbysa/{s}.jsonl.gz')] for s in ('train', 'test')]
        return [[{'text_a': r['sentence1'], 'text_b': r['sentence2'], 'label': float(r['score'])} for r in s] for s in rows]
    return sentences('wnut17/wnut17train.conll.gz'), sentences('wnut17/emerging.test.annotated.gz')


def write_rows(path, kind, rows):
    with open(path, 'w', encoding='utf8') as file:
        for row in rows:
            file.write(''.join(row) + '\n' if kind == 'tagging' else json.dumps(row, ensure_ascii=False) + '\n')


def project(seed):
    """Writes the project of one seed once; returns its file."""
    folder = os.path.join(options.work, f'seed-{seed}')
    file = os.path.join(folder, 'polytask.yaml')
    if os.path.exists(file):
        return file
    os.makedirs(folder, exist_ok=True)
    datasets, tasks = [], []
    for name, kind in KINDS.items():
        train, test = load(name)
        random.Random(seed).shuffle(train)
        train = train[:MAX_TRAIN]
        ending = 'conll' if kind == 'tagging' else 'jsonl'
        write_rows(os.path.join(folder, f'{name}.train.{ending}'), kind, train)
        write_rows(os.path.join(folder, f'{name}.test.{ending}'), kind, test)
        datasets.append(f'  {name}: {{train: {name}.train.{ending}, test: {name}.test.{ending}}}\n')
        columns = {'classification': 'text: text, label: label, ', 'regression': 'text: [text_a, text_b], label: label, ', 'tagging': ''}[kind]
        labels = ''
        if kind == 'classification' and {r['label'] for r in test} - {r['label'] for r in train}:
            labels = f', labels: {json.dumps(sorted({r["label"] for r in train + test}))}'
        tasks.append(f'  {name}: {{type: {kind}, dataset: {name}, {columns}metric: {METRICS[kind]}{labels}}}\n')
    with open(file + '.part', 'w', encoding='utf8') as out:
        out.write(f'project: accuracy\nencoder: {shared}/models/all-MiniLM-L6-v2\nseed: {seed}\ndatasets:\n{"".join(datasets)}tasks:\n{"".join(tasks)}')
    os.replace(file + '.part', file)
    return file


def train(file, run, *more):
    command = [polytask, 'train', '--project', file, '--run', run, '--resume', '--output', 'json', '--threads', str(options.threads), *more]
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
        for name in ['all'] if what == 'joint' else options.sets:
            if (what, seed, name) in done:
                continue
            started = time.time()
            scores, speed = measure(what, seed, name)
            with open(results, 'a', encoding='utf8') as out:
                out.write(json.dumps({'what': what, 'seed': seed, 'set': name, 'scores': scores, 'tokens_per_second': round(speed), 'seconds': round(time.time() - started), 'threads': options.threads}) + '\n')
            print(what, seed, name, {k: round(v, 4) for k, v in scores.items()}, f'{speed:.0f} tokens/s', flush=True)
