#!/usr/bin/env python3
"""Whether `polytask validate` finds what is wrong: twenty faults of different kinds planted in a copy of real sets.

usage: planted_faults.py --shared FOLDER [--polytask BINARY] [--work FOLDER] [--seed N]

FOLDER holds data/ with the published sets and models/all-MiniLM-L6-v2. Two projects are made in --work, the same rows without and with
the faults; a table says of each fault what was found in either. The last lines are the precision of the doubted labels. Exit status 1 when
a fault was not found.
"""
import argparse
import csv
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile

cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
cli.add_argument('--shared', required=True)
cli.add_argument('--polytask', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../bin/polytask'))
cli.add_argument('--work')
cli.add_argument('--seed', type=int, default=1)
options = cli.parse_args()
options.polytask = os.path.abspath(options.polytask)
DATA = os.path.join(os.path.abspath(options.shared), 'data')
JAPANESE = ('カードがまだ届いていません', '明日の朝七時に起こしてください', '部屋の明かりを消してほしいです', '今日の天気を教えてください')
FOOTER = ' This article is a stub. You can help by expanding it.'


def lines(*names):
    with gzip.open(os.path.join(DATA, *names), 'rt', encoding='utf-8', newline='') as file:
        return file.read()


def jsonl(*names):
    return [json.loads(line) for line in lines(*names).splitlines()]


def sentences(name):
    return [[word.split('\t') for word in block.split('\n')] for block in lines('mtl_bio_ner', name).replace('\r', '').strip().split('\n\n')]


def real_sets(rng):
    """{dataset: {split: rows}} as published, with two columns that mean nothing."""
    sets = {'banking': {split: list(csv.DictReader(lines('banking77', f'{split}.csv.gz').splitlines())) for split in ('train', 'test')},
            'voice': {split: jsonl('hwu64', f'{name}.jsonl.gz') for split, name in (('train', 'train'), ('dev', 'valid'), ('test', 'test'))},
            'articles': {split: jsonl('dbpedia14_small', f'{split}.jsonl.gz') for split in ('train', 'test')},
            'diseases': {split: sentences(f'NCBI-disease-IOB.{name}.tsv.gz') for split, name in (('train', 'train'), ('dev', 'devel'), ('test', 'test'))}}
    opinions = [{'text': text.strip(), 'label': label} for label, name in (('subjective', 'quote'), ('objective', 'plot'))
                for text in lines('subj', f'{name}.tok.gt9.5000.gz').splitlines() if text.strip()]
    rng.shuffle(opinions)
    sets['opinions'] = {'train': opinions[:7000], 'test': opinions[7000:]}
    second = rng.sample(sets['voice']['train'], 1500)
    sets['team-b'] = {'train': [dict(row) for row in second]}
    for rows in sets['articles'].values():
        for row in rows:
            row['source'] = rng.choice(('crawl', 'editor'))
            row['written'] = f'20{rng.randrange(15, 25)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}'
    return sets


class Planter:
    """Puts faults into the sets; each says how it would be seen."""

    def __init__(self, sets, rng):
        self.sets, self.rng = sets, rng
        self.wrong = set()  # texts of voice whose label was changed

    def labels(self, name, column='label'):
        return sorted({row[column] for row in self.sets[name]['train']})

    def other(self, label, labels):
        return self.rng.choice([one for one in labels if one != label])

    def plant(self):
        rng, banking, voice, articles = self.rng, self.sets['banking'], self.sets['voice'], self.sets['articles']
        leaked = rng.sample([row for row in banking['test'] if len(row['text']) > 40], 180)
        banking['train'] += [{**row, 'text': row['text'].upper() + ' !'} for row in leaked[:60]]
        banking['train'] += [{**row, 'text': row['text'] + ' pls'} for row in leaked[60:120]]
        intents = self.labels('banking', 'category')
        voice['train'] += [{'text': row['text'], 'label': rng.choice(self.labels('voice'))} for row in leaked[120:]]
        banking['train'] += [{'text': row['text'], 'category': self.other(row['category'], intents)} for row in rng.sample(banking['train'][:9000], 60)]
        for row in rng.sample([row for row in banking['train'] if row['category'] == 'card_arrival'], 20):
            row['category'] = 'Card arrival'

        commands = self.labels('voice')
        for row in rng.sample(voice['train'], 300):
            row['label'] = self.other(row['label'], commands)
            self.wrong.add(row['text'])
        voice['train'] += [dict(row) for row in rng.sample(voice['train'], 400)]
        for row, text in zip(rng.sample(voice['train'], 120), JAPANESE * 30):
            row['text'] = text + str(rng.randrange(100))
        for row in rng.sample(voice['train'], 40):
            row['text'] = '?' * rng.randrange(1, 5)

        company = [row for rows in articles.values() for row in rows if row['label'] in ('Company', 'EducationalInstitution', 'Artist', '0', '1', '2', 0, 1, 2)]
        for row in company:
            row['source'] = 'crawl' if rng.random() < 0.97 else 'editor'
        for rows in articles.values():
            for row in rows:
                if row not in company:
                    row['source'] = 'editor' if rng.random() < 0.8 else 'crawl'
        late = [row for row in articles['train'] if row['label'] in self.labels('articles')[-4:]]
        for row in late:
            row['written'] = f'2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}'
        for row in rng.sample(articles['train'], 200):
            row['text'] = row['text'].replace('e', 'é', 3).encode().decode('latin-1')
        for row in rng.sample(articles['train'], 250):
            row['text'] = row['text'].replace('. ', '.<br/>', 2) + ' &amp; more'
        for row in rng.sample(articles['train'], 600):
            row['text'] = row['text'].rstrip() + FOOTER
        for row in rng.sample(articles['train'], 200):
            row['text'] = row['text'] + ' '.join(other['text'] for other in rng.sample(articles['train'], 9))
        few = set(self.labels('articles')[:6])
        articles['test'] = [row for row in articles['test'] if row['label'] not in few or rng.random() < 0.2]

        opinions = self.sets['opinions']
        for split in opinions:
            opinions[split] = [row for row in opinions[split] if row['label'] == 'objective' or rng.random() < 0.08]
        opinions['test'] = opinions['test'][:150]
        for row in rng.sample(self.sets['team-b']['train'], 500):
            row['label'] = self.other(row['label'], commands)
        self.forget_spans()

    def forget_spans(self):
        """A ninth of the mentions that stand often lose their tags."""
        places = {}
        for rows in self.sets['diseases'].values():
            for words in rows:
                for at, word in enumerate(words):
                    if word[1].startswith('B-') and (at + 1 == len(words) or not words[at + 1][1].startswith('I-')) and len(word[0]) > 4:
                        places.setdefault(word[0], []).append(word)
        for mentions in places.values():
            if len(mentions) >= 12:
                for word in self.rng.sample(mentions, len(mentions) // 9):
                    word[1] = 'O'


def write(folder, sets, encoder):
    os.makedirs(folder, exist_ok=True)
    datasets, tasks = {}, {}
    for name, splits in sets.items():
        datasets[name] = {split: f'{name}.{split}.' + ('conll' if name == 'diseases' else 'jsonl') for split in splits}
        if 'dev' not in splits:
            datasets[name]['split'] = {'dev': 0.1} if 'test' in splits else {'dev': 0.1, 'test': 0.1}
        for split, rows in splits.items():
            with open(os.path.join(folder, datasets[name][split]), 'w', encoding='utf-8') as file:
                for row in rows:
                    file.write('\n'.join('\t'.join(word) for word in row) + '\n\n' if name == 'diseases' else json.dumps(row, ensure_ascii=False) + '\n')
        tasks[name] = ({'type': 'tagging', 'dataset': name} if name == 'diseases' else
                       {'type': 'classification', 'dataset': name, 'text': 'text', 'label': 'category' if name == 'banking' else 'label'})
    with open(os.path.join(folder, 'polytask.yaml'), 'w', encoding='utf-8') as file:
        json.dump({'project': os.path.basename(folder), 'encoder': encoder, 'datasets': datasets, 'tasks': tasks, 'train': {'max_length': 256}}, file, indent=1)


def validate(folder):
    page = os.path.join(folder, 'data.html')
    done = subprocess.run([options.polytask, 'validate', '--output', 'json', '--page', page], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(f'validate: exit {done.returncode}\n{done.stderr[-2000:]}')
    return json.loads(done.stdout)['audit']


def found(audit, kind, task, **wanted):
    """Its number of rows, 0 = there is no such finding. `wanted`: a count of the finding's numbers, or a name that it names."""
    return max((int(finding['numbers'][wanted['count']]) if 'count' in wanted else finding['n'] for finding in audit['findings']
                if finding['kind'] == kind and task in finding['tasks'] and wanted.get('named', '') in [*finding['names'], '']), default=0)


# A tenth of what is planted in training goes to dev with the declared split.
# What was planted: kind, task, how it is counted, the fewest rows by which the planted copy must exceed the clean one.
FAULTS = [('leakage', 'banking', {'count': 'exact'}, 48), ('leakage', 'banking', {'count': 'near'}, 48), ('leakage-across-tasks', 'banking', {'named': 'voice'}, 54),
          ('contradicting-labels', 'banking', {}, 54), ('label-spelling', 'banking', {}, 18), ('label-noise', 'voice', {}, 100), ('duplicates', 'voice', {'count': 'exact'}, 300),
          ('mixed-languages', 'voice', {}, 100), ('empty-texts', 'voice', {}, 36), ('label-by-column', 'articles', {'named': 'source'}, 1),
          ('label-by-time', 'articles', {'named': 'written'}, 1), ('broken-encoding', 'articles', {}, 180), ('markup', 'articles', {}, 225),
          ('boilerplate', 'articles', {}, 500), ('texts-cut', 'articles', {}, 150), ('test-differs', 'articles', {}, 1),
          ('majority-metric', 'opinions', {}, 1), ('few-test-rows', 'opinions', {}, 1), ('label-clash', 'team-b', {}, 300), ('span-inconsistent', 'diseases', {}, 10)]


def main():
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or scratch
        sets = real_sets(random.Random(options.seed))
        encoder = os.path.join(os.path.abspath(options.shared), 'models', 'all-MiniLM-L6-v2')
        write(os.path.join(work, 'clean'), sets, encoder)
        planter = Planter(sets, random.Random(options.seed + 1))
        planter.plant()
        write(os.path.join(work, 'planted'), sets, encoder)
        clean, planted = validate(os.path.join(work, 'clean')), validate(os.path.join(work, 'planted'))
    missed = 0
    print(f'{"planted":<24} {"task":<10} {"counted":<8} {"clean":>6} {"planted":>8}')
    for kind, task, wanted, least in FAULTS:
        before, after = found(clean, kind, task, **wanted), found(planted, kind, task, **wanted)
        # Few rows are counted down: what they are too few for is what was planted.
        is_found = after > 0 if kind == 'few-test-rows' else after - before >= least
        missed += not is_found
        print(f'{kind:<24} {task:<10} {wanted.get("count", "n"):<8} {before:>6} {after:>8}  {"found" if is_found else "MISSED"}')
    print(f'{len(FAULTS) - missed} of {len(FAULTS)} found')
    print('\nclean copy:')
    for finding in clean['findings']:
        print(f'  {finding["cost"]:5.2f} {finding["kind"]} ({", ".join(finding["tasks"])}): {finding["message"]}')
    for finding in planted['findings']:
        if finding['kind'] == 'label-noise' and finding['tasks'] == ['voice']:
            hits = [evidence['text'] in planter.wrong for evidence in finding['evidence'][:100]]
            print(f'\nof the {len(hits)} labels doubted most in voice, {sum(hits)} were planted ({len(planter.wrong)} planted in all)')
    sys.exit(missed > 0)


main()
