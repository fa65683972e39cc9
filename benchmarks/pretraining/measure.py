#!/usr/bin/env python3
"""Shapes and recipes of a small encoder on a small budget, what they are worth on labelled sets, and our speed beside PyTorch's.

usage: measure.py --shared FOLDER --work FOLDER [--python PYTHON] [--polytask BINARY] [--minutes N] [--threads N] [--rounds R]
                  [--seconds S] [--shapes NAME...] [--recipes NAME...] [--sets NAME...] [--rows N...] [--seeds N...] [--encoders NAME=FOLDER...]
                  [--set KEY=VALUE...] [--no-scratch]
                  [--what speed train score adapt words]

FOLDER of --shared holds `corpora/`, `data/` and `models/all-MiniLM-L6-v2/` (examples/encoder/run says which). PYTHON is one with torch
and transformers; where it has none, the speed of the peer is left out with one line. Every measurement is one line of
WORK/results.jsonl and is not made again; the tables are printed at the end.
"""
import argparse
import json
import os
import random
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '../..')
sys.path.insert(0, os.path.join(HERE, '../accuracy'))
import sets as published  # noqa: E402

# What differs from examples/encoder/recipe.yaml.
FROM_NOTHING = ['vocabulary={size: 15000, max_alphabet: 4000}', 'train.learning_rate=0.001', 'stored=int8']
WIDE = ['encoder={layers: 4, hidden_size: 256, heads: 8, intermediate_size: 1024}', *FROM_NOTHING]


def of_teacher(layers, words):
    return [f'encoder={{from: models/all-MiniLM-L6-v2, layers_kept: {layers}}}', f'vocabulary={{size: {words}, replace: true, max_alphabet: 3300}}',
            'train.learning_rate=0.0005', 'stored=int8']


RECIPES = {
    'two-layers': of_teacher([0, 5], 27000),
    'four-layers': of_teacher([0, 2, 3, 5], 18000),
    'kept-words': [],  # as it is shipped
    'six-layers': ['vocabulary={size: 10500, replace: true, max_alphabet: 3300}', 'train.learning_rate=0.0003', 'stored=int8'],
    'wide': WIDE,
    'deep': ['encoder={layers: 8, hidden_size: 192, heads: 6, intermediate_size: 768}', *FROM_NOTHING],
    'words-alone': [*WIDE, 'teacher='],
}
SHAPES = {'shipped': (6, 384, 12, 21000), 'fewer-words': (6, 384, 12, 10500), 'wide': (4, 256, 8, 15000), 'deep': (8, 192, 6, 15000)}
SCRATCH = {'epochs': 20, 'learning_rate': 1e-3, 'head_learning_rate_factor': 1, 'batch_size': 16}  # an encoder that is given has the defaults

cli = argparse.ArgumentParser(usage=__doc__[__doc__.index('usage:') + 7:])
cli.add_argument('--shared', required=True)
cli.add_argument('--work', required=True)
cli.add_argument('--python', default=sys.executable)
cli.add_argument('--polytask', default=os.path.join(ROOT, 'bin/polytask'))
cli.add_argument('--minutes', type=float, default=4)
cli.add_argument('--threads', type=int, default=os.cpu_count())
cli.add_argument('--rounds', type=int, default=3)
cli.add_argument('--seconds', type=float, default=15)
cli.add_argument('--shapes', nargs='+', choices=list(SHAPES), default=list(SHAPES))
cli.add_argument('--recipes', nargs='*', choices=list(RECIPES), default=list(RECIPES)[:3])
cli.add_argument('--sets', nargs='+', default=['banking77', 'hwu64', 'mr_polarity', 'stackoverflow20', 'subj', 'snips', 'jcola', 'jsick'])
cli.add_argument('--rows', type=int, nargs='+', default=[10, 30, 100, 0], help='of each label; 0 = all, at most 3000 rows')
cli.add_argument('--seeds', type=int, nargs='+', default=[1])
cli.add_argument('--set', nargs='*', default=[], help='of every recipe, for example train.precision=bf16')
cli.add_argument('--encoders', nargs='*', default=[], help='others to score')
cli.add_argument('--no-scratch', action='store_true', help='scores no encoder that starts from nothing')
cli.add_argument('--what', nargs='+', choices=['speed', 'train', 'score', 'adapt', 'words'], default=['speed', 'train', 'score'])
options = cli.parse_args()
options.work, options.polytask, options.shared = map(os.path.abspath, (options.work, options.polytask, options.shared))
os.makedirs(options.work, exist_ok=True)
RESULTS = os.path.join(options.work, 'results.jsonl')


def results():
    if not os.path.exists(RESULTS):
        return []
    with open(RESULTS, encoding='utf8') as file:
        return [json.loads(line) for line in file]


