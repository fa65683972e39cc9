#!/usr/bin/env python3
"""The tables of what measure.py has measured.

usage: summary.py RESULTS.jsonl... [--run RUN]      the latest run of the files, or the one that began at RUN

A cell is the median over the rounds and, behind it, the lowest and highest. Of a peer it is that of its best configuration, the
one with the best median. The last column is how many times better than the best peer we are: rates divided by rates, times and
sizes the other way round; below 1 we lose. Behind it, the lowest and highest of the rounds' own ratios.
"""
import argparse
import json
import statistics

SYSTEMS = {'polytask': 'Polytask', 'onnxruntime': 'ONNX Runtime', 'openvino': 'OpenVINO'}
# workload, what is read, title, whether more is better
TABLES = [('mean', 'texts_per_second', 'Many texts, mean of the tokens, one head: texts/s', True),
          ('first', 'texts_per_second', 'Many texts, first token, one head: texts/s', True),
          ('eight', 'texts_per_second', 'Eight tasks on the same texts (ours: one pass; peers: eight models, one after another): texts/s', True),
          ('single', 'p50_ms', 'One text at a time: median ms', False),
          ('start', 'start_ms', 'Start to first answer: ms', False),
          ('single', 'memory_mib', 'Resident memory, one model, after one text at a time: MiB', False),
          ('eight', 'memory_mib', 'Resident memory, eight tasks, of one process, in the configurations above: MiB', False)]


def shown(values):
    digits = 0 if statistics.median(values) >= 100 else 1 if statistics.median(values) >= 10 else 2
    middle = f'{statistics.median(values):,.{digits}f}'
    return middle if len(values) < 2 else f'{middle} ({min(values):,.{digits}f}-{max(values):,.{digits}f})'


def best_of(rounds, more_is_better):
    """(configuration, {round: value}) with the best median."""
    middle = lambda item: statistics.median(item[1].values())
    return (max if more_is_better else min)(rounds.items(), key=middle)


def print_table(lines, key, title, more_is_better):
    """rows: (precision, threads) -> system -> configuration -> round -> value"""
    rows = {}
    for line in lines:
        if line['round'] > 0 and key in line:
            systems = rows.setdefault((line['precision'], line['threads']), {})
            systems.setdefault(line['system'], {}).setdefault(line['configuration'], {})[line['round']] = line[key]
    if not rows:
        return
    print(f'{title}\n')
    print('| precision | threads | Polytask | ONNX Runtime | OpenVINO | best peer | times better |')
    print('|---|---|---|---|---|---|---|')
    for (precision, threads), systems in rows.items():
        best = {system: best_of(found, more_is_better) for system, found in systems.items()}
        cells = [shown(list(best[system][1].values())) if system in best else '-' for system in SYSTEMS]
        of_peers = {system: best[system] for system in best if system != 'polytask'}
        peer, ratio = '-', '-'
        if of_peers:
            system, _ = best_of({system: rounds for system, (_, rounds) in of_peers.items()}, more_is_better)
            configuration, theirs = of_peers[system]
            peer = f'{SYSTEMS[system]}: {configuration}'
            if 'polytask' in best:
                ours = best['polytask'][1]
                better = lambda a, b: a / b if more_is_better else b / a
                middle = better(statistics.median(ours.values()), statistics.median(theirs.values()))
                each = [better(ours[turn], theirs[turn]) for turn in sorted(ours.keys() & theirs.keys())]
                ratio = f'**{middle:.2f}**' + (f' ({min(each):.2f}-{max(each):.2f})' if len(each) > 1 else '')
        print(f'| {precision} | {threads} | {" | ".join(cells)} | {peer} | {ratio} |')
    print()


def print_checks(lines):
    print('How far answers are from those of ONNX Runtime in float32 (largest difference of the probability of the answer; texts with another answer):\n')
    print('| pooling | precision | system | difference | other answers |')
    print('|---|---|---|---|---|')
    for line in lines:
        system = ', '.join(filter(None, (SYSTEMS[line['system']], line['configuration'])))
        print(f'| {line["check"]} | {line["precision"]} | {system} | {line["largest_difference"]:.1e} | {line["other_labels"]} of {line["texts"]} |')
    print()


def print_tables(paths, run=None):
    lines = []
    for path in paths:
        with open(path, encoding='utf8') as file:
            lines += map(json.loads, file)
    run = run or max(line['run'] for line in lines)
    lines = [line for line in lines if line['run'] == run]
    about = next((line['about'] for line in lines if 'about' in line), None)
    if about is None:
        raise SystemExit(f'error: no run {run} in these files')
    versions = ', '.join(f'{SYSTEMS.get(name, name)} {version}' for name, version in about['versions'].items())
    count = about['texts']['all']
    print(f'{run}, {about["processor"]}, {about["cores"]} cores, {about["instructions"]}; {about["polytask"]} ({(about["commit"] or "?")[:12]}), {versions}; '
          f'{about["encoder"]}; {count["texts"]} texts of {count["tokens"] / count["texts"]:.1f} tokens, {about["rounds"]} rounds')
    if about['load_before'] > 0.5:
        print(f'\n**Not a measurement: the machine had other work, a load of {about["load_before"]}.**')
    print()
    for workload, key, title, more_is_better in TABLES:
        of_table = [line for line in lines if line.get('workload') == workload and (key != 'memory_mib' or line['threads'] == about['threads'])]
        print_table(of_table, key, title, more_is_better)
    for line in {(line['system'], line['configuration'], line['skipped']): line for line in lines if 'skipped' in line}.values():
        print(f'skipped: {SYSTEMS[line["system"]]}, {line["precision"]}, {line["configuration"]}: {line["skipped"]}')
    print_checks([line for line in lines if 'check' in line])


if __name__ == '__main__':
    cli = argparse.ArgumentParser(usage=__doc__[__doc__.index('usage:') + 7:])
    cli.add_argument('files', nargs='+')
    cli.add_argument('--run')
    options = cli.parse_args()
    print_tables(options.files, options.run)
