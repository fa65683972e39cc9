"""Writes scores.json: random predictions and what the reference libraries score them.

Made with Python 3.11, scikit-learn 1.9.1, scipy 1.17.1, seqeval 1.2.2, numpy 2.4.6: python make_scores.py
Tolerance: 1e-9. The calibration error is written out here (scikit-learn has none), everything else is the libraries'.
"""
import json
import os
import random
import warnings

import numpy as np
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics import f1_score as span_f1
from seqeval.metrics.sequence_labeling import get_entities
from sklearn.metrics import accuracy_score, average_precision_score, confusion_matrix, f1_score, matthews_corrcoef

warnings.simplefilter('ignore')
random.seed(1)
rng = np.random.default_rng(1)


def number(x):
    return None if x is None or np.isnan(x) else float(x)


def short(scores):
    """Two decimals in the file; read as float32 they are the same numbers."""
    return [[round(float(x), 2) for x in row] for row in scores]


def macro_precision(gold, scores, n_labels):
    of_label = [average_precision_score(gold[:, k], scores[:, k]) for k in range(n_labels) if gold[:, k].any()]
    return np.mean(of_label) if of_label else None


def calibration_error(gold, scores):
    top, hit = scores.max(1).astype(np.float64), scores.argmax(1) == gold
    bins = np.clip(np.ceil(top * 15) - 1, 0, 14).astype(int)
    return sum(abs((top[bins == b] - hit[bins == b]).sum()) for b in range(15)) / len(gold)


def class_case(gold, predicted, scores, n_labels):
    """A gold label of n_labels is one that the model does not know."""
    known = gold < n_labels
    one_hot = np.eye(n_labels + 1, dtype=int)[gold][:, :n_labels]
    return {'labels': [f'l{i}' for i in range(n_labels)], 'gold': gold.tolist(), 'predicted': predicted.tolist(), 'scores': short(scores),
            'confusion': confusion_matrix(gold[known], predicted[known], labels=range(n_labels)).tolist() if known.any() else np.zeros((n_labels, n_labels), int).tolist(),
            'expected': {'accuracy': number(accuracy_score(gold, predicted)), 'macro_f1': number(f1_score(gold, predicted, average='macro', zero_division=0)),
                         'micro_f1': number(f1_score(gold, predicted, average='micro', zero_division=0)), 'mcc': number(matthews_corrcoef(gold, predicted)),
                         'average_precision': number(macro_precision(one_hot, scores, n_labels)),
                         'ece': number(calibration_error(gold, scores))}}


def classification():
    n, n_labels = random.randint(1, 40), random.randint(1, 6)
    scores = rng.dirichlet(np.ones(n_labels), n).round(2).astype(np.float32)  # rounding makes ties
    kind = random.random()
    gold = rng.integers(0, n_labels, n)
    if kind < 0.2:  # some labels are never true
        gold = np.minimum(gold, n_labels // 2)
    elif kind < 0.3:  # some true labels are unknown to the model
        gold = rng.integers(0, n_labels + 1, n)
    elif kind < 0.35:  # everything is right
        gold = scores.argmax(1)
    return class_case(gold, scores.argmax(1), scores, n_labels)


def multilabel():
    n, n_labels = random.randint(1, 30), random.randint(1, 6)
    gold = rng.random((n, n_labels)) < 0.3
    scores = rng.random((n, n_labels)).round(2).astype(np.float32)
    kind = random.random()
    if kind < 0.1:
        scores = (scores * 0.4).round(2).astype(np.float32)  # nothing is predicted
    elif kind < 0.2:
        gold[:, 0] = False  # a label that is never true
    elif kind < 0.25:
        gold[:] = False
    predicted = scores >= 0.5
    f1 = lambda average: f1_score(gold.astype(int), predicted.astype(int), average=average, zero_division=0) if n_labels > 1 else f1_score(gold[:, 0], predicted[:, 0], zero_division=0)
    return {'labels': [f'l{i}' for i in range(n_labels)], 'gold': [np.flatnonzero(r).tolist() for r in gold], 'predicted': [np.flatnonzero(r).tolist() for r in predicted],
            'scores': short(scores),
            'expected': {'accuracy': number(accuracy_score(gold.astype(int), predicted.astype(int))), 'macro_f1': number(f1('macro')), 'micro_f1': number(f1('micro')),
                         'average_precision': number(macro_precision(gold, scores, n_labels))}}


def regression():
    n = random.randint(2, 40)
    digits = random.choice((1, 0, 0, 6))  # whole numbers tie often
    gold = rng.normal(size=n).round(digits)
    predicted = (gold * rng.random() + rng.normal(size=n)).round(digits)
    kind = random.random()
    if kind < 0.1:
        predicted[:] = 1.5
    elif kind < 0.2:
        predicted = -3 * gold + 1000
    return {'gold': gold.tolist(), 'predicted': predicted.tolist(),
            'expected': {'pearson': number(pearsonr(gold, predicted)[0]), 'spearman': number(spearmanr(gold, predicted)[0])}}


def tagging():
    """BIO and BIOES mixed, with continuations of nothing, and labels with a hyphen."""
    labels = ['PER', 'WORK-OF-ART', 'ORG'][:random.randint(1, 3)]
    prefixes = random.choice((('B-', 'I-'), ('B-', 'I-', 'E-', 'S-')))
    tags = ['O', 'O'] + [p + l for l in labels for p in prefixes]
    kind = random.random()
    gold, predicted = [], []
    for _ in range(random.randint(1, 8)):
        n = random.randint(1, 12)
        g = ['O'] * n if kind < 0.1 else random.choices(tags, k=n)
        gold.append(g)
        predicted.append(['O'] * n if kind < 0.05 or kind > 0.95 else [random.choice(tags) if random.random() < 0.3 else t for t in g])
    return {'labels': labels, 'gold': gold, 'predicted': predicted,
            'gold_spans': [[[begin, end + 1, label] for label, begin, end in get_entities(tags)] for tags in gold], 'expected': {'span_f1': number(span_f1(gold, predicted))}}


cases = {make.__name__: [make() for _ in range(n)] for make, n in ((classification, 120), (multilabel, 80), (regression, 80), (tagging, 120))}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'scores.json'), 'w') as out:
    json.dump(cases, out, separators=(',', ':'))
