#!/usr/bin/env python3
"""What int8 costs a trained joint model: four public sets, each task's test score in every precision and as `quantize` made it.

usage: quantized.py --shared FOLDER [--polytask BINARY] [--work FOLDER] [--seeds 1 2 3] [--threads N] [--max-drop POINTS]

FOLDER holds data/ and models/ as benchmarks/README.md describes them. For each seed the first 3,000 rows of every set, after a
shuffle with the seed, are trained on with the defaults; 15 % of them are dev, on which `quantize` decides. Every measurement is
one line of WORK/quantized.jsonl; a seed that is there is not measured again.
"""
import argparse
import json
import os
import random
import statistics
import subprocess

from sets import KINDS, METRICS, load

SETS = ('banking77', 'clinc150', 'wnut17', 'stsb_ccbysa')
MAX_TRAIN = 3000
PRECISIONS = ('f32', 'bf16', 'int8')

cli = argparse.ArgumentParser(usage=__doc__[__doc__.index('usage:') + 7:])
cli.add_argument('--shared', required=True)
cli.add_argument('--polytask', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../bin/polytask'))
cli.add_argument('--work', default='.accuracy')
cli.add_argument('--seeds', type=int, nargs='+', default=[1, 2, 3])
cli.add_argument('--threads', type=int, default=os.cpu_count())
cli.add_argument('--max-drop', default='0.5')
options = cli.parse_args()
shared = os.path.abspath(options.shared)
polytask = os.path.abspath(options.polytask)


def write_rows(path, rows, is_tagging):
    with open(path, 'w', encoding='utf8') as file:
        for row in rows:
            file.write(''.join(row) + '\n' if is_tagging else json.dumps(row, ensure_ascii=False) + '\n')


def project(seed):
    folder = os.path.join(options.work, f'quantized-{seed}')
    os.makedirs(folder, exist_ok=True)
    datasets, tasks = {}, {}
    for name in SETS:
        kind = KINDS[name]
        train, test = load(os.path.join(shared, 'data'), name)
        random.Random(seed).shuffle(train)
        files = {split: f'{name}.{split}.{"conll" if kind == "tagging" else "jsonl"}' for split in ('train', 'test')}
        for split, rows in (('train', train[:MAX_TRAIN]), ('test', test)):
            write_rows(os.path.join(folder, files[split]), rows, kind == 'tagging')
        datasets[name] = {**files, 'split': {'dev': 0.15}}
        tasks[name] = {'type': kind, 'dataset': name, 'metric': METRICS[kind]}
        if kind == 'classification':
            tasks[name].update(text='text', label='label', labels=sorted({row['label'] for row in train + test}))
        if kind == 'regression':
            tasks[name].update(text=['text_a', 'text_b'], label='label')
    file = os.path.join(folder, 'polytask.yaml')
    with open(file, 'w', encoding='utf8') as out:  # JSON is YAML
        json.dump({'project': 'quantized', 'encoder': f'{shared}/models/all-MiniLM-L6-v2', 'seed': seed, 'datasets': datasets, 'tasks': tasks}, out)
    return file


def run(*command, allowed=(0,)):
    done = subprocess.run([polytask, *command, '--output', 'json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode not in allowed:
        raise SystemExit(f'polytask {" ".join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}')
    return json.loads(done.stdout)


def measure(seed):
    file = project(seed)
    threads = ('--threads', str(options.threads))
    run('train', '--project', file, '--run', 'joint', '--resume', *threads)
    folder = os.path.join(os.path.dirname(file), 'package')
    run('package', '--project', file, '--run', 'joint', '--to', folder)
    quantized = folder + '-int8'
    plan = run('quantize', '--project', file, '--package', folder, '--to', quantized, '--max-drop', options.max_drop, *threads, allowed=(0, 4))
    scores = {precision: run('evaluate', '--project', file, '--package', folder, '--split', 'test', '--precision', precision, *threads)['tasks'] for precision in PRECISIONS}
    if plan['package']:
        scores['quantized'] = run('evaluate', '--project', file, '--package', quantized, '--split', 'test', *threads)['tasks']
    return {'seed': seed, 'max_drop': float(options.max_drop), 'kept_in_bf16': len(plan['higher']), 'allowed': plan['package'] is not None, 'dev': plan['losses'],
            'test': {task: {form: found[task]['value'] for form, found in scores.items()} for task in SETS}, 'test_rows': {task: scores['f32'][task]['n'] for task in SETS}}


def table(lines):
    forms = [form for form in (*PRECISIONS[1:], 'quantized') if all(form in line['test'][task] for line in lines for task in SETS)]
    print(f'\n| task | test rows | f32 | {" | ".join(f"{form}: points" for form in forms)} |\n|---|---|---|{"---|" * len(forms)}')
    for task in SETS:
        exact = statistics.mean(line['test'][task]['f32'] for line in lines)
        cells = []
        for form in forms:
            points = [100 * (line['test'][task][form] - line['test'][task]['f32']) for line in lines]
            cells.append(f'{statistics.mean(points):+.2f} ({min(points):+.2f} to {max(points):+.2f})')
        print(f'| {task} | {lines[0]["test_rows"][task]} | {exact:.4f} | {" | ".join(cells)} |')
    print(f'\nlayer groups that `quantize` kept in bf16: {", ".join(str(line["kept_in_bf16"]) for line in lines)}; seeds {", ".join(str(line["seed"]) for line in lines)}')


results = os.path.join(options.work, 'quantized.jsonl')
os.makedirs(options.work, exist_ok=True)
lines = {line['seed']: line for line in map(json.loads, open(results, encoding='utf8'))} if os.path.exists(results) else {}
for seed in options.seeds:
    if seed not in lines:
        lines[seed] = measure(seed)
        with open(results, 'a', encoding='utf8') as out:
            out.write(json.dumps(lines[seed]) + '\n')
table([lines[seed] for seed in options.seeds])
