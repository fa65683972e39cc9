#!/usr/bin/env python3
"""The table of what measure.py has measured so far.

usage: summary.py RESULTS.jsonl...

Single against reference: means over the seeds that both have, and the 95 % interval of the mean difference (Student, over
seeds). Joint against single: means over the seeds that both have. Over all sets: the lower bound of the mean difference
(seeds averaged within a set, Student over sets). What is missing is shown as missing.
"""
import json
import math
import sys

from sets import GROUPS, metric_of

WITH_REFERENCE = ('seven', 'others')
# Two-sided 95 % quantiles of Student's t, by degrees of freedom.
T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447}


def mean(values):
    return sum(values) / len(values)


def half_width(values):
    if len(values) < 2:
        return math.nan
    deviation = math.sqrt(sum((v - mean(values)) ** 2 for v in values) / (len(values) - 1))
    return T95[min(len(values) - 1, max(T95))] * deviation / math.sqrt(len(values))


scores, measured = {}, set()
for path in sys.argv[1:]:
    for line in open(path, encoding='utf8'):
        result = json.loads(line)
        measured.add(result.get('set'))
        for name, score in result['scores'].items():
            scores.setdefault((result['what'], name), {})[result['seed']] = score


def pairs(first, second, name):
    a, b = scores.get((first, name), {}), scores.get((second, name), {})
    return [(a[seed], b[seed]) for seed in sorted(a.keys() & b.keys())]


def cell(rows, of):
    return f'{100 * mean([row[of] for row in rows]):.1f}' if rows else '-'


def table(names):
    print('| set | metric | seeds | reference | single | single - reference | seeds | joint | joint - single |')
    print('|---|---|---|---|---|---|---|---|---|')
    of_sets = []
    for name in names:
        single, joint = pairs('reference', 'single', name), pairs('single', 'joint', name)
        differences = [100 * (b - a) for a, b in single]
        if differences:
            of_sets.append(mean(differences))
        shown = f'{mean(differences):+.1f} +- {half_width(differences):.1f}' if differences else '-'
        lost = f'{100 * mean([b - a for a, b in joint]):+.1f}' if joint else '-'
        print(f'| {name} | {metric_of(name)} | {len(single)} | {cell(single, 0)} | {cell(single or joint, 1 if single else 0)} | {shown} | {len(joint)} | {cell(joint, 1)} | {lost} |')
    if len(of_sets) > 1:
        print(f'\nsingle - reference over {len(of_sets)} sets: {mean(of_sets):+.2f}, lower bound {mean(of_sets) - half_width(of_sets):+.2f} points')


def of_architectures(names):
    """Means over the seeds that the single model and the joint one both have."""
    print('| set | metric | single | joint | shared | own |\n|---|---|---|---|---|---|')
    for name in names:
        cells = [cell(pairs('single', 'single', name), 0)]
        for what in ('joint', 'shared', 'own'):
            rows = pairs('single', what, name)
            cells.append(f'{cell(rows, 1)} ({100 * mean([b - a for a, b in rows]):+.1f})' if rows else '-')
        print(f'| {name} | {metric_of(name)} | {" | ".join(cells)} |')


for group, names in GROUPS.items():
    if group in measured:
        print(f'{group}:\n')
        (table if group in WITH_REFERENCE else of_architectures)(names)
        print()
