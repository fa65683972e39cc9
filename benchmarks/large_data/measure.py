#!/usr/bin/env python3
"""How a training begins on a gigabyte of JSONL: reading, tokens, memory, and the second start from stored rows.

usage: measure.py [--polytask BINARY] [--megabytes N] [--threads N] [--folder FOLDER]

Generated rows of 2 to 60 words from a vocabulary with a long tail; a word tells the label. Trains the encoder that comes with the product for
some steps on them three times: the rows are new; the rows are stored; one row of the file has changed.
"""
import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
cli.add_argument('--polytask', default=os.path.join(HERE, '../../bin/polytask'))
cli.add_argument('--encoder', default=os.path.join(HERE, '../../encoders/small-en-ja'))
cli.add_argument('--megabytes', type=int, default=1_000)
cli.add_argument('--threads', type=int, default=1)
cli.add_argument('--steps-seconds', type=float, default=20, help='of training, before it is stopped')
cli.add_argument('--folder', help='where the data is made and kept; none: a temporary one')
options = cli.parse_args()
options.polytask, options.encoder = os.path.abspath(options.polytask), os.path.abspath(options.encoder)


def rows(rng):
    letters = 'etaoinshrdlucmfwypvbgkjqxz'
    words = [''.join(rng.choices(letters, range(26, 0, -1), k=rng.randrange(1, 11))) for _ in range(60_000)]
    bag = rng.choices(words, [1 / (rank + 5) for rank in range(len(words))], k=4_000_000)
    number = 0
    while True:
        label, at, n = rng.randrange(10), rng.randrange(3_900_000), rng.randrange(2, 60)
        number += 1
        yield json.dumps({'id': number, 'text': ' '.join([*bag[at:at + n], f'about{label}']), 'label': f'label{label}'}) + '\n'


def write_project(folder):
    rng = random.Random(1)
    made = rows(rng)
    with open(os.path.join(folder, 'dev.jsonl'), 'w', encoding='utf-8') as file:
        file.writelines(next(made) for _ in range(200))
    path = os.path.join(folder, 'train.jsonl')
    with open(path, 'w', encoding='utf-8') as file:
        n = 0
        while n < options.megabytes * 1_000_000:
            n += file.write(next(made))
    with open(os.path.join(folder, 'polytask.yaml'), 'w', encoding='utf-8') as file:
        json.dump({'project': 'large', 'encoder': options.encoder, 'datasets': {'rows': {'train': 'train.jsonl', 'dev': 'dev.jsonl'}},
                   'tasks': {'label': {'type': 'classification', 'dataset': 'rows', 'text': 'text', 'label': 'label'}}, 'train': {'epochs': 1}}, file)


def change_one_row(folder):
    """In place, in the middle; size and time of the file stay as they were."""
    path = os.path.join(folder, 'train.jsonl')
    status = os.stat(path)
    with open(path, 'r+b') as file:
        file.seek(status.st_size // 2)
        file.readline()
        at = file.tell()
        line = file.readline()
        file.seek(at)
        file.write(re.sub(rb'"text": "[a-z]', b'"text": "q', line))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def start(folder, run):
    """Seconds until rows are read, until they are tokens, memory at that point and later, and what the training then consumes."""
    env = {key: value for key, value in os.environ.items()}
    began = time.monotonic()
    process = subprocess.Popen([options.polytask, 'train', '--run', run, '--threads', str(options.threads)], cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=env)
    peak = {'rss': 0, 'anonymous': 0}

    def watch():
        while process.poll() is None:
            for pid in (str(process.pid), *children_of(process.pid)):
                try:
                    with open(f'/proc/{pid}/status', encoding='ascii') as file:
                        fields = dict(re.findall(r'^(VmHWM|RssAnon):\s+(\d+) kB', file.read(), re.M))
                except OSError:
                    continue
                peak['rss'] = max(peak['rss'], int(fields.get('VmHWM', 0)))
                peak['anonymous'] = max(peak['anonymous'], int(fields.get('RssAnon', 0)))
            time.sleep(0.2)

    threading.Thread(target=watch, daemon=True).start()
    seen, said = {}, []
    for line in process.stderr:
        said.append(line)
        now = time.monotonic() - began
        if line.startswith('read '):
            seen['read'] = now
        elif (line.startswith('tokens: ') and ' in ' in line) or 'those of an earlier run' in line:
            seen['tokens'] = now
        elif ' steps of about ' in line:
            seen['ready'] = now
        rate = re.search(r'(\d+) tokens/s', line)
        if rate:
            seen['rate'] = int(rate[1])
        if 'ready' in seen and now - seen['ready'] > options.steps_seconds and 'rate' in seen:
            process.terminate()
            break
    process.stderr.read()
    process.wait()
    if 'ready' not in seen:
        sys.exit(''.join(said))
    return seen | {key: value / 1024 for key, value in peak.items()}


def children_of(pid):
    try:
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
            return file.read().split()
    except OSError:
        return []


def main():
    folder = options.folder or tempfile.mkdtemp(prefix='polytask_large_')
    try:
        if not os.path.exists(os.path.join(folder, 'polytask.yaml')):
            os.makedirs(folder, exist_ok=True)
            write_project(folder)
        megabytes = os.path.getsize(os.path.join(folder, 'train.jsonl')) / 1e6
        shutil.rmtree(os.path.join(folder, '.polytask'), ignore_errors=True)
        print(f'{megabytes:,.0f} MB, {options.threads} thread(s)\n\n| start | read | MB/s | tokens | MB/s | ready after | peak MiB | of them not files | then trains |\n|---|---|---|---|---|---|---|---|---|')
        for run in ('new', 'stored', 'changed'):
            if run == 'changed':
                change_one_row(folder)
            at = start(folder, run)
            read, tokens = at.get('read', 0), at.get('tokens', at['ready']) - at.get('read', 0)
            print(f"| {run} | {read:.1f} s | {megabytes / max(read, 0.1):.0f} | {tokens:.1f} s | {megabytes / max(tokens, 0.1):.0f} | {at['ready']:.1f} s | {at['rss']:.0f} | {at['anonymous']:.0f} | {at.get('rate', 0)} tokens/s |", flush=True)
    finally:
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)


main()
