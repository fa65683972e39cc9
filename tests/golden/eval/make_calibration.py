"""Writes calibration.json: logits of made-up models that are too sure or not sure enough, and the temperatures that scipy finds for them.

The negative log-likelihood of section 4.2 of Guo et al. 2017 (arXiv:1706.04599) over 1 / T, by scipy.optimize.minimize_scalar (bounded).
Made with Python 3.11, scipy 1.17.1, numpy 2.4.6: python make_calibration.py
Tolerance: 1e-6, relative; minimize_scalar is asked for 1e-12.
"""
import json
import os

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax

rng = np.random.default_rng(1)


def best(loss):
    found = minimize_scalar(loss, bounds=(1 / 20, 1 / 0.05), method='bounded', options={'xatol': 1e-12})
    return 1 / float(found.x)


def softmax(n_rows, n_outputs, temperature, scale):
    logits = np.round(rng.normal(size=(n_rows, n_outputs)) * scale, 3)
    gold = np.array([rng.choice(n_outputs, p=np.exp(log_softmax(row / temperature))) for row in logits])
    loss = lambda inverse: -log_softmax(logits * inverse, axis=1)[np.arange(n_rows), gold].sum()
    return {'n_outputs': n_outputs, 'logits': logits.ravel().tolist(), 'gold': gold.tolist(), 'temperature': best(loss)}


def sigmoid(n, temperature, scale):
    logits = np.round(rng.normal(size=n) * scale, 3)
    gold = rng.random(n) < expit(logits / temperature)
    loss = lambda inverse: (np.logaddexp(0, logits * inverse) - gold * logits * inverse).sum()
    return {'logits': logits.tolist(), 'gold': gold.astype(int).tolist(), 'temperature': best(loss)}


cases = {'softmax': [softmax(n, k, t, s) for n, k, t, s in ((60, 3, 1, 2), (80, 2, 2.5, 4), (50, 7, 0.4, 1), (100, 4, 5, 12), (60, 3, 0.2, 0.3), (70, 2, 1, 0.5))],
         'sigmoid': [sigmoid(n, t, s) for n, t, s in ((60, 1, 2), (200, 3, 6), (150, 0.4, 1), (120, 8, 14), (60, 0.2, 0.2))]}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'calibration.json'), 'w', encoding='utf-8') as out:
    json.dump(cases, out, separators=(',', ':'))