def measured(**key):
    return [row for row in results() if all(row.get(name) == value for name, value in key.items())]


def add(**row):
    with open(RESULTS, 'a', encoding='utf8') as file:
        file.write(json.dumps(row) + '\n')
    print(json.dumps(row), file=sys.stderr)


def run(*command, check=True, **environment):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
    if check and done.returncode:
        raise SystemExit(f'{" ".join(map(str, command))}: exit {done.returncode}\n{done.stderr[-2000:]}')
    return done


def pretrain(name, *more, recipe):
    overrides = [part for value in [*RECIPES[recipe], *options.set] for part in ('--set', value)]
    return run(os.path.join(ROOT, 'examples/encoder/run'), '--corpora', os.path.join(options.shared, 'corpora'), '--teacher',
               os.path.join(options.shared, 'models/all-MiniLM-L6-v2'), '--work', options.work, '--name', name, '--', *overrides, '--threads',
               options.threads, '--output', 'json', *more, POLYTASK=options.polytask)


def speed():
    """In turn: ours, without a teacher and with full sequences, and the peer in its configurations."""
    texts = os.path.join(options.shared, 'corpora/openstax_en/textbooks.txt.gz')
    has_peer = run(options.python, '-c', 'import torch, transformers', check=False).returncode == 0
    if not has_peer:
        print(f'{options.python} has no torch and transformers: the peer is left out', file=sys.stderr)
    for shape in options.shapes:
        layers, hidden, heads, vocabulary = SHAPES[shape]
        for round_ in range(options.rounds):
            for precision in ('f32', 'bf16'):
                if measured(what='speed', who='ours', shape=shape, precision=precision, round=round_):
                    continue
                to = os.path.join(options.work, 'speed')
                run('rm', '-rf', to, to + '.unfinished')
                done = run(options.polytask, 'pretrain', '--texts', texts, '--to', to, '--minutes', options.seconds / 60, '--threads', options.threads,
                           '--set', f'encoder={{layers: {layers}, hidden_size: {hidden}, heads: {heads}}}', '--set', f'vocabulary.size={vocabulary}',
                           '--set', f'train.precision={precision}', '--set', 'train.evaluations=1', '--set', 'train.held_out_tokens=2000', '--output', 'json',
                           check=False)
                if done.returncode == 2 and 'instructions' in done.stderr:
                    print(f'no {precision} on this processor: left out', file=sys.stderr)
                    continue
                if done.returncode:
                    raise SystemExit(done.stderr[-2000:])
                add(what='speed', who='ours', shape=shape, precision=precision, round=round_, value=json.loads(done.stdout)['tokens_per_second'])
            for peer in ('fused', 'masked,fused', 'masked,fused,bf16') if has_peer else ():
                if not measured(what='speed', who=peer, shape=shape, round=round_):
                    answer = json.loads(run(options.python, os.path.join(HERE, 'peer.py'), layers, hidden, heads, vocabulary, peer, options.threads,
                                            options.seconds).stdout)
                    add(what='speed', who=peer, shape=shape, round=round_, value=answer['tokens_per_second'])


def labelled(name):
    """Training and test rows of a set: {text, label}, or {text_a, text_b, label} for pairs."""
    return [[{**row, 'label': str(row['label'])} for row in rows] for rows in published.load(os.path.join(options.shared, 'data'), name)]


def cut(rows, per_label):
    """The first so many rows of each label; the files are shuffled by a fixed seed first."""
    rows = list(rows)
    random.Random(7).shuffle(rows)
    if per_label == 0:
        return rows[:3000]
    taken, kept = {}, []
    for row in rows:
        taken[row['label']] = taken.get(row['label'], 0) + 1
        if taken[row['label']] <= per_label:
            kept.append(row)
    return kept[:3000]


def write_project(folder, who, project):
    path = os.path.join(folder, f'{who}.yaml')
    with open(path, 'w', encoding='utf8') as file:
        json.dump(project, file)  # JSON is YAML
    return path


def trained(project, folder, run_id, task, *more):
    """The test score of a new run."""
    run('rm', '-rf', os.path.join(folder, '.polytask/runs', run_id))
    done = run(options.polytask, 'train', '--project', project, '--run', run_id, '--threads', options.threads, '--output', 'json', *more)
    return json.loads(done.stdout)['tasks'][task]['value']


