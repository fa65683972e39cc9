"""The public sets that are measured, how each is read, and the groups that one joint model is trained on."""
import csv
import gzip
import io
import json
import os
import random

KINDS = {'banking77': 'classification', 'clinc150': 'classification', 'hwu64': 'classification', 'wnut17': 'tagging',
         'mr_polarity': 'classification', 'subj': 'classification', 'stsb_ccbysa': 'regression',
         'snips': 'classification', 'stackoverflow20': 'classification', 'goemotions': 'multilabel',
         'broad_twitter_corpus': 'tagging', 'ncbi_disease': 'tagging',
         'jcola': 'classification', 'jsick': 'pair', 'jsts': 'regression', 'jcommonsenseqa': 'multiple_choice', 'ner_wikipedia_ja': 'tagging', 'jaquad': 'span',
         'xquad_en': 'span'}
METRICS = {'classification': 'accuracy', 'pair': 'accuracy', 'multilabel': 'micro_f1', 'tagging': 'span_f1', 'regression': 'pearson', 'multiple_choice': 'accuracy',
           'span': 'token_f1'}
SETS_METRICS = {'jcola': 'mcc', 'jaquad': 'character_f1'}
# The defaults were chosen while looking at the seven; the others were read once they were chosen.
GROUPS = {'seven': list(KINDS)[:7], 'others': list(KINDS)[7:12], 'japanese': list(KINDS)[12:18], 'english': ['subj', 'mr_polarity', 'stsb_ccbysa', 'snips', 'wnut17', 'xquad_en']}


def metric_of(name):
    return SETS_METRICS.get(name, METRICS[KINDS[name]])


def lines(path, encoding='utf8'):
    return io.TextIOWrapper(gzip.open(path), encoding=encoding, errors='replace')


def rows_of(path):
    return [json.loads(line) for line in lines(path)]


def sentences(path):
    """CoNLL: the lines of one sentence a row; a published file has lines without a word, which we refuse."""
    rows, row = [], []
    for line in [*lines(path), '\n']:
        if line.strip():
            word, tag = line.rstrip('\n').split('\t')[:2]
            if word.strip():
                row.append(f'{word}\t{tag.strip()}\n')
        elif row:
            rows.append(row)
            row = []
    return rows


def questions(articles):
    """SQuAD's documents as rows of one question."""
    return [{'question': q['question'], 'context': p['context'], 'answers': [{'text': a['text'], 'answer_start': a['answer_start']} for a in q['answers']]}
            for article in articles for p in article['paragraphs'] for q in p['qas']]


def cut(rows, share):
    """Of sets that come in one piece: shuffled, the first `share` is train."""
    random.Random(0).shuffle(rows)
    n_train = int(len(rows) * share)
    return rows[:n_train], rows[n_train:]


def load(data, name):
    """Training and test rows in the order of the files: {text, label}, {text, labels}, {text_a, text_b, label}, {text, spans},
    {question, choices, label}, {question, context, answers} or lines of CoNLL."""
    at = lambda file: os.path.join(data, name, file)
    if name == 'banking77':
        return [[{'text': r['text'], 'label': r['category']} for r in csv.DictReader(lines(at(f'{s}.csv.gz')))] for s in ('train', 'test')]
    if name == 'clinc150':
        everything = json.load(lines(at('data_full.json.gz')))
        return [[{'text': text, 'label': label} for text, label in everything[s]] for s in ('train', 'test')]
    if name == 'hwu64':
        return [[{'text': r.get('text') or r.get('utterance'), 'label': r.get('category') or r.get('label') or r.get('intent')} for r in rows_of(at(f'{s}.jsonl.gz'))] for s in ('train', 'test')]
    if name in ('mr_polarity', 'subj'):
        files = ('rt-polarity.neg.gz', 'rt-polarity.pos.gz') if name == 'mr_polarity' else ('plot.tok.gt9.5000.gz', 'quote.tok.gt9.5000.gz')
        return cut([{'text': line.strip(), 'label': label} for label, file in enumerate(files) for line in lines(at(file), 'latin1')], .9)
    if name == 'stsb_ccbysa':
        return [[{'text_a': r['sentence1'], 'text_b': r['sentence2'], 'label': float(r['score'])} for r in rows_of(at(f'{s}.jsonl.gz'))] for s in ('train', 'test')]
    if name == 'wnut17':
        return sentences(at('wnut17train.conll.gz')), sentences(at('emerging.test.annotated.gz'))
    if name == 'snips':
        return [[{'text': r['text'], 'label': r['intent']} for r in rows_of(at(f'{s}.jsonl.gz'))] for s in ('train', 'validate')]
    if name == 'stackoverflow20':
        return cut(rows_of(at('data.jsonl.gz')), .9)
    if name == 'goemotions':
        names = open(at('labels.txt'), encoding='utf8').read().split()
        read = lambda s: [line.rstrip('\n').split('\t') for line in lines(at(f'{s}.tsv.gz'))]
        return [[{'text': text, 'labels': [names[int(i)] for i in labels.split(',')]} for text, labels, _ in read(s) if labels != 'label'] for s in ('train', 'test')]
    if name == 'jcola':
        return [[{'text': r['sentence'], 'label': str(r['label'])} for r in rows_of(at(f'in_domain_{s}-v1.0.json.gz'))] for s in ('train', 'valid')]
    if name == 'jsick':
        return [[{'text_a': r['sentence1'], 'text_b': r['sentence2'], 'label': r['entailment']} for r in rows_of(at(f'{s}.jsonl.gz'))] for s in ('train', 'test')]
    jglue = os.path.join(data, 'jglue', name)
    if name == 'jsts':
        return [[{'text_a': r['sentence1'], 'text_b': r['sentence2'], 'label': r['label']} for r in rows_of(os.path.join(jglue, f'{s}-v1.3.json.gz'))] for s in ('train', 'valid')]
    if name == 'jcommonsenseqa':
        return [[{'question': r['question'], 'choices': [r[f'choice{i}'] for i in range(5)], 'label': r['label']} for r in rows_of(os.path.join(jglue, f'{s}-v1.3.json.gz'))]
                for s in ('train', 'valid')]
    if name == 'ner_wikipedia_ja':
        return cut([{'text': r['text'], 'spans': [{'span': e['span'], 'type': e['type']} for e in r['entities']]} for r in json.load(lines(at('ner.json.gz')))], .8)
    if name == 'jaquad':
        return [questions(json.load(lines(at(f'{s}.json.gz')))['data']) for s in ('train', 'dev')]
    if name == 'xquad_en':
        return [questions(part) for part in cut(json.load(lines(at('xquad.en.json.gz')))['data'], .7)]
    if name == 'broad_twitter_corpus':
        return [sentences(at(f'btc.{s}.gz')) for s in ('train', 'test')]
    return [sentences(os.path.join(data, f'mtl_bio_ner/NCBI-disease-IOB.{s}.tsv.gz')) for s in ('train', 'test')]
