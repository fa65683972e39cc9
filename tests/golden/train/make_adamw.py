"""Writes adamw.json: steps of torch.optim.AdamW on a small module, with decay groups, clipping and missing gradients.

Made with Python 3.11, torch 2.13.0 (CPU): python make_adamw.py
Tolerance: 1e-6 of weights around 1. PyTorch clips with max_norm / (norm + 1e-6), we with max_norm / norm.
"""
import json
import os

import torch

SHAPES = {'dense.weight': (4, 3), 'dense.bias': (4,), 'LayerNorm.weight': (4,), 'LayerNorm.bias': (4,), 'head.weight': (2, 4), 'head.bias': (2,)}
LEARNING_RATES = [0.01, 0.02, 0.03, 0.03, 0.02, 0.01, 0.005, 0.001]
SETTINGS = [{'weight_decay': decay, 'max_grad_norm': norm} for decay in (0.0, 0.1) for norm in (0.0, 0.5, 100.0)]


def run(weight_decay, max_grad_norm):
    torch.manual_seed(3)
    weights = {name: torch.nn.Parameter(torch.randn(shape)) for name, shape in SHAPES.items()}
    start = {name: weight.tolist() for name, weight in weights.items()}
    decaying = [weight for name, weight in weights.items() if not name.endswith('bias') and 'LayerNorm' not in name]
    others = [weight for name, weight in weights.items() if name.endswith('bias') or 'LayerNorm' in name]
    optimizer = torch.optim.AdamW([{'params': decaying, 'weight_decay': weight_decay}, {'params': others, 'weight_decay': 0.0}], betas=(0.9, 0.999), eps=1e-8)
    steps = []
    for i, learning_rate in enumerate(LEARNING_RATES):
        gradients = {}
        for name, weight in weights.items():
            # A head whose task is not in the batch has no gradient: neither weights nor moments nor step count move.
            weight.grad = None if name.startswith('head') and i in (0, 2, 5) else torch.randn(weight.shape) * 10 ** (i % 3 - 1)
            gradients[name] = None if weight.grad is None else weight.grad.tolist()
        norm = torch.nn.utils.clip_grad_norm_(weights.values(), max_grad_norm if max_grad_norm > 0 else float('inf')).item()
        for group in optimizer.param_groups:
            group['lr'] = learning_rate
        optimizer.step()
        steps.append({'learning_rate': learning_rate, 'gradients': gradients, 'norm': norm, 'weights': {name: weight.tolist() for name, weight in weights.items()}})
    return {'weight_decay': weight_decay, 'max_grad_norm': max_grad_norm, 'start': start, 'steps': steps}


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'adamw.json'), 'w') as out:
    text = json.dumps({'made_with': f'torch {torch.__version__}', 'runs': [run(**setting) for setting in SETTINGS]}, separators=(',', ':'))
    # Nine digits tell every float32 apart.
    out.write(json.dumps(json.loads(text, parse_float=lambda x: float(f'{float(x):.9g}')), separators=(',', ':')) + '\n')
