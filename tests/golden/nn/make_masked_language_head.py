"""Writes masked_language_head.json: the loss and gradients of Hugging Face's head for hidden words, on made-up numbers.

Made with Python 3.11, torch 2.13.0 (CPU), transformers 5.24: python make_masked_language_head.py
Tolerance: 1e-5 of the largest entry.
"""
import json
import os

import torch
import transformers
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertOnlyMLMHead

VOCABULARY, HIDDEN = 29, 12
torch.manual_seed(3)
config = BertConfig(vocab_size=VOCABULARY, hidden_size=HIDDEN, layer_norm_eps=1e-12)
head = BertOnlyMLMHead(config)
for parameter in head.parameters():
    torch.nn.init.normal_(parameter, std=0.5)
embeddings = torch.nn.Parameter(torch.randn(VOCABULARY, HIDDEN))
head.predictions.decoder.weight = embeddings
head.predictions.decoder.bias = head.predictions.bias  # tied, as the whole model ties them
hidden = torch.randn(7, HIDDEN, requires_grad=True)
targets = torch.tensor([0, 28, 4, 4, 17, 9, 1])
loss = torch.nn.functional.cross_entropy(head(hidden), targets)
loss.backward()
transform, bias = head.predictions.transform, head.predictions.bias
tensors = {'cls.predictions.transform.dense.weight': transform.dense.weight, 'cls.predictions.transform.dense.bias': transform.dense.bias,
           'cls.predictions.transform.LayerNorm.weight': transform.LayerNorm.weight, 'cls.predictions.transform.LayerNorm.bias': transform.LayerNorm.bias,
           'cls.predictions.bias': bias, 'embeddings': embeddings, 'hidden': hidden}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'masked_language_head.json'), 'w', encoding='utf-8') as file:
    json.dump({'made_with': f'torch {torch.__version__}, transformers {transformers.__version__}', 'targets': targets.tolist(), 'loss': loss.item(),
               'values': {name: tensor.tolist() for name, tensor in tensors.items()},
               'gradients': {name: tensor.grad.tolist() for name, tensor in tensors.items()}},
              file, separators=(',', ':'))
    file.write('\n')