def score(encoders):
    for name in options.sets:
        train, test = labelled(name)
        test = cut(test, 0)[:2000]
        for per_label in options.rows:
            rows = cut(train, per_label)
            folder = os.path.join(options.work, 'sets', f'{name}-{per_label}')
            os.makedirs(folder, exist_ok=True)
            for split, content in (('train', rows), ('test', test)):
                with open(os.path.join(folder, f'{split}.jsonl'), 'w', encoding='utf8') as file:
                    file.writelines(json.dumps(row, ensure_ascii=False) + '\n' for row in content)
            for seed in options.seeds:
                for who, encoder in encoders.items():
                    if measured(what='score', set=name, rows=per_label, who=who, seed=seed):
                        continue
                    project = write_project(folder, who, {
                        'project': name, **({'encoder': encoder} if encoder else {}), 'seed': seed,
                        'datasets': {'rows': {'train': 'train.jsonl', 'test': 'test.jsonl', 'split': {'dev': 0.1}}},
                        'tasks': {name: {'type': 'classification', 'dataset': 'rows', 'metric': 'accuracy', 'label': 'label',
                                         'text': ['text_a', 'text_b'] if 'text_a' in rows[0] else 'text'}},
                        'train': {} if encoder else SCRATCH})
                    run_id = f'{who}-{seed}'
                    add(what='score', set=name, rows=per_label, who=who, seed=seed, value=trained(project, folder, run_id, name))
                    if not measured(what='score', set=name, rows=per_label, who='bag-of-words', seed=seed):
                        table = json.loads(run(options.polytask, 'runs', 'compare', run_id, '--baselines', '--project', project, '--output', 'json').stdout)
                        add(what='score', set=name, rows=per_label, who='bag-of-words', seed=seed, value=table['tasks'][name]['bag_of_words'])
                    run('rm', '-rf', os.path.join(folder, '.polytask/runs', run_id))


def with_texts(name, per_label):
    """A folder with few labelled rows, 200 dev rows, test rows, and the texts of all other training rows; a project of the labelled ones."""
    train, test = labelled(name)
    random.Random(7).shuffle(train)
    dev, train, test = train[:200], train[200:], cut(test, 0)[:2000]
    columns = ['text_a', 'text_b'] if 'text_a' in train[0] else ['text']
    folder = os.path.join(options.work, 'texts-of', f'{name}-{per_label}')
    os.makedirs(folder, exist_ok=True)
    contents = {'train': cut(train, per_label), 'dev': dev, 'test': test, 'texts': [{'text': row[column]} for row in train for column in columns]}
    for file_name, rows in contents.items():
        with open(os.path.join(folder, f'{file_name}.jsonl'), 'w', encoding='utf8') as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + '\n' for row in rows)
    project = {'project': name, 'datasets': {'rows': {split: f'{split}.jsonl' for split in ('train', 'dev', 'test')}},
               'tasks': {name: {'type': 'classification', 'dataset': 'rows', 'metric': 'accuracy', 'label': 'label', 'text': columns}}}
    return folder, project


def unmeasured(what, encoders):
    """(name, rows of a label, folder, project, who, encoder) of what is still to be measured with texts."""
    for name in options.sets:
        for per_label in options.rows:
            folder, project = with_texts(name, per_label)
            for who, encoder in encoders.items():
                if encoder and not measured(what=what, set=name, rows=per_label, who=who):
                    yield name, per_label, folder, {**project, 'encoder': encoder}, who, encoder


def adapt(encoders):
    """Test scores with the encoder as it was and as the adapting to the texts left it."""
    for name, per_label, folder, project, who, encoder in unmeasured('adapt', encoders):
        adapted = os.path.join(folder, f'{who}-adapted')
        run('rm', '-rf', adapted, adapted + '.unfinished')
        answer = run(options.polytask, 'pretrain', '--adapt', '--project', write_project(folder, who, project), '--texts', os.path.join(folder, 'texts.jsonl'), '--to', adapted,
                     '--minutes', options.minutes, '--threads', options.threads, '--output', 'json', check=False)
        if answer.returncode not in (0, 4):
            raise SystemExit(answer.stderr[-2000:])
        result = json.loads(answer.stdout)
        scores = {True: [], False: []}
        for after in (False, True) if result['kept'] else (False,):
            file = write_project(folder, who, {**project, 'encoder': adapted if after else encoder})
            for seed in options.seeds:
                scores[after].append(trained(file, folder, f'{who}-{seed}', name, '--set', f'seed={seed}'))
        add(what='adapt', set=name, rows=per_label, who=who, kept=result['kept'], gain_on_dev=result['gain'], error_on_dev=result['standard_error'],
            before=statistics.mean(scores[False]), after=statistics.mean(scores[result['kept']]))
        run('rm', '-rf', adapted, os.path.join(folder, '.polytask'))


