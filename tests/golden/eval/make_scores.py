"""Writes scores.json: random predictions and what the reference libraries score them.

Made with Python 3.11, scikit-learn 1.9, scipy 1.17.1, seqeval 1.2.2, numpy 2: python make_scores.py
"""
import json
import os
import random
import warnings

import numpy as np
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics import f1_score as span_f1
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, matthews_corrcoef

warnings.simplefilter('ignore')
random.seed(1)
rng = np.random.default_rng(1)


def number(x):
    return None if x is None or np.isnan(x) else float(x)


def macro_precision(gold, scores, n_labels):
    of_label = [average_precision_score(gold[:, k], scores[:, k]) for k in range(n_labels) if gold[:, k].any()]
    return np.mean(of_label) if of_label else None


def calibration_error(gold, scores):
    top, hit = scores.max(1).astype(np.float64), scores.argmax(1) == gold
    bins = np.clip(np.ceil(top * 15) - 1, 0, 14).astype(int)
    return sum(abs((top[bins == b] - hit[bins == b]).sum()) for b in range(15)) / len(gold)


def classification():
    n, n_labels = random.randint(1, 40), random.randint(1, 6)
    scores = rng.dirichlet(np.ones(n_labels), n).round(2).astype(np.float32)  # rounding makes ties
    gold = rng.integers(0, n_labels, n)
    predicted = scores.argmax(1)
    return {'labels': [f'l{i}' for i in range(n_labels)], 'gold': gold.tolist(), 'predicted': predicted.tolist(), 'scores': scores.tolist(),
            'expected': {'accuracy': number(accuracy_score(gold, predicted)), 'macro_f1': number(f1_score(gold, predicted, average='macro', zero_division=0)),
                         'micro_f1': number(f1_score(gold, predicted, average='micro', zero_division=0)), 'mcc': number(matthews_corrcoef(gold, predicted)),
                         'average_precision': number(macro_precision(np.eye(n_labels, dtype=int)[gold], scores, n_labels)),
                         'ece': number(calibration_error(gold, scores))}}


def multilabel():
    n, n_labels = random.randint(1, 30), random.randint(1, 6)
    gold = rng.random((n, n_labels)) < 0.3
    scores = rng.random((n, n_labels)).round(2).astype(np.float32)
    predicted = scores >= 0.5
    return {'labels': [f'l{i}' for i in range(n_labels)], 'gold': [np.flatnonzero(r).tolist() for r in gold], 'predicted': [np.flatnonzero(r).tolist() for r in predicted],
            'scores': scores.tolist(),
            'expected': {'accuracy': number(accuracy_score(gold.astype(int), predicted.astype(int))),
                         'macro_f1': number(f1_score(gold.astype(int), predicted.astype(int), average='macro', zero_division=0) if n_labels > 1 else f1_score(gold[:, 0], predicted[:, 0], zero_division=0)),
                         'micro_f1': number(f1_score(gold.astype(int), predicted.astype(int), average='micro', zero_division=0) if n_labels > 1 else f1_score(gold[:, 0], predicted[:, 0], zero_division=0)),
                         'average_precision': number(macro_precision(gold, scores, n_labels))}}


def regression():
    n = random.randint(2, 40)
    gold = rng.normal(size=n).round(1)
    predicted = (gold * rng.random() + rng.normal(size=n)).round(1)
    if random.random() < 0.1:
        predicted[:] = 1.5
    return {'gold': gold.tolist(), 'predicted': predicted.tolist(),
            'expected': {'pearson': number(pearsonr(gold, predicted)[0]), 'spearman': number(spearmanr(gold, predicted)[0])}}


def tagging():
    labels = ['PER', 'LOC', 'ORG'][:random.randint(1, 3)]
    tags = ['O', 'O'] + [p + l for l in labels for p in ('B-', 'I-', 'E-', 'S-')]
    gold, predicted = [], []
    for _ in range(random.randint(1, 8)):
        n = random.randint(1, 12)
        g = random.choices(tags, k=n)
        gold.append(g)
        predicted.append([random.choice(tags) if random.random() < 0.3 else t for t in g])
    return {'labels': labels, 'gold': gold, 'predicted': predicted, 'expected': {'span_f1': number(span_f1(gold, predicted))}}


cases = {make.__name__: [make() for _ in range(n)] for make, n in ((classification, 120), (multilabel, 80), (regression, 80), (tagging, 120))}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'scores.json'), 'w') as out:
    json.dump(cases, out, separators=(',', ':'))
