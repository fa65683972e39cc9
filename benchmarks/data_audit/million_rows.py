#!/usr/bin/env python3
"""How long `polytask validate` takes for a million generated rows, on one core.

usage: million_rows.py [--polytask BINARY] [--encoder FOLDER] [--rows N] [--labels N] [--rounds N]

Rows of about fourteen words from a vocabulary with a long tail; a few words tell the label. One in fifty is a copy, one in fifty a near copy.
"""
import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
cli.add_argument('--polytask', default=os.path.join(ROOT, 'bin/polytask'))
cli.add_argument('--encoder', default=os.path.join(ROOT, 'encoders/small-en-ja'), help='whose tokens say what train.max_length cuts')
cli.add_argument('--rows', type=int, default=1_000_000)
cli.add_argument('--labels', type=int, default=10)
cli.add_argument('--rounds', type=int, default=3)
options = cli.parse_args()
options.polytask, options.encoder = os.path.abspath(options.polytask), os.path.abspath(options.encoder)


def write(folder):
    rng = random.Random(1)
    words = [''.join(rng.choices('abcdefghijklmnopqrstuvwxyz', k=rng.randrange(2, 10))) for _ in range(60_000)]
    weights = [1 / (rank + 5) for rank in range(len(words))]
    bag = rng.choices(words, weights, k=4_000_000)
    text, at = 'none', 0
    with open(os.path.join(folder, 'train.jsonl'), 'w', encoding='utf-8') as train, open(os.path.join(folder, 'test.jsonl'), 'w', encoding='utf-8') as test:
        for row in range(options.rows):
            label = rng.randrange(options.labels)
            kind = rng.random()
            if kind > 0.04:
                n, at = rng.randrange(8, 20), (at + 17) % 3_900_000
                text = ' '.join([*bag[at:at + n], f'about{label}x{rng.randrange(20)}'])
            elif kind > 0.02:
                text += ' too'
            out = test if row % 20 == 0 else train
            out.write(json.dumps({'text': text, 'label': f'label{label}', 'source': rng.choice(('mail', 'chat'))}) + '\n')
    with open(os.path.join(folder, 'polytask.yaml'), 'w', encoding='utf-8') as file:
        json.dump({'project': 'million', 'encoder': options.encoder, 'datasets': {'rows': {'train': 'train.jsonl', 'test': 'test.jsonl', 'split': {'dev': 0.05}}},
                   'tasks': {'label': {'type': 'classification', 'dataset': 'rows', 'text': 'text', 'label': 'label'}}}, file)


def main():
    with tempfile.TemporaryDirectory() as folder:
        write(folder)
        for _ in range(options.rounds):
            started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
            with open(os.path.join(folder, 'out.json'), 'w', encoding='utf-8') as out:
                code = subprocess.call([options.polytask, 'validate', '--threads', '1', '--output', 'json', '--page', 'data.html'], cwd=folder, stdout=out)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if code not in (0, 3):
                sys.exit(f'validate: exit {code}')
            print(f'{options.rows:,} rows, {options.labels} labels: {time.monotonic() - started:.1f} s, '
                  f'{after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.1f} s of processor time, {after.ru_maxrss >> 10} MiB', flush=True)


main()
