#!/usr/bin/env python3
"""Where the time of a training goes, by part of a step.

usage: profile.py --project FILE [--polytask BINARY] [--threads N] [--set KEY=VALUE...] [--rest N]

Trains the project as a run of its own under Linux's `perf record` (package linux-perf), removes the run, and adds the samples up by function:
parts of a step by the names in PARTS, then the largest functions that belong to none. Preparing the rows and the dev evaluations are among the samples: take a
project with many steps.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# Functions of src/kernels, the room whose loops a step spends its time in, and what a library does for it.
PARTS = [
    ('products of the layers', r'tile_kernel|multiply_rows|::multiply|dnnl|brgemm|gemm'),
    ('packing their operands', r'::(row|panel|columns|columns_apart|pack_\w+)\b.*|packed_product'),
    ('writing their sums', r'::finish<|add_rows'),
    ('attention', r'(forward|backward)_of_size|attend|softmax_rows'),
    ('GELU', r'(forward|backward)_chunk|gelu'),
    ('LayerNorm and dropout', r'layer_norm|normali[sz]|::(forward|backward)_row\b'),
    ('losses over a vocabulary', r'row_loss|cross_entropy'),
    ('AdamW and the norm of the gradients', r'update_chunk|squares|RowAdamW|adamw'),
    ('copies and memory', r'mem(move|cpy|set)|malloc|page_fault|clear_page|copy_'),
]

cli = argparse.ArgumentParser(usage=__doc__[__doc__.index('usage:') + 7:])
cli.add_argument('--project', required=True)
cli.add_argument('--polytask', default=os.path.join(HERE, '../../bin/polytask'))
cli.add_argument('--threads', type=int, default=1)
cli.add_argument('--set', nargs='*', default=[])
cli.add_argument('--rest', type=int, default=8, help='functions of no part that are shown')
options = cli.parse_args()
if not shutil.which('perf'):
    raise SystemExit('there is no perf; install the package linux-perf')

RUN = f'profile-{os.getpid()}'
with tempfile.TemporaryDirectory() as folder:
    record = os.path.join(folder, 'perf.data')
    command = [os.path.abspath(options.polytask), 'train', '--project', options.project, '--run', RUN, '--threads', str(options.threads),
               *(part for value in options.set for part in ('--set', value))]
    try:
        done = subprocess.run(['perf', 'record', '-e', 'cpu-clock', '-F', '299', '-o', record, *command], capture_output=True, text=True,
                              env={**os.environ, 'OMP_NUM_THREADS': str(options.threads)})
    finally:
        shutil.rmtree(os.path.join(os.path.dirname(os.path.abspath(options.project)), '.polytask/runs', RUN), ignore_errors=True)
    if done.returncode:
        raise SystemExit(f'{" ".join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}')
    report = subprocess.run(['perf', 'report', '-i', record, '--no-children', '--stdio', '-F', 'sample,dso,sym', '--percent-limit', '0'], capture_output=True, text=True, check=True).stdout

counts, rest = {}, {}
for line in report.splitlines():
    found = re.match(r'\s*(\d+)\s+(\S+)\s+\[.\]\s+(.*)', line)
    if not found:
        continue
    n, name = int(found[1]), found[3].strip()
    if name.startswith('0x'):  # of a library without names
        name = found[2]
    part = next((part for part, pattern in PARTS if re.search(pattern, name)), None)
    if part:
        counts[part] = counts.get(part, 0) + n
    else:
        rest[name] = rest.get(name, 0) + n
if not counts:
    sys.exit('perf found no function of a step: the binary was stripped, or perf may not look at it (kernel.perf_event_paranoid)')
total = (sum(counts.values()) + sum(rest.values())) / 100
print('| part | share of the time |\n|---|---|')
for part, n in sorted(counts.items(), key=lambda item: -item[1]):
    print(f'| {part} | {n / total:.0f} % |')
print(f'| everything else | {sum(rest.values()) / total:.0f} % |')
for name, n in sorted(rest.items(), key=lambda item: -item[1])[:options.rest]:
    print(f'  {n / total:5.1f} %  {name[:110]}', file=sys.stderr)
