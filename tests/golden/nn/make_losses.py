"""Writes losses.json: PyTorch's losses and their gradients.

Made with Python 3.11, torch 2.13.0 (CPU): python make_losses.py
Tolerance: 1e-6 of the value. All are means over texts (over tagged tokens for tagging): the sum that PyTorch computes
with reduction='sum', divided by their number. So class weights are not normalised by the weights that occur, and multilabel
adds its labels up. Span is what BertForQuestionAnswering of transformers computes of a text alone: the mean of two
cross-entropies over its tokens; here of several texts of different lengths, one behind another. Multiple choice is what
BertForMultipleChoice computes of a row alone: cross_entropy over its choices; here of rows of different numbers of them.
"""
import itertools
import json
import os

import torch
from torch.nn import functional

torch.manual_seed(11)


def case(kind, logits, targets, total, **settings):
    logits.requires_grad_()
    loss = total(logits) / settings.pop('n')
    loss.backward()
    return {'kind': kind, 'logits': logits.tolist(), 'targets': targets, **settings, 'loss': loss.item(), 'gradient': logits.grad.tolist()}


cases = []
for smoothing, weighted in itertools.product((0.0, 0.1, 0.5), (False, True)):
    n, n_labels = 6, 4
    gold = torch.tensor([0, 1, 3, 3, 2, 0])
    weights = torch.tensor([1.0, 0.25, 3.0, 2.0]) if weighted else None
    cases.append(case('classification', 3 * torch.randn(n, n_labels), gold.tolist(),
                      lambda x: functional.cross_entropy(x, gold, weight=weights, label_smoothing=smoothing, reduction='sum'),
                      n=n, label_smoothing=smoothing, class_weights=weights.tolist() if weighted else []))
for smoothing in (0.0, 0.1):
    # Two texts; -100 stands where no tag is asked for, and such tokens have no logits.
    targets = [[-100, 0, 1, 2, -100], [-100, 3, 4, 0, 0, -100, -100]]
    gold = torch.tensor([tag for text in targets for tag in text if tag >= 0])
    cases.append(case('tagging', 3 * torch.randn(len(gold), 5), targets, lambda x: functional.cross_entropy(x, gold, label_smoothing=smoothing, reduction='sum'),
                      n=len(gold), label_smoothing=smoothing, class_weights=[]))
for scale in (1.0, 60.0):  # large logits: no infinity on the way
    gold = (torch.rand(5, 3) < 0.4).float()
    cases.append(case('multilabel', scale * torch.randn(5, 3), gold.tolist(), lambda x: functional.binary_cross_entropy_with_logits(x, gold, reduction='sum'),
                      n=5, label_smoothing=0.0, class_weights=[]))
gold = torch.randn(5)
cases.append(case('regression', torch.randn(5, 1), gold.tolist(), lambda x: functional.mse_loss(x[:, 0], gold, reduction='sum'), n=5, label_smoothing=0.0, class_weights=[]))
# Three windows of different lengths, the second without an answer.
targets = [[4, 6, 9], [0, 0, 5], [11, 11, 12]]


def of_windows(x):
    parts = zip(x.split([n for _, _, n in targets]), targets)
    return sum((functional.cross_entropy(own[:, 0], torch.tensor(start)) + functional.cross_entropy(own[:, 1], torch.tensor(end))) / 2 for own, (start, end, _) in parts)


for scale in (1.0, 60.0):
    cases.append(case('span', scale * torch.randn(sum(n for _, _, n in targets), 2), targets, of_windows, n=len(targets), label_smoothing=0.0, class_weights=[]))
# Four rows of 3, 2, 5 and 2 choices: which is right, and how many there are.
rows = [[2, 3], [0, 2], [3, 5], [1, 2]]


def of_choices(x, smoothing):
    parts = zip(x[:, 0].split([n for _, n in rows]), rows)
    return sum(functional.cross_entropy(own[None], torch.tensor([right]), label_smoothing=smoothing) for own, (right, _) in parts)


for smoothing, scale in ((0.0, 1.0), (0.1, 1.0), (0.0, 60.0)):
    cases.append(case('multiple_choice', scale * torch.randn(sum(n for _, n in rows), 1), rows, lambda x: of_choices(x, smoothing),
                      n=len(rows), label_smoothing=smoothing, class_weights=[]))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'losses.json'), 'w') as out:
    json.dump({'made_with': f'torch {torch.__version__}', 'cases': cases}, out, separators=(',', ':'))
    out.write('\n')