def words(encoders):
    """Test scores without, and with a task that learns hidden words of the texts in the same run."""
    for name, per_label, folder, project, who, _ in unmeasured('words', encoders):
        project = {**project, 'datasets': {**project['datasets'], 'texts': {'train': 'texts.jsonl'}},
                   'tasks': {**project['tasks'], 'words': {'type': 'mlm', 'dataset': 'texts', 'text': 'text'}}}
        file = write_project(folder, f'{who}-words', project)
        scores = {more: [trained(file, folder, f'{who}-{seed}', name, '--set', f'seed={seed}', *more) for seed in options.seeds]
                  for more in (('--only', name), ())}
        before, after = scores.values()
        add(what='words', set=name, rows=per_label, who=who, before=before, after=after)


def tables(encoders):
    rows = results()
    speeds = {}
    for row in rows:
        if row['what'] == 'speed':
            speeds.setdefault((row['shape'], row['who'] + ('-' + row['precision'] if 'precision' in row else '')), []).append(row['value'])
    if speeds:
        print('| shape | who | tokens/s | lowest | highest | times the best peer of that precision |\n|---|---|---|---|---|---|')
        for (shape, who), values in sorted(speeds.items()):
            peer = speeds.get((shape, 'masked,fused,bf16' if 'bf16' in who else 'masked,fused'))
            ratio = f'{statistics.median(values) / statistics.median(peer):.2f}' if peer else '-'
            print(f'| {shape} | {who} | {statistics.median(values):.0f} | {min(values):.0f} | {max(values):.0f} | {ratio} |')
    for row in rows:
        if row['what'] == 'train':
            print(f"\n{row['recipe']}: {row['parameters'] / 1e6:.1f} million parameters, {row['bytes'] / 1e6:.1f} MB, {row['tokens'] / 1e6:.1f} million tokens in "
                  f"{row['seconds'] / 60:.1f} min, held-out perplexity {row['perplexity']:.1f}")
    adapted = [row for row in rows if row['what'] == 'adapt']
    if adapted:
        print('\n| set | rows a label | encoder | dev gain | kept | test before | after | gain |\n|---|---|---|---|---|---|---|---|')
        for row in adapted:
            print(f"| {row['set']} | {row['rows']} | {row['who']} | {100 * row['gain_on_dev']:+.1f} +- {100 * row['error_on_dev']:.1f} | {'yes' if row['kept'] else 'no'} | "
                  f"{100 * row['before']:.1f} | {100 * row['after']:.1f} | {100 * (row['after'] - row['before']):+.1f} |")
    learnt = [row for row in rows if row['what'] == 'words']
    if learnt:
        print('\n| set | rows a label | encoder | without hidden words | with | gain | of each seed |\n|---|---|---|---|---|---|---|')
        for row in learnt:
            before, after = statistics.mean(row['before']), statistics.mean(row['after'])
            gains = ', '.join(f'{100 * (b - a):+.1f}' for a, b in zip(row['before'], row['after']))
            print(f"| {row['set']} | {row['rows']} | {row['who']} | {100 * before:.1f} | {100 * after:.1f} | {100 * (after - before):+.1f} | {gains} |")
    who = ['bag-of-words', *encoders]
    scores = {}
    for row in rows:
        if row['what'] == 'score':
            scores.setdefault((row['set'], row['rows']), {}).setdefault(row['who'], []).append(row['value'])
    if scores:
        print('\n| set | rows a label | ' + ' | '.join(who) + ' |\n|---|---|' + '---|' * len(who))
        for (name, n), values in scores.items():
            print(f'| {name} | {n or "all"} | ' + ' | '.join(f'{100 * statistics.mean(values[w]):.1f}' if w in values else '-' for w in who) + ' |')


def main():
    encoders = {**({} if options.no_scratch else {'scratch': None}), **dict(word.split('=', 1) for word in options.encoders)}
    if 'speed' in options.what:
        speed()
    for recipe in options.recipes:
        folder = os.path.join(options.work, recipe)
        if 'train' in options.what and not measured(what='train', recipe=recipe, minutes=options.minutes):
            answer = json.loads(pretrain(recipe, '--minutes', options.minutes, recipe=recipe).stdout)
            size = sum(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder) if not os.path.isdir(os.path.join(folder, file)))
            add(what='train', recipe=recipe, minutes=options.minutes, parameters=answer['parameters'], bytes=size, tokens=answer['tokens'],
                seconds=answer['seconds'], perplexity=answer['evaluations'][-1]['perplexity'])
        if os.path.exists(os.path.join(folder, 'pretraining.json')):
            encoders[recipe] = folder
    if 'score' in options.what:
        score(encoders)
    if 'adapt' in options.what:
        adapt(encoders)
    if 'words' in options.what:
        words(encoders)
    tables(encoders)


main()
