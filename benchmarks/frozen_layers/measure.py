#!/usr/bin/env python3
"""What stored states of frozen layers save: a project trained whole, above frozen layers that compute in every step, and above stored states.

usage: measure.py --project FILE [--polytask BINARY] [--layers N] [--threads N] [--set KEY=VALUE ...]

The project names an encoder. The runs are added to it under names that begin with "frozen-layers"; its stored states are removed first.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import time

cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
cli.add_argument('--project', required=True)
cli.add_argument('--polytask', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../bin/polytask'))
cli.add_argument('--layers', type=int, default=4)
cli.add_argument('--threads', type=int, default=os.cpu_count())
cli.add_argument('--set', action='append', default=[], help='of the project file, for all runs')
options = cli.parse_args()
folder = os.path.dirname(os.path.abspath(options.project))


def train(run, *settings):
    """Seconds of the whole command, what it printed as JSON, and its line about frozen layers."""
    shutil.rmtree(os.path.join(folder, '.polytask', 'runs', run), ignore_errors=True)
    command = [options.polytask, 'train', '--project', options.project, '--run', run, '--output', 'json', '--threads', str(options.threads)]
    for setting in [*options.set, *settings]:
        command += ['--set', setting]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f'{" ".join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}')
    said = re.findall(r'^frozen layers: \d+ texts, .*$', done.stderr, re.MULTILINE)
    return time.monotonic() - started, json.loads(done.stdout), said[-1] if said else ''


def step_seconds(run):
    """Median of the time from a step to the next; evaluations stand between two of them now and then."""
    with open(os.path.join(folder, '.polytask', 'runs', run, 'metrics.jsonl'), encoding='utf-8') as file:
        seconds = [line['seconds'] for line in map(json.loads, file) if 'seconds' in line]
    steps = sorted(b - a for a, b in zip(seconds, seconds[1:]))
    return steps[len(steps) // 2]


shutil.rmtree(os.path.join(folder, '.polytask', 'states'), ignore_errors=True)
frozen = f'train.frozen_layers={options.layers}'
print('| training | whole command, s | loop, s | a step, ms | mean test score | |\n|---|---|---|---|---|---|')
for what, run, settings in (('all layers', 'frozen-layers-none', ()),
                            (f'{options.layers} frozen, nothing stored', 'frozen-layers-computed', (frozen, 'train.frozen_states_gb=0')),
                            (f'{options.layers} frozen, empty store', 'frozen-layers-empty', (frozen,)),
                            (f'{options.layers} frozen, full store', 'frozen-layers-full', (frozen,))):
    seconds, result, said = train(run, *settings)
    scores = [score['value'] for score in result['tasks'].values()]
    print(f'| {what} | {seconds:.1f} | {result["seconds"]:.1f} | {1000 * step_seconds(run):.1f} | {sum(scores) / len(scores):.4f} | {said} |', flush=True)
